// What clients do with uploads.

import * as fc from "fast-check";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { hexDigest } from "../support/bytes.ts";
import { ask, expectSame, expectStatus, isUnclear, noteRepeat, settle } from "./ask.ts";
import { command } from "./command.ts";
import {
  addVersion,
  contentOf,
  findNamed,
  findsByHash,
  foresee,
  IDLE,
  pick,
  usedBy,
} from "./model.ts";
import type { Artifact, Model, Upload } from "./model.ts";
import { jsonOf } from "./service.ts";
import type { Answer, Client, Sent } from "./service.ts";

const NAMES = ["tide", "ebb"];

const any = fc.nat(99);
const seeds = fc.nat(2);
const names = fc.constantFrom(...NAMES);

/** Mostly few bytes: parts take time. */
export const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 3, 700) },
  { weight: 12, arbitrary: fc.nat(40_000) },
  { weight: 2, arbitrary: fc.constantFrom(LIMITS.tailRow - 1, LIMITS.tailRow, LIMITS.tailRow + 1) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("part - 1", "part", "part + 1", "2 parts", "2 parts + 9"),
  },
);

/** Bytes of a length that is told in parts, whose size the test sets later. */
export function lengthOf(length: number | string): number {
  const part = LIMITS.partSize;
  const told: Record<string, number> = {
    "part - 1": part - 1,
    part,
    "part + 1": part + 1,
    "2 parts": 2 * part,
    "2 parts + 9": 2 * part + 9,
  };
  return typeof length === "number" ? length : (told[length] ?? 0);
}

export interface ArtifactReply {
  uuid: string;
  id: number;
  name: string;
  state: string;
  blobs: Record<string, { size: number; uuid: string }>;
}

/** A reply shows exactly the versions that the model has. */
export function expectVersions(reply: ArtifactReply, artifact: Artifact): void {
  const shown = Object.entries(reply.blobs).map(([index, { size }]) => [Number(index), size]);
  const wanted = artifact.versions.map(({ index, files }) => [
    index,
    files.get(artifact.name)?.bytes.length,
  ]);
  expectSame([reply.uuid, shown], [artifact.uuid, wanted], "the versions of an artifact");
}

export const create = command("create", {
  weight: 5,
  args: fc.record({ client: any }),
  ready: ({ uploads }) => uploads.length < 4,
  async run(model, args) {
    const client = pick(model.clients, args.client);
    const room = client.quota === null ? null : client.quota - usedBy(model, client);
    const answer = await settle(client, "/upload", { method: "POST" });
    if (room !== null && room <= 0) {
      expectStatus(answer, "create without room", 507);
      return;
    }
    expectStatus(answer, "create", 200);
    const { uuid } = jsonOf(answer) as { uuid: string };
    model.uploads.push({ client, uuid, bytes: new Uint8Array(), lastAt: Date.now(), room });
  },
});

/** What the client learns of an upload. */
export async function viewUpload({ client, uuid }: Upload): Promise<{ size: number; at: number }> {
  const answer = await settle(client, `/upload/${uuid}`);
  expectStatus(answer, "status", 200);
  const { size, expires_at: end } = jsonOf(answer) as { size: number; expires_at: number };
  return { size, at: Math.round(end * 1_000) - IDLE };
}

type Guard = "none" | "right" | "wrong";
type Body = "whole" | "short" | "broken";

interface AppendArgs {
  upload: number;
  seed: number;
  length: number | string;
  offset: Guard;
  digest: Guard;
  body: Body;
}

/** What the service must say to an append that arrives. */
function foreseeAppend({ bytes, room }: Upload, args: AppendArgs, length: number): number {
  if (args.offset === "wrong") {
    return 409;
  }
  if (room !== null && bytes.length + length > room) {
    return 507;
  }
  return length > 0 && (args.body !== "whole" || args.digest === "wrong") ? 400 : 200;
}

async function appendRequest({ bytes }: Upload, args: AppendArgs, data: Uint8Array): Promise<Sent> {
  const headers: Record<string, string> = { "Content-Length": String(data.length) };
  if (args.offset !== "none") {
    headers["Upload-Offset"] = String(bytes.length + (args.offset === "wrong" ? 1 : 0));
  }
  if (args.digest !== "none" && data.length > 0) {
    const digested = args.digest === "wrong" ? data.subarray(1) : data;
    const digest = Uint8Array.fromHex(await hexDigest("SHA-512", digested)).toBase64();
    headers["Content-Digest"] = `sha-512=:${digest}:`;
  }
  const isWhole = args.body === "whole" || data.length === 0;
  return { method: "POST", headers, body: isWhole ? data : cutBody(data, args.body) };
}

/** Half of a body, which then ends, or breaks off. */
export function cutBody(data: Uint8Array, how: Body): ReadableStream {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const cut = async () => {
    await writer.write(data.slice(0, data.length / 2));
    await (how === "short" ? writer.close() : writer.abort(new Error("The client hung up")));
  };
  cut().catch(() => {}); // The service may refuse to read it.
  return readable;
}

export const append = command("append", {
  weight: 16,
  args: fc.record<AppendArgs>({
    upload: any,
    seed: seeds,
    length: lengths,
    offset: fc.constantFrom("none", "none", "right", "right", "wrong"),
    digest: fc.constantFrom("none", "none", "right", "wrong"),
    body: fc.constantFrom("whole", "whole", "whole", "whole", "short", "broken"),
  }),
  ready: ({ uploads }) => uploads.length > 0,
  async run(model, args) {
    const upload = pick(model.uploads, args.upload);
    const data = contentOf(model, args.seed, lengthOf(args.length));
    const expected = foreseeAppend(upload, args, data.length);
    const before = upload.bytes.length;
    const after = expected === 200 ? before + data.length : before;
    let answer = await ask(
      upload.client,
      `/upload/${upload.uuid}`,
      await appendRequest(upload, args, data),
    );
    for (let round = 1; isUnclear(answer); round += 1) {
      // The documented way on: what is there, then back to the own total, then the bytes again.
      noteRepeat(round, answer);
      const { size } = await viewUpload(upload);
      if (size !== after) {
        expectSame(size, before, "an append is all or nothing");
      }
      await truncateTo(upload, before);
      if (args.body !== "whole" && data.length > 0) {
        break;
      }
      const again = await appendRequest(upload, args, data);
      answer = await ask(upload.client, `/upload/${upload.uuid}`, again);
    }
    if (!isUnclear(answer)) {
      expectStatus(answer, `append of ${data.length} at ${before}`, expected);
    }
    if (expected === 200) {
      expectSame(jsonOf(answer), after, "the size that an append answers");
      upload.bytes = joined(upload.bytes, data);
    }
    const { size, at } = await viewUpload(upload);
    expectSame(size, after, "the size after an append");
    upload.lastAt = at;
  },
});

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

async function truncateTo({ client, uuid }: Upload, target: number): Promise<void> {
  const path = `/upload/${uuid}/truncate/${target}`;
  expectStatus(await settle(client, path, { method: "POST" }), "truncate", 200);
}

const places = fc.oneof(
  fc.constantFrom("start", "boundary", "boundary - 1", "boundary + 1", "end", "end - 1"),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

/** The offset that a place means; a part's boundary is that nearest to the middle. */
function placeIn(offset: number, place: string | number): number {
  const part = LIMITS.partSize;
  const boundary = Math.round(offset / 2 / part) * part;
  const told: Record<string, number> = {
    start: 0,
    boundary,
    "boundary - 1": boundary - 1,
    "boundary + 1": boundary + 1,
    end: offset,
    "end - 1": offset - 1,
  };
  const target = typeof place === "number" ? Math.floor(place * offset) : (told[place] ?? 0);
  return Math.min(offset, Math.max(0, target));
}

export const truncate = command("truncate", {
  weight: 6,
  args: fc.record({ upload: any, place: places }),
  ready: ({ uploads }) => uploads.length > 0,
  async run(model, args) {
    const upload = pick(model.uploads, args.upload);
    const target = placeIn(upload.bytes.length, args.place);
    await truncateTo(upload, target);
    upload.bytes = upload.bytes.subarray(0, target);
    expectSame((await viewUpload(upload)).size, target, "the size after a truncate");
  },
});

export const truncateBeyond = command("truncate beyond the end", {
  weight: 1,
  args: fc.record({ upload: any, by: fc.integer({ min: 1, max: 9 * 2 ** 20 }) }),
  ready: ({ uploads }) => uploads.length > 0,
  async run(model, { upload: index, by }) {
    const upload = pick(model.uploads, index);
    const path = `/upload/${upload.uuid}/truncate/${upload.bytes.length + by}`;
    expectStatus(
      await settle(upload.client, path, { method: "POST" }),
      "truncate beyond the end",
      400,
    );
    expectSame((await viewUpload(upload)).size, upload.bytes.length, "the size as it was");
  },
});

/** Publishes under a name and compares what the answer shows; false when there was no room. */
async function publish(
  model: Model,
  client: Client,
  name: string,
  published: { request: object; bytes: Uint8Array },
): Promise<Artifact | null> {
  const foreseen = foresee(model, client, name, published.bytes);
  const path = `/artifacts/upload/${name}`;
  const answer = await settle(client, path, { method: "POST", body: published.request });
  if (foreseen === "refused") {
    expectStatus(answer, "conversion without room", 507);
    return null;
  }
  expectStatus(answer, "conversion", 200);
  const reply = jsonOf(answer) as ArtifactReply;
  const there = findNamed(model, client, name);
  const artifact =
    foreseen === "repeated" && there !== null
      ? there
      : addVersion(model, client, reply, published.bytes);
  expectVersions(reply, artifact);
  return artifact;
}

export const convert = command("convert", {
  weight: 6,
  args: fc.record({ upload: any, name: names, isGuarded: fc.boolean() }),
  ready: ({ uploads }) => uploads.length > 0,
  run: (model, { upload, name, isGuarded }) =>
    convertUpload(model, pick(model.uploads, upload), name, isGuarded),
});

/** Makes an upload a version. */
export async function convertUpload(
  model: Model,
  upload: Upload,
  name: string,
  isGuarded: boolean,
): Promise<void> {
  const { client, uuid, bytes } = upload;
  const guard = { size: bytes.length, sha512: await hexDigest("SHA-512", bytes) };
  const request = { upload_uuid: uuid, ...(isGuarded ? guard : {}) };
  const artifact = await publish(model, client, name, { request, bytes });
  if (artifact !== null) {
    model.uploads.splice(model.uploads.indexOf(upload), 1);
    model.converted.push({ client, uuid, name, artifactUuid: artifact.uuid, at: Date.now() });
  }
}

export const convertOther = command("convert what it is not", {
  weight: 1,
  args: fc.record({ upload: any, name: names, by: fc.constantFrom("size", "sha512") }),
  ready: ({ uploads }) => uploads.length > 0,
  async run(model, { upload: index, name, by }) {
    const { client, uuid, bytes } = pick(model.uploads, index);
    const other = by === "size" ? { size: bytes.length + 1 } : { sha512: "0".repeat(128) };
    const body = { upload_uuid: uuid, ...other };
    const answer = await settle(client, `/artifacts/upload/${name}`, { method: "POST", body });
    expectStatus(answer, "conversion of other content", 409);
  },
});

export const convertAgain = command("convert again", {
  weight: 2,
  args: fc.record({ converted: any, name: names }),
  ready: ({ converted }) => converted.length > 0,
  async run(model, args) {
    const { client, uuid, name, artifactUuid } = pick(model.converted, args.converted);
    const request = { method: "POST", body: { upload_uuid: uuid } };
    const answer = await settle(client, `/artifacts/upload/${args.name}`, request);
    if (name === args.name) {
      expectStatus(answer, "repeated conversion", 200);
      expectSame((jsonOf(answer) as ArtifactReply).uuid, artifactUuid, "what it became");
    } else {
      expectStatus(answer, "conversion into something else", 409);
    }
  },
});

/** The id of the blob of a content: no secret, and no key to it either. */
function blobUuid(sha512: string): string {
  const at = (from: number, to: number) => sha512.slice(from, to);
  return `${at(0, 8)}-${at(8, 12)}-8${at(12, 15)}-8${at(15, 18)}-${at(18, 30)}`;
}

export const skip = command("skip by sha512", {
  weight: 3,
  args: fc.record({ client: any, artifact: any, seed: seeds, length: lengths, name: names }),
  async run(model, args) {
    const client = pick(model.clients, args.client);
    // What somebody has, or nobody.
    const [there] = model.artifacts.length > 0 ? pick(model.artifacts, args.artifact).versions : [];
    const bytes =
      [...(there?.files.values() ?? [])][0]?.bytes ??
      contentOf(model, args.seed, lengthOf(args.length));
    const sha512 = await hexDigest("SHA-512", bytes);
    const found: Answer = await settle(client, `/blob_checksums/sha512/${sha512}`);
    expectStatus(found, "search", 200);
    const request = { blob_uuid: blobUuid(sha512) };
    if (!findsByHash(model, client, bytes)) {
      expectSame(jsonOf(found), null, "a hash that the workspace's index does not have");
      const body = { method: "POST", body: request };
      const answer = await settle(client, `/artifacts/upload/${args.name}`, body);
      expectStatus(answer, "attaching a foreign blob", 404);
      return;
    }
    const blob = jsonOf(found) as { uuid: string; size: number; sha512: string };
    const shown = [blob.uuid, blob.size, blob.sha512];
    expectSame(shown, [request.blob_uuid, bytes.length, sha512], "the blob of a hash");
    await publish(model, client, args.name, { request, bytes });
  },
});
