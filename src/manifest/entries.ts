// What a manifest says of a version's files and folders.

import { entryLengthsOfBytes, LAYOUTS } from "../archive/lengths.ts";
import type { EntryLengths } from "../archive/lengths.ts";

/** What a file is, apart from its place in a version. */
export interface FileFacts {
  path: string;
  size: number;
  crc32: number;
  sha256: Uint8Array;
  sha512: Uint8Array;
  /** The content type that was declared with it. */
  type: string | null;
  isExecutable: boolean;
  /** The time of its last change, in milliseconds. */
  modifiedAt: number | null;
  /** What it points at if it is a symbolic link; its bytes are those that are sent for it. */
  linkTarget: string | null;
}

/** Sums over the files of a version up to some place, and over its empty folders, which archives name as well. */
export interface Sums extends EntryLengths {
  files: number;
  bytes: number;
  emptyFolders: number;
}

/** Sums over all that is below a folder, which `entries` counts: files and folders. */
export interface FolderSums extends Sums {
  entries: number;
}

/** Where a file's bytes are: nowhere (it is empty), in one object, or in several extents, which the list at `offset`
 * of the lists names. */
export type Place =
  | { kind: "none" }
  | { kind: "object"; key: string; start: number }
  | { kind: "list"; offset: number; headLength: number; bodyLength: number };

/** A file of a version; `sums` are over the files up to and with it, so that `sums.files` is its number among them. */
export interface FileEntry extends FileFacts {
  kind: "file";
  /** Its place among files and folders, from 1. */
  ordinal: number;
  sums: Sums;
  place: Place;
}

/** A folder of a version. `before` are the sums over the files before it, `below` those over what is in it. */
export interface FolderEntry {
  kind: "folder";
  /** Ends in a slash; '' is the root. */
  path: string;
  /** 0 is the root. */
  ordinal: number;
  before: Sums;
  below: FolderSums;
}

export type Entry = FileEntry | FolderEntry;

/** Sums over nothing. */
export const NO_SUMS: Sums = { files: 0, bytes: 0, tar: 0, zip: 0, directory: 0, emptyFolders: 0 };

/** The parts of `Sums`, in the order in which they are written. */
export const SUM_PARTS = ["files", "bytes", "tar", "zip", "directory", "emptyFolders"] as const;

/** The parts of `FolderSums`, in the order in which they are written. */
export const FOLDER_PARTS = ["entries", ...SUM_PARTS] as const;

/** What an empty folder adds to the sums, by its path in UTF-8 with the slash: in the first layout it is in no archive. */
export function sumsOfEmptyFolder(path: Uint8Array, layout: number): Sums {
  const lengths = layout === LAYOUTS.plain ? {} : entryLengthsOfBytes(path, 0);
  return { ...NO_SUMS, emptyFolders: 1, ...lengths };
}

/** Adds sums, or with `sign` -1 takes them away. */
export function addSums(one: Sums, other: Sums, sign: 1 | -1 = 1): Sums {
  return {
    files: one.files + sign * other.files,
    bytes: one.bytes + sign * other.bytes,
    tar: one.tar + sign * other.tar,
    zip: one.zip + sign * other.zip,
    directory: one.directory + sign * other.directory,
    emptyFolders: one.emptyFolders + sign * other.emptyFolders,
  };
}

/** What a file, or an empty folder, takes in a part of an archive: `sums[by]` and `perMember` for each of them, added up. */
export interface Measure {
  by: keyof EntryLengths;
  perMember: number;
}

/** Evaluates a measure at a place in the sums. */
export function measureSums({ by, perMember }: Measure, sums: Sums): number {
  return sums[by] + perMember * (sums.files + sums.emptyFolders);
}
