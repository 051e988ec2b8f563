// What caches may keep (T20; ASVS 14.3.2), over every GET operation of the API document and every address of artifacts:
// public or private, whole or not, pinned or moving, with an end or without. Nothing is kept longer than it is true,
// and for a day at most.

import { createHash } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeWorkerToken } from "../support/make-token.ts";
import { makeSubject, readOperations, urlOf } from "../support/operations.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const DAY = 86_400;

/** An artifact, and what is true of it. */
interface Kept {
  id: number;
  isPublic: boolean;
  isWhole: boolean;
  /** In milliseconds. */
  expiresAt: number | null;
}

let service: RunningService;
let system: string;
let reader: Record<string, string>;
const kept = new Map<string, Kept>();

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  reader = { Token: (await makeWorkerToken(service)).token };
  for (const isPublic of [true, false]) {
    const workspace = isPublic ? "open" : "hidden";
    const bearer = await service.makeWorkspace(workspace, { public: isPublic });
    const name = (what: string) => `${isPublic ? "public" : "private"} ${what}`;
    await service.upload("sub", new Uint8Array([1]), bearer);
    const { id } = await service.upload("sub", new Uint8Array([2]), bearer);
    kept.set(name("single"), { id, isPublic, isWhole: true, expiresAt: null });
    for (const [what, hours] of [
      ["lasting", null],
      ["of an hour", 1],
      ["of a week", 168],
    ] as const) {
      const expiresAt = hours === null ? null : Date.now() + hours * 3_600_000;
      const made = await declare(workspace, bearer, `unfinished ${what}`, expiresAt);
      await send(made, "sub/a.txt", `unfinished ${what}`, bearer);
      kept.set(name(`unfinished ${what}`), { id: made, isPublic, isWhole: false, expiresAt });
      const whole = await declare(workspace, bearer, what, expiresAt);
      await send(whole, "sub/a.txt", what, bearer);
      await send(whole, "b.txt", what, bearer);
      kept.set(name(what), { id: whole, isPublic, isWhole: true, expiresAt });
    }
  }
  const { id, uuid } = await service.upload("sub", new Uint8Array([3]), system);
  await service.json("POST", `/artifacts/${uuid}/share`, undefined, system);
  kept.set("shared", { id, isPublic: true, isWhole: true, expiresAt: null });
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

/** What a file holds: like nothing else, as what a workspace has need not be sent again. */
function contentOf(path: string, category: string): string {
  return `${path} of ${category}`;
}

async function declare(
  workspace: string,
  bearer: string,
  category: string,
  expiresAt: number | null,
): Promise<number> {
  const file = (path: string) => {
    const content = contentOf(path, category);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return [path, { type: "file", size: content.length, checksums: { sha256 } }];
  };
  const files = Object.fromEntries(["sub/a.txt", "b.txt"].map(file)) as unknown;
  const expiry = expiresAt === null ? {} : { expire_at: new Date(expiresAt).toISOString() };
  const declaration = { category, workspace, files, ...expiry };
  const reply = await service.send("POST", "/api/1.0/artifact/", declaration, bearer);
  return ((await reply.json()) as { id: number }).id;
}

async function send(id: number, path: string, category: string, bearer: string): Promise<void> {
  const url = `/api/1.0/artifact/${id}/files/${path}`;
  const body = contentOf(path, category);
  expect((await service.fetch(url, { method: "PUT", body, bearer })).status).toBe(201);
}

const ADDRESSES = [
  "",
  "/",
  "/?archive=tar",
  "/?archive=tar.gz",
  "/?archive=rar",
  "/?checksums=sha256",
  "/sub",
  "/sub?view",
  "/sub/",
  "/sub/?archive=zip",
  "/sub/a.txt",
  "/sub/a.txt?view",
  "/b.txt",
  "/missing",
];

/** Complains of an answer that is kept too long, or, fixed as it is, not at all. */
function complaintOf(
  { status, headers }: Response,
  { isPublic, isWhole, expiresAt }: Kept,
  isPinned: boolean,
): string | null {
  const found = headers.get("Cache-Control") ?? "";
  const type = headers.get("Content-Type") ?? "";
  // Bytes of users have a policy of their own.
  const isBytes = headers.get("Content-Security-Policy")?.startsWith("sandbox") === true;
  if (status >= 400 || (!isPublic && !isBytes)) {
    return found === "no-store" ? null : `${status} ${type} with '${found}', not no-store`;
  }
  if (!isPublic) {
    return found === "private, no-cache, no-transform" ? null : `private bytes with '${found}'`;
  }
  if (!isBytes) {
    return found === "no-cache" || found === "no-store" ? null : `a page with '${found}'`;
  }
  if (!isPinned || !isWhole) {
    return found === "no-cache, no-transform" ? null : `what may change with '${found}'`;
  }
  const age = Number(/^public, max-age=(\d+), no-transform$/u.exec(found)?.[1]);
  const most = Math.min(DAY, expiresAt === null ? DAY : (expiresAt - Date.now()) / 1000 + 1);
  return age > most - 600 && age <= most ? null : `fixed bytes with '${found}' for ${most} s`;
}

describe("an answer about an artifact", () => {
  it.each(ADDRESSES)("at %s is kept no longer than it is true", async (address) => {
    const complaints: string[] = [];
    for (const [name, about] of kept) {
      for (const version of [null, "version=1", "version=99"]) {
        const glue = address.includes("?") ? "&" : "?";
        const path = `/a/${about.id}${address}${version === null ? "" : glue + version}`;
        const caching = async (method: string, headers: Record<string, string>) => {
          const reply = await service.fetch(path, { method, headers });
          await reply.arrayBuffer();
          const complaint = complaintOf(reply, about, version === "version=1");
          complaints.push(
            ...(complaint === null ? [] : [`${name} ${method} ${path}: ${complaint}`]),
          );
        };
        await caching("GET", { Accept: "text/html" });
        await caching("GET", { ...reader, Accept: "application/json", Range: "bytes=0-0" });
        await caching("HEAD", reader);
      }
    }
    expect(complaints).toEqual([]);
  });

  it("changes when the artifact becomes private", async () => {
    const { id } = kept.get("public single") ?? { id: 0 };
    const ask = () => service.fetch(`/a/${id}/sub?version=1`, { headers: reader });
    const caching = async () => (await ask()).headers.get("Cache-Control");
    expect(await caching()).toBe("public, max-age=86400, no-transform");
    await service.json("PATCH", "/auth/namespaces/open", { public: false }, system);
    expect(await caching()).toBe("private, no-cache, no-transform");
  });
});

describe("every GET operation", () => {
  it("says how long its answer is kept, and says no-store where it is JSON", async () => {
    const subject = await makeSubject(service, system);
    const lasting = new Set<string>();
    for (const operation of readOperations().filter(({ method }) => method === "GET")) {
      for (const bearer of [system, "refused"]) {
        const url = urlOf(operation, subject);
        const reply = await service.fetch(url, { bearer, headers: { Accept: "*/*" } });
        await reply.arrayBuffer();
        const found = reply.headers.get("Cache-Control");
        // What is a file of the service itself is none of its users'.
        if (found !== "no-store" && operation.path !== "/openapi.json") {
          lasting.add(`${operation.path}: ${found}`);
        }
      }
    }
    expect([...lasting].toSorted()).toEqual([
      "/a/{id}/{path}: private, no-cache, no-transform",
      "/apidocs/: no-cache",
      "/blobs/{uuid}/data: private, no-cache, no-transform",
    ]);
  });
});
