// What a body may cost, whatever operation it is for: all that the API document has are tried, so that one which is added
// is tried too. Who may not is refused before anything is read; what is read is bounded, and its memory is given back.
// SECURITY.md: T17, T36.

import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import { signAccessToken } from "../../../src/auth/access-tokens.ts";
import { SYSTEM_KEY_NAME, systemNonce } from "../../../src/auth/identify.ts";
import { REQUEST } from "../../../src/budget/budget.ts";
import type { Budget, Lease } from "../../../src/budget/budget.ts";
import { RELAY, SENDING, VIEWS, WORK } from "../../../src/budget/shares.ts";
import { buildDocument } from "../../../src/openapi/document.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { readSettings } from "../../../src/settings.ts";
import { filesHeaders } from "../../support/files-headers.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { request } from "../support/watched-worker.ts";

const KiB = 1024;
/** What is read ahead of what is counted. */
const SLACK = 512 * KiB;

interface Described {
  method: string;
  path: string;
  hasBody: boolean;
  isJson: boolean;
}

const JSON_TYPE = "application/json";

const OPERATIONS: Described[] = Object.entries(buildDocument().paths).flatMap(
  ([path, operations]) =>
    Object.entries(operations).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      hasBody: requestBody !== undefined,
      isJson: Object.hasOwn(Object((requestBody as { content?: object })?.content), JSON_TYPE),
    })),
);
const WITH_BODY = OPERATIONS.filter(({ hasBody }) => hasBody);

let owner: Client;
let artifact: { id: number; uuid: string; blob_uuid: string };
let incomplete: number;
let upload: string;
let resumable: string;
let headers: Record<"nobody" | "worker" | "user" | "owner" | "system", Record<string, string>>;

beforeAll(async () => {
  await applySchema();
  owner = await Client.make("owner");
  artifact = await owner.publish("file", bytes(1_000));
  const declared = await owner.declare({ "a/b": bytes(9_000, 1) });
  incomplete = (await declared.json<{ id: number }>()).id;
  upload = await owner.openUpload();
  const begun = await request("/files/", {
    method: "POST",
    headers: { ...bearer(owner.bearer), ...filesHeaders("POST", "/files/") },
  });
  resumable = begun.headers.get("Location")?.split("/").at(-1) ?? "";
  const nonce = await systemNonce(readSettings(env));
  const subject = { workspace: "system", keyName: SYSTEM_KEY_NAME, nonce };
  const system = bearer(await signAccessToken(subject, env.TOKEN_SECRET, Date.now()));
  const post = async (path: string, body: object) => {
    const init = { method: "POST", headers: system, body: JSON.stringify(body) };
    return (await request(path, init)).json<{ token: string }>();
  };
  await post("/auth/users", { name: "ann", password: "password of ann" });
  const user = await post("/auth/tokens", { kind: "user", user: "ann" });
  const worker = await post("/auth/tokens", { kind: "worker" });
  headers = {
    nobody: {},
    user: { Token: user.token },
    worker: { Token: worker.token },
    owner: bearer(owner.bearer),
    system,
  };
});

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

// All memory is given back soon after the answer.
afterEach(() =>
  vi.waitFor(() => {
    const held = WORK.held + RELAY.held + SENDING.held;
    if (held > 0) {
      throw new Error(`${held} bytes are held`);
    }
  }),
);

/** What stands for the parameters of paths: things of "owner", or such as never were. */
function fill(path: string, isThere: boolean): string {
  const values: Record<string, string> = {
    id: path.includes("artifact-relation") || path.includes("tokens") ? "1" : String(incomplete),
    ref: artifact.uuid,
    uuid: path.startsWith("/upload") ? upload : artifact.blob_uuid,
    namespace: "owner",
    name: "file",
    path: "a/b",
    upload: resumable,
    ...(isThere
      ? {}
      : {
          id: String(1_000_000 + Math.floor(Math.random() * 1e6)),
          ref: newUuid(),
          uuid: newUuid(),
          upload: newUuid(),
        }),
  };
  return path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => values[name] ?? "1");
}

/** A body that never ends, or never begins, and how much of it was asked for. */
function stream(piece: Uint8Array | null) {
  const asked = { times: 0, bytes: 0 };
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      asked.times += 1;
      if (piece === null) {
        return new Promise<void>(() => {});
      }
      asked.bytes += piece.length;
      controller.enqueue(piece.slice());
      return undefined;
    },
  });
  return { body, asked };
}

async function send(
  { method, path }: Described,
  who: keyof typeof headers,
  body: BodyInit | null,
  more: Record<string, string> = {},
): Promise<Response> {
  const init = { method: method === "GET" ? "POST" : method, body };
  const reply = await request(path, {
    ...init,
    headers: {
      ...filesHeaders(method, path),
      ...headers[who],
      "Sec-Fetch-Site": "same-origin",
      ...more,
    },
  });
  await reply.clone().text();
  return reply;
}

describe("who may not is refused before anything is read of a body", () => {
  it.each(["nobody", "worker", "user"] as const)("%s", async (who) => {
    const opened = new Set(["POST /auth", "POST /login"]);
    // A user's own, and what anybody with credentials may ask.
    const ofUsers = new Set(["POST /auth/tokens", "PATCH /auth/tokens/{id}"]);
    const read: string[] = [];
    for (const operation of WITH_BODY.filter(({ method }) => method !== "GET")) {
      const name = `${operation.method} ${operation.path}`;
      if (opened.has(name) || (who === "user" && ofUsers.has(name))) {
        continue;
      }
      const { body, asked } = stream(null);
      const sent = send({ ...operation, path: fill(operation.path, true) }, who, body, {
        "Content-Length": "1000",
      });
      const reply = await Promise.race([sent, scheduler.wait(3_000)]);
      if (asked.times > 0 || reply === undefined || ![401, 403, 404].includes(reply.status)) {
        read.push(`${name}: ${reply?.status ?? "no answer"}`);
      }
    }
    expect(read).toEqual([]);
  });
});

/** Bytes of a body in JSON. */
function limitOf(path: string): number {
  if (path.startsWith("/bundles/")) {
    return LIMITS.bundleCall;
  }
  return /\/artifact\/?$/u.test(path) ? LIMITS.bundleBody : LIMITS.jsonBody;
}

describe("a body without an end is read no further than its bound", () => {
  // What comes in one request and says no length may be as long as an upload.
  const { uploadSize } = LIMITS;
  beforeAll(() => void Object.assign(LIMITS, { uploadSize: 256 * KiB }));
  afterAll(() => void Object.assign(LIMITS, { uploadSize }));

  it.each(["owner", "system", "user"] as const)("%s", async (who) => {
    const wrong: string[] = [];
    let read = 0;
    for (const operation of WITH_BODY.filter(({ method }) => method !== "GET")) {
      const { body, asked } = stream(new Uint8Array(64 * KiB).fill(0x20));
      const reply = await send({ ...operation, path: fill(operation.path, true) }, who, body);
      const limit = limitOf(operation.path);
      read += asked.bytes > 0 ? 1 : 0;
      if (asked.bytes > limit + SLACK || reply.status < 400 || reply.status >= 500) {
        wrong.push(`${operation.method} ${operation.path}: ${reply.status}, ${asked.bytes} bytes`);
      }
    }
    expect(wrong).toEqual([]);
    expect(read).toBeGreaterThan(who === "user" ? 2 : 8);
  });
});

describe("a body that is read", () => {
  it("takes turns on behalf of who sent it, whatever the operation", async () => {
    const paid = [vi.spyOn(WORK, "use"), vi.spyOn(RELAY, "use")];
    for (const operation of WITH_BODY.filter(({ method }) => method !== "GET")) {
      const body = operation.isJson ? "{" : bytes(9_000, 1);
      await send({ ...operation, path: fill(operation.path, true) }, "owner", body);
    }
    // Objects of the same isolate take of it, too, on behalf of themselves.
    const payers = paid.map(
      ({ mock }) =>
        new Set(mock.calls.flatMap(([, of, , payer]) => (of === REQUEST ? [payer] : []))),
    );
    paid.forEach((spy) => spy.mockRestore());
    expect(payers).toEqual([new Set(["owner/"]), new Set(["owner/"])]);
  });
});

/** Takes all of a budget, that of its lane too; gives what ends that. */
async function holdAll(budget: Budget): Promise<() => void> {
  const lanes = Array.from({ length: 8 }, () => budget.open(LIMITS.memoryLanes.small, "test"));
  const leases = [...lanes, budget.open(Infinity, "test")];
  const isBig = (lease: Lease) => lease.claim > LIMITS.memoryLanes.small;
  const held = budget === WORK ? leases : leases.filter(isBig);
  for (const lease of held) {
    await budget.grow(lease, lease.claim);
  }
  return () => leases.forEach((lease) => budget.end(lease));
}

describe("without memory", () => {
  it("every body of JSON waits its time and is refused with 503, or is not read at all", async () => {
    const { memoryPatience } = LIMITS;
    Object.assign(LIMITS, { memoryPatience: 30 });
    const free = await holdAll(WORK);
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    try {
      for (const operation of WITH_BODY.filter(
        ({ isJson, method }) => isJson && method !== "GET",
      )) {
        const { body, asked } = stream(new Uint8Array(64 * KiB).fill(0x20));
        const reply = await send(
          { ...operation, path: fill(operation.path, true) },
          "system",
          body,
        );
        const isBusy = reply.status === 503 && reply.headers.get("Retry-After") === "5";
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
        if (asked.times > 0 || !(isBusy || (reply.status >= 400 && reply.status < 500))) {
          wrong.push(`${operation.method} ${operation.path}: ${reply.status}`);
        }
      }
    } finally {
      Object.assign(LIMITS, { memoryPatience });
      free();
    }
    expect(wrong).toEqual([]);
    expect(statuses.get(503)).toBeGreaterThan(15);
  });

  it("uploads, small files, views and archives wait their time and are refused with 503, and then go on", async () => {
    const { memoryPatience } = LIMITS;
    const notes = await owner.publish("notes.txt", new TextEncoder().encode("a line\n"));
    const file = bytes(9_000, 1);
    const asks: [string, () => Promise<Response>][] = [
      ["append", () => owner.append(upload, bytes(12 * KiB))],
      ["part", () => owner.append(upload, bytes(9 * 1024 * KiB))],
      ["small file", () => owner.send("PUT", `/api/1.0/artifact/${incomplete}/files/a/b`, file)],
      [
        "view",
        () => owner.send("GET", `/a/${notes.id}/notes.txt?view`, null, { Accept: "text/html" }),
      ],
      ["tar.gz", () => owner.send("GET", `/a/${notes.id}/?archive=tar.gz`)],
    ];
    const ask = async () => {
      const found: [string, number, string | null][] = [];
      for (const [name, run] of asks) {
        const reply = await run();
        await new Response(reply.body).arrayBuffer();
        found.push([name, reply.status, reply.headers.get("Retry-After")]);
      }
      return found;
    };
    Object.assign(LIMITS, { memoryPatience: 30 });
    const frees = await Promise.all([WORK, SENDING, VIEWS].map((budget) => holdAll(budget)));
    const refused = await ask();
    Object.assign(LIMITS, { memoryPatience });
    frees.forEach((free) => free());
    expect(refused).toEqual(asks.map(([name]) => [name, 503, "5"]));
    const served = await ask();
    expect(served.map(([, status]) => status)).toEqual([200, 200, 201, 200, 200]);
  });
});

describe("asking for what never was", () => {
  it("makes no object, whatever the operation", async () => {
    const count = async () =>
      (await listDurableObjectIds(env.UPLOADS)).length +
      (await listDurableObjectIds(env.DRAFTS)).length;
    const before = await count();
    const statuses = new Set<number>();
    const opening = new Set(["POST /upload", "POST /files", "POST /files/", "PUT /files/{upload}"]);
    const others = OPERATIONS.filter(({ method, path }) => !opening.has(`${method} ${path}`));
    for (const operation of others) {
      for (const who of ["owner", "system"] as const) {
        const body = operation.isJson
          ? JSON.stringify({ upload_uuid: newUuid(), blob_uuid: null })
          : bytes(1_000);
        const isPost = operation.method === "GET" || operation.method === "HEAD";
        const made = { method: operation.method, path: fill(operation.path, false) };
        const reply = await request(made.path, {
          method: made.method,
          headers: {
            ...filesHeaders(made.method, made.path),
            ...headers[who],
            "Sec-Fetch-Site": "same-origin",
          },
          body: isPost ? null : body,
        });
        await new Response(reply.body).arrayBuffer();
        statuses.add(reply.status);
      }
    }
    expect(await count()).toBe(before);
    expect([...statuses].every((status) => status < 500)).toBe(true);
    // But those that were opened are there.
    await owner.openUpload();
    expect(await count()).toBe(before + 1);
  });
});
