// RFC 1952: one gzip member or several, one after the other, unpacked as they pass. fflate inflates; the
// checksum and length behind every member, which it skips, are checked here.

import { Gunzip as Inflater } from "fflate";

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { viewOf } from "./little-endian.ts";

/** Where a member ends: CRC-32 and length, 4 bytes each. */
const TRAILER = 8;

/** A CRC-32 in the making; the digest is its 4 bytes, the highest first. */
export interface RunningCrc {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export class Gunzip {
  readonly #newCrc: () => RunningCrc;
  readonly #inflater: Inflater;
  #crc: RunningCrc;
  /** Bytes that the member under way has given, modulo 2^32. */
  #length = 0;
  /** Input bytes so far. */
  #taken = 0;
  /** The last steps of them: a trailer is checked only when the header that follows it is whole. */
  readonly #recent: Uint8Array[] = [];
  #recentLength = 0;
  /** Where the input was when it last gave something. */
  #gaveAt = 0;
  #output: Uint8Array[] = [];
  /** What fails now is not the inflater over damaged data. */
  #isOurs = false;

  constructor(newCrc: () => RunningCrc) {
    this.#newCrc = newCrc;
    this.#crc = newCrc();
    this.#inflater = new Inflater((bytes) => this.#asOurs(() => this.#keep(bytes)));
    this.#inflater.onmember = (begin) => this.#asOurs(() => this.#endMember(begin));
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

  /** There is no more; refuses what is cut off. */
  finish(): void {
    this.#inflate(() => this.#inflater.push(new Uint8Array(), true));
    this.#checkTrailer(this.#trailerBefore(this.#taken));
  }

  #take(step: Uint8Array): void {
    this.#taken += step.length;
    this.#remember(step);
    this.#inflate(() => this.#inflater.push(step));
    if (this.#taken - this.#gaveAt > LIMITS.inflateIdle) {
      throw new ArchiveProblem(null, `the gzip data has nothing in it near byte ${this.#taken}`);
    }
  }

  #remember(step: Uint8Array): void {
    this.#recent.push(step);
    this.#recentLength += step.length;
    const [first] = this.#recent;
    if (first !== undefined && this.#recentLength - first.length > LIMITS.inflateIdle + TRAILER) {
      this.#recentLength -= first.length;
      this.#recent.shift();
    }
  }

  #inflate(push: () => void): void {
    try {
      push();
    } catch (error) {
      if (this.#isOurs) {
        throw error;
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new ArchiveProblem(
        null,
        `the gzip data is damaged near byte ${this.#taken}: ${reason}`,
      );
    }
  }

  #asOurs(act: () => void): void {
    this.#isOurs = true;
    act();
    this.#isOurs = false;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length > 0) {
      this.#crc.update(bytes);
      this.#length = (this.#length + bytes.length) % 2 ** 32;
      this.#output.push(bytes);
      this.#gaveAt = this.#taken;
    }
  }

  /** A further member begins at byte `begin` of the input. */
  #endMember(begin: number): void {
    this.#checkTrailer(this.#trailerBefore(begin));
    this.#crc = this.#newCrc();
    this.#length = 0;
  }

  /** The bytes of a trailer that ends at byte `end` of the input. */
  #trailerBefore(end: number): Uint8Array {
    const trailer: number[] = [];
    let behind = this.#taken;
    // From the last step backwards, until the 8 bytes before `end` are together.
    for (const step of this.#recent.toReversed()) {
      const cut = Math.min(step.length, Math.max(0, end - (behind - step.length)));
      trailer.unshift(...step.subarray(Math.max(0, cut - (TRAILER - trailer.length)), cut));
      behind -= step.length;
    }
    return new Uint8Array(trailer);
  }

  #checkTrailer(trailer: Uint8Array): void {
    const isRight =
      trailer.length === TRAILER &&
      viewOf(trailer).getUint32(0, true) === viewOf(this.#crc.digest()).getUint32(0) &&
      viewOf(trailer).getUint32(4, true) === this.#length;
    if (!isRight) {
      throw new ArchiveProblem(
        null,
        "the gzip data is cut off or damaged: its checksum is not right",
      );
    }
  }
}
