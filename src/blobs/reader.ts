// A blob's bytes on their way out of R2, from any of its extents.

import type { FileExtent } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BlobFacts } from "../protocol/uploads.ts";
import { cutSlices, slicesFor } from "./extents.ts";
import type { Slice } from "./extents.ts";

/** A blob as something that can be sent (http/content.ts calls it a ByteSource). */
export interface BlobSource {
  size: number;
  /** Strong: the content's sha512, quoted. */
  etag: string;
  /** Milliseconds. */
  lastModified: number;
  /** RFC 9530. */
  reprDigest: string;
  /** Writes bytes [start, end) and leaves `to` open; rejects when R2 cannot give them all. */
  send(start: number, end: number, to: WritableStream<Uint8Array>): Promise<void>;
}

/** Opens a slice; rejects when the object does not hold all of it. */
export async function openSlice(bucket: R2Bucket, slice: Slice): Promise<R2ObjectBody> {
  const { key, offset, length } = slice;
  const object = await bucket.get(key, { range: { offset, length } });
  if (object === null || object.size < offset + length) {
    // R2 would give what there is and end cleanly.
    await object?.body.cancel();
    throw new Error(`Object ${key} has no ${length} bytes at ${offset}`);
  }
  return object;
}

/** Bytes whose place is told some thousands of extents at a time. */
export interface Placed {
  /** @yields The extents that hold the bytes from `start` up to, not including, `end`. */
  extents(start: number, end: number): AsyncIterable<readonly FileExtent[]>;
}

/** What zeros are written from. */
const ZEROS = new Uint8Array(LIMITS.smallSlice);

/** @yields So many zeros, in pieces. */
export function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, left);
  }
}

/** Writes a blob's bytes [start, end) to `to`, one extent after the other, outside JavaScript. */
async function sendBytes(
  bucket: R2Bucket,
  placed: Placed,
  { start, end, most = Infinity }: { start: number; end: number; most?: number },
  to: WritableStream<Uint8Array>,
): Promise<void> {
  for await (const extents of placed.extents(start, end)) {
    const length = extents.reduce((sum, extent) => sum + extent.length, 0);
    for (const slice of cutSlices(slicesFor(extents, 0, length), most)) {
      await (slice.key === null
        ? writeAll(to, zeros(slice.length))
        : sendSlice(bucket, { ...slice, key: slice.key }, to));
    }
  }
}

async function sendSlice(
  bucket: R2Bucket,
  slice: Slice,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const { body } = await openSlice(bucket, slice);
  await body.pipeTo(to, { preventClose: true, preventAbort: true });
}

async function writeAll(
  to: WritableStream<Uint8Array>,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const writer = to.getWriter();
  try {
    for (const piece of pieces) {
      await writer.write(piece);
    }
  } finally {
    writer.releaseLock();
  }
}

/** Opens the first `size` bytes of a blob as one stream for a reader that may be slow: no single read of R2 stays open for
 * long, and what R2 (or its simulator, which has no back-pressure) sends ahead is bounded. The stream errors, and
 * never ends early, when R2 cannot give every byte. */
export function openBlob(
  bucket: R2Bucket,
  placed: Placed,
  size: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(size);
  void sendAndClose(bucket, placed, size, writable);
  return readable;
}

async function sendAndClose(
  bucket: R2Bucket,
  placed: Placed,
  size: number,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  try {
    await sendBytes(bucket, placed, { start: 0, end: size, most: LIMITS.readWindow }, to);
    await to.close();
  } catch (reason) {
    // The reader gets the reason; where it was the reader that left, there is nobody to tell.
    await to.abort(reason).catch(() => {});
  }
}

/** A blob with the validators that its content gives it. `modifiedAt` is the version's: the blob's own time
 * would tell of an earlier upload of the same bytes by somebody else. */
export function blobSource(
  bucket: R2Bucket,
  blob: Pick<BlobFacts, "size" | "sha256" | "sha512">,
  placed: Placed,
  modifiedAt: number,
): BlobSource {
  const sha256 = Uint8Array.fromHex(blob.sha256).toBase64();
  const sha512 = Uint8Array.fromHex(blob.sha512).toBase64();
  return {
    size: blob.size,
    etag: `"${blob.sha512}"`,
    lastModified: modifiedAt,
    reprDigest: `sha-256=:${sha256}:, sha-512=:${sha512}:`,
    send: (start, end, to) => sendBytes(bucket, placed, { start, end }, to),
  };
}
