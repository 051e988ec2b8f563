import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { readerFor, requireSomebody } from "../auth/access.ts";
import { blobSource } from "../blobs/reader.ts";
import { findSeenBlob, findSeenBlobBySha512, listExtents } from "../catalog/blobs.ts";
import type { SeenBlob } from "../catalog/blobs.ts";
import { respondWithBytes, respondWithStream } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { userContentHeaders } from "../http/user-content.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseCount, parseUuid } from "../protocol/ids.ts";
import { toBlobReply } from "../protocol/views.ts";

/** Blobs by their uuid; those that the caller cannot read do not exist. */
export const blobs = new Hono<AppEnv>()
  .get("/:uuid", async (c) => {
    return c.json(toBlobReply(await requireBlob(c.env.DB, c.var.identity, c.req.param("uuid"))));
  })
  .get("/:uuid/data", async (c) => {
    const blob = await requireBlob(c.env.DB, c.var.identity, c.req.param("uuid"));
    const slice = readSlice(c.req.query("offset"), c.req.query("limit"), blob.size);
    const extents = await listExtents(c.env.DB, blob.uuid);
    const source = blobSource(c.env.BUCKET, blob, extents, blob.firstSeenAt);
    const headers = dataHeaders(blob);
    return slice === null
      ? respondWithBytes(c.req.raw, source, headers)
      : respondWithStream(c.req.raw, source, slice, headers);
  });

/** Blobs by their checksum. Unknown, and known only to others, is null: an error would stop the client's
 * upload. */
export const blobChecksums = new Hono<AppEnv>().get("/:algorithm/:hash", async (c) => {
  requireSomebody(c.var.identity);
  if (c.req.param("algorithm") !== "sha512") {
    throw new AppError("hash_algorithm_unknown", "sha512 is known");
  }
  const hash = c.req.param("hash").toLowerCase();
  if (!/^[0-9a-f]{128}$/u.test(hash)) {
    return c.json(null);
  }
  const reader = readerFor(c.var.identity);
  const blob = await findSeenBlobBySha512(c.env.DB, reader, hash, Date.now());
  return c.json(blob && toBlobReply(blob));
});

async function requireBlob(db: Env["DB"], identity: Identity, text: string): Promise<SeenBlob> {
  requireSomebody(identity);
  const uuid = parseUuid(text);
  const blob = uuid && (await findSeenBlob(db, readerFor(identity), uuid, Date.now()));
  if (!blob) {
    throw new AppError("blob_not_found");
  }
  return blob;
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

function dataHeaders({ uuid }: SeenBlob): Headers {
  return new Headers({
    ...userContentHeaders(),
    "Content-Type": "application/octet-stream",
    "Content-Disposition": contentDisposition("attachment", uuid),
    "Cache-Control": "private, no-transform",
    Vary: "Cookie, Token, Authorization",
  });
}
