// Compresses an archive while it is downloaded, in memory that depends on neither the archive's
// size nor the client's speed. The runtime's compressor takes whatever it is given and keeps what
// nobody has read, so it is fed only while a read of its output waits.
// https://github.com/cloudflare/workerd/blob/main/src/workerd/api/streams/compression.c++

import type { ArchivePiece } from "./entry.ts";
import { CHUNK_SIZE, PieceReader } from "./piece-reader.ts";

/**
 * Twice a chunk: one read drains all that the compressor made of one, and what it held back before.
 */
const DRAIN_SIZE = 2 * CHUNK_SIZE;

/**
 * Makes the gzip of `pieces`, which are taken and opened only as the stream is read. The same bytes
 * give the same gzip. A member that fails, or has not exactly the bytes it said, errors the stream.
 */
export function gzipStream(pieces: AsyncIterable<ArchivePiece>): ReadableStream<Uint8Array> {
  return new ReadableStream(new GzipSource(pieces));
}

class GzipSource implements UnderlyingByteSource {
  readonly type = "bytes";
  readonly #source: PieceReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamBYOBReader;
  /** A read of the compressor's output waits, so there is none. */
  #isDrained = false;
  /** The compressor has been given everything. */
  #isFed = false;

  constructor(pieces: AsyncIterable<ArchivePiece>) {
    const compressor = new CompressionStream("gzip");
    this.#source = new PieceReader(pieces);
    this.#writer = compressor.writable.getWriter();
    this.#reader = compressor.readable.getReader({ mode: "byob" });
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    try {
      const [output] = await Promise.all([this.#drain(), this.#feed()]);
      if (output === null) {
        controller.close();
        controller.byobRequest?.respond(0); // a BYOB reader waits for this after close()
      } else {
        controller.enqueue(output);
      }
    } catch (error) {
      await this.cancel(error);
      throw error;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    await Promise.all([this.#source.cancel(reason), this.#writer.abort(reason)]);
  }

  /** Takes what the compressor has made as soon as there is some; null after the last of it. */
  async #drain(): Promise<Uint8Array | null> {
    this.#isDrained = true;
    const { done, value } = await this.#reader.read(new Uint8Array(DRAIN_SIZE));
    this.#isDrained = false;
    return done ? null : value;
  }

  /** Gives the compressor chunks for as long as it gives nothing back. */
  async #feed(): Promise<void> {
    while (this.#isDrained && !this.#isFed) {
      const chunk = await this.#source.read();
      if (chunk === null) {
        this.#isFed = true;
        await this.#writer.close();
      } else {
        await this.#writer.write(chunk);
      }
    }
  }
}
