// Writes the primitives of a manifest (docs/manifest.md, "Primitives") into a buffer that grows.

const encoder = new TextEncoder();

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
    return this;
  }

  u32(value: number): this {
    return this.u8(value)
      .u8(value >>> 8)
      .u8(value >>> 16)
      .u8(value >>> 24);
  }

  /** A whole number from 0 to 2^53 - 1 in LEB128. */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new Error(`Cannot write ${value}: it is no whole number below 2^53`);
    }
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  /** A whole number of either sign, of which near to 0 is short: 0, -1, 1, -2, … */
  signed(value: number): this {
    return this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A text by its length and its bytes of UTF-8. */
  text(value: string): this {
    const bytes = encoder.encode(value);
    return this.varint(bytes.length).bytes(bytes);
  }

  /** What was written, from `start`; valid until the next write. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
  }
}
