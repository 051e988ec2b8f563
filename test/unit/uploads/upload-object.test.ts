import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { extentsOfHeld } from "../../../src/artifacts/held.ts";
import { blobSource } from "../../../src/blobs/reader.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { findHeldFile, findSeenBlob } from "../../../src/catalog/contents/seen-blobs.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { expireUpload, UploadGateway } from "../../../src/uploads/gateway.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";

const PART = LIMITS.partSize;
const ANY = { size: null, sha512: null };

let workspace: Workspace;
let gateway: UploadGateway;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  gateway = new UploadGateway(env.UPLOADS, workspace.id);
});

async function openUpload(): Promise<Uuid> {
  const uuid = newUuid();
  valueOf(await gateway.open(uuid));
  return uuid;
}

/** Appends with a declared length, or, when `chunked`, without. */
async function append(uuid: Uuid, data: Uint8Array, chunked = false): Promise<number> {
  const { readable, writable } = chunked
    ? new IdentityTransformStream()
    : new FixedLengthStream(data.length);
  const writer = writable.getWriter();
  const written = writer.write(data).then(() => writer.close());
  const terms = { offset: null, length: chunked ? null : data.length };
  const { size } = valueOf(await gateway.append(uuid, readable, terms));
  await written;
  return size;
}

function intentFor(name: string) {
  const sourceUrl = `sf://upload/owner/${name}`;
  const author = { actor: "owner/ci", gift: false };
  return { workspaceId: workspace.id, type: "image", name, sourceUrl, shared: false, ...author };
}

/** Seals, then reads the blob back from R2 by way of the catalog. */
async function sealAndRead(uuid: Uuid, expected: Uint8Array): Promise<void> {
  valueOf(await gateway.seal(uuid, intentFor(uuid), ANY));
  const sha512 = await hexDigest("SHA-512", expected);
  const reader = { all: true, workspaceId: null, userId: null };
  const blob = await findSeenBlob(env.DB, reader, { sha512 }, Date.now());
  expect(blob).toMatchObject({
    size: expected.length,
    sha256: await hexDigest("SHA-256", expected),
  });
  if (blob === null) {
    return;
  }
  const held = await findHeldFile(env.DB, reader, blob.uuid, Date.now());
  const extents = held === null ? [] : await extentsOfHeld(env.BUCKET, held);
  const { readable, writable } = new FixedLengthStream(expected.length);
  const place = {
    async *extents() {
      yield await Promise.resolve(extents);
    },
  };
  const reading = { bucket: env.BUCKET, payer: "test", window: LIMITS.readWindow };
  const source = blobSource(reading, blob, place, 0);
  const sent = source.send(0, expected.length, writable).then(() => writable.close());
  const stored = new Uint8Array(await new Response(readable).arrayBuffer());
  await sent;
  expect(await hexDigest("SHA-512", stored)).toBe(sha512);
}

async function keysOf(uuid: Uuid): Promise<string[]> {
  const { objects } = await env.BUCKET.list({ prefix: `uploads/${uuid}/` });
  return objects.map(({ key }) => key);
}

describe("an upload object", () => {
  it("stores an upload of one part or less in one put, without a multipart upload", async () => {
    const uuid = await openUpload();
    const data = bytes(PART);
    expect(await append(uuid, data.subarray(0, 5))).toBe(5);
    expect(await append(uuid, data.subarray(5))).toBe(PART);
    await sealAndRead(uuid, data);
    const [key] = await keysOf(uuid);
    const object = key === undefined ? null : await env.BUCKET.head(key);
    // R2 keeps a checksum of single puts only.
    expect(object?.checksums.sha512).toBeDefined();
  });

  it("keeps nothing of an upload that it has never heard of", async () => {
    const uuid = newUuid();
    expect(await gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    const tables = await runInDurableObject(env.UPLOADS.getByName(uuid), (_object, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'upload'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it("seals an empty upload into an empty blob", async () => {
    const uuid = await openUpload();
    await sealAndRead(uuid, new Uint8Array());
    expect(await keysOf(uuid)).toEqual([]);
  });

  it("takes a body without a length as one with", async () => {
    const uuid = await openUpload();
    const data = bytes(2 * PART + 77, 3);
    expect(await append(uuid, data.subarray(0, PART), true)).toBe(PART);
    expect(await append(uuid, data.subarray(PART), true)).toBe(data.length);
    await sealAndRead(uuid, data);
  });

  it("runs appends that arrive together one after the other", async () => {
    const uuid = await openUpload();
    const pieces = [1, 2, 3, 4].map((seed) => bytes(70_000, seed));
    const sizes = await Promise.all(pieces.map((piece) => append(uuid, piece)));
    const order = sizes.map((size) => size / 70_000 - 1);
    const expected = new Uint8Array(4 * 70_000);
    order.forEach((place, index) => expected.set(pieces[index] ?? [], place * 70_000));
    expect(order.toSorted((one, other) => one - other)).toEqual([0, 1, 2, 3]);
    await sealAndRead(uuid, expected);
  });

  it("keeps a million tiny appends in few rows", async () => {
    const uuid = await openUpload();
    for (let index = 0; index < 50; index += 1) {
      await append(uuid, bytes(100, index));
    }
    const rows = await runInDurableObject(env.UPLOADS.getByName(uuid), (_object, state) =>
      state.storage.sql.exec("SELECT count(*) AS rows FROM tail").one(),
    );
    expect(rows).toEqual({ rows: 1 });
  });

  it("gives repeated and simultaneous seals one answer", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(10, 9));
    const intent = intentFor("twice");
    const [one, two] = await Promise.all([
      gateway.seal(uuid, intent, ANY),
      gateway.seal(uuid, intent, ANY),
    ]);
    const three = await gateway.seal(uuid, intent, ANY);
    expect(one).toMatchObject({ ok: true, result: { versionIndex: 1 } });
    expect([two, three]).toEqual([one, one]);
  });

  it("goes on as it was when the workspace of the artifact is gone", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(2 * PART, 4));
    const intent = { ...intentFor("nowhere"), workspaceId: 9_999 };
    const refused = await gateway.seal(uuid, intent, ANY);
    expect(refused).toMatchObject({ ok: false, code: "namespace_not_found" });
    await append(uuid, bytes(5, 5));
    valueOf(await gateway.truncate(uuid, PART + 1));
    await sealAndRead(uuid, bytes(2 * PART, 4).subarray(0, PART + 1));
  });

  it("leaves one object for the sweep when the content was there already", async () => {
    const [first, second] = [await openUpload(), await openUpload()];
    const data = bytes(1_000, 77);
    for (const uuid of [first, second]) {
      await append(uuid, data);
      await sealAndRead(uuid, data);
    }
    const { results } = await env.DB.prepare("SELECT key FROM garbage").all();
    expect(results).toEqual([{ key: `uploads/${second}/1` }]);
  });

  it("removes the R2 data that a truncate left behind", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(3 * PART, 6));
    valueOf(await gateway.truncate(uuid, PART + 3)); // completes the multipart upload
    expect(await keysOf(uuid)).toHaveLength(1);
    valueOf(await gateway.truncate(uuid, 0));
    expect(await keysOf(uuid)).toEqual([]);
  });

  it("completes a multipart upload of six days by its alarm and goes on in a new extent", async () => {
    const uuid = await openUpload();
    const data = bytes(3 * PART + 5, 8);
    await append(uuid, data.subarray(0, PART + 9));
    expect(await runDurableObjectAlarm(env.UPLOADS.getByName(uuid))).toBe(true);
    expect(await keysOf(uuid)).toHaveLength(1);
    await append(uuid, data.subarray(PART + 9));
    await sealAndRead(uuid, data);
    expect(await keysOf(uuid)).toHaveLength(2);
  });

  it("rolls over to a new extent in the middle of an append that runs out of part numbers", async () => {
    const uuid = await openUpload();
    const data = bytes(4 * PART + 1, 10);
    await append(uuid, data.subarray(0, PART + 1));
    await runInDurableObject(env.UPLOADS.getByName(uuid), (_object, state) => {
      state.storage.sql.exec("UPDATE extents SET next_number = ?", LIMITS.partNumbers - 8);
    });
    await append(uuid, data.subarray(PART + 1));
    await sealAndRead(uuid, data);
    expect((await keysOf(uuid)).length).toBeGreaterThan(1);
  });

  it("is forgotten by its alarm once its answer is old, and only then", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(10, 12));
    await sealAndRead(uuid, bytes(10, 12));
    expect(await expireUpload(env.UPLOADS, uuid, Date.now() + 1)).toMatchObject({ kind: "kept" });
    await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
    const again = await gateway.seal(uuid, intentFor(uuid), ANY);
    expect(again).toMatchObject({ ok: false, code: "upload_not_found" });
  });

  it("expires with its R2 data when idle, and not when a byte came since", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(PART + 1, 13));
    valueOf(await gateway.truncate(uuid, 5));
    await append(uuid, bytes(PART + 1, 14));
    const view = valueOf(await gateway.view(uuid));
    const kept = await expireUpload(env.UPLOADS, uuid, view.lastAppendAt);
    expect(kept).toEqual({ kind: "kept", lastAppendAt: view.lastAppendAt });
    const expired = await expireUpload(env.UPLOADS, uuid, view.lastAppendAt + 1);
    expect(expired).toEqual({ kind: "expired" });
    expect(await keysOf(uuid)).toEqual([]);
    expect(await expireUpload(env.UPLOADS, uuid, Date.now() + 1)).toEqual({ kind: "unknown" });
  });

  it("does not expire, nor hold up the sweep, while an append is under way", async () => {
    const uuid = await openUpload();
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const terms = { offset: null, length: null };
    const appended = gateway.append(uuid, readable, terms);
    await writer.write(bytes(100, 15));
    const reply = await expireUpload(env.UPLOADS, uuid, Date.now() + 1_000_000);
    expect(reply.kind).toBe("kept");
    await writer.close();
    expect(valueOf(await appended).size).toBe(100);
  });

  it("gives up an append that stands still when the client comes back", async () => {
    const uuid = await openUpload();
    const { readable, writable } = new FixedLengthStream(1000);
    const writer = writable.getWriter();
    const terms = { offset: null, length: 1000 };
    const dead = gateway.append(uuid, readable, terms);
    await writer.write(bytes(999, 17));
    expect(await append(uuid, bytes(7, 18))).toBe(7);
    expect(await dead).toEqual({ ok: false, code: "upload_body_stalled" });
  });

  it("tries again by another alarm when R2 does not complete a multipart upload", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const uuid = await openUpload();
    await append(uuid, bytes(PART + 9, 16));
    const stub = env.UPLOADS.getByName(uuid);
    await runInDurableObject(stub, async (_object, { storage }) => {
      storage.sql.exec("UPDATE parts SET etag = 'no such part'");
    });
    await runDurableObjectAlarm(stub);
    const alarm = await runInDurableObject(stub, (_object, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now());
    expect(valueOf(await gateway.view(uuid)).size).toBe(PART + 9);
  });

  it("takes and seals nothing on a hash state of another format, and expires", async () => {
    const uuid = await openUpload();
    await append(uuid, bytes(10, 19));
    const stub = env.UPLOADS.getByName(uuid);
    await runInDurableObject(stub, (_object, { storage }) => {
      storage.sql.exec("UPDATE upload SET checksums = ?", new Uint8Array(325).with(0, 1));
    });
    await evictDurableObject(stub);
    const refusal = "Cannot resume a hash state of format 1: this is 2";
    const body = new Blob(["x"]).stream();
    await expect(gateway.append(uuid, body, { offset: null, length: 1 })).rejects.toThrow(refusal);
    await expect(gateway.seal(uuid, intentFor(uuid), ANY)).rejects.toThrow(refusal);
    expect(valueOf(await gateway.view(uuid)).size).toBe(10);
    expect(await expireUpload(env.UPLOADS, uuid, Date.now() + 1)).toEqual({ kind: "expired" });
  });

  it("does not exist for another workspace", async () => {
    const uuid = await openUpload();
    const stranger = new UploadGateway(env.UPLOADS, workspace.id + 1);
    const refusal = { ok: false, code: "upload_not_found" };
    const terms = { offset: null, length: 1 };
    expect(await stranger.view(uuid)).toEqual(refusal);
    expect(await stranger.append(uuid, new Blob(["x"]).stream(), terms)).toEqual(refusal);
    expect(await stranger.truncate(uuid, 0)).toEqual(refusal);
    expect(await stranger.seal(uuid, intentFor("stolen"), ANY)).toEqual(refusal);
    expect(valueOf(await gateway.view(uuid)).size).toBe(0);
  });
});

type Step =
  | { kind: "append"; length: number; chunked: boolean }
  | { kind: "truncate"; at: number }
  | { kind: "evict" };

const lengths = fc.oneof(
  fc.integer({ min: 1, max: 5_000 }),
  fc.integer({ min: 1, max: 12 * 1024 * 1024 }),
  fc.constantFrom(PART - 1, PART, PART + 1, 2 * PART),
);
/** Fractions of the offset, and the places where something changes. */
const places = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 1, -1, -2, -3, -4),
);
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        length: lengths,
        chunked: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("truncate" as const), at: places }) },
    { weight: 1, arbitrary: fc.constant({ kind: "evict" as const }) },
  ),
  { minLength: 3, maxLength: 9 },
);

/** -1: a part boundary, -2: just before one, -3: just behind one, -4: just before the end. */
function placeIn(offset: number, at: number): number {
  const boundary = Math.floor(offset / PART / 2 + 0.5) * PART;
  const special = { "-1": boundary, "-2": boundary - 1, "-3": boundary + 1, "-4": offset - 1 };
  const target = at < 0 ? special[String(at) as keyof typeof special] : Math.floor(at * offset);
  return Math.min(offset, Math.max(0, target));
}

async function take(uuid: Uuid, model: Uint8Array, step: Step, seed: number): Promise<Uint8Array> {
  switch (step.kind) {
    case "append": {
      const data = bytes(step.length, seed);
      const next = new Uint8Array(model.length + data.length);
      next.set(model);
      next.set(data, model.length);
      expect(await append(uuid, data, step.chunked)).toBe(next.length);
      return next;
    }
    case "truncate": {
      const target = placeIn(model.length, step.at);
      expect(valueOf(await gateway.truncate(uuid, target)).size).toBe(target);
      return model.slice(0, target);
    }
    case "evict":
      await gateway.view(uuid); // only a running object can be evicted
      await evictDurableObject(env.UPLOADS.getByName(uuid));
      return model;
  }
}

describe("any sequence of appends, truncates and evictions", () => {
  it("ends in exactly the client's bytes, with the checksums that independent code gives", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const uuid = await openUpload();
        let model: Uint8Array = new Uint8Array();
        let seed = 1;
        for (const step of sequence) {
          model = await take(uuid, model, step, (seed += 1));
        }
        await sealAndRead(uuid, model);
      }),
      { numRuns: 4, endOnFailure: true },
    );
  }, 120_000);
});
