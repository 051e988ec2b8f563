// A blob's bytes on their way out of R2, from any of its extents.

import type { FileExtent } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BlobFacts } from "../protocol/uploads.ts";
import type { Slice } from "./extents.ts";
import type { Piece } from "./join-pieces.ts";
import { openSlice } from "./open-slice.ts";
import type { Reading } from "./open-slice.ts";
import { piecesOfExtents } from "./placed.ts";
import type { Placed } from "./placed.ts";
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

/** Writes bytes [start, end), one extent after the other. */
async function sendBytes(
  reading: Reading,
  placed: Placed,
  { start, end }: { start: number; end: number },
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const batches = placed.extents(start, end)[Symbol.asyncIterator]();
  const first = await batches.next();
  const extents = first.done === true ? [] : first.value;
  const only = oneSlice(extents);
  const most = Math.min(reading.window, LIMITS.firstWindow);
  if (only !== null && only.length === end - start && only.length <= most) {
    // Outside JavaScript: most files are small.
    const { body } = await openSlice(reading, only);
    return body.pipeTo(to, { preventClose: true, preventAbort: true });
  }
  return sendPieces(reading, inBatches(extents, batches), to);
}

function oneSlice(extents: readonly FileExtent[]): Slice | null {
  const [only] = extents;
  return extents.length !== 1 || only === undefined || only.key === null
    ? null
    : { key: only.key, offset: only.start, length: only.length };
}

/** @yields The pieces of some extents, then of those that follow. */
async function* inBatches(
  first: readonly FileExtent[],
  rest: AsyncIterator<readonly FileExtent[]>,
): AsyncGenerator<Iterable<Piece>> {
  yield piecesOfExtents(first);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield piecesOfExtents(next.value);
  }
}

/** Opens the first bytes of a blob, or all, as one stream. It errors, and never ends early, when R2 cannot give every byte. */
export function openBlob(
  reading: Reading,
  placed: Placed,
  size: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(size);
  void sendAndClose(reading, placed, size, writable);
  return readable;
}

async function sendAndClose(
  reading: Reading,
  placed: Placed,
  size: number,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  try {
    await sendBytes(reading, placed, { start: 0, end: size }, to);
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
    send: (start, end, to) => sendBytes(reading, placed, { start, end }, to),
  };
}
