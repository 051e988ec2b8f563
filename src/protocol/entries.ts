// The entries of a version as whoever lists or sends them sees them, wherever the version keeps them.

import type { BlobFacts, Extent } from "./uploads.ts";

/** A run of a file's bytes: in an R2 object, or of zeros that no object holds. */
export type FileExtent = Extent | { key: null; start: 0; length: number };

/** A folder with what is below it, at any depth. Its entries are numbered from `ordinal + 1` to `ordinal + entryCount`. */
export interface Folder {
  kind: "folder";
  /** Ends in a slash; '' is the root. */
  path: string;
  /** 0 is the root. */
  ordinal: number;
  entryCount: number;
  fileCount: number;
  totalBytes: number;
}

/** A file whose bytes are there. */
export interface StoredFile extends BlobFacts {
  kind: "file";
  path: string;
  /** Its place among files and folders, from 1. */
  ordinal: number;
  /** The content type that was declared with it. */
  contentType: string | null;
  isExecutable: boolean;
  /** When it was changed last, in milliseconds, as far as that is known. */
  modifiedAt: number | null;
  /** @yields The extents that hold its bytes from `start` up to, not including, `end`. */
  extents(start?: number, end?: number): AsyncIterable<readonly FileExtent[]>;
}

/** A file that was declared and whose bytes are not there yet. */
export interface MissingFile {
  kind: "missing";
  path: string;
  ordinal: number;
  size: number;
  sha256: string;
  contentType: string | null;
}

export type VersionEntry = Folder | StoredFile | MissingFile;

/** What the archive that a version was made of had, and the version has not: how many things, and the first of them by name. */
export interface LeftOutMembers {
  count: number;
  named: { path: string; reason: string }[];
}

/** Entries numbered `after + 1` to `last`. */
export interface OrdinalRange {
  after: number;
  last: number;
}

/** The entries of a version, numbered as decision 3 says. */
export interface VersionEntries {
  /** A file, or a folder, whose path ends in a slash or is ''. */
  find(path: string): Promise<VersionEntry | null>;
  /** The entries of a page, `first` and `last` included, in order; what is not there is not on it. */
  page(first: number, last: number): Promise<VersionEntry[]>;
  /** @yields The entries of a range, in order, some hundreds at a time. */
  walk(range: OrdinalRange): AsyncIterable<VersionEntry[]>;
  /** How many files of a range are missing. */
  countMissing(range: OrdinalRange): Promise<number>;
  leftOut(): Promise<LeftOutMembers>;
}

/** The entries below a folder, at any depth. */
export function entriesBelow({ ordinal, entryCount }: Folder): OrdinalRange {
  return { after: ordinal, last: ordinal + entryCount };
}
