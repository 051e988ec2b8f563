// A block: entries that follow one another, column by column (docs/manifest.md, "Blocks").

import type { FileExtent } from "../protocol/entries.ts";
import type { Extent } from "../protocol/uploads.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { FolderSums } from "./entries.ts";
import { COLUMNS, HASHES } from "./format.ts";
import type { Column } from "./format.ts";
import { encodeTable, FrontWriter, sortTexts } from "./front-coding.ts";
import { encodeList } from "./lists.ts";
import type { Member } from "./members.ts";

/** An entry to be written. */
export type NewEntry =
  | { kind: "file"; path: Uint8Array; file: Member }
  | { kind: "folder"; path: Uint8Array; below: FolderSums };

/** What a writer of blocks has beside the entries. */
export interface BlockContext {
  /** Of the members. */
  keys: readonly string[];
  /** Where lists are written. */
  lists: ByteWriter;
}

/** Encodes a block; lists of files with several extents are added to those of the context. */
export function encodeBlock(entries: readonly NewEntry[], context: BlockContext): Uint8Array {
  const files = entries.flatMap((entry) => (entry.kind === "file" ? entry.file : []));
  const paths = encodePaths(entries);
  const columns = encodeColumns(entries, files, context);
  const present = COLUMNS.filter((name) => columns[name].some((byte) => byte !== 0));
  const mask = present.reduce((bits, name) => bits + 2 ** COLUMNS.indexOf(name), 0);
  const to = new ByteWriter(paths.length + 110 * files.length + 4096);
  to.varint(entries.length).varint(files.length).varint(mask).varint(paths.length);
  for (const name of present) {
    to.varint(columns[name].length);
  }
  to.bytes(paths);
  for (const name of present) {
    to.bytes(columns[name]);
  }
  for (const { crc32 } of files) {
    to.u32(crc32);
  }
  for (const name of ["sha256", "sha512"] as const) {
    for (const file of files) {
      to.bytes(file[name].subarray(0, HASHES[name]));
    }
  }
  return to.view();
}

function encodePaths(entries: readonly NewEntry[]): Uint8Array {
  const to = new ByteWriter(16 * 1024);
  const front = new FrontWriter(to);
  for (const { path } of entries) {
    front.add(path);
  }
  return to.view();
}

/** Encodes the columns that may be left out. One that says nothing has no bytes but zeros. */
function encodeColumns(
  entries: readonly NewEntry[],
  files: readonly Member[],
  context: BlockContext,
): Record<Column, Uint8Array> {
  const types = sortTexts(files.flatMap(({ type }) => type ?? []));
  const keys = sortTexts(files.flatMap((file) => objectOf(file, context)?.key ?? []));
  const typeNumbers = new Map(types.map((type, number) => [type, number + 1]));
  const numberOf = (type: string | null) => (type === null ? 0 : (typeNumbers.get(type) ?? 0));
  return {
    folders: encodeFolders(entries, ["entries", "files", "bytes", "tar", "zip", "directory"]),
    emptyFolders: encodeFolders(entries, ["emptyFolders"]),
    sizes: encodeEach(files, (to, { size }) => to.varint(size)),
    places: encodePlaces(files, keys, context),
    keys: encodeTable(keys),
    types: encodeEach(files, (to, { type }) => to.varint(numberOf(type))),
    typeTexts: encodeTable(types),
    executables: encodeExecutables(files),
    times: encodeTimes(files),
    links: encodeLinks(files),
  };
}

function encodeEach(
  files: readonly Member[],
  write: (to: ByteWriter, file: Member) => void,
): Uint8Array {
  const to = new ByteWriter(8 * files.length);
  for (const file of files) {
    write(to, file);
  }
  return to.view();
}

function encodeFolders(
  entries: readonly NewEntry[],
  parts: readonly (keyof FolderSums)[],
): Uint8Array {
  const to = new ByteWriter();
  for (const entry of entries) {
    if (entry.kind === "folder") {
      for (const part of parts) {
        to.varint(entry.below[part]);
      }
    }
  }
  return to.view();
}

/** The extent of a file that is whole in one object; null for others. */
function objectOf({ extents }: Member, { keys }: BlockContext): Extent | null {
  const [extent, ...others] = extents;
  if (extent === undefined || extent.key === null || others.length > 0) {
    return null;
  }
  return { key: keys[extent.key] ?? "", start: extent.start, length: extent.length };
}

function encodePlaces(
  files: readonly Member[],
  keys: readonly string[],
  context: BlockContext,
): Uint8Array {
  const numbers = new Map(keys.map((key, number) => [key, number + 1]));
  const to = new ByteWriter(8 * files.length);
  /** Where the last file of each key ended, and the last list. */
  const ends = new Map<number, number>();
  let listsEnd = 0;
  for (const file of files.filter(({ size }) => size > 0)) {
    const extent = objectOf(file, context);
    if (extent === null) {
      const gap = context.lists.length - listsEnd;
      const { head, body } = encodeList(namedExtents(file, context.keys));
      context.lists.bytes(head).bytes(body);
      to.varint(0).varint(gap).varint(head.length).varint(body.length);
      listsEnd = context.lists.length;
    } else {
      const number = numbers.get(extent.key) ?? 0;
      to.varint(number).signed(extent.start - (ends.get(number) ?? 0));
      ends.set(number, extent.start + extent.length);
    }
  }
  return to.view();
}

/** The extents of a member, with their keys. */
export function namedExtents({ extents }: Member, keys: readonly string[]): FileExtent[] {
  return extents.map(({ key, start, length }) =>
    key === null ? { key, start: 0, length } : { key: keys[key] ?? "", start, length },
  );
}

function encodeExecutables(files: readonly Member[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(files.length / 8));
  for (const [at, { isExecutable }] of files.entries()) {
    bits[at >>> 3] = (bits[at >>> 3] ?? 0) | (Number(isExecutable) << (at % 8));
  }
  return bits;
}

/** Each time by its difference from the one before, in a form of which 0 is left for no time. */
function encodeTimes(files: readonly Member[]): Uint8Array {
  let previous = 0;
  return encodeEach(files, (to, { modifiedAt }) => {
    if (modifiedAt === null) {
      to.varint(0);
      return;
    }
    const difference = modifiedAt - previous;
    to.signed(difference < 0 ? difference : difference + 1);
    previous = modifiedAt;
  });
}

function encodeLinks(files: readonly Member[]): Uint8Array {
  const to = new ByteWriter();
  let next = 0;
  for (const [at, { linkTarget }] of files.entries()) {
    if (linkTarget !== null) {
      to.varint(at - next).text(linkTarget);
      next = at + 1;
    }
  }
  return to.view();
}
