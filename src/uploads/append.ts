// One append: body -> checksums -> parts in R2 -> one ledger transaction -> answer. All or nothing: until
// the transaction nothing of it is visible, whatever has been sent to R2.

import type { RunningChecksums } from "../blobs/checksums.ts";
import { StorageError } from "../blobs/objects.ts";
import { BodyCheck } from "../http/body-check.ts";
import { BodyError, BodyReader } from "../http/body-reader.ts";
import { isAppError } from "../protocol/errors.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { AppendTerms } from "../protocol/uploads.ts";
import { AppendBuffer } from "./append-buffer.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import type { Boundary } from "./ledger.ts";
import { PartWriter, TooScattered } from "./part-writer.ts";
import { decideAppend, offsetOf, partSizeOf, refuseSize, tailStart } from "./state.ts";

type Appended = Outcome<{ offset: number }>;
type Refused = Appended & { ok: false };

/** Appends a body to the upload; `offset` is where it ends then. */
export async function append(
  context: UploadContext,
  body: ReadableStream<Uint8Array> | null,
  terms: AppendTerms,
): Promise<Appended> {
  const decision = decideAppend(requireState(context), terms);
  if (!decision.ok || body === null) {
    await body?.cancel();
    return decision.ok ? (refusalOfNothing(terms) ?? decision) : decision;
  }
  const reader = new BodyReader(body, context.contestedFloor);
  const run = new AppendRun(context, reader, terms);
  try {
    return await run.finish();
  } catch (error) {
    reader.cancel();
    await run.abandon();
    return refusalFor(error, context);
  }
}

/** Where a piece of a longer body ends, and who looks at what passes; `length` are the bytes that the body still has, where
 * that is known. */
interface PieceBounds {
  most: number;
  until: number;
  check: BodyCheck;
  length?: number | null;
}

/** What a piece of a longer body came to. */
export type Piece = Outcome<{ end: "none" | "clean" | "broken" }>;

/** Appends the next `most` bytes of a body of unknown length, or what comes until the time `until`; what
 * arrived before the body broke off counts. A refusal appends nothing and leaves the body to its owner. */
export async function appendPiece(
  context: UploadContext,
  reader: BodyReader,
  bounds: PieceBounds,
): Promise<Piece> {
  const terms = { offset: null, length: bounds.length ?? null };
  const decision = decideAppend(requireState(context), terms);
  if (!decision.ok) {
    return decision;
  }
  const run = new AppendRun(context, reader, terms, bounds);
  try {
    return { ok: true, end: await run.finishPiece() };
  } catch (error) {
    await run.abandon();
    return refusalFor(error, context);
  }
}

const BODY_REFUSALS = {
  incomplete: "upload_body_incomplete",
  stalled: "upload_body_stalled",
} as const satisfies Record<BodyError["reason"], ErrorCode>;

/** Thrown when a body turns out to be longer than the upload may be, or not what was promised. */
class Unfit extends Error {
  override readonly name = "Unfit";
  readonly refusal: Refused;

  constructor(refusal: Refused) {
    super("Body unfit");
    this.refusal = refusal;
  }
}

/** The refusal that an error of an append means; what means none is thrown on. */
function refusalFor(error: unknown, context: UploadContext): Refused {
  if (error instanceof Unfit) {
    return error.refusal;
  }
  if (error instanceof BodyError) {
    return { ok: false, code: BODY_REFUSALS[error.reason] };
  }
  if (error instanceof StorageError) {
    context.openExtentConfirmed = false;
    return { ok: false, code: "storage_unavailable" };
  }
  if (error instanceof TooScattered) {
    return { ok: false, code: "upload_too_scattered" };
  }
  if (isAppError(error)) {
    return { ok: false, code: error.code };
  }
  throw error;
}

class AppendRun {
  readonly #context: UploadContext;
  readonly #terms: AppendTerms;
  readonly #body: BodyReader;
  readonly #writer: PartWriter;
  readonly #partSize: number;
  readonly #checksums: RunningChecksums;
  readonly #promised: BodyCheck | null;
  readonly #boundaries: Boundary[] = [];
  /** Does the buffer begin with the tail? Not for a short append, which leaves the tail's rows alone. */
  readonly #holdsTail: boolean;
  /** The bytes that are not in a part yet. */
  readonly #buffer: AppendBuffer;
  /** Where a piece of a longer body ends; null: it is the whole body. */
  readonly #bounds: PieceBounds | null;
  readonly #begin: number;
  #taken = 0;
  /** What a piece is read into, and what comes behind a full part. */
  #spare: Uint8Array | null = null;

  constructor(
    context: UploadContext,
    body: BodyReader,
    terms: AppendTerms,
    bounds: PieceBounds | null = null,
  ) {
    const state = requireState(context);
    const { ledger, owner } = context;
    this.#context = context;
    this.#terms = terms;
    this.#body = body;
    this.#bounds = bounds;
    this.#begin = offsetOf(state);
    this.#partSize = partSizeOf(state);
    this.#writer = new PartWriter(context, this.#partSize);
    this.#checksums = ledger.checksums();
    this.#promised = bounds?.check ?? (terms.promise ? new BodyCheck(terms.promise) : null);
    const { length } = terms;
    this.#holdsTail = length === null || state.tailLength + length >= this.#partSize;
    const holder = { owner, payer: String(state.workspaceId) };
    this.#buffer = new AppendBuffer(holder, this.#partSize, this.#holdsTail ? LIMITS.readView : 0);
  }

  async finish(): Promise<Appended> {
    await this.#readAll();
    const { length } = this.#terms;
    if (length !== null && this.#taken !== length) {
      throw new BodyError("incomplete");
    }
    refuseUnfit(this.#promised?.finish() ?? null);
    await this.#writer.settle();
    this.#commit();
    return { ok: true, offset: offsetOf(requireState(this.#context)) };
  }

  /** Keeps what has arrived when the body breaks off. */
  async finishPiece(): Promise<"none" | "clean" | "broken"> {
    let end: "none" | "clean" | "broken";
    try {
      end = (await this.#readAll()) ? "none" : "clean";
    } catch (error) {
      if (!(error instanceof BodyError)) {
        throw error;
      }
      end = "broken";
    }
    await this.#writer.settle();
    this.#commit();
    return end;
  }

  /** Leaves nothing under way. */
  async abandon(): Promise<void> {
    await this.#writer.abandon();
    this.#buffer.free();
    this.#context.ledger.dropEmptyExtents({ openToo: false });
  }

  /** Says whether the body may have more. */
  async #readAll(): Promise<boolean> {
    await this.#takeTail();
    let hasMore = true;
    while (hasMore && this.#taken !== this.#terms.length && !this.#isPieceFull()) {
      await this.#sendFullPart();
      hasMore = this.#isFull() ? await this.#readBehindFull() : await this.#readIntoBuffer();
    }
    await this.#sendFullPart();
    return hasMore;
  }

  /** Begins the buffer with the tail, where it is to hold that. */
  async #takeTail(): Promise<void> {
    const { ledger } = this.#context;
    const { tailLength } = requireState(this.#context);
    if (this.#holdsTail && tailLength > 0) {
      await this.#buffer.makeRoom(this.#left, tailLength);
      ledger.tail.readInto(this.#buffer.room, tailLength);
      this.#buffer.fill(tailLength);
    }
  }

  /** Bytes that are still to come, as far as anybody knows. */
  get #left(): number {
    return (this.#terms.length ?? Infinity) - this.#taken;
  }

  /** Bytes that the piece may still have. */
  get #ofPiece(): number {
    return (this.#bounds?.most ?? Infinity) - this.#taken;
  }

  #isPieceFull(): boolean {
    const bounds = this.#bounds;
    return bounds !== null && (this.#taken >= bounds.most || Date.now() >= bounds.until);
  }

  async #readIntoBuffer(): Promise<boolean> {
    const buffer = this.#buffer;
    await buffer.makeRoom(this.#left);
    if (this.#bounds !== null) {
      // Into memory of its own: a buffer that was handed over is lost when the body breaks off.
      return this.#keep(await this.#readSpare(Math.min(buffer.room.length, this.#ofPiece)));
    }
    const { filled } = buffer;
    const { buffer: bytes, count } = await this.#body.read(buffer.bytes, filled);
    buffer.bytes = bytes;
    this.#check(bytes.subarray(filled, filled + count));
    buffer.fill(count);
    return count > 0;
  }

  /** Reads on while a full buffer waits to be known as the whole upload or as its first part. */
  async #readBehindFull(): Promise<boolean> {
    const bytes = await this.#readSpare(Math.min(this.#partSize, this.#left, this.#ofPiece));
    if (bytes.length > 0) {
      await this.#sendPart();
    }
    return this.#keep(bytes);
  }

  /** Reads at most so many bytes, which are good until the next call. */
  async #readSpare(most: number): Promise<Uint8Array> {
    const spare = this.#spare ?? new Uint8Array(LIMITS.readView);
    const { buffer, count } = await this.#body.read(spare.subarray(0, most), 0);
    this.#spare = new Uint8Array(buffer.buffer);
    return buffer.subarray(0, count);
  }

  /** Says whether there are any. */
  #keep(bytes: Uint8Array): boolean {
    this.#check(bytes);
    if (bytes.length > 0) {
      this.#buffer.room.set(bytes);
      this.#buffer.fill(bytes.length);
    }
    return bytes.length > 0;
  }

  #check(bytes: Uint8Array): void {
    this.#taken += bytes.length;
    const refusal = refuseSize(requireState(this.#context), this.#begin + this.#taken);
    if (refusal !== null) {
      throw new Unfit(refusal);
    }
    this.#checksums.update(bytes);
    refuseUnfit(this.#promised?.update(bytes) ?? null);
  }

  #isFull(): boolean {
    return this.#holdsTail && this.#buffer.filled === this.#partSize;
  }

  /** May a full buffer be the whole upload, to be stored in one verified put at the seal? */
  #mayStayWhole(): boolean {
    return requireState(this.#context).extents.length === 0 && !this.#writer.hasParts;
  }

  async #sendFullPart(): Promise<void> {
    if (this.#isFull() && !this.#mayStayWhole()) {
      await this.#sendPart();
    }
  }

  async #sendPart(): Promise<void> {
    const previous = this.#boundaries.at(-1)?.offset ?? tailStart(requireState(this.#context));
    await this.#buffer.send(this.#writer, this.#left);
    const checksums = this.#checksums.save();
    this.#boundaries.push({ offset: previous + this.#partSize, checksums });
  }

  #commit(): void {
    this.#context.ledger.append({
      parts: this.#writer.parts,
      boundaries: this.#boundaries,
      tail: {
        kind: this.#holdsTail ? "replace" : "extend",
        bytes: this.#buffer.bytes.subarray(0, this.#buffer.filled),
      },
      checksums: this.#checksums.save(),
      at: Date.now(),
    });
    this.#buffer.free();
  }
}

/** Why a request without a body is not what it promises, or null. */
function refusalOfNothing({ promise }: AppendTerms): Refused | null {
  const code = promise === undefined ? null : new BodyCheck(promise).finish();
  return code && { ok: false, code };
}

function refuseUnfit(code: ErrorCode | null): void {
  if (code !== null) {
    throw new Unfit({ ok: false, code });
  }
}
