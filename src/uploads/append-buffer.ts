import type { Lease } from "../budget/budget.ts";
import { WORK } from "../budget/shares.ts";
import { LIMITS } from "../protocol/limits.ts";

const NOTHING = new Uint8Array();

/** The bytes of an append that are in no part yet. The memory for them is leased, and grows with what arrives: who sends
 * little holds little. Must be freed, or handed over, in the end. */
export class AppendBuffer {
  readonly #owner: string;
  readonly #most: number;
  readonly #beside: number;
  #lease: Lease | null = null;
  #filled = 0;
  /** Bytes that it begins with: all that are needed once as many have come before. */
  #first: number = LIMITS.firstBuffer;
  /** All of its memory; to be replaced by another view of the same. */
  bytes: Uint8Array = NOTHING;

  /** It has `most` bytes at most; `beside` it the reader has so many more. */
  constructor(owner: string, most: number, beside: number) {
    this.#owner = owner;
    this.#most = most;
    this.#beside = beside;
  }

  get filled(): number {
    return this.#filled;
  }

  /** What is not filled. */
  get room(): Uint8Array {
    return this.bytes.subarray(this.#filled);
  }

  /** Counts bytes that were written into its room. */
  fill(count: number): void {
    this.#filled += count;
  }

  /** Makes room for `least` bytes, where so many as `coming` may follow; refuses when there is no memory in time. */
  async makeRoom(coming: number, least = 1): Promise<void> {
    const needed = this.#filled + least;
    if (needed <= this.bytes.length) {
      return;
    }
    const most = Math.min(this.#most, Math.max(this.#filled + coming, needed));
    const size = Math.min(most, Math.max(4 * this.bytes.length, needed, this.#first));
    this.#lease ??= WORK.open(most + this.#beside, this.#owner);
    if (!WORK.tryGrow(this.#lease, size + this.#beside)) {
      await WORK.grow(this.#lease, size + this.#beside);
    }
    const larger = new Uint8Array(size);
    larger.set(this.bytes.subarray(0, this.#filled));
    this.bytes = larger;
  }

  /** Gives its bytes to somebody who frees their memory, and is empty then. Where that fails they stay its own. */
  async handOver(send: (bytes: Uint8Array, free: () => void) => Promise<void>): Promise<void> {
    const lease = this.#lease;
    await send(this.bytes, () => lease && WORK.end(lease));
    this.#lease = null;
    this.#first = this.bytes.length;
    this.bytes = NOTHING;
    this.#filled = 0;
  }

  free(): void {
    if (this.#lease !== null) {
      WORK.end(this.#lease);
    }
    this.bytes = NOTHING;
  }
}
