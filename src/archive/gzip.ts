// Compresses an archive while a client downloads it, in memory that depends on neither the size of
// the archive nor the speed of the client. The runtime's compressor takes all that it is given and
// keeps what nobody has read (`writeInternal()` in its source says so), so it gets a chunk only when
// it has nothing left to give and the consumer has taken everything before. No buffer is made per
// chunk either: the garbage of a fast download costs more memory than the download itself.
// https://github.com/cloudflare/workerd/blob/main/src/workerd/api/streams/compression.c++

import type { ArchivePiece } from "./entry.ts";
import { CHUNK_SIZE, PieceReader } from "./piece-reader.ts";

/** Room for all that the compressor makes of a chunk, with what it has held back before. */
const OUTPUT_SIZE = 2 * CHUNK_SIZE;

/**
 * Makes the gzip of `pieces`. The same bytes give the same gzip. The work starts at once and stays
 * at most one output ahead of the consumer. An error in the pieces, or a member that has not exactly
 * the bytes it said, errors the stream. When the consumer cancels, the open member is cancelled and
 * the pieces are ended, after the read of a member that may be under way. When a client's departure
 * ends the whole request, the runtime drops all of them without a word.
 */
export function gzipStream(pieces: AsyncIterable<ArchivePiece>): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void pump(new Gzip(pieces), writable.getWriter());
  return readable;
}

/** Moves everything; never rejects, as its errors are the consumer's. */
async function pump(gzip: Gzip, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  try {
    for (let bytes = await gzip.read(); bytes !== null; bytes = await gzip.read()) {
      await writer.write(bytes); // waits until the consumer has taken them all
    }
    await writer.close();
  } catch (error) {
    // Either the pieces failed and the consumer must know, or it cancelled and they must.
    await Promise.allSettled([writer.abort(error), gzip.cancel(error)]);
  }
}

/** Compresses pieces one output at a time. */
class Gzip {
  readonly #pieces: PieceReader;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamBYOBReader;
  /** Holds an output; reading the compressor detaches it and gives another in its place. */
  #buffer: ArrayBufferLike = new ArrayBuffer(OUTPUT_SIZE);
  /** A read of the compressor waits, so it has nothing to give. */
  #isDrained = false;
  /** The compressor has got everything. */
  #isFed = false;

  constructor(pieces: AsyncIterable<ArchivePiece>) {
    const compressor = new CompressionStream("gzip");
    this.#pieces = new PieceReader(pieces);
    this.#input = compressor.writable.getWriter();
    this.#output = compressor.readable.getReader({ mode: "byob" });
  }

  /** Reads the next output, or null after the last. The bytes are valid until the next call. */
  async read(): Promise<Uint8Array | null> {
    const [output] = await Promise.all([this.#drain(), this.#feed()]);
    return output;
  }

  /** Cancels the pieces, and drops what the compressor holds. */
  async cancel(reason: unknown): Promise<void> {
    await Promise.allSettled([this.#pieces.cancel(reason), this.#input.abort(reason)]);
  }

  async #drain(): Promise<Uint8Array | null> {
    this.#isDrained = true;
    const { done, value } = await this.#output.read(new Uint8Array(this.#buffer));
    this.#isDrained = false;
    if (done) {
      return null;
    }
    this.#buffer = value.buffer;
    return value;
  }

  async #feed(): Promise<void> {
    while (this.#isDrained && !this.#isFed) {
      const chunk = await this.#pieces.read();
      if (chunk === null) {
        this.#isFed = true;
        await this.#input.close();
      } else {
        await this.#input.write(chunk);
      }
    }
  }
}
