// The column by which files are found by what they hold: the first 8 bytes of each SHA-256 with the number of its
// file, sorted. Empty files are not in it.

import { HASH_ROW } from "./format.ts";

const PREFIX = HASH_ROW - 4;

/** Collects the rows of a column, for `files` files at most. */
export class HashColumn {
  readonly #rows: Uint8Array;
  readonly #view: DataView;
  #count = 0;

  constructor(files: number) {
    this.#rows = new Uint8Array(files * HASH_ROW);
    this.#view = new DataView(this.#rows.buffer);
  }

  add(sha256: Uint8Array, fileNumber: number): void {
    const at = this.#count * HASH_ROW;
    this.#rows.set(sha256.subarray(0, PREFIX), at);
    this.#view.setUint32(at + PREFIX, fileNumber, true);
    this.#count += 1;
  }

  /** The column, sorted by hash and then by number. */
  sorted(): Uint8Array {
    const rows = Uint32Array.from({ length: this.#count }, (_, row) => row);
    const order = rows.toSorted((one, other) => this.#compare(one, other));
    const sorted = new Uint8Array(this.#count * HASH_ROW);
    for (const [at, row] of order.entries()) {
      sorted.set(this.#rows.subarray(row * HASH_ROW, (row + 1) * HASH_ROW), at * HASH_ROW);
    }
    return sorted;
  }

  /** Rows were added in the order of their numbers. */
  #compare(one: number, other: number): number {
    const [a, b] = [one * HASH_ROW, other * HASH_ROW];
    const high = this.#view.getUint32(a) - this.#view.getUint32(b);
    return high === 0
      ? this.#view.getUint32(a + 4) - this.#view.getUint32(b + 4) || one - other
      : high;
  }
}

/**
 * Compares pieces of a column, each of whole rows, with the hashes that are looked for, which are sorted, too. However many of them
 * are alike, a row is looked at once.
 *
 * @yields The number of each file that may have one of them: its whole hash is to be compared.
 */
export async function* matchHashes(
  pieces: AsyncIterable<Uint8Array>,
  sorted: readonly Uint8Array[],
): AsyncGenerator<number> {
  let next = 0;
  for await (const piece of pieces) {
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let at = 0; at + HASH_ROW <= piece.length; at += HASH_ROW) {
      const row = piece.subarray(at, at + PREFIX);
      while (next < sorted.length && comparePrefix(sorted[next], row) < 0) {
        next += 1;
      }
      if (comparePrefix(sorted[next], row) === 0) {
        yield view.getUint32(at + PREFIX, true);
      }
    }
  }
}

/** Compares the beginning of a hash; nothing is behind the last one. */
function comparePrefix(hash: Uint8Array | undefined, row: Uint8Array): number {
  if (hash === undefined) {
    return 1;
  }
  for (let at = 0; at < PREFIX; at += 1) {
    const difference = (hash[at] ?? 0) - (row[at] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
