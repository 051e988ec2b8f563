// The prefix codes of deflate (RFC 1951, section 3.2.2): built from the lengths of their codes, looked up by the next
// bits. Codes of up to `FAST` bits, which are nearly all that occur, take one look into a table.

/** The longest code. */
export const LONGEST = 15;

const FAST = 10;
const FAST_MASK = (1 << FAST) - 1;

/** A code that is built again for each block: it allocates nothing. */
export class HuffmanCode {
  /** By the next bits: symbol and length as `symbol << 4 | length`, or 0 where the code is longer or not in use. */
  readonly #fast = new Uint16Array(1 << FAST);
  /** How many codes there are of each length, and their symbols in order. */
  readonly #counts = new Uint16Array(LONGEST + 1);
  readonly #symbols = new Uint16Array(288);
  readonly #places = new Uint16Array(LONGEST + 1);

  /** Takes the lengths of the codes of symbols 0, 1, …; 0 is a symbol without one. Says whether that is a code: a set that is
   * not complete is one only where it is a single code of one bit, or none at all (as zlib reads it). */
  build(lengths: Uint8Array): boolean {
    const counts = this.#counts.fill(0);
    for (const length of lengths) {
      counts[length] = (counts[length] ?? 0) + 1;
    }
    counts[0] = 0;
    let left = 1;
    let used = 0;
    for (let length = 1; length <= LONGEST; length += 1) {
      const count = counts[length] ?? 0;
      left = left * 2 - count;
      this.#places[length] = used;
      used += count;
      if (left < 0) {
        return false;
      }
    }
    this.#sort(lengths);
    this.#fill();
    return left === 0 || used === 0 || (used === 1 && counts[1] === 1);
  }

  /** Finds the symbol that the next bits begin with, as `symbol << 4 | length`; 0 when none does. Bits that are not known yet
   * are zeros: the length may then be more than are known. */
  find(bits: number): number {
    return (this.#fast[bits & FAST_MASK] ?? 0) || this.#findLong(bits);
  }

  #sort(lengths: Uint8Array): void {
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      const length = lengths[symbol] ?? 0;
      if (length > 0) {
        const place = this.#places[length] ?? 0;
        this.#symbols[place] = symbol;
        this.#places[length] = place + 1;
      }
    }
  }

  #fill(): void {
    this.#fast.fill(0);
    let place = 0;
    let code = 0;
    for (let length = 1; length <= FAST; length += 1) {
      for (let count = this.#counts[length] ?? 0; count > 0; count -= 1) {
        const entry = ((this.#symbols[place] ?? 0) << 4) | length;
        for (let at = reverse(code, length); at <= FAST_MASK; at += 1 << length) {
          this.#fast[at] = entry;
        }
        place += 1;
        code += 1;
      }
      code <<= 1;
    }
  }

  /** Walks through the lengths: codes of one length are consecutive numbers, the first bit their highest. */
  #findLong(bits: number): number {
    let [rest, code, first, place] = [bits, 0, 0, 0];
    for (let length = 1; length <= LONGEST; length += 1) {
      code |= rest & 1;
      rest >>>= 1;
      const count = this.#counts[length] ?? 0;
      if (code - first < count) {
        return ((this.#symbols[place + code - first] ?? 0) << 4) | length;
      }
      place += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return 0;
  }
}

/** The lowest `length` bits of a code, the other way round. */
function reverse(code: number, length: number): number {
  let [rest, reversed] = [code, 0];
  for (let bit = 0; bit < length; bit += 1) {
    reversed = (reversed << 1) | (rest & 1);
    rest >>>= 1;
  }
  return reversed;
}
