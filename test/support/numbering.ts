// The entries of a version, numbered as decision 3 says, in another way than src/manifest does: files and folders together in
// byte order of path, a folder's path ending in a slash. What both give is compared.

import { entryLengths } from "../../src/archive/lengths.ts";
import { comparePaths } from "../../src/protocol/paths.ts";

/** A file with its place among the entries; the sums are over the version's files up to and with it. */
export interface NumberedFile<File> {
  kind: "file";
  file: File;
  /** Its place among files and folders, from 1. */
  ordinal: number;
  /** Its place among the files alone, from 1. */
  fileNumber: number;
  tarEnd: number;
  zipEnd: number;
  directoryEnd: number;
}

/** A folder with what is below it, at any depth. */
export interface NumberedFolder {
  kind: "folder";
  /** Ends in a slash; '' is the root. */
  path: string;
  /** 0 is the root. */
  ordinal: number;
  entryCount: number;
  fileCount: number;
  totalBytes: number;
}

/** Sums over everything so far; a folder's own are the differences between its end and its beginning. */
interface Sums {
  entries: number;
  files: number;
  bytes: number;
}

interface OpenFolder {
  path: string;
  at: Sums;
}

/**
 * Numbers the entries of a version. `files` are in the order of `comparePaths()`, no path is there twice or
 * is also a folder of another.
 *
 * @yields Each file where it stands, and each folder, the root included, after all that is below it.
 */
export function* numberEntries<File extends { path: string; size: number }>(
  files: Iterable<File>,
): Generator<NumberedFile<File> | NumberedFolder> {
  const sums: Sums = { entries: 0, files: 0, bytes: 0 };
  const ends = { tarEnd: 0, zipEnd: 0, directoryEnd: 0 };
  const open: OpenFolder[] = [{ path: "", at: { ...sums } }];
  let previous = "";
  for (const file of files) {
    const { path, size } = file;
    if (comparePaths(previous, path) >= 0) {
      throw new Error(`Cannot number '${path}' after '${previous}': paths must ascend`);
    }
    previous = path;
    yield* closeFolders(open, sums, path);
    openFolders(open, sums, path);
    sums.entries += 1;
    sums.files += 1;
    sums.bytes += size;
    const lengths = entryLengths(path, size);
    ends.tarEnd += lengths.tar;
    ends.zipEnd += lengths.zip;
    ends.directoryEnd += lengths.directory;
    yield { kind: "file", file, ordinal: sums.entries, fileNumber: sums.files, ...ends };
  }
  yield* closeFolders(open, sums, null);
}

/** Ends the folders that `path` is not in; all of them where there is no path any more. */
function* closeFolders(
  open: OpenFolder[],
  sums: Sums,
  path: string | null,
): Generator<NumberedFolder> {
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    if (path?.startsWith(last.path)) {
      return;
    }
    open.pop();
    yield {
      kind: "folder",
      path: last.path,
      ordinal: last.at.entries,
      entryCount: sums.entries - last.at.entries,
      fileCount: sums.files - last.at.files,
      totalBytes: sums.bytes - last.at.bytes,
    };
  }
}

/** Begins the folders of `path` that are not open yet, from the outside in. */
function openFolders(open: OpenFolder[], sums: Sums, path: string): void {
  let from = open.at(-1)?.path.length ?? 0;
  for (let slash = path.indexOf("/", from); slash !== -1; slash = path.indexOf("/", from)) {
    from = slash + 1;
    sums.entries += 1;
    open.push({ path: path.slice(0, from), at: { ...sums } });
  }
}
