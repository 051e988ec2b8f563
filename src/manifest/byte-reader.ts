// Reads the primitives of a manifest (docs/manifest.md, "Primitives"), never beyond its bytes.

import { ManifestDamage } from "./damage.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the eighth byte of a number counts, the last that one below 2^53 can have. */
const LAST_FACTOR = 128 ** 7;

export class ByteReader {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  u8(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) {
      throw new ManifestDamage("it ends too early");
    }
    this.#at += 1;
    return byte;
  }

  u32(): number {
    const [a, b, c, d] = [this.u8(), this.u8(), this.u8(), this.u8()];
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  /** A number in LEB128, of which there is one form only: the shortest. */
  varint(): number {
    let byte = this.u8();
    if (byte < 0x80) {
      return byte;
    }
    let value = byte & 0x7f;
    for (let factor = 128; ; factor *= 128) {
      byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER || factor > LAST_FACTOR) {
        throw new ManifestDamage("a number is past 2^53");
      }
      if (byte < 0x80) {
        break;
      }
    }
    if (byte === 0) {
      throw new ManifestDamage("a number is longer than it needs to be");
    }
    return value;
  }

  /** As varint(), of something that has a bound. */
  count(most: number, of: string): number {
    const value = this.varint();
    if (value > most) {
      throw new ManifestDamage(`it has ${value} ${of}, more than ${most}`);
    }
    return value;
  }

  /** As `ByteWriter.signed()` writes it. */
  signed(): number {
    const value = this.varint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  /** The next bytes, shared with those that are read. */
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.#at) {
      throw new ManifestDamage("it ends too early");
    }
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  requireEnd(of: string): void {
    if (!this.isAtEnd) {
      throw new ManifestDamage(`there are bytes behind ${of}`);
    }
  }
}

/** Decodes a text; nothing but UTF-8 is one. */
export function toText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ManifestDamage("a text is not UTF-8");
  }
}
