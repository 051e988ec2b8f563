// Unpacks deflate (RFC 1951) in steps that are small whatever the data says: a step ends with the head of a block, with a block, when
// there is no room for output, or when the input is used up. A symbol, or the head of a block, is read whole or not at all.

import { BitReader, DeflateError } from "./bit-reader.ts";
import { END_OF_BLOCK, FIXED_CODES, readCodes } from "./deflate-codes.ts";
import { HuffmanCode, LONGEST } from "./huffman.ts";

/** How far back a copy may reach. */
const HISTORY = 32 * 1024;
/** Bytes that are given at a time. */
const ROOM = 64 * 1024;
/** The longest copy. */
const LONGEST_COPY = 258;
/** The last place in the output at which there is room for that. */
const MOST = HISTORY + ROOM;
/** A symbol, or a number, that is not there. */
const NONE = -1;
/** Further bits of a symbol that there is none of. */
const UNKNOWN = 0xff;

/** Lengths of copies have none to five further bits, distances none to thirteen. */
const LENGTHS = toRanges([0, 0, 0, 0, ...[0, 1, 2, 3, 4, 5].flatMap((n) => [n, n, n, n])], 3);
const DISTANCES = toRanges([0, 0, ...Array.from({ length: 28 }, (_, n) => n >> 1)], 1);
/** The longest copy has a symbol of its own. */
LENGTHS.extra[28] = 0;
LENGTHS.base[28] = LONGEST_COPY;

/** Why a step ended: a block has begun or ended, output must be taken, more input is needed, the stream is over. */
export type Stop = "block" | "full" | "starved" | "end";

export class Deflated {
  /** The input, which goes on behind the end of the stream. */
  readonly input = new BitReader();
  #phase: "head" | "stored" | "codes" | "end" = "head";
  #isLast = false;
  #storedLeft = 0;
  #codes = FIXED_CODES;
  readonly #own = { literals: new HuffmanCode(), distances: new HuffmanCode() };
  /** What was given lately, and behind it what is to be. */
  readonly #output = new Uint8Array(MOST + LONGEST_COPY);
  /** Where in it the stream begins, what is fresh, what is not taken yet, and where it ends. */
  #begin = 0;
  #seen = 0;
  #taken = 0;
  #end = 0;

  /** What was unpacked since this was asked last; valid until the next step. */
  fresh(): Uint8Array {
    const bytes = this.#output.subarray(this.#seen, this.#end);
    this.#seen = this.#end;
    return bytes;
  }

  /** Takes all that was unpacked and not taken yet; valid until the next step. */
  take(): Uint8Array {
    const bytes = this.#output.subarray(this.#taken, this.#end);
    this.#taken = this.#end;
    return bytes;
  }

  /** Begins another stream, behind what is not taken yet. */
  restart(): void {
    this.#phase = "head";
    this.#begin = this.#end;
  }

  /** Goes on until it must stop. All output must be taken when it stopped as it was full. */
  step(): Stop {
    this.#makeRoom();
    switch (this.#phase) {
      case "head":
        return this.input.tryWhole(() => this.#readHead()) ?? "starved";
      case "stored":
        return this.#copyStored();
      case "codes":
        return this.#readCodes();
      case "end":
        return "end";
    }
  }

  #makeRoom(): void {
    if (this.#taken === this.#end && this.#end > MOST) {
      const shift = this.#end - HISTORY;
      this.#output.copyWithin(0, shift, this.#end);
      this.#begin = Math.max(0, this.#begin - shift);
      this.#end = HISTORY;
      this.#seen = HISTORY;
      this.#taken = HISTORY;
    }
  }

  #readHead(): Stop {
    const isLast = this.input.take(1) === 1;
    switch (this.input.take(2)) {
      case 0:
        this.#beginStored();
        break;
      case 1:
        this.#codes = FIXED_CODES;
        this.#phase = "codes";
        break;
      case 2:
        readCodes(this.input, this.#own);
        this.#codes = this.#own;
        this.#phase = "codes";
        break;
      default:
        throw new DeflateError("a block of an unknown type");
    }
    this.#isLast = isLast;
    return "block";
  }

  #beginStored(): void {
    this.input.take(this.input.bits & 7);
    const length = this.input.take(16);
    if ((this.input.take(16) ^ length) !== 0xffff) {
      throw new DeflateError("a stored block with two lengths");
    }
    this.input.align();
    this.#storedLeft = length;
    this.#phase = "stored";
  }

  #copyStored(): Stop {
    const room = this.#output.length - this.#end;
    const bytes = this.input.takeBytes(Math.min(this.#storedLeft, room));
    this.#output.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#storedLeft -= bytes.length;
    if (this.#storedLeft === 0) {
      return this.#endBlock();
    }
    return bytes.length === room ? "full" : "starved";
  }

  #endBlock(): Stop {
    if (!this.#isLast) {
      this.#phase = "head";
      return "block";
    }
    this.#phase = "end";
    this.input.align();
    return "end";
  }

  #readCodes(): Stop {
    while (this.#end <= MOST) {
      const next = this.#readLiterals();
      if (next === NONE) {
        return this.#end > MOST ? "full" : "starved";
      }
      if (next >>> 4 === END_OF_BLOCK) {
        this.input.drop(next & 15);
        return this.#endBlock();
      }
      if (!this.#readCopy(next)) {
        return "starved";
      }
    }
    return "full";
  }

  /** Reads literals up to what is none: gives that as HuffmanCode.find(), not read yet, or NONE where it is not whole or there
   * is no room. Most time goes into this loop, so that everything is in local variables. */
  #readLiterals(): number {
    const { literals } = this.#codes;
    const { input } = this.input;
    const output = this.#output;
    let { at, hold, bits } = this.input;
    let end = this.#end;
    let next = NONE;
    while (end <= MOST) {
      for (; bits <= 24 && at < input.length; bits += 8) {
        hold |= (input[at] ?? 0) << bits;
        at += 1;
      }
      const found = literals.find(hold);
      const length = found & 15;
      if (length === 0 || length > bits) {
        require(length > 0 || bits < LONGEST, "bits that are no symbol");
        break;
      }
      if (found >>> 4 >= END_OF_BLOCK) {
        next = found;
        break;
      }
      output[end] = found >>> 4;
      end += 1;
      hold >>>= length;
      bits -= length;
    }
    this.input.at = at;
    this.input.hold = hold;
    this.input.bits = bits;
    this.#end = end;
    return next;
  }

  /** Reads a copy and makes it; says whether it is whole, else nothing is read. */
  #readCopy(symbol: number): boolean {
    const { at, hold, bits } = this.input;
    this.input.drop(symbol & 15);
    const length = this.#readNumber(LENGTHS, (symbol >>> 4) - END_OF_BLOCK - 1);
    const distance = length === NONE ? NONE : this.#readDistance();
    if (distance === NONE) {
      this.input.at = at;
      this.input.hold = hold;
      this.input.bits = bits;
      return false;
    }
    require(distance <= this.#end - this.#begin, "a copy from before the beginning");
    repeat(this.#output, this.#end, distance, length);
    this.#end += length;
    return true;
  }

  #readDistance(): number {
    const found = this.input.findSymbol(this.#codes.distances);
    if (found === null) {
      return NONE;
    }
    this.input.drop(found & 15);
    return this.#readNumber(DISTANCES, found >>> 4);
  }

  /** The number that a symbol of a range stands for with its further bits, or NONE where those are not there yet. */
  #readNumber({ base, extra }: typeof LENGTHS, symbol: number): number {
    const count = extra[symbol] ?? UNKNOWN;
    require(count !== UNKNOWN, "a symbol that stands for nothing");
    this.input.fill();
    if (count > this.input.bits) {
      return NONE;
    }
    const value = (base[symbol] ?? 0) + (this.input.hold & ((1 << count) - 1));
    this.input.drop(count);
    return value;
  }
}

/** Copies what is `distance` before `end` behind it; what it copies may be what it has just written. */
function repeat(output: Uint8Array, end: number, distance: number, length: number): void {
  if (length > 32 && distance >= length) {
    output.copyWithin(end, end - distance, end - distance + length);
  } else if (length > 32 && distance === 1) {
    output.fill(output[end - 1] ?? 0, end, end + length);
  } else {
    for (let at = end; at < end + length; at += 1) {
      output[at] = output[at - distance] ?? 0;
    }
  }
}

/** Symbols that stand for a number and so many further bits: the numbers follow each other from `first`. */
function toRanges(bits: readonly number[], first: number) {
  const extra = new Uint8Array(32).fill(UNKNOWN);
  const base = new Uint16Array(32);
  let next = first;
  for (const [symbol, count] of bits.entries()) {
    extra[symbol] = count;
    base[symbol] = next;
    next += 1 << count;
  }
  return { extra, base };
}

function require(isRight: boolean, fault: string): void {
  if (!isRight) {
    throw new DeflateError(fault);
  }
}
