// One append: body -> checksums -> parts in R2 -> one ledger transaction -> answer. All or nothing: until
// the transaction nothing of it is visible, whatever has been sent to R2.

import { RunningDigest } from "../blobs/checksums.ts";
import type { RunningChecksums } from "../blobs/checksums.ts";
import { StorageError } from "../blobs/objects.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { AppendTerms } from "../protocol/uploads.ts";
import { BodyError, BodyReader } from "./body-reader.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import type { Boundary } from "./ledger.ts";
import { PartWriter, TooScattered } from "./part-writer.ts";
import { decideAppend, offsetOf, partSizeOf, tailStart } from "./state.ts";

type Appended = Outcome<{ offset: number }>;

/** Appends a body to the upload; `offset` is where it ends then. */
export async function append(
  context: UploadContext,
  body: ReadableStream<Uint8Array> | null,
  terms: AppendTerms,
): Promise<Appended> {
  const decision = decideAppend(requireState(context), terms);
  if (!decision.ok || body === null) {
    await body?.cancel();
    return decision;
  }
  const run = new AppendRun(context, body, terms);
  try {
    return await run.finish();
  } catch (error) {
    await run.abandon();
    return refusalFor(error, context);
  }
}

const BODY_REFUSALS = {
  incomplete: "upload_body_incomplete",
  stalled: "upload_body_stalled",
  altered: "upload_digest_mismatch",
} as const satisfies Record<BodyError["reason"], ErrorCode>;

function refusalFor(error: unknown, context: UploadContext): Appended {
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
  throw error;
}

class AppendRun {
  readonly #context: UploadContext;
  readonly #terms: AppendTerms;
  readonly #body: BodyReader;
  readonly #writer: PartWriter;
  readonly #partSize: number;
  readonly #checksums: RunningChecksums;
  readonly #digest: RunningDigest | null;
  readonly #boundaries: Boundary[] = [];
  /** Does the buffer begin with the tail? Not for a short append, which leaves the tail's rows alone. */
  readonly #holdsTail: boolean;
  /** The bytes that are not in a part yet; null right after a part. */
  #buffer: Uint8Array | null;
  #filled: number;

  constructor(context: UploadContext, body: ReadableStream<Uint8Array>, terms: AppendTerms) {
    const state = requireState(context);
    const { ledger } = context;
    this.#context = context;
    this.#terms = terms;
    this.#body = new BodyReader(body, context.isContested);
    this.#partSize = partSizeOf(state);
    this.#writer = new PartWriter(context, this.#partSize);
    this.#checksums = ledger.checksums();
    this.#digest = terms.digest && new RunningDigest(terms.digest.algorithm);
    const { length } = terms;
    this.#holdsTail = length === null || state.tailLength + length >= this.#partSize;
    this.#filled = this.#holdsTail ? state.tailLength : 0;
    this.#buffer = this.#holdsTail
      ? ledger.tail.read(state.tailLength, this.#partSize)
      : new Uint8Array(length ?? 0);
  }

  async finish(): Promise<Appended> {
    await this.#readAll();
    const { length, digest } = this.#terms;
    if (length !== null && this.#body.received !== length) {
      throw new BodyError("incomplete");
    }
    if (digest !== null && !isSame(this.#digest?.digest(), digest.bytes)) {
      throw new BodyError("altered");
    }
    await this.#writer.settle();
    this.#commit();
    return { ok: true, offset: offsetOf(requireState(this.#context)) };
  }

  /** Leaves nothing under way. */
  async abandon(): Promise<void> {
    this.#body.cancel();
    await this.#writer.abandon();
    this.#context.ledger.dropEmptyExtents({ openToo: false });
  }

  async #readAll(): Promise<void> {
    let hasMore = true;
    while (hasMore && this.#body.received !== this.#terms.length) {
      await this.#sendFullPart();
      hasMore = this.#isFull() ? await this.#readBehindFull() : await this.#readIntoBuffer();
    }
    await this.#sendFullPart();
  }

  async #readIntoBuffer(): Promise<boolean> {
    const position = this.#filled;
    const target = this.#buffer ?? new Uint8Array(this.#partSize);
    const { buffer, count } = await this.#body.read(target, position);
    this.#buffer = buffer;
    this.#take(buffer.subarray(position, position + count));
    return count > 0;
  }

  /** Reads on while a full buffer waits to be known as the whole upload or as its first part. */
  async #readBehindFull(): Promise<boolean> {
    const { buffer, count } = await this.#body.read(new Uint8Array(this.#partSize), 0);
    if (count > 0) {
      await this.#sendPart();
      this.#buffer = buffer;
      this.#take(buffer.subarray(0, count));
    }
    return count > 0;
  }

  #take(bytes: Uint8Array): void {
    this.#checksums.update(bytes);
    this.#digest?.update(bytes);
    this.#filled += bytes.length;
  }

  #isFull(): boolean {
    return this.#holdsTail && this.#filled === this.#partSize;
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
    await this.#writer.send(this.#buffer ?? new Uint8Array());
    const checksums = this.#checksums.save();
    this.#boundaries.push({ offset: previous + this.#partSize, checksums });
    this.#buffer = null;
    this.#filled = 0;
  }

  #commit(): void {
    this.#context.ledger.append({
      parts: this.#writer.parts,
      boundaries: this.#boundaries,
      tail: {
        kind: this.#holdsTail ? "replace" : "extend",
        bytes: this.#buffer?.subarray(0, this.#filled) ?? new Uint8Array(),
      },
      checksums: this.#checksums.save(),
      at: Date.now(),
    });
  }
}

function isSame(actual: Uint8Array | undefined, expected: Uint8Array): boolean {
  return actual?.length === expected.length && actual.every((byte, at) => byte === expected[at]);
}
