// ?archive=: a folder in one file. tar and zip have a length and can be asked for in ranges; tar.gz is streamed.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { GZIP_MEMORY, gzipStream, TooSlow } from "../archive/gzip.ts";
import type { GzipMemory } from "../archive/gzip.ts";
import { planArchive } from "../artifacts/archive.ts";
import { payerOf, readingOf } from "../auth/author.ts";
import { REQUEST } from "../budget/budget.ts";
import { SENDING } from "../budget/shares.ts";
import { respondWithBytes } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { bodyOfLength } from "../http/stream-bytes.ts";
import type { Folder } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ARCHIVES } from "../protocol/urls.ts";
import type { Archive } from "../protocol/urls.ts";
import { bytesHeaders } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";

const CONTENT_TYPES: Record<Archive, string> = {
  "tar.gz": "application/gzip",
  tar: "application/x-tar",
  zip: "application/zip",
};

/** Answers with the archive of a folder; `asked` is what the client wrote behind `archive=`. */
export async function sendArchive(
  c: Context<AppEnv>,
  artifact: Browsed,
  folder: Folder,
  asked: string,
): Promise<Response> {
  const archive = ARCHIVES.find((name) => name === asked);
  if (archive === undefined) {
    throw new AppError("archive_unsupported", `'${asked}'`);
  }
  const { manifest } = artifact.version;
  if (manifest === null) {
    throw new AppError("artifact_incomplete");
  }
  const place = folder.path === "" ? "" : `-${folder.path.slice(0, -1).replaceAll("/", "_")}`;
  const headers = bytesHeaders(c, artifact, CONTENT_TYPES[archive]);
  const fileName = `artifact-${artifact.id}${place}.${archive}`;
  headers.set("Content-Disposition", contentDisposition("attachment", fileName));
  const version = { ...artifact.version, manifest, artifactUuid: artifact.uuid };
  const reading = readingOf(c);
  if (archive !== "tar.gz") {
    return respondWithBytes(
      c.req.raw,
      await planArchive(reading, archive, version, folder),
      headers,
    );
  }
  if (c.req.method === "HEAD") {
    return new Response(null, { headers });
  }
  const tar = await planArchive(reading, "tar", version, folder);
  const memory = await leaseForGzip(payerOf(c));
  // Of its exact length: a read of R2 that ends early must cut the gzip, too.
  const body = gzipStream(
    bodyOfLength(tar.size, (to) => tar.send(0, tar.size, to)),
    memory,
  );
  return new Response(body, { headers });
}

/** Memory for as long as the client takes the archive, which must not be long while others wait. */
async function leaseForGzip(payer: string): Promise<GzipMemory> {
  const lease = SENDING.open(GZIP_MEMORY, REQUEST, payer);
  try {
    await SENDING.grow(lease, GZIP_MEMORY);
  } catch (error) {
    SENDING.end(lease);
    throw error;
  }
  return { whileWanted, free: () => SENDING.end(lease) };
}

async function whileWanted(taken: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const begun = Date.now();
  const timer = setInterval(() => {
    if (SENDING.isContested && Date.now() - begun >= LIMITS.readerIdleContested) {
      late.reject(new TooSlow("The client takes too little of an archive"));
    }
  }, LIMITS.bodyIdleContested);
  try {
    await Promise.race([taken, late.promise]);
  } finally {
    clearInterval(timer);
  }
}
