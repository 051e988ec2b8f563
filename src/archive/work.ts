// How much work an archive makes: what it may take depends on its size and on what it unpacks to.

import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { ArchiveProblem } from "./archive-problem.ts";

/** Units of work, about 10 ns each. */
export const COST = {
  /** A byte that is unpacked, walked through or compared. */
  byte: 1,
  /** A byte of deflated data: a symbol of two may give a byte. */
  packedByte: 3,
  /** A block of deflate, whose codes are built. */
  block: 500,
  /** A member of a gzip: a checksum is begun and ended. */
  gzipMember: 300,
  /** A block of a tar that is a header. */
  tarHeader: 400,
  /** A record of pax. */
  record: 50,
  /** An entry in the directory of a zip. */
  zipEntry: 500,
  /** A member: its path, its three checksums and its row. */
  member: 3_000,
  /** A read of the archive from R2, whatever its length. */
  read: 20_000,
} as const;

/** Counts the work of one job in all of its turns, and paces it. */
export class Work extends Pace {
  #most: number;
  #spent: number;

  /** `size` is that of the archive, `spent` what earlier turns took. */
  constructor(size: number, spent = 0) {
    super();
    this.#most = LIMITS.workFree + size * LIMITS.workPerByte;
    this.#spent = spent;
  }

  /** What the job has taken so far. */
  get spent(): number {
    return this.#spent;
  }

  /** Allows for bytes that the archive has unpacked to. */
  allowFor(unpacked: number): void {
    this.#most += unpacked * LIMITS.workPerUnpacked;
  }

  /** Paces what another bound keeps within limits. */
  pass(units: number): void {
    super.spend(units);
  }

  /** Counts what was done; refuses what is too much. */
  override spend(units: number): void {
    super.spend(units);
    this.#spent += units;
    if (this.#spent > this.#most) {
      throw new ArchiveProblem(null, "the archive takes too much work for its size");
    }
  }
}
