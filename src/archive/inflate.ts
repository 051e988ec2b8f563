import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { DeflateError } from "./bit-reader.ts";
import { Deflated } from "./deflate.ts";
import type { Stop } from "./deflate.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";

/** Who looks on while something is inflated. */
export interface InflateWatch {
  /** Is told of all that is unpacked, piece by piece; the bytes are valid during the call only. */
  see(bytes: Uint8Array): void;
  /** What to throw where the data is damaged. */
  toProblem(reason: string): ArchiveProblem;
}

/**
 * Goes on with a deflated stream, and counts the work.
 *
 * @yields What it gives, 96 KiB at a time at most, and nothing now and then where it works for long without giving. It is
 * valid until the next is asked for. Returns whether the stream is over; if not, it needs more input.
 */
export function* inflateOn(
  deflated: Deflated,
  work: Work,
  watch: InflateWatch,
): Generator<Uint8Array, boolean> {
  for (let steps = 1; ; steps += 1) {
    const { unused } = deflated.input;
    const stop = stepOrThrow(deflated, watch);
    const fresh = deflated.fresh();
    const packed = Math.max(0, unused - deflated.input.unused);
    work.spend(COST.block + packed * COST.packedByte + fresh.length * COST.byte);
    watch.see(fresh);
    if (stop === "full" || steps % LIMITS.blocksAtOnce === 0) {
      yield deflated.take();
    }
    if (stop === "starved" || stop === "end") {
      return stop === "end";
    }
  }
}

function stepOrThrow(deflated: Deflated, watch: InflateWatch): Stop {
  try {
    return deflated.step();
  } catch (error) {
    throw error instanceof DeflateError ? watch.toProblem(error.message) : error;
  }
}

/** Unpacks the deflated bytes of one member of a zip as they pass (RFC 1951). It has to become `size` bytes. */
export class Inflater implements InflateWatch {
  readonly #member: string;
  readonly #size: number;
  readonly #work: Work;
  readonly #deflated = new Deflated();
  #isOver = false;
  #taken = 0;
  #given = 0;
  /** Where the input was when it last gave something. */
  #gaveAt = 0;

  /** `member` is named where its bytes are damaged. */
  constructor(member: string, size: number, work: Work) {
    this.#member = member;
    this.#size = size;
    this.#work = work;
  }

  /**
   * Unpacks a chunk.
   *
   * @yields What it gives, as inflateOn().
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (let from = 0; from < chunk.length; from += LIMITS.inflateStep) {
      const step = chunk.subarray(from, from + LIMITS.inflateStep);
      this.#taken += step.length;
      this.#deflated.input.give(step);
      this.#isOver = this.#isOver || (yield* inflateOn(this.#deflated, this.#work, this));
      yield this.#deflated.take();
      if (this.#isOver && this.#deflated.input.unused > 0) {
        throw this.#problem("has something behind its data");
      }
      if (this.#taken - this.#gaveAt > LIMITS.inflateIdle) {
        throw this.#problem("has data that says nothing");
      }
      this.#deflated.input.keep();
    }
  }

  /** There is no more. */
  finish(): void {
    if (!this.#isOver || this.#given !== this.#size) {
      throw this.#problem(`has ${this.#given} of its ${this.#size} bytes`);
    }
  }

  see({ length }: Uint8Array): void {
    this.#given += length;
    if (length > 0) {
      this.#gaveAt = this.#taken;
    }
    if (this.#given > this.#size) {
      throw this.#problem(`has more than its ${this.#size} bytes`);
    }
  }

  toProblem(reason: string): ArchiveProblem {
    return this.#problem(`has damaged data: ${reason}`);
  }

  #problem(what: string): ArchiveProblem {
    return new ArchiveProblem(this.#member, what);
  }
}
