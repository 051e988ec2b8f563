// The bits of deflated data, the lowest of a byte first (RFC 1951, section 3.1.1). What is read of something that is not whole
// can be put back.

import type { HuffmanCode } from "./huffman.ts";
import { LONGEST } from "./huffman.ts";

/** Thrown where the input ends in the middle of something. */
const STARVED = Symbol("starved");

/** Thrown where the data is no deflate. */
export class DeflateError extends Error {
  override readonly name = "DeflateError";
}

export class BitReader {
  /** The input, and the place of what is not read yet: for loops that keep it in variables of their own. */
  input: Uint8Array = new Uint8Array();
  at = 0;
  /** Bits that are read but not used, the next one the lowest, and how many they are. */
  hold = 0;
  bits = 0;

  /** How many bytes are not used. */
  get unused(): number {
    return this.input.length - this.at + (this.bits >>> 3);
  }

  /** Adds input behind what is not used; the bytes must stay as they are until keep(). */
  give(bytes: Uint8Array): void {
    this.#putBack();
    const kept = this.input.subarray(this.at);
    this.at = 0;
    if (kept.length === 0) {
      this.input = bytes;
      return;
    }
    this.input = new Uint8Array(kept.length + bytes.length);
    this.input.set(kept);
    this.input.set(bytes, kept.length);
  }

  /** Copies what is not used. */
  keep(): void {
    this.#putBack();
    this.input = this.input.slice(this.at);
    this.at = 0;
  }

  /** Drops the rest of a byte that was begun: what follows are whole bytes. */
  align(): void {
    this.#putBack();
    this.bits = 0;
    this.hold = 0;
  }

  /** The next of whole bytes, or null when it is not there yet. */
  nextByte(): number | null {
    const byte = this.input[this.at];
    this.at += byte === undefined ? 0 : 1;
    return byte ?? null;
  }

  /** Up to `most` of whole bytes. */
  takeBytes(most: number): Uint8Array {
    const bytes = this.input.subarray(this.at, this.at + most);
    this.at += bytes.length;
    return bytes;
  }

  /** Takes up to 16 bits, or throws STARVED. */
  take(count: number): number {
    this.fill();
    if (this.bits < count) {
      throw STARVED;
    }
    const value = this.hold & ((1 << count) - 1);
    this.drop(count);
    return value;
  }

  /** Takes a symbol, or throws STARVED. */
  takeSymbol(code: HuffmanCode): number {
    const found = this.findSymbol(code);
    if (found === null) {
      throw STARVED;
    }
    this.drop(found & 15);
    return found >>> 4;
  }

  /** The next symbol as HuffmanCode.find(), not read yet; null when it is not whole. */
  findSymbol(code: HuffmanCode): number | null {
    this.fill();
    const found = code.find(this.hold);
    const length = found & 15;
    if (length === 0 && this.bits >= LONGEST) {
      throw new DeflateError("bits that are no symbol");
    }
    return length === 0 || length > this.bits ? null : found;
  }

  /** Holds 25 bits or all that there are. */
  fill(): void {
    for (; this.bits <= 24 && this.at < this.input.length; this.bits += 8) {
      this.hold |= (this.input[this.at] ?? 0) << this.bits;
      this.at += 1;
    }
  }

  /** Leaves out bits that are held. */
  drop(count: number): void {
    this.hold >>>= count;
    this.bits -= count;
  }

  /** Runs `read`; where the input ends in the middle of it nothing is read, and null is given. */
  tryWhole<T>(read: () => T): T | null {
    const { at, hold, bits } = this;
    try {
      return read();
    } catch (error) {
      if (error !== STARVED) {
        throw error;
      }
      Object.assign(this, { at, hold, bits });
      return null;
    }
  }

  /** Holds whole bytes no longer. */
  #putBack(): void {
    this.at -= this.bits >>> 3;
    this.bits &= 7;
    this.hold &= (1 << this.bits) - 1;
  }
}
