// The columns of a block, as they were encoded by encode-block.ts.

import { ByteReader, toText } from "./byte-reader.ts";
import { ManifestDamage } from "./damage.ts";
import type { FolderSums, Place } from "./entries.ts";
import { BOUNDS, COLUMNS, HASHES } from "./format.ts";
import type { Column } from "./format.ts";
import { readTable } from "./front-coding.ts";

/** A block cut into its columns; null is one that says nothing. */
export interface BlockColumns {
  entryCount: number;
  fileCount: number;
  paths: Uint8Array;
  optional: Record<Column, Uint8Array | null>;
  hashes: Record<keyof typeof HASHES, Uint8Array>;
}

/** Cuts a block into its columns. */
export function cutColumns(bytes: Uint8Array): BlockColumns {
  const reader = new ByteReader(bytes);
  // An entry takes three bytes at least, a file its hashes.
  const entryCount = reader.count(Math.floor(bytes.length / 3), "entries");
  const fileCount = reader.count(entryCount, "files");
  const mask = reader.varint();
  if (mask >= 2 ** COLUMNS.length) {
    throw new ManifestDamage("a block has columns that are not known here");
  }
  const pathsLength = reader.varint();
  const present = COLUMNS.filter((_, bit) => (mask & (1 << bit)) !== 0);
  const lengths = present.map((name) => ({ name, length: reader.varint() }));
  const paths = reader.take(pathsLength);
  const optional: BlockColumns["optional"] = {
    folders: null,
    emptyFolders: null,
    sizes: null,
    places: null,
    keys: null,
    types: null,
    typeTexts: null,
    executables: null,
    times: null,
    links: null,
  };
  for (const { name, length } of lengths) {
    optional[name] = reader.take(length);
  }
  const hashes = {
    crc32: reader.take(HASHES.crc32 * fileCount),
    sha256: reader.take(HASHES.sha256 * fileCount),
    sha512: reader.take(HASHES.sha512 * fileCount),
  };
  reader.requireEnd("a block");
  return { entryCount, fileCount, paths, optional, hashes };
}

/** Reads a column of numbers, none above `most`. */
export function readNumbers(
  column: Uint8Array | null,
  count: number,
  most: number = Number.MAX_SAFE_INTEGER,
): Float64Array {
  const numbers = new Float64Array(count);
  if (column === null) {
    return numbers;
  }
  const reader = new ByteReader(column);
  for (let at = 0; at < count; at += 1) {
    numbers[at] = reader.count(most, "as a number of a column");
  }
  reader.requireEnd("a column of numbers");
  return numbers;
}

/** Reads a table of texts; one that is left out has none. */
export function readTexts(column: Uint8Array | null, most: number): string[] {
  if (column === null) {
    return [];
  }
  const reader = new ByteReader(column);
  const texts = readTable(reader, most);
  reader.requireEnd("a table of texts");
  return texts;
}

/** Reads what is below each folder. */
export function readFolders(
  { folders, emptyFolders }: Pick<BlockColumns["optional"], "folders" | "emptyFolders">,
  count: number,
): FolderSums[] {
  const numbers = readNumbers(folders, 6 * count);
  const empty = readNumbers(emptyFolders, count);
  return Array.from({ length: count }, (_, folder) => {
    const [entries = 0, files = 0, bytes = 0, tar = 0, zip = 0, directory = 0] = numbers.subarray(
      6 * folder,
      6 * folder + 6,
    );
    return { entries, files, bytes, tar, zip, directory, emptyFolders: empty[folder] ?? 0 };
  });
}

/** Reads where the files are; those of size 0 are nowhere. */
export function readPlaces(
  { places, keys }: Pick<BlockColumns["optional"], "places" | "keys">,
  sizes: Float64Array,
): Place[] {
  const names = readTexts(keys, BOUNDS.key);
  const reader = new ByteReader(places ?? new Uint8Array());
  /** Where the last file of each key ended, and the last list. */
  const ends = new Float64Array(names.length);
  let listsEnd = 0;
  const read = Array.from(sizes, (size): Place => {
    if (size === 0) {
      return { kind: "none" };
    }
    const number = reader.count(names.length, "as the number of a key");
    if (number === 0) {
      const place = readListPlace(reader, listsEnd);
      listsEnd = place.offset + place.headLength + place.bodyLength;
      return place;
    }
    const start = reader.signed() + (ends[number - 1] ?? 0);
    if (start < 0 || !Number.isSafeInteger(start + size)) {
      throw new ManifestDamage("a file is nowhere in its object");
    }
    ends[number - 1] = start + size;
    return { kind: "object", key: names[number - 1] ?? "", start };
  });
  reader.requireEnd("the places of files");
  return read;
}

function readListPlace(reader: ByteReader, listsEnd: number): Place & { kind: "list" } {
  const offset = listsEnd + reader.varint();
  const headLength = reader.count(BOUNDS.listHead, "bytes in the head of a list");
  const bodyLength = reader.varint();
  if (!Number.isSafeInteger(offset + headLength + bodyLength)) {
    throw new ManifestDamage("a list of extents is nowhere");
  }
  return { kind: "list", offset, headLength, bodyLength };
}

/** Reads the times of files, null where there is none. */
export function readTimes(column: Uint8Array | null, count: number): (number | null)[] {
  if (column === null) {
    return Array.from({ length: count }, () => null);
  }
  const reader = new ByteReader(column);
  let previous = 0;
  const times = Array.from({ length: count }, () => {
    const coded = reader.signed();
    if (coded === 0) {
      return null;
    }
    previous += coded < 0 ? coded : coded - 1;
    if (previous < BOUNDS.earliest || previous > BOUNDS.latest) {
      throw new ManifestDamage("a time is not in the years 1 to 9999");
    }
    return previous;
  });
  reader.requireEnd("the times of files");
  return times;
}

/** Reads the targets of links, by the place of the file in its block. */
export function readLinks(column: Uint8Array | null, count: number): Map<number, string> {
  const links = new Map<number, string>();
  const reader = new ByteReader(column ?? new Uint8Array());
  for (let next = 0; !reader.isAtEnd; next += 1) {
    next += reader.varint();
    const target = reader.take(reader.count(BOUNDS.link, "bytes in the target of a link"));
    if (next >= count || target.length === 0) {
      throw new ManifestDamage("a link is none of the files");
    }
    links.set(next, toText(target));
  }
  return links;
}

/** Tells for each file whether it is executable. */
export function readBits(column: Uint8Array | null, count: number): Uint8Array {
  if (column === null) {
    return new Uint8Array(Math.ceil(count / 8));
  }
  if (column.length !== Math.ceil(count / 8)) {
    throw new ManifestDamage("a mask of files has another length");
  }
  return column;
}
