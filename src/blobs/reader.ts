// A blob's bytes on their way out of R2, from any of its extents.

import { LIMITS } from "../protocol/limits.ts";
import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import { slicesFor } from "./extents.ts";
import type { Slice } from "./extents.ts";
import type { Piece } from "./join-pieces.ts";
import { openSlice } from "./open-slice.ts";
import type { Reading } from "./open-slice.ts";
import { sendPieces } from "./send-pieces.ts";

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

/** Writes slices one after the other, outside JavaScript. */
async function sendSlices(
  reading: Reading,
  slices: readonly Slice[],
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const [only] = slices;
  if (slices.length === 1 && only !== undefined && only.length <= LIMITS.firstWindow) {
    const { body } = await openSlice(reading, only);
    return body.pipeTo(to, { preventClose: true, preventAbort: true });
  }
  return sendPieces(reading, inOneBatch(slices), to);
}

/** @yields Nothing but all of them. */
async function* inOneBatch(slices: readonly Slice[]): AsyncGenerator<Piece[]> {
  yield slices.map((slice) => ({ kind: "slice", slice }));
}

/** Opens the first bytes of a blob, or all, as one stream. It errors, and never ends early, when R2 cannot give every byte. */
export async function openBlob(
  reading: Reading,
  extents: readonly Extent[],
  size: number,
): Promise<ReadableStream<Uint8Array>> {
  const slices = slicesFor(extents, 0, size);
  const [only] = slices;
  if (slices.length === 1 && only !== undefined && size <= LIMITS.readWindow) {
    return (await openSlice(reading, only)).body;
  }
  const { readable, writable } = new FixedLengthStream(size);
  void sendAndClose(reading, slices, writable);
  return readable;
}

async function sendAndClose(
  reading: Reading,
  slices: readonly Slice[],
  to: WritableStream<Uint8Array>,
): Promise<void> {
  try {
    await sendSlices(reading, slices, to);
    await to.close();
  } catch (reason) {
    // The reader gets the reason; where it was the reader that left, there is nobody to tell.
    await to.abort(reason).catch(() => {});
  }
}

/** A blob with the validators that its content gives it. `modifiedAt` is the version's: the blob's own time
 * would tell of an earlier upload of the same bytes by somebody else. */
export function blobSource(
  reading: Reading,
  blob: Pick<BlobFacts, "size" | "sha256" | "sha512">,
  extents: readonly Extent[],
  modifiedAt: number,
): BlobSource {
  const sha256 = Uint8Array.fromHex(blob.sha256).toBase64();
  const sha512 = Uint8Array.fromHex(blob.sha512).toBase64();
  return {
    size: blob.size,
    etag: `"${blob.sha512}"`,
    lastModified: modifiedAt,
    reprDigest: `sha-256=:${sha256}:, sha-512=:${sha512}:`,
    send: (start, end, to) => sendSlices(reading, slicesFor(extents, start, end), to),
  };
}
