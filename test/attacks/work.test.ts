// Work that a stranger shapes: what is small to send and much to do (SECURITY.md, T15, T36).

import { setTimeout as delay } from "node:timers/promises";

import { beforeAll, describe, expect, it } from "vitest";

import { ARCHIVES } from "./support/archives.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Milliseconds for which an archive is watched: what blocks does it at once. */
const LONGEST_MS = 5_000;

let tenant: Tenant;

beforeAll(async () => {
  tenant = await makeTenant();
});

async function uploadOf(bytes: Uint8Array): Promise<string> {
  const uuid = await service.openUpload(tenant.bearer);
  await service.append(uuid, bytes as Uint8Array<ArrayBuffer>, tenant.bearer);
  return uuid;
}

/** Explodes an archive, waits for its end, but not for long, and removes what came of it. */
async function explode(uuid: string, name: string): Promise<void> {
  const body = { upload_uuid: uuid, explode: true, artifact_type: "other" };
  const path = `/artifacts/upload/${encodeURIComponent(name)}`;
  const response = await service.send("POST", path, body, tenant.bearer);
  if (response.status !== 200) {
    await response.arrayBuffer();
    return;
  }
  const { uuid: artifact } = (await response.json()) as { uuid: string };
  const end = Date.now() + LONGEST_MS;
  const isUnderWay = async () => {
    const reply = await service.send("GET", `/artifacts/${artifact}`, undefined, tenant.bearer);
    return ((await reply.json()) as { state?: string }).state === "initial";
  };
  while (Date.now() < end && (await isUnderWay())) {
    await delay(200);
  }
  await service.send("DELETE", `/artifacts/${artifact}`, undefined, tenant.bearer);
}

describe("an archive that is exploded", () => {
  it.each(Object.keys(ARCHIVES))("of %s holds nobody up", async (kind) => {
    const uuid = await uploadOf(ARCHIVES[kind]?.() ?? Buffer.alloc(0));
    expect(harmOf(await watched(kind, () => explode(uuid, kind)))).toEqual([]);
  });
});

describe("a declaration", () => {
  it("of 100,000 files holds nobody up", async () => {
    const files = Array.from(
      { length: 100_000 },
      (_, at) =>
        `"${at}/f":{"type":"file","size":1,"checksums":{"sha256":"${at.toString(16).padStart(64, "0")}"}}`,
    );
    const body = `{"category":"a:b","workspace":"${tenant.name}","files":{${files.join(",")}}}`;
    const seen = await watched("a declaration of 100,000 files", async () => {
      const init = { method: "POST", bearer: tenant.bearer, body };
      const response = await service.fetch("/api/1.0/artifact/", init);
      await response.text();
      return response.status;
    });
    expect(harmOf(seen)).toEqual([]);
  });
});

describe("pages about files", () => {
  const TEXTS = [
    ["[](", "md"],
    ["$", "java"],
    ["'\"`", "js"],
    ["/*", "c"],
    ["\\", "py"],
    ["\n", "txt"],
  ] as const;

  it("whose text is made to be hard to read hold nobody up", async () => {
    const ids = await Promise.all(
      TEXTS.map(async ([text, extension]) => {
        const bytes = Buffer.from(text.repeat((512 * KiB) / text.length));
        return (await service.upload(`f.${extension}`, bytes, tenant.bearer)).id;
      }),
    );
    const ask = async (id: number, extension: string) => {
      const init = { bearer: tenant.bearer, headers: { Accept: "text/html" } };
      await (await service.fetch(`/a/${id}/f.${extension}?view`, init)).text();
    };
    const seen = await watched("pages about hard texts", () =>
      Promise.all(
        TEXTS.flatMap(([, extension], at) => [
          ask(ids[at] ?? 0, extension),
          ask(ids[at] ?? 0, extension),
        ]),
      ),
    );
    expect(harmOf(seen)).toEqual([]);
  });
});

describe("ranges", () => {
  it("by the thousand hold nobody up", async () => {
    const { id } = await service.upload("ranges", Buffer.alloc(4 * MiB, "r"), tenant.bearer);
    const many = Array.from({ length: 1_500 }, (_, at) => `${at * 2}-${at * 2}`).join(",");
    const ask = async (range: string) => {
      const init = { bearer: tenant.bearer, headers: { Range: `bytes=${range}` } };
      await (await service.fetch(`/a/${id}/ranges`, init)).arrayBuffer();
    };
    const asked = [many, "0-,0-,0-,0-", "-1,-2,-3,-4,-5", "0-0,2-2,4-4,6-6,8-8"];
    const seen = await watched("ranges", () =>
      Promise.all(Array.from({ length: 100 }, (_, at) => ask(asked[at % asked.length] ?? ""))),
    );
    expect(harmOf(seen)).toEqual([]);
  });
});
