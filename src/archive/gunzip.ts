// RFC 1952: one gzip member or several, one after the other, unpacked as they pass. The checksum and length behind every
// member are checked. NULs may follow the last one.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { Deflated } from "./deflate.ts";
import { GzipHeader } from "./gzip-header.ts";
import { inflateOn } from "./inflate.ts";
import type { InflateWatch } from "./inflate.ts";
import { viewOf } from "./little-endian.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";

/** Where a member ends: CRC-32 and length, 4 bytes each. */
const TRAILER = 8;

/** A CRC-32 in the making; the digest is its 4 bytes, the highest first. */
export interface RunningCrc {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export class Gunzip implements InflateWatch {
  readonly #newCrc: () => RunningCrc;
  readonly #work: Work;
  readonly #deflated = new Deflated();
  #phase: "header" | "data" | "trailer" | "padding" = "header";
  #header = new GzipHeader();
  #trailer: number[] = [];
  #crc: RunningCrc;
  /** Bytes that the member under way has given, modulo 2^32. */
  #length = 0;
  #members = 0;
  /** Input bytes so far, and how many there were when it last gave something. */
  #taken = 0;
  #gaveAt = 0;

  constructor(newCrc: () => RunningCrc, work: Work) {
    this.#newCrc = newCrc;
    this.#crc = newCrc();
    this.#work = work;
  }

  /**
   * Unpacks a chunk.
   *
   * @yields What it gives, 96 KiB at a time at most, of many members if they are small; and nothing now and then where it works
   * for long without giving. It is valid until the next is asked for.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (let from = 0; from < chunk.length; from += LIMITS.inflateStep) {
      const step = chunk.subarray(from, from + LIMITS.inflateStep);
      this.#taken += step.length;
      this.#work.spend(step.length * COST.byte);
      this.#deflated.input.give(step);
      yield* this.#goOn();
      yield this.#deflated.take();
      this.#deflated.input.keep();
      if (this.#taken - this.#gaveAt > LIMITS.inflateIdle) {
        throw new ArchiveProblem(null, `the gzip data has nothing in it near byte ${this.#taken}`);
      }
    }
  }

  /** There is no more; refuses what is cut off. */
  finish(): void {
    const isBetween = this.#phase === "header" || this.#phase === "padding";
    if (!isBetween || this.#header.taken > 0 || this.#members === 0) {
      throw new ArchiveProblem(null, "the gzip data is cut off");
    }
  }

  see(bytes: Uint8Array): void {
    if (bytes.length > 0) {
      this.#crc.update(bytes);
      this.#length = (this.#length + bytes.length) % 2 ** 32;
      this.#gaveAt = this.#taken;
    }
  }

  toProblem(reason: string): ArchiveProblem {
    return new ArchiveProblem(null, `the gzip data is damaged near byte ${this.#taken}: ${reason}`);
  }

  *#goOn(): Generator<Uint8Array> {
    while (this.#deflated.input.unused > 0 || this.#phase === "data") {
      if (this.#phase === "header") {
        this.#readHeader();
      } else if (this.#phase === "padding") {
        this.#readPadding();
      } else if (this.#phase === "trailer") {
        this.#readTrailer();
      } else if (yield* inflateOn(this.#deflated, this.#work, this)) {
        this.#phase = "trailer";
      } else {
        return;
      }
      if (this.#members % LIMITS.blocksAtOnce === 0) {
        yield this.#deflated.take();
      }
    }
  }

  #readHeader(): void {
    for (
      let byte = this.#deflated.input.nextByte();
      byte !== null;
      byte = this.#deflated.input.nextByte()
    ) {
      if (byte === 0 && this.#header.taken === 0 && this.#members > 0) {
        this.#phase = "padding";
        return;
      }
      if (this.#header.take(byte)) {
        this.#beginMember();
        return;
      }
    }
  }

  /** NULs behind the last member, as tapes and bsdtar pad; what is behind them would be read by some and not by others. */
  #readPadding(): void {
    for (
      let byte = this.#deflated.input.nextByte();
      byte !== null;
      byte = this.#deflated.input.nextByte()
    ) {
      if (byte !== 0) {
        throw new ArchiveProblem(null, "the gzip data goes on behind its padding");
      }
    }
  }

  #beginMember(): void {
    this.#work.spend(COST.gzipMember);
    this.#members += 1;
    if (this.#members > LIMITS.gzipMembers) {
      throw new ArchiveProblem(null, `the gzip data has over ${LIMITS.gzipMembers} members`);
    }
    this.#header = new GzipHeader();
    this.#crc = this.#newCrc();
    this.#length = 0;
    this.#deflated.restart();
    this.#phase = "data";
  }

  #readTrailer(): void {
    for (
      let byte = this.#deflated.input.nextByte();
      byte !== null;
      byte = this.#deflated.input.nextByte()
    ) {
      this.#trailer.push(byte);
      if (this.#trailer.length === TRAILER) {
        this.#checkTrailer();
        return;
      }
    }
  }

  #checkTrailer(): void {
    const trailer = viewOf(Uint8Array.from(this.#trailer));
    const isRight =
      trailer.getUint32(0, true) === viewOf(this.#crc.digest()).getUint32(0) &&
      trailer.getUint32(4, true) === this.#length;
    if (!isRight) {
      throw new ArchiveProblem(null, "the gzip data is damaged: its checksum is not right");
    }
    this.#trailer = [];
    this.#phase = "header";
  }
}
