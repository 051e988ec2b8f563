// Texts in the order of their bytes, each by what it shares with the one before: `v shared, v rest, bytes`.

import type { ByteReader } from "./byte-reader.ts";
import { toText } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ManifestDamage } from "./damage.ts";

const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

/** Counts the bytes that two texts begin with alike. */
export function commonLength(one: Uint8Array, other: Uint8Array): number {
  const shorter = Math.min(one.length, other.length);
  let at = 0;
  while (at < shorter && one[at] === other[at]) {
    at += 1;
  }
  return at;
}

/** Compares as bytes; negative where `one` comes first. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const at = commonLength(one, other);
  return at < one.length && at < other.length
    ? (one[at] ?? 0) - (other[at] ?? 0)
    : one.length - other.length;
}

/** Puts each text once into the order of its bytes of UTF-8. */
export function sortTexts(texts: readonly string[]): string[] {
  return [...new Set(texts)]
    .map((text) => ({ text, bytes: encoder.encode(text) }))
    .toSorted((one, other) => compareBytes(one.bytes, other.bytes))
    .map(({ text }) => text);
}

export class FrontWriter {
  readonly #to: ByteWriter;
  #previous: Uint8Array = NOTHING;

  constructor(to: ByteWriter) {
    this.#to = to;
  }

  /** `text` stays as it is until the next one was added. */
  add(text: Uint8Array): void {
    const shared = commonLength(this.#previous, text);
    this.#to.varint(shared).varint(text.length - shared);
    this.#to.bytes(text.subarray(shared));
    this.#previous = text;
  }
}

/** Reads what a FrontWriter wrote; each text must come after the one before it. */
export class FrontReader {
  readonly #from: ByteReader;
  readonly #text: Uint8Array;
  #length = 0;
  #isFirst = true;
  /** How much of the last text it shares with the one before. */
  shared = 0;

  /** `most` is the length of the longest text. */
  constructor(from: ByteReader, most: number) {
    this.#from = from;
    this.#text = new Uint8Array(most);
  }

  /** The next text; valid until the next call. */
  next(): Uint8Array {
    const shared = this.#from.varint();
    const rest = this.#from.take(this.#from.varint());
    if (shared + rest.length > this.#text.length) {
      throw new ManifestDamage(`a text has more than ${this.#text.length} bytes`);
    }
    const isLater =
      shared === this.#length
        ? rest.length > 0 || this.#isFirst
        : shared < this.#length && (rest[0] ?? 0) > (this.#text[shared] ?? 0);
    if (!isLater) {
      throw new ManifestDamage("texts are not in order");
    }
    this.#text.set(rest, shared);
    this.#isFirst = false;
    this.#length = shared + rest.length;
    this.shared = shared;
    return this.#text.subarray(0, this.#length);
  }
}

/** Writes a table of texts that are in the order of their bytes: how many, then each. */
export function writeTable(to: ByteWriter, texts: readonly string[]): void {
  to.varint(texts.length);
  const front = new FrontWriter(to);
  for (const text of texts) {
    front.add(encoder.encode(text));
  }
}

/** Encodes a table alone. */
export function encodeTable(texts: readonly string[]): Uint8Array {
  const to = new ByteWriter();
  writeTable(to, texts);
  return to.view();
}

/** Reads a table of texts of at most `most` bytes each. */
export function readTable(from: ByteReader, most: number): string[] {
  // Each text takes two bytes at least.
  const count = from.count(Math.floor((from.bytes.length - from.at) / 2), "texts");
  const front = new FrontReader(from, most);
  return Array.from({ length: count }, () => toText(front.next()));
}
