// Sends the parts of one append to R2. Nothing that it stores counts before the ledger commits it: an
// append that dies leaves parts that no completion names.

import { beginMultipart, completeMultipart, putPart } from "../blobs/objects.ts";
import type { StoredPart } from "../blobs/objects.ts";
import { LIMITS } from "../protocol/limits.ts";
import { confirmOpenExtent, requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import type { UploadExtent } from "./state.ts";

/** Part numbers that a part takes: one for each attempt. Numbers only rise and none is sent twice, so that a
 * lost request which arrives late replaces nothing, and parts keep their order whatever had to be repeated. */
const NUMBERS_PER_PART = LIMITS.storageAttempts;

/** Thrown when an upload would need more extents than it may have. */
export class TooScattered extends Error {
  override readonly name = "TooScattered";
}

export class PartWriter {
  readonly #context: UploadContext;
  readonly #partSize: number;
  readonly #stored = new Map<number, StoredPart[]>();
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { cause: unknown } | null = null;
  #extent: UploadExtent | null = null;

  constructor(context: UploadContext, partSize: number) {
    this.#context = context;
    this.#partSize = partSize;
  }

  /** Has any part been sent? */
  get hasParts(): boolean {
    return this.#stored.size > 0;
  }

  /** The parts stored so far by extent number; complete only after settle(). */
  get parts(): ReadonlyMap<number, readonly StoredPart[]> {
    return this.#stored;
  }

  /** Sends a full part, which must not be touched afterwards; `free` gives its memory back once it is stored, or has
   * failed. Returns when the next may follow, and throws what made an earlier one fail: `free` is then the caller's. */
  async send(bytes: Uint8Array, free: () => void): Promise<void> {
    while (this.#inFlight.size >= LIMITS.partsInFlight) {
      await Promise.race(this.#inFlight);
    }
    this.#throwFailure();
    const extent = await this.#extentForNextPart();
    const parts = this.#partsOf(extent);
    // Holds the place, so that parts stay in order however they finish.
    const position = parts.push({ partNumber: 0, etag: "" }) - 1;
    const task = this.#store(extent, bytes, (part) => {
      parts[position] = part;
    }).finally(() => {
      free();
      this.#inFlight.delete(task);
    });
    this.#inFlight.add(task);
  }

  /** Waits until every part is stored, and throws what made one fail. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  /** Waits until no call is under way; for an append that failed. */
  async abandon(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Takes its numbers before the first await: parts are numbered in the order of their sending. Never
   * rejects; what went wrong is thrown to whoever asks next. */
  async #store(
    extent: UploadExtent,
    bytes: Uint8Array,
    keep: (part: StoredPart) => void,
  ): Promise<void> {
    const { ledger, bucket } = this.#context;
    const multipart = { key: extent.key, id: extent.multipart?.id ?? "" };
    try {
      const first = ledger.parts.takeNumbers(extent.n, NUMBERS_PER_PART);
      keep(await putPart(bucket, multipart, first, bytes));
    } catch (cause) {
      this.#failure = { cause };
    }
  }

  async #extentForNextPart(): Promise<UploadExtent> {
    this.#extent ??= await confirmOpenExtent(this.#context);
    if (this.#extent !== null && this.#isFull(this.#extent)) {
      await this.#closeFull(this.#extent);
      this.#extent = null;
    }
    this.#extent ??= await this.#beginExtent();
    return this.#extent;
  }

  /** Opens a multipart upload under a new key, in R2 first and then in the ledger: a crash between the two
   * leaves an empty multipart upload, which R2 drops after 7 days. */
  async #beginExtent(): Promise<UploadExtent> {
    const { ledger, bucket } = this.#context;
    if (requireState(this.#context).extents.length >= LIMITS.extents) {
      throw new TooScattered(`Cannot add extent ${LIMITS.extents + 1}`);
    }
    const { n, key } = ledger.takeExtentNumber();
    const id = await beginMultipart(bucket, key);
    const multipart = { id, begunAt: Date.now() };
    const extent = { n, key, partSize: this.#partSize, length: 0, multipart };
    ledger.addExtent(extent);
    this.#context.openExtentConfirmed = true;
    return extent;
  }

  #isFull(extent: UploadExtent): boolean {
    // The tail, at the seal, needs numbers too.
    return (
      this.#context.ledger.parts.numbersTaken(extent.n) > LIMITS.partNumbers - 2 * NUMBERS_PER_PART
    );
  }

  /** Completes an extent with what is committed and what this append added; the latter still counts only
   * when the append commits. */
  async #closeFull(extent: UploadExtent): Promise<void> {
    await this.settle();
    const { ledger, bucket } = this.#context;
    const added = this.#partsOf(extent);
    const multipart = { key: extent.key, id: extent.multipart?.id ?? "" };
    const size = extent.length + added.length * extent.partSize;
    if (size === 0) {
      ledger.dropEmptyExtents({ openToo: true });
      return;
    }
    await completeMultipart(bucket, multipart, [...ledger.parts.list(extent.n), ...added], size);
    ledger.closeExtent(extent.n);
  }

  #partsOf(extent: UploadExtent): StoredPart[] {
    const parts = this.#stored.get(extent.n) ?? [];
    this.#stored.set(extent.n, parts);
    return parts;
  }

  #throwFailure(): void {
    if (this.#failure !== null) {
      throw this.#failure.cause;
    }
  }
}
