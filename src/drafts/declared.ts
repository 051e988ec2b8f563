// Files that were declared, as bytes in the order of their paths: 100,000 of them are about 10 MB. A file is named by its
// number, from 1. A record is one of a member (docs/manifest.md, "Members") without checksums and extents: `v` its length
// behind this number; `text` path; `u8` flags; `v` size; sha256; then what the flags say.

import { ByteReader, toText } from "../manifest/byte-reader.ts";
import { ByteWriter } from "../manifest/byte-writer.ts";
import { compareBytes } from "../manifest/front-coding.ts";

/** Bytes of a chunk at most: a row of a Durable Object's SQLite has room for it. */
const CHUNK_BITS = 20;
const CHUNK = 2 ** CHUNK_BITS;
const SHA256 = 32;
/** Flags of a record, as those of a member; the other bits are for what no declaration says yet: 1 executable, 4 time, 8 link. */
const TYPED = 2;

/** More than any number of a file. */
const MOST_NUMBER = 2 ** 20;
const PRIME = 2 ** 31 - 1;
const DIGIT = 2 ** 16;
/** Digits of a content: of its hash, and the lowest two of its size. */
const DIGITS = SHA256 / 2 + 2;

const encoder = new TextEncoder();

/** A file as it was declared. */
export interface DeclaredFile {
  path: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
  contentType: string | null;
}

/** Writes files into chunks, in the order in which they come. */
export class DeclaredWriter {
  readonly #chunks: Uint8Array[] = [];
  #chunk = new ByteWriter();

  add({ path, size, sha256, contentType }: DeclaredFile): void {
    const record = new ByteWriter(256).text(path).u8(contentType === null ? 0 : TYPED);
    record.varint(size).bytes(Uint8Array.fromHex(sha256));
    if (contentType !== null) {
      record.text(contentType);
    }
    // A record, and its length before it, in at most four bytes.
    if (this.#chunk.length + record.length + 4 > CHUNK) {
      this.#endChunk();
    }
    this.#chunk.varint(record.length).bytes(record.view());
  }

  /** All chunks. */
  finish(): Uint8Array[] {
    this.#endChunk();
    return this.#chunks;
  }

  #endChunk(): void {
    if (this.#chunk.length > 0) {
      this.#chunks.push(this.#chunk.view().slice());
      this.#chunk = new ByteWriter(16 * 1024);
    }
  }
}

/** Files that were declared, found by number, path and content. */
export class Declared {
  readonly chunks: readonly Uint8Array[];
  /** Where the record of each file begins: its chunk and where it is in it. */
  readonly #positions: Uint32Array;
  /** Drawn, so that nobody declares contents that are alike to the index. */
  readonly #factors = crypto.getRandomValues(new Uint32Array(DIGITS));
  #byContent: Float64Array | null = null;

  constructor(chunks: readonly Uint8Array[]) {
    this.chunks = chunks;
    const positions: number[] = [];
    for (const [number, chunk] of chunks.entries()) {
      for (const reader = new ByteReader(chunk); !reader.isAtEnd;) {
        const length = reader.varint();
        positions.push(number * CHUNK + reader.at);
        reader.take(length);
      }
    }
    this.#positions = Uint32Array.from(positions);
  }

  get count(): number {
    return this.#positions.length;
  }

  /** Bytes of all records. */
  get length(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  pathAt(number: number): Uint8Array {
    const reader = this.#at(number);
    return reader.take(reader.varint());
  }

  /** The content of a file; the hash is shared with the record. */
  contentAt(number: number): { size: number; sha256: Uint8Array } {
    const reader = this.#at(number);
    reader.take(reader.varint());
    reader.u8();
    const size = reader.varint();
    return { size, sha256: reader.take(SHA256) };
  }

  fileAt(number: number): DeclaredFile {
    return readRecord(this.#at(number));
  }

  /** The number of the file of a path; null where there is none. */
  find(path: string): number | null {
    const wanted = encoder.encode(path);
    let [low, high] = [1, this.count + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = compareBytes(this.pathAt(middle), wanted);
      if (difference === 0) {
        return path.isWellFormed() ? middle : null;
      }
      [low, high] = difference < 0 ? [middle + 1, high] : [low, middle];
    }
    return null;
  }

  /** The numbers of all files of a content. */
  withContent(sha256: Uint8Array, size: number): number[] {
    const index = this.#contentIndex();
    const wanted = this.#digest(sha256, size) * MOST_NUMBER;
    let [low, high] = [0, index.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      [low, high] = (index[middle] ?? 0) < wanted ? [middle + 1, high] : [low, middle];
    }
    const numbers: number[] = [];
    for (; low < index.length && (index[low] ?? 0) < wanted + MOST_NUMBER; low += 1) {
      const number = (index[low] ?? 0) - wanted;
      const content = this.contentAt(number);
      if (content.size === size && compareBytes(content.sha256, sha256) === 0) {
        numbers.push(number);
      }
    }
    return numbers;
  }

  /** The records of some of the files behind one, about so many bytes of them, and the last that was looked at. */
  page(after: number, isWanted: (number: number) => boolean, bytes: number): DeclaredPage {
    const to = new ByteWriter(16 * 1024);
    let number = after;
    while (number < this.count && to.length < bytes) {
      number += 1;
      if (isWanted(number)) {
        to.bytes(this.#recordAt(number));
      }
    }
    return { records: to.view().slice(), last: number, isEnd: number === this.count };
  }

  /** Digests of contents with the numbers of their files, sorted. */
  #contentIndex(): Float64Array {
    this.#byContent ??= Float64Array.from({ length: this.count }, (_, index) => {
      const { sha256, size } = this.contentAt(index + 1);
      return this.#digest(sha256, size) * MOST_NUMBER + index + 1;
    }).toSorted();
    return this.#byContent;
  }

  /** A number below 2^31 - 1, a prime, that two contents share by chance only: their digits of 16 bits times the factors. */
  #digest(sha256: Uint8Array, size: number): number {
    let sum = (size % DIGIT) * this.#factorAt(SHA256 / 2);
    sum += (Math.floor(size / DIGIT) % DIGIT) * this.#factorAt(SHA256 / 2 + 1);
    for (let at = 0; at < SHA256; at += 2) {
      sum += (256 * (sha256[at] ?? 0) + (sha256[at + 1] ?? 0)) * this.#factorAt(at / 2);
    }
    return sum % PRIME;
  }

  #factorAt(digit: number): number {
    return (this.#factors[digit] ?? 0) % PRIME;
  }

  #recordAt(number: number): Uint8Array {
    const reader = this.#at(number);
    readRecord(reader);
    return reader.bytes.subarray(0, reader.at);
  }

  #at(number: number): ByteReader {
    const position = this.#positions[number - 1] ?? 0;
    return new ByteReader(this.#chunkOf(position).subarray(position % CHUNK));
  }

  #chunkOf(position: number): Uint8Array {
    return this.chunks[position >>> CHUNK_BITS] ?? new Uint8Array();
  }
}

/** Some files, as `page()` gives them; `last` is the number behind which the next page begins. */
export interface DeclaredPage {
  records: Uint8Array;
  last: number;
  isEnd: boolean;
}

/** @yields The files of a page. */
export function* readPage({ records }: Pick<DeclaredPage, "records">): Generator<DeclaredFile> {
  for (const reader = new ByteReader(records); !reader.isAtEnd;) {
    yield readRecord(reader);
  }
}

function readRecord(reader: ByteReader): DeclaredFile {
  const path = toText(reader.take(reader.varint()));
  const flags = reader.u8();
  const size = reader.varint();
  const sha256 = reader.take(SHA256).toHex();
  const contentType = (flags & TYPED) === 0 ? null : toText(reader.take(reader.varint()));
  return { path, size, sha256, contentType };
}
