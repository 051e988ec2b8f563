// Sends bytes at hand and bytes from R2 as one run. What comes next is opened while what is here goes out:
// an archive of small files would otherwise wait for R2 once a file.

import { LIMITS } from "../protocol/limits.ts";
import type { Slice } from "./extents.ts";
import { openSlice } from "./reader.ts";

/** Bytes at hand, or a slice of an R2 object of at most LIMITS.readWindow bytes. */
export type Piece = { kind: "bytes"; bytes: Uint8Array } | { kind: "slice"; slice: Slice };

/** A piece on its way. A small slice is read whole as soon as it is opened. */
type Opened = { bytes: Uint8Array } | { body: ReadableStream<Uint8Array> };

/**
 * Writes pieces in order and leaves `to` open and unlocked. Rejects when R2 cannot give them all; nothing
 * that follows the gap is written then. They come in batches, each read to its end before the next is asked
 * for; the last may be left.
 */
export async function sendPieces(
  bucket: R2Bucket,
  batches: AsyncGenerator<Iterable<Piece>>,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const ahead = new Ahead(bucket, batches);
  const output = new Output(to);
  try {
    for (let opened = await ahead.next(); opened !== null; opened = await ahead.next()) {
      await ("bytes" in opened ? output.write(opened.bytes) : output.pipe(opened.body));
    }
    await output.flush();
  } finally {
    await ahead.cancel();
  }
}

/** Opens pieces before they are due: as many as LIMITS.piecesAhead, of one window's bytes. */
class Ahead {
  readonly #bucket: R2Bucket;
  readonly #batches: AsyncGenerator<Iterable<Piece>>;
  #batch: Iterator<Piece> = [].values();
  readonly #coming: { opened: Promise<Opened>; length: number }[] = [];
  #length = 0;
  #isAtEnd = false;

  constructor(bucket: R2Bucket, batches: AsyncGenerator<Iterable<Piece>>) {
    this.#bucket = bucket;
    this.#batches = batches;
  }

  /** Gives the next piece, or null after the last. */
  async next(): Promise<Opened | null> {
    await this.#fill();
    const [next] = this.#coming;
    if (next === undefined) {
      return null;
    }
    this.#length -= next.length;
    // Those behind it open while this one is sent. Should that fail, it is still here to be cancelled.
    await this.#fill();
    this.#coming.shift();
    return next.opened;
  }

  /** Cancels what is open and not given, and ends the pieces. */
  async cancel(): Promise<void> {
    const closing = this.#coming.map(async ({ opened }) => {
      const piece = await opened;
      await ("body" in piece ? piece.body.cancel() : undefined);
    });
    await Promise.allSettled([...closing, this.#batches.return(undefined)]);
  }

  async #fill(): Promise<void> {
    while (
      !this.#isAtEnd &&
      this.#coming.length < LIMITS.piecesAhead &&
      this.#length < LIMITS.readWindow
    ) {
      const { done, value } = this.#batch.next();
      if (done !== true) {
        this.#take(value);
      } else {
        await this.#nextBatch();
      }
    }
  }

  async #nextBatch(): Promise<void> {
    const { done, value } = await this.#batches.next();
    if (done === true) {
      this.#isAtEnd = true;
    } else {
      this.#batch = joinBytes(value);
    }
  }

  #take(piece: Piece): void {
    const length = piece.kind === "bytes" ? piece.bytes.length : piece.slice.length;
    const opened = openPiece(this.#bucket, piece);
    // A failure is told when the piece is due; until then nobody listens.
    opened.catch(() => undefined);
    this.#coming.push({ opened, length });
    this.#length += length;
  }
}

/** @yields The same bytes with as few pieces of bytes at hand as LIMITS.smallSlice allows. */
function* joinBytes(pieces: Iterable<Piece>): Generator<Piece> {
  let run: Uint8Array[] = [];
  let length = 0;
  function* joined(): Generator<Piece> {
    if (length > 0) {
      yield { kind: "bytes", bytes: concat(run, length) };
    }
    run = [];
    length = 0;
  }
  for (const piece of pieces) {
    if (piece.kind === "slice") {
      yield* joined();
      yield piece;
    } else {
      run.push(piece.bytes);
      length += piece.bytes.length;
      if (length >= LIMITS.smallSlice) {
        yield* joined();
      }
    }
  }
  yield* joined();
}

function concat(run: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of run) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function openPiece(bucket: R2Bucket, piece: Piece): Promise<Opened> {
  if (piece.kind === "bytes") {
    return { bytes: piece.bytes };
  }
  const { length } = piece.slice;
  const object = await openSlice(bucket, piece.slice);
  if (length > LIMITS.smallSlice) {
    return { body: object.body };
  }
  const bytes = new Uint8Array(await object.arrayBuffer());
  if (bytes.length !== length) {
    throw new Error(`Object ${piece.slice.key} gave ${bytes.length} bytes instead of ${length}`);
  }
  return { bytes };
}

/** Collects small writes, the first apart: a client waits for it. Bodies pass beside JavaScript. */
class Output {
  readonly #to: WritableStream<Uint8Array>;
  readonly #buffer = new Uint8Array(LIMITS.smallSlice);
  #filled = 0;
  #hasBegun = false;

  constructor(to: WritableStream<Uint8Array>) {
    this.#to = to;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.subarray(at, at + this.#buffer.length - this.#filled);
      this.#buffer.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === this.#buffer.length || !this.#hasBegun) {
        await this.flush();
      }
    }
  }

  async pipe(body: ReadableStream<Uint8Array>): Promise<void> {
    await this.flush();
    await body.pipeTo(this.#to, { preventClose: true, preventAbort: true });
  }

  async flush(): Promise<void> {
    if (this.#filled === 0) {
      return;
    }
    this.#hasBegun = true;
    const writer = this.#to.getWriter();
    try {
      // Done when the reader has taken them all: the buffer is free again.
      await writer.write(this.#buffer.subarray(0, this.#filled));
    } finally {
      writer.releaseLock();
    }
    this.#filled = 0;
  }
}
