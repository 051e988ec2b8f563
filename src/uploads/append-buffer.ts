import type { Lease } from "../budget/budget.ts";
import { firstBufferOf, WORK } from "../budget/shares.ts";
import type { PartWriter } from "./part-writer.ts";

const NOTHING = new Uint8Array();

/** The bytes of an append that are in no part yet. The memory for them is leased, and grows with what arrives: who sends
 * little holds little. Must be freed in the end. */
export class AppendBuffer {
  readonly #owner: string;
  readonly #payer: string;
  readonly #most: number;
  readonly #beside: number;
  #lease: Lease | null = null;
  #filled = 0;
  /** That of bytes which are about to be sent. */
  #sending: Lease | null = null;
  /** All of its memory; to be replaced by another view of the same. */
  bytes: Uint8Array = NOTHING;

  /** It has `most` bytes at most; `beside` it the reader has so many more. */
  constructor({ owner, payer }: { owner: string; payer: string }, most: number, beside: number) {
    this.#owner = owner;
    this.#payer = payer;
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
    const size = Math.min(most, Math.max(4 * this.bytes.length, needed, firstBufferOf(most)));
    this.#lease ??= WORK.open(most + this.#beside, this.#owner, this.#payer);
    if (!WORK.tryGrow(this.#lease, size + this.#beside)) {
      await WORK.grow(this.#lease, size + this.#beside);
    }
    const larger = new Uint8Array(size);
    larger.set(this.bytes.subarray(0, this.#filled));
    this.bytes = larger;
  }

  /** Sends its bytes as a part, and is empty then: at once where there is memory for what is `coming` beside them, else
   * once they are stored. So who has begun never waits for others. */
  async send(writer: PartWriter, coming: number): Promise<void> {
    const size = Math.min(this.#most, coming);
    const [lease, next] = [this.#lease, WORK.open(size + this.#beside, this.#owner, this.#payer)];
    if (lease !== null && WORK.tryGrow(next, size + this.#beside)) {
      this.#lease = next;
      this.#sending = lease;
      await writer.send(this.bytes, () => WORK.end(lease));
      this.#sending = null;
      this.bytes = new Uint8Array(size);
    } else {
      WORK.end(next);
      await writer.send(this.bytes, () => {});
      await writer.settle();
    }
    this.#filled = 0;
  }

  /** Gives all of its memory back, but that of parts on their way. */
  free(): void {
    for (const lease of [this.#lease, this.#sending]) {
      if (lease !== null) {
        WORK.end(lease);
      }
    }
    this.bytes = NOTHING;
  }
}
