// Reads pieces as chunks of one size. Where a chunk ends depends on the bytes alone, never on how a
// member's stream cuts them, so that a compressor fed with chunks always sees the same writes.

import type { ArchiveEntry, ArchivePiece } from "./entry.ts";

/** The size of every chunk but the last. */
export const CHUNK_SIZE = 256 * 1024;

/** A member being read, and how many of its bytes are still to come. */
interface OpenMember {
  entry: ArchiveEntry;
  reader: ReadableStreamBYOBReader;
  left: number;
}

/** Gives the bytes of `pieces` in order, holding one chunk and at most one open member. */
export class PieceReader {
  readonly #pieces: AsyncIterator<ArchivePiece>;
  /** Holds the chunk in the making; reading a member detaches it and gives another in its place. */
  #buffer: ArrayBufferLike = new ArrayBuffer(CHUNK_SIZE);
  #filled = 0;
  /** What is left of a piece of bytes at hand. */
  #bytes: Uint8Array = new Uint8Array();
  #member: OpenMember | null = null;

  constructor(pieces: AsyncIterable<ArchivePiece>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /**
   * Reads the next chunk, or null at the end. The chunk is valid until the next call. Rejects when
   * a member has not exactly the bytes it said; the caller then cancels.
   */
  async read(): Promise<Uint8Array | null> {
    this.#filled = 0;
    let isAtEnd = false;
    while (this.#filled < CHUNK_SIZE && !isAtEnd) {
      if (this.#bytes.length > 0) {
        this.#copyBytes();
      } else if (this.#member !== null) {
        await this.#readMember(this.#member);
      } else {
        isAtEnd = !(await this.#takePiece());
      }
    }
    return this.#filled > 0 ? new Uint8Array(this.#buffer, 0, this.#filled) : null;
  }

  /** Cancels the open member and ends the pieces. Not while a read is under way. */
  async cancel(reason: unknown): Promise<void> {
    // A member that failed rejects here with the error that read() gave already.
    await Promise.allSettled([this.#member?.reader.cancel(reason), this.#pieces.return?.()]);
  }

  #copyBytes(): void {
    const bytes = this.#bytes.subarray(0, CHUNK_SIZE - this.#filled);
    new Uint8Array(this.#buffer).set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#bytes = this.#bytes.subarray(bytes.length);
  }

  async #readMember(member: OpenMember): Promise<void> {
    const { entry, reader, left } = member;
    if (left === 0) {
      await requireEnd(entry, reader);
      this.#member = null;
      return;
    }
    const length = Math.min(left, CHUNK_SIZE - this.#filled);
    const room = new Uint8Array(this.#buffer, this.#filled, length);
    // One call for a whole chunk, as every call leaves garbage. What it drops when the stream
    // breaks in the middle is of no use here.
    const { value } = await reader.readAtLeast(length, room);
    if (value === undefined || value.length < length) {
      throw new Error(`Cannot archive "${entry.path}": it ends before its ${entry.size} bytes`);
    }
    this.#buffer = value.buffer;
    this.#filled += length;
    member.left -= length;
  }

  /** Takes up the next piece; false if there is none. */
  async #takePiece(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done) {
      return false;
    }
    const piece = next.value;
    if (piece.kind === "bytes") {
      this.#bytes = piece.bytes;
      return true;
    }
    const stream = await piece.entry.open();
    const reader = stream.getReader({ mode: "byob" });
    this.#member = { entry: piece.entry, reader, left: piece.entry.size };
    return true;
  }
}

/** Refuses a member that goes on after its last byte. */
async function requireEnd(entry: ArchiveEntry, reader: ReadableStreamBYOBReader): Promise<void> {
  const { done } = await reader.read(new Uint8Array(1));
  if (!done) {
    throw new Error(`Cannot archive "${entry.path}": it has more than its ${entry.size} bytes`);
  }
}
