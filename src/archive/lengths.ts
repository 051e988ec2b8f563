// What a file, or an empty folder, adds to an archive, known before any archive is made. The catalog keeps sums of these numbers
// (docs/storage.md), so a change here needs a migration of its rows.

import { plainTarEntryLength, tarEntryLength } from "./tar.ts";
import { zipDirectoryEntryLength, zipEntryLength } from "./zip.ts";

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** The layouts of manifests: with empty folders they have sums of another revision, as older code left those out. */
export const LAYOUTS = { plain: 1, withEmptyFolders: 2 } as const;

/** Bytes that a file takes, in each place where an archive has some for it. */
export interface EntryLengths {
  /** In a tar: extended header, header, its bytes, padding. */
  tar: number;
  /** In a zip before the directory: local header, its bytes. */
  zip: number;
  /** In the directory of a zip that does without zip64. */
  directory: number;
}

/** Counts the bytes of a file by its path, as `EntryHead` has it, and its size; those of an empty folder, by its path with the slash,
 * are those of an empty file. */
export function entryLengths(path: string, size: number): EntryLengths {
  return {
    tar: tarEntryLength(path, size),
    zip: zipEntryLength(path, size),
    directory: zipDirectoryEntryLength(path),
  };
}

/** Counts the same by the UTF-8 of a path, which costs a tenth where no header has to be made to know its length. */
export function entryLengthsOfBytes(path: Uint8Array, size: number): EntryLengths {
  return {
    tar: plainTarEntryLength(path, size) ?? tarEntryLength(decoder.decode(path), size),
    zip: zipEntryLength(path, size),
    directory: zipDirectoryEntryLength(path),
  };
}
