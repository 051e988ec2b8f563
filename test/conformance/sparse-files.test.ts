// Sparse files as GNU tar writes them, in all of its forms: full files whose holes nothing stores.

import { createHash, randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody } from "../support/service.ts";
import { walkBytes } from "../unit/archive/make-tar.ts";

const MiB = 1024 * 1024;
const FORMS: [string, string[]][] = [
  ["old GNU", ["--format=gnu"]],
  ["pax 0.0", ["--format=pax", "--sparse-version=0.0"]],
  ["pax 0.1", ["--format=pax", "--sparse-version=0.1"]],
  ["pax 1.0", ["--format=pax", "--sparse-version=1.0"]],
];

/** Files as runs of bytes at offsets, with their sizes. */
const FILES: Record<string, { size: number; runs: number[] }> = {
  "many.img": { size: 24 * MiB, runs: Array.from({ length: 60 }, (_, n) => n * 400 * 1024) },
  "empty.img": { size: 3 * MiB, runs: [] },
  "tail.img": { size: 2 * MiB + 5_000, runs: [2 * MiB] },
  "head.img": { size: 2 * MiB, runs: [0] },
  "plain.txt": { size: 5_000, runs: [0] },
};

let service: Awaited<ReturnType<typeof startService>>;
let bearer: string;
let folder: Awaited<ReturnType<typeof makeFolder>>;
const wanted = new Map<string, Buffer>();

beforeAll(async () => {
  service = await startService();
  bearer = await service.makeWorkspace("sparse", { public: true });
  folder = await makeFolder();
  for (const [name, { size, runs }] of Object.entries(FILES)) {
    const file = openSync(join(folder.path, name), "w");
    ftruncateSync(file, size);
    runs.forEach((at) => writeSync(file, randomBytes(5_000), 0, 5_000, at));
    closeSync(file);
    wanted.set(name, readFileSync(join(folder.path, name)));
  }
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function pack(options: string[]): Promise<Buffer> {
  const tar = join(folder.path, "sparse.tar");
  const names = [...wanted.keys()];
  const { code } = await runTool("tar", "-cSf", tar, ...options, "-C", folder.path, ...names);
  expect(code).toBe(0);
  return readFileSync(tar);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The artifact of an archive, as soon as nothing goes on with it. */
async function explode(name: string, archive: Buffer): Promise<ArtifactBody> {
  const upload = await service.openUpload(bearer);
  await service.append(upload, new Uint8Array(archive), bearer);
  const body = { upload_uuid: upload, explode: true };
  const path = `/artifacts/upload/${name}`;
  const { uuid } = await service.json<ArtifactBody>("POST", path, body, bearer);
  const look = () => service.json<ArtifactBody>("GET", `/artifacts/${uuid}`, undefined, bearer);
  let artifact = await look();
  for (let round = 0; artifact.state === "initial" && round < 500; round += 1) {
    await sleep(20);
    artifact = await look();
  }
  return artifact;
}

describe("a sparse file of a tar", () => {
  it.each(FORMS)("is a full file in the form of %s", async (_form, options) => {
    const found = walkBytes(await pack(options));
    for (const [name, bytes] of wanted) {
      expect([name, sha256(found.get(name) ?? Buffer.of())]).toEqual([name, sha256(bytes)]);
    }
  });

  it.each(FORMS)("is stored without its holes in the form of %s", async (form, options) => {
    const tar = await pack(options);
    expect(tar.length).toBeLessThan(2 * MiB);
    const gzipped = form.endsWith("1") || form.startsWith("old");
    const artifact = await explode(form.replace(" ", "-"), gzipped ? gzipSync(tar) : tar);
    expect(artifact).toMatchObject({ state: "created" });
    for (const [name, bytes] of wanted) {
      const reply = await service.fetch(`/a/${artifact.id}/${name}`);
      expect([name, sha256(Buffer.from(await reply.arrayBuffer()))]).toEqual([name, sha256(bytes)]);
    }
    const range = await service.fetch(`/a/${artifact.id}/many.img`, {
      headers: { Range: `bytes=${400 * 1024 - 10}-${400 * 1024 + 9}` },
    });
    const part = wanted.get("many.img")?.subarray(400 * 1024 - 10, 400 * 1024 + 10);
    expect(Buffer.from(await range.arrayBuffer())).toEqual(part);
    const { objects } = await service.env.BUCKET.list();
    const stored = objects.reduce((sum, { size }) => sum + size, 0);
    expect(stored).toBeLessThan(FORMS.length * 2 * MiB);
  });
});
