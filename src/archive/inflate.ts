import { Inflate } from "fflate";

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";

/** Unpacks the deflated bytes of one member of a zip as they pass (RFC 1951). It has to become `size` bytes. */
export class Inflater {
  readonly #member: string;
  readonly #size: number;
  readonly #inflate: Inflate;
  #output: Uint8Array[] = [];
  #taken = 0;
  #given = 0;
  /** Where the input was when it last gave something. */
  #gaveAt = 0;

  /** `member` is named where its bytes are damaged. */
  constructor(member: string, size: number) {
    this.#member = member;
    this.#size = size;
    this.#inflate = new Inflate((bytes) => this.#keep(bytes));
  }

  /**
   * Unpacks a chunk.
   *
   * @yields What it gives, about 8 MiB at a time at most.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (let from = 0; from < chunk.length; from += LIMITS.inflateStep) {
      this.#take(chunk.slice(from, from + LIMITS.inflateStep)); // it keeps a piece of what it gets
      yield* this.#output;
      this.#output = [];
    }
  }

  /** There is no more. */
  finish(): void {
    if (this.#given !== this.#size) {
      throw new ArchiveProblem(this.#member, `has ${this.#given} of its ${this.#size} bytes`);
    }
  }

  #take(step: Uint8Array): void {
    this.#taken += step.length;
    try {
      this.#inflate.push(step);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ArchiveProblem(this.#member, `has damaged data: ${reason}`);
    }
    if (this.#given > this.#size) {
      throw new ArchiveProblem(this.#member, `has more than its ${this.#size} bytes`);
    }
    if (this.#taken - this.#gaveAt > LIMITS.inflateIdle) {
      throw new ArchiveProblem(this.#member, "has something behind its data");
    }
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length > 0) {
      this.#output.push(bytes);
      this.#given += bytes.length;
      this.#gaveAt = this.#taken;
    }
  }
}
