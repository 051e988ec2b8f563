// Where the bytes of declared files are, as rows of bytes: `v` how many keys, each as `text`; then to the end for each
// content: `v` how many files have it, `v` the number of the first, `v` to the next one each; `u32` crc32; sha512; `v` extents, each
// `v` k (0: zeros; else key k - 1), `v` offset, `v` length.

import { ByteReader, toText } from "../manifest/byte-reader.ts";
import { ByteWriter } from "../manifest/byte-writer.ts";
import type { FileExtent } from "../protocol/entries.ts";

const SHA512 = 64;
/** Bytes of a row at most. */
const ROW = 2 ** 20;

/** A content, and the numbers of the files that have it, in order. */
export interface PlacedContent {
  numbers: readonly number[];
  crc32: number;
  sha512: Uint8Array;
  extents: readonly FileExtent[];
}

/** Where a content is. */
export type Place = Omit<PlacedContent, "numbers">;

/** Writes contents into rows. */
export class PlacesWriter {
  readonly #rows: Uint8Array[] = [];
  #keys = new Map<string, number>();
  #keyBytes = 0;
  #records = new ByteWriter();

  add({ numbers, crc32, sha512, extents }: PlacedContent): void {
    if (this.#records.length + this.#keyBytes + mostBytes(numbers, extents) > ROW) {
      this.#endRow();
    }
    const to = this.#records.varint(numbers.length);
    let previous = 0;
    for (const number of numbers) {
      to.varint(number - previous);
      previous = number;
    }
    to.u32(crc32).bytes(sha512).varint(extents.length);
    for (const { key, start, length } of extents) {
      to.varint(key === null ? 0 : this.#numberOf(key) + 1);
      to.varint(start).varint(length);
    }
  }

  /** All rows. */
  finish(): Uint8Array[] {
    this.#endRow();
    return this.#rows;
  }

  #numberOf(key: string): number {
    const known = this.#keys.get(key);
    if (known !== undefined) {
      return known;
    }
    this.#keys.set(key, this.#keys.size);
    this.#keyBytes += key.length + 2;
    return this.#keys.size - 1;
  }

  #endRow(): void {
    if (this.#records.length === 0) {
      return;
    }
    const to = new ByteWriter(this.#keyBytes + this.#records.length + 8).varint(this.#keys.size);
    for (const key of this.#keys.keys()) {
      to.text(key);
    }
    this.#rows.push(to.bytes(this.#records.view()).view().slice());
    this.#keys = new Map();
    this.#keyBytes = 0;
    this.#records = new ByteWriter();
  }
}

/** Writes contents that fit into one row. */
export function writePlaces(contents: readonly PlacedContent[]): Uint8Array {
  const writer = new PlacesWriter();
  for (const content of contents) {
    writer.add(content);
  }
  const [row, ...others] = writer.finish();
  if (row === undefined || others.length > 0) {
    throw new Error(`Cannot write ${contents.length} contents into one row`);
  }
  return row;
}

function mostBytes(numbers: readonly number[], extents: readonly FileExtent[]): number {
  const keys = extents.reduce((sum, { key }) => sum + (key?.length ?? 0), 0);
  return 96 + 3 * numbers.length + 20 * extents.length + keys;
}

/** Contents of one row. */
export class Places {
  readonly keys: readonly string[];
  readonly #bytes: Uint8Array;
  readonly #start: number;

  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes);
    this.keys = Array.from({ length: reader.varint() }, () => toText(reader.take(reader.varint())));
    this.#bytes = bytes;
    this.#start = reader.at;
  }

  /** @yields All contents, each with where its place is in the row. */
  *contents(): Generator<PlacedContent & { offset: number }> {
    const reader = new ByteReader(this.#bytes);
    for (reader.take(this.#start); !reader.isAtEnd;) {
      let number = 0;
      const numbers = Array.from({ length: reader.varint() }, () => {
        number += reader.varint();
        return number;
      });
      yield { numbers, offset: reader.at, ...this.#read(reader) };
    }
  }

  /** The place at an offset that contents() gave: what it costs does not depend on how many files have the content. */
  at(offset: number): Place {
    const reader = new ByteReader(this.#bytes);
    reader.take(offset);
    return this.#read(reader);
  }

  #read(reader: ByteReader): Place {
    const crc32 = reader.u32();
    const sha512 = reader.take(SHA512);
    const extents = Array.from({ length: reader.varint() }, () => this.#readExtent(reader));
    return { crc32, sha512, extents };
  }

  #readExtent(reader: ByteReader): FileExtent {
    const [key, start, length] = [reader.varint(), reader.varint(), reader.varint()];
    return key === 0
      ? { key: null, start: 0, length }
      : { key: this.keys[key - 1] ?? "", start, length };
  }
}
