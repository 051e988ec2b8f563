// Every write to R2. Keys are never used twice, so a write whose answer was lost is settled by looking
// at the key. A failed call is tried again; one that keeps failing throws a StorageError.

import { LIMITS } from "../protocol/limits.ts";
import { pauseAfter } from "../protocol/pause.ts";

/** R2 did not do it, or its answer did not arrive. */
export class StorageError extends Error {
  override readonly name = "StorageError";
}

/** A part of an open multipart upload that R2 has stored. */
export interface StoredPart {
  partNumber: number;
  etag: string;
}

/** One open multipart upload. */
export interface Multipart {
  key: string;
  id: string;
}

async function attempt<T>(what: string, action: (round: number) => Promise<T>): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await action(round);
    } catch (cause) {
      if (round === LIMITS.storageAttempts) {
        throw new StorageError(`Cannot ${what}`, { cause });
      }
      await scheduler.wait(pauseAfter(round));
    }
  }
}

/** Opens a multipart upload and gives its id. */
export async function beginMultipart(bucket: R2Bucket, key: string): Promise<string> {
  const { uploadId } = await attempt(`open ${key}`, () => bucket.createMultipartUpload(key));
  return uploadId;
}

/** Stores a part under `firstNumber`, a further attempt under the next one: the caller sets aside
 * LIMITS.storageAttempts numbers. */
export async function putPart(
  bucket: R2Bucket,
  multipart: Multipart,
  firstNumber: number,
  bytes: Uint8Array,
): Promise<StoredPart> {
  const upload = bucket.resumeMultipartUpload(multipart.key, multipart.id);
  return attempt(`store a part of ${multipart.key}`, (round) =>
    upload.uploadPart(firstNumber + round - 1, bytes),
  );
}

/** Completes a multipart upload into an object of `size` bytes; done already is success. */
export async function completeMultipart(
  bucket: R2Bucket,
  multipart: Multipart,
  parts: StoredPart[],
  size: number,
): Promise<void> {
  const upload = bucket.resumeMultipartUpload(multipart.key, multipart.id);
  await attempt(`complete ${multipart.key}`, async () => {
    try {
      await upload.complete(parts);
    } catch (error) {
      // A second complete fails with 10024 although the first one did its work.
      if ((await objectSize(bucket, multipart.key)) !== size) {
        throw error;
      }
    }
  });
}

/** The size of an object, or null when there is none. */
export async function objectSize(bucket: R2Bucket, key: string): Promise<number | null> {
  const object = await attempt(`look at ${key}`, () => bucket.head(key));
  return object?.size ?? null;
}

/** Gives up an open multipart upload; one that is gone already is success. */
export async function abortMultipart(bucket: R2Bucket, multipart: Multipart): Promise<void> {
  const upload = bucket.resumeMultipartUpload(multipart.key, multipart.id);
  await attempt(`abort ${multipart.key}`, () => upload.abort());
}

/** Stores an object in one call, which R2 checks against its `sha512`. */
export async function putObject(
  bucket: R2Bucket,
  key: string,
  bytes: Uint8Array,
  sha512: string,
): Promise<void> {
  await attempt(`store ${key}`, () => bucket.put(key, bytes, { sha512 }));
}

/** Stores an object of so many bytes that are made once more at each attempt; R2 checks them against their SHA-256. */
export async function putStream(
  bucket: R2Bucket,
  key: string,
  source: { length: number; sha256: Uint8Array; pieces: () => Iterable<Uint8Array> },
): Promise<void> {
  const { length, sha256, pieces } = source;
  await attempt(`store ${key}`, async () => {
    const { readable, writable } = new FixedLengthStream(length);
    const stored = bucket.put(key, readable, { sha256 });
    await Promise.all([stored, writePieces(writable, pieces())]);
  });
}

async function writePieces(
  to: WritableStream<Uint8Array>,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const writer = to.getWriter();
  for (const piece of pieces) {
    await writer.write(piece);
  }
  await writer.close();
}

/** Reads `length` bytes of an object into memory; for pieces of at most one part. */
export async function readPiece(
  bucket: R2Bucket,
  key: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  return attempt(`read ${key}`, async () => {
    const object = await bucket.get(key, { range: { offset, length } });
    const bytes = object && new Uint8Array(await object.arrayBuffer());
    if (bytes?.length !== length) {
      throw new StorageError(`Object ${key} has no ${length} bytes at ${offset}`);
    }
    return bytes;
  });
}

/** Deletes objects, those that are gone already included; R2 takes 1,000 keys a call. */
export async function removeObjects(bucket: R2Bucket, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += 1_000) {
    const batch = keys.slice(from, from + 1_000);
    await attempt(`delete ${batch.length} objects`, () => bucket.delete(batch));
  }
}
