// Sends bytes at hand and bytes from R2 as one run. What comes next is opened while what is here goes out:
// an archive of small files would otherwise wait for R2 once a file.

import { REQUEST } from "../budget/budget.ts";
import type { Lease } from "../budget/budget.ts";
import { SENDING } from "../budget/shares.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Slice } from "./extents.ts";
import type { Group, Joined, Piece } from "./join-pieces.ts";
import { apart, joinPieces } from "./join-pieces.ts";
import { openSlice } from "./open-slice.ts";
import type { Reading } from "./open-slice.ts";

/** A piece on its way. A group is read whole as soon as it is opened, where there is memory for it; else its pieces are
 * opened one after the other when they are due. */
type Opened =
  | { parts: Uint8Array[]; lease: Lease }
  | { pieces: Piece[] }
  | { body: ReadableStream<Uint8Array> };

/**
 * Writes pieces in order and leaves `to` open and unlocked. Rejects when R2 cannot give them all; nothing
 * that follows the gap is written then. They come in batches, each read to its end before the next is asked
 * for; the last may be left.
 */
export async function sendPieces(
  reading: Reading,
  batches: AsyncGenerator<Iterable<Piece>>,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const ahead = new Ahead(reading, batches);
  const output = new Output(to);
  try {
    for (let opened = await ahead.next(); opened !== null; opened = await ahead.next()) {
      await send(reading, opened, output);
    }
    await output.flush();
  } finally {
    await ahead.cancel();
  }
}

async function send(reading: Reading, opened: Opened, output: Output): Promise<void> {
  if ("body" in opened) {
    return output.pipe(opened.body);
  }
  if ("parts" in opened) {
    try {
      return await output.write(opened.parts);
    } finally {
      SENDING.end(opened.lease);
    }
  }
  for (const piece of opened.pieces) {
    await (piece.kind === "bytes"
      ? output.write([piece.bytes])
      : output.pipe((await openSlice(reading, piece.slice)).body));
  }
}

/** Opens pieces before they are due: as many as LIMITS.piecesAhead, of one window's bytes. The first goes out
 * before any other is looked up: a client waits for it, and of one that takes nothing no more is read. */
class Ahead {
  readonly #reading: Reading;
  readonly #batches: AsyncGenerator<Iterable<Piece>>;
  #batch: Iterator<Joined> = [].values();
  readonly #coming: { opened: Promise<Opened>; length: number }[] = [];
  #length = 0;
  #hasBegun = false;
  #isAtEnd = false;

  constructor(reading: Reading, batches: AsyncGenerator<Iterable<Piece>>) {
    this.#reading = reading;
    this.#batches = batches;
  }

  /** Gives the next piece, or null after the last. */
  async next(): Promise<Opened | null> {
    await this.#fill(1);
    const [next] = this.#coming;
    if (next === undefined) {
      return null;
    }
    this.#length -= next.length;
    if (this.#hasBegun) {
      // Those behind it open while this one is sent. Should that fail, it is still here to be cancelled.
      await this.#fill(LIMITS.piecesAhead + 1);
    }
    this.#hasBegun = true;
    this.#coming.shift();
    return next.opened;
  }

  /** Cancels what is open and not given, and ends the pieces. */
  async cancel(): Promise<void> {
    const closing = this.#coming.map(async ({ opened }) => {
      const piece = await opened;
      if ("parts" in piece) {
        SENDING.end(piece.lease);
      }
      await ("body" in piece ? piece.body.cancel() : undefined);
    });
    await Promise.allSettled([...closing, this.#batches.return(undefined)]);
  }

  async #fill(count: number): Promise<void> {
    while (!this.#isAtEnd && this.#coming.length < count && this.#length < this.#reading.window) {
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
      this.#batch = this.#cut(this.#hasBegun ? joinPieces(value) : joinAfterFirst(value));
    }
  }

  /** @yields The same, with slices of no more than a window; the first one is small. */
  *#cut(pieces: Iterable<Joined>): Generator<Joined> {
    const { window } = this.#reading;
    for (const piece of pieces) {
      if (piece.kind === "group") {
        yield piece;
        continue;
      }
      const { key, offset, length } = piece.slice;
      for (let from = 0; from < length;) {
        const most = this.#hasBegun ? window : Math.min(window, LIMITS.firstWindow);
        const taken = Math.min(most, length - from);
        yield { kind: "slice", slice: { key, offset: offset + from, length: taken } };
        from += taken;
      }
    }
  }

  #take(joined: Joined): void {
    const isGroup = joined.kind === "group";
    const opened = isGroup
      ? openGroup(this.#reading, joined)
      : openBody(this.#reading, joined.slice);
    // A failure is told when the piece is due; until then nobody listens.
    opened.catch(() => undefined);
    const { length } = isGroup ? joined : joined.slice;
    this.#coming.push({ opened, length });
    this.#length += length;
  }
}

/** @yields The first piece alone, then the others together. */
function* joinAfterFirst(pieces: Iterable<Piece>): Generator<Joined> {
  const rest = pieces[Symbol.iterator]();
  const { done, value } = rest.next();
  if (done !== true) {
    yield* joinPieces([value]);
    yield* joinPieces({ [Symbol.iterator]: () => rest });
  }
}

async function openBody(reading: Reading, slice: Slice): Promise<Opened> {
  return { body: (await openSlice(reading, slice)).body };
}

/** Nobody waits here for memory: a client that takes its time would keep the others from theirs. */
async function openGroup(reading: Reading, group: Group): Promise<Opened> {
  const { span, parts } = group;
  const held = group.length + (span?.length ?? 0);
  const lease = SENDING.open(held, REQUEST, reading.payer);
  if (!SENDING.tryGrow(lease, held)) {
    SENDING.end(lease);
    return { pieces: apart(group) };
  }
  try {
    const bytes = span === null ? new Uint8Array() : await readSlice(reading, span);
    const found = parts.map((part) =>
      part instanceof Uint8Array ? part : bytes.subarray(part.at, part.at + part.length),
    );
    return { parts: found, lease };
  } catch (error) {
    SENDING.end(lease);
    throw error;
  }
}

async function readSlice(reading: Reading, slice: Slice): Promise<Uint8Array> {
  const object = await openSlice(reading, slice);
  const bytes = new Uint8Array(await object.arrayBuffer());
  if (bytes.length !== slice.length) {
    throw new Error(`Object ${slice.key} gave ${bytes.length} bytes instead of ${slice.length}`);
  }
  return bytes;
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

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      await this.#writePart(part);
    }
  }

  async #writePart(bytes: Uint8Array): Promise<void> {
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
    const writer = this.#to.getWriter();
    try {
      // Done when the reader has taken them all: the buffer is free again.
      await writer.write(this.#buffer.subarray(0, this.#filled));
    } finally {
      writer.releaseLock();
    }
    this.#filled = 0;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      await scheduler.wait(1); // else the first bytes leave after the reads that follow have kept the runtime busy
    }
  }
}
