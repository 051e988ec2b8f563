// Sparse files of a tar: which runs of a file have bytes, in the four forms that GNU tar writes ("Storing Sparse Files" in its
// manual). All that lies between the runs is zeros, which the tar does not have.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { readNumber } from "./tar-header.ts";

/** A run of a file that has bytes: where it begins in the file, and its length, which is not 0. */
export type Run = readonly [start: number, length: number];

/** The runs of a sparse file, in order. Their bytes follow each other in the tar: `packed` in all. */
export interface Sparse {
  runs: readonly Run[];
  packed: number;
}

const FIELD = 12;
/** Where a header of old GNU has its map, whether it goes on behind, and the size of the file. */
const HEADER = { map: 386, runs: 4, more: 482, size: 483 } as const;
/** The same of a block of the map that follows. */
const FURTHER = { map: 0, runs: 21, more: 504 } as const;

/** A map that comes by the block. */
export interface SparseMap {
  /** Takes a block, and says whether there is another. */
  take(block: Uint8Array): boolean;
  /** Offsets and lengths in turn. */
  readonly numbers: number[];
}

/** The map of old GNU, from its header on. */
export class BlockMap implements SparseMap {
  readonly numbers: number[] = [];
  readonly #name: string;
  #place: { map: number; runs: number; more: number } = HEADER;

  constructor(name: string) {
    this.#name = name;
  }

  take(block: Uint8Array): boolean {
    const { map, runs, more } = this.#place;
    for (let run = 0; run < runs; run += 1) {
      const at = map + run * 2 * FIELD;
      const start = block.subarray(at, at + FIELD);
      // What is not used is filled with NULs.
      if (start[0] !== 0) {
        const length = readNumber(block.subarray(at + FIELD, at + 2 * FIELD));
        this.numbers.push(readNumber(start) ?? NaN, length ?? NaN);
      }
    }
    requireFew(this.#name, this.numbers.length);
    this.#place = FURTHER;
    return block[more] !== 0;
  }
}

/** The size that a header of old GNU gives a sparse file. */
export function realSizeOf(block: Uint8Array): number | null {
  return readNumber(block.subarray(HEADER.size, HEADER.size + FIELD));
}

const LINE_FEED = 0x0a;

/** The map of pax 1.0, which stands before the bytes of its file: how many runs, then their numbers, a line each. */
export class TextMap implements SparseMap {
  readonly numbers: number[] = [];
  readonly #name: string;
  #value = NaN;
  #count: number | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  take(block: Uint8Array): boolean {
    for (const byte of block) {
      if (this.#count !== null && this.numbers.length === this.#count) {
        break; // the rest is padding
      }
      this.#takeByte(byte);
    }
    return this.#count === null || this.numbers.length < this.#count;
  }

  #takeByte(byte: number): void {
    const digit = byte - 0x30;
    if (digit >= 0 && digit <= 9) {
      this.#value = (Number.isNaN(this.#value) ? 0 : this.#value) * 10 + digit;
      return;
    }
    if (byte !== LINE_FEED || !Number.isSafeInteger(this.#value)) {
      throw wrongMap(this.#name);
    }
    if (this.#count === null) {
      this.#count = this.#value * 2;
      requireFew(this.#name, this.#count);
    } else {
      this.numbers.push(this.#value);
    }
    this.#value = NaN;
  }
}

/** The numbers of a map of pax 0.0 or 0.1, `offset,length,…`. */
export function parseMap(name: string, bytes: Uint8Array): number[] {
  if (bytes.length === 0) {
    return [];
  }
  const parts = new TextDecoder().decode(bytes).split(",");
  requireFew(name, parts.length);
  return parts.map((part) => (/^\d{1,16}$/u.test(part) ? Number(part) : NaN));
}

/** The runs that the numbers of a map give; throws where they are not those of a file of `size` bytes of which the tar has `packed`. */
export function toSparse(
  name: string,
  numbers: readonly number[],
  { size, packed }: { size: number; packed: number },
): Sparse {
  const runs: Run[] = [];
  let [end, sum] = [0, 0];
  for (let at = 0; at < numbers.length; at += 2) {
    const [start, length] = [numbers[at] ?? NaN, numbers[at + 1] ?? NaN];
    if (!Number.isSafeInteger(start + length) || start < end) {
      throw wrongMap(name);
    }
    end = start + length;
    sum += length;
    if (length > 0) {
      runs.push([start, length]);
    }
  }
  if (end > size || sum !== packed) {
    throw wrongMap(name);
  }
  return { runs, packed };
}

function requireFew(name: string, numbers: number): void {
  if (numbers > 2 * LIMITS.sparseRuns) {
    throw new ArchiveProblem(name, `is a sparse file of over ${LIMITS.sparseRuns} runs`);
  }
}

export function wrongMap(name: string): ArchiveProblem {
  return new ArchiveProblem(name, "is a sparse file whose map is not that of its bytes");
}
