// Compresses an archive while a client downloads it, in memory that depends on neither the size of
// the archive nor the speed of the client. The runtime's compressor takes all that it is given and
// keeps what nobody has read (`writeInternal()` in its source says so), so it gets a chunk only when
// it has nothing left to give and the consumer has taken everything before. No buffer is made per
// chunk either: the garbage of a fast download costs more memory than the download itself.
// https://github.com/cloudflare/workerd/blob/main/src/workerd/api/streams/compression.c++

/** What the compressor gets at a time, wherever the writes of its source end: the same bytes then give the same gzip. */
export const CHUNK_SIZE = 256 * 1024;

/** It gets less at first: it gives the gzip's header for that, and the client need not wait for a whole chunk. */
const FIRST_CHUNK_SIZE = 512;

/** Room for all that the compressor makes of a chunk, with what it has held back before. */
const OUTPUT_SIZE = 2 * CHUNK_SIZE;

/** Bytes of memory that all of it takes: its buffers, and about as much as a chunk for the compressor. */
export const GZIP_MEMORY = 2 * CHUNK_SIZE + 2 * OUTPUT_SIZE;

/**
 * Compresses `source`, a byte stream of the runtime. The work starts at once and stays at most two outputs ahead of
 * the consumer: one that it is taking and one that is made meanwhile. An error of the source errors the stream; when the consumer cancels, the source is cancelled, after
 * the read that may be under way. When a client's departure ends the whole request, the runtime drops all of them
 * without a word.
 */
export function gzipStream(
  source: ReadableStream<Uint8Array>,
  memory: GzipMemory = { whileWanted: (taken) => taken, free: () => {} },
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void pump(new Gzip(source), writable.getWriter(), memory).finally(memory.free);
  return readable;
}

/** The memory that a gzip takes while it is made: `GZIP_MEMORY` bytes, which others may want. */
export interface GzipMemory {
  /** Waits for what the consumer takes; rejects with TooSlow when that takes too long for those who wait. */
  whileWanted: (taken: Promise<void>) => Promise<void>;
  /** It is made, or given up. */
  free: () => void;
}

/** Thrown when the consumer takes too little. */
export class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** Moves everything; never rejects, as its errors are the consumer's. */
async function pump(
  gzip: Gzip,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  { whileWanted }: GzipMemory,
): Promise<void> {
  let taken: Promise<void> | null = null;
  try {
    for (let bytes = await gzip.read(); bytes !== null; bytes = await gzip.read()) {
      const isFirst = taken === null;
      await (taken && whileWanted(taken));
      taken = writer.write(bytes); // ends when the consumer has taken them all
      taken.catch(() => {}); // it is thrown above, or by close()
      if (isFirst) {
        await scheduler.wait(1); // lets the first bytes leave before the work on those that follow
      }
    }
    await writer.close();
  } catch (error) {
    // Either the source failed and the consumer must know, or it cancelled and the source must.
    const cancelled = gzip.cancel(error);
    if (!(error instanceof TooSlow)) {
      await Promise.allSettled([taken]); // what was made before is good
    }
    await Promise.allSettled([writer.abort(error), cancelled]);
  }
}

/** Compresses one output at a time. */
class Gzip {
  readonly #source: ReadableStreamBYOBReader;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamBYOBReader;
  /** Holds a chunk; as with the output below. */
  #chunk: ArrayBufferLike = new ArrayBuffer(CHUNK_SIZE);
  #chunkSize = FIRST_CHUNK_SIZE;
  /** Hold outputs, the oldest first; reading the compressor detaches one and gives another in its place. */
  readonly #buffers: ArrayBufferLike[] = [
    new ArrayBuffer(OUTPUT_SIZE),
    new ArrayBuffer(OUTPUT_SIZE),
  ];
  /** A read of the compressor waits, so it has nothing to give. */
  #isDrained = false;
  /** The compressor has got everything. */
  #isFed = false;

  constructor(source: ReadableStream<Uint8Array>) {
    const compressor = new CompressionStream("gzip");
    this.#source = source.getReader({ mode: "byob" });
    this.#input = compressor.writable.getWriter();
    this.#output = compressor.readable.getReader({ mode: "byob" });
  }

  /** Reads the next output, or null after the last. The bytes are valid until the call after the next. */
  async read(): Promise<Uint8Array | null> {
    const [output] = await Promise.all([this.#drain(), this.#feed()]);
    return output;
  }

  /** Cancels the source, and drops what the compressor holds. */
  async cancel(reason: unknown): Promise<void> {
    await Promise.allSettled([this.#source.cancel(reason), this.#input.abort(reason)]);
  }

  async #drain(): Promise<Uint8Array | null> {
    this.#isDrained = true;
    const buffer = this.#buffers.shift() ?? new ArrayBuffer(OUTPUT_SIZE);
    const { done, value } = await this.#output.read(new Uint8Array(buffer));
    this.#isDrained = false;
    if (done) {
      return null;
    }
    this.#buffers.push(value.buffer);
    return value;
  }

  async #feed(): Promise<void> {
    while (this.#isDrained && !this.#isFed) {
      const chunk = await this.#readChunk();
      if (chunk.length > 0) {
        await this.#input.write(chunk);
      } else {
        this.#isFed = true;
        await this.#input.close();
      }
    }
  }

  /** Reads the next chunk: a whole one, or what is left, or nothing. It is valid until the next call. */
  async #readChunk(): Promise<Uint8Array> {
    const size = this.#chunkSize;
    // What this drops when the source breaks in the middle is of no use here.
    const { value } = await this.#source.readAtLeast(size, new Uint8Array(this.#chunk, 0, size));
    if (value === undefined) {
      return new Uint8Array();
    }
    this.#chunk = value.buffer;
    this.#chunkSize = CHUNK_SIZE;
    return value;
  }
}
