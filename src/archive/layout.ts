// Where everything is in a tar or zip of known length. A layout is made from four sums alone, whatever the
// number of members; who sends a part of it looks the members of that part up.

import type { EntryLengths } from "./lengths.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar.ts";
import {
  DIRECTORY_ZIP64_EXTRA,
  needsZip64,
  zipDirectoryEntry,
  zipEnd,
  zipEntryLength,
  zipLocalHeader,
} from "./zip.ts";
import type { ZipHead } from "./zip.ts";

/** Formats with a layout. */
export type ArchiveFormat = "tar" | "zip";

/** Part of the ETag: counts the changes of what this folder writes for the same members. */
export const LAYOUT_REVISION = 1;

/** `entryLengths()` of a run of files and empty folders, added up, and how many they are. */
export interface Sums extends EntryLengths {
  files: number;
  emptyFolders: number;
}

/** A member, and the sums over the files of its version up to and including it. */
export interface PlacedHead extends ZipHead {
  sums: Sums;
}

/** What a member takes in a run: `sums[by]` and `perMember` for each of them, added up. */
export interface Measure {
  by: keyof EntryLengths;
  perMember: number;
}

/** A part of an archive that has something of each member, in order. */
export interface Run {
  kind: "run";
  length: number;
  measure: Measure;
  /** Whether the member's own bytes are between `head` and `tail`. */
  hasContent: boolean;
  head(member: PlacedHead): Uint8Array;
  tail(member: PlacedHead): Uint8Array;
}

export type Section = Run | { kind: "bytes"; length: number; bytes: Uint8Array };

const NOTHING = new Uint8Array();

/** Lays out the archive of a version's files between two places in its sums. */
export function layOut(format: ArchiveFormat, before: Sums, after: Sums): Section[] {
  return format === "tar" ? layOutTar(before, after) : layOutZip(before, after);
}

/** Evaluates a measure at a place in the sums. */
export function measureAt({ by, perMember }: Measure, sums: Sums): number {
  return sums[by] + perMember * countMembers(sums);
}

function countMembers({ files, emptyFolders }: Sums): number {
  return files + emptyFolders;
}

function layOutTar(before: Sums, after: Sums): Section[] {
  const members: Run = {
    kind: "run",
    length: after.tar - before.tar,
    measure: { by: "tar", perMember: 0 },
    hasContent: true,
    head: tarHeader,
    tail: ({ size }) => tarPadding(size),
  };
  return [members, toSection(TAR_END)];
}

function layOutZip(before: Sums, after: Sums): Section[] {
  const shape = {
    count: countMembers(after) - countMembers(before),
    bodyLength: after.zip - before.zip,
    plainDirectoryLength: after.directory - before.directory,
  };
  const isZip64 = needsZip64(shape);
  const perMember = isZip64 ? DIRECTORY_ZIP64_EXTRA : 0;
  const body: Run = {
    kind: "run",
    length: shape.bodyLength,
    measure: { by: "zip", perMember: 0 },
    hasContent: true,
    head: (member) => zipLocalHeader(member, isZip64),
    tail: () => NOTHING,
  };
  const directory: Run = {
    kind: "run",
    length: shape.plainDirectoryLength + perMember * shape.count,
    measure: { by: "directory", perMember },
    hasContent: false,
    head: (member) => {
      const { path, size, sums } = member;
      const offset = sums.zip - zipEntryLength(path, size) - before.zip;
      return zipDirectoryEntry(member, offset, isZip64);
    },
    tail: () => NOTHING,
  };
  return [body, directory, toSection(zipEnd(shape))];
}

function toSection(bytes: Uint8Array): Section {
  return { kind: "bytes", length: bytes.length, bytes };
}
