import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { openHeld } from "../artifacts/held.ts";
import { readerFor, requireSomebody, requireSystem, requireWorkspaceKey } from "../auth/access.ts";
import { authorOf, readingOf } from "../auth/author.ts";
import type { Placed } from "../blobs/placed.ts";
import { blobSource } from "../blobs/reader.ts";
import { deleteBlobMetadata, putBlobMetadata } from "../catalog/contents/blob-metadata.ts";
import type { BlobNotes } from "../catalog/contents/blob-metadata.ts";
import { findHeldFile, findSeenBlob, walkBlobs } from "../catalog/contents/seen-blobs.ts";
import type { BlobKey, SeenBlob } from "../catalog/contents/seen-blobs.ts";
import type { Reader } from "../catalog/reader.ts";
import { bytesCaching } from "../http/caching.ts";
import { respondWithBytes, respondWithStream } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { userContentHeaders } from "../http/user-content.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseCount } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { toBlobReply } from "../protocol/views.ts";
import type { BlobReply } from "../protocol/views.ts";
import { requireBlob } from "./artifact-lookup.ts";
import { respondWithArray } from "./json-array.ts";
import { readMetadata, requireMetadataKey, requireNoted } from "./metadata.ts";

/** Blobs by their uuid; those that the caller cannot read do not exist. */
export const blobs = new Routes()
  .get("/", (c) => {
    requireSystem(c.var.identity);
    return respondWithArray(listBlobs(c.env.DB, readerFor(c.var.identity)));
  })
  .get("/:uuid/metadata", async (c) => {
    const blob = await requireBlob(c.env.DB, c.var.identity, c.req.param("uuid"));
    return c.json(blob.metadata);
  })
  .post("/:uuid/metadata", async (c) => {
    const notes = await requireNotes(c.env.DB, c.var.identity, c.req.param("uuid"));
    const entry = await readMetadata(c.req.raw, null);
    requireNoted(await putBlobMetadata(c.env.DB, notes, entry, authorOf(c)));
    return c.json(null);
  })
  .put("/:uuid/metadata/:key", async (c) => {
    const notes = await requireNotes(c.env.DB, c.var.identity, c.req.param("uuid"));
    const entry = await readMetadata(c.req.raw, c.req.param("key"));
    requireNoted(await putBlobMetadata(c.env.DB, notes, entry, authorOf(c)));
    return c.json(null);
  })
  .delete("/:uuid/metadata/:key", async (c) => {
    const notes = await requireNotes(c.env.DB, c.var.identity, c.req.param("uuid"));
    const key = requireMetadataKey(c.req.param("key"));
    requireNoted(await deleteBlobMetadata(c.env.DB, notes, key, authorOf(c)));
    return c.json(null);
  })
  .get("/:uuid", async (c) => {
    return c.json(toBlobReply(await requireBlob(c.env.DB, c.var.identity, c.req.param("uuid"))));
  })
  .get("/:uuid/data", async (c) => {
    const blob = await requireBlob(c.env.DB, c.var.identity, c.req.param("uuid"));
    const slice = readSlice(c.req.query("offset"), c.req.query("limit"), blob.size);
    const source = await sourceOf(c, blob);
    const headers = dataHeaders(blob);
    return slice === null
      ? respondWithBytes(c.req.raw, source, headers)
      : respondWithStream(c.req.raw, source, slice, headers);
  });

/** Blobs by their checksum. Unknown, and known only to others, is null: an error would stop the client's
 * upload. */
export const blobChecksums = new Routes().get("/:algorithm/:hash", async (c) => {
  requireSomebody(c.var.identity);
  const key = readChecksum(c.req.param("algorithm"), c.req.param("hash").toLowerCase());
  const reader = readerFor(c.var.identity);
  const blob = key && (await findSeenBlob(c.env.DB, reader, key, Date.now()));
  return c.json(blob && toBlobReply(blob));
});

/** Where the bytes of a blob are. */
async function requirePlace(c: Context<AppEnv>, uuid: Uuid): Promise<Placed> {
  const held = await findHeldFile(c.env.DB, readerFor(c.var.identity), uuid, Date.now());
  if (held === null) {
    throw new AppError("blob_not_found");
  }
  const { reader, file } = await openHeld(c.env.BUCKET, held);
  return { extents: (start, end) => reader.extents(file, start, end) };
}

/** Sends the bytes of what the caller reads; `extra` go along. */
export async function sendBlobOf(
  c: Context<AppEnv>,
  content: { sha512: string },
  extra: Headers,
): Promise<Response> {
  const key = { sha512: content.sha512 };
  const blob = await findSeenBlob(c.env.DB, readerFor(c.var.identity), key, Date.now());
  if (blob === null) {
    throw new AppError("blob_not_found");
  }
  const headers = dataHeaders(blob);
  extra.forEach((value, name) => headers.set(name, value));
  return respondWithBytes(c.req.raw, await sourceOf(c, blob), headers);
}

async function sourceOf(c: Context<AppEnv>, blob: SeenBlob) {
  return blobSource(readingOf(c), blob, await requirePlace(c, blob.uuid), blob.firstSeenAt);
}

async function* listBlobs(db: Env["DB"], reader: Reader): AsyncGenerator<BlobReply[]> {
  for await (const page of walkBlobs(db, reader, Date.now(), LIMITS.blobsPage)) {
    yield page.map(toBlobReply);
  }
}

/** What to look up; null for what is no checksum, and so no blob's. */
function readChecksum(algorithm: string, hash: string): BlobKey | null {
  switch (algorithm) {
    case "sha512":
      return /^[0-9a-f]{128}$/u.test(hash) ? { sha512: hash } : null;
    case "sha256":
      return /^[0-9a-f]{64}$/u.test(hash) ? { sha256: hash } : null;
    default:
      throw new AppError("hash_algorithm_unknown", "sha512 and sha256 are known");
  }
}

/** The notes that the caller keeps of a blob, which it must be able to read. */
export async function requireNotes(
  db: Env["DB"],
  identity: Identity,
  text: string,
): Promise<BlobNotes> {
  const { workspaceId, isSystem } = requireWorkspaceKey(identity);
  const { uuid } = await requireBlob(db, identity, text);
  return { uuid, workspaceId, holdsAll: isSystem };
}

/** The bytes that `offset` and `limit` ask for, or null without either: then it is a file like any other.
 * A limit of 0 is none. */
function readSlice(
  offset: string | undefined,
  limit: string | undefined,
  size: number,
): { start: number; end: number } | null {
  if (offset === undefined && limit === undefined) {
    return null;
  }
  const start = parseCount(offset ?? "0");
  if (start === null || start > size) {
    throw new AppError("data_offset_invalid", `'${offset}' of ${size}`);
  }
  const count = parseCount(limit ?? "0");
  if (count === null) {
    throw new AppError("data_limit_invalid", `'${limit}'`);
  }
  return { start, end: count === 0 ? size : Math.min(size, start + count) };
}

/** A blob is of whoever may read an artifact with it, as long as there is one. */
const PRIVATE = { isPublic: false, isFixed: false, expiresAt: null };

function dataHeaders({ uuid }: SeenBlob): Headers {
  return new Headers({
    ...userContentHeaders(),
    "Content-Type": "application/octet-stream",
    "Content-Disposition": contentDisposition("attachment", uuid),
    "Cache-Control": bytesCaching(PRIVATE, 0, Date.now()),
    Vary: "Cookie, Token, Authorization",
  });
}
