// The entries of a draft as those of a version: what is there of them can be read.

import type { FileExtent, Folder, MissingFile, OrdinalRange } from "../protocol/entries.ts";
import type { BlobFacts } from "../protocol/uploads.ts";
import type { Draft } from "./draft.ts";

/** A file whose bytes are there, as it goes through a call. */
interface DraftStoredFile extends BlobFacts {
  kind: "file";
  path: string;
  ordinal: number;
  contentType: string | null;
  extents: readonly FileExtent[];
}

export type DraftEntry = Folder | MissingFile | DraftStoredFile;

/** A file, or a folder, whose path ends in a slash or is ''. */
export async function findEntry(draft: Draft, path: string): Promise<DraftEntry | null> {
  const tree = await draft.tree();
  if (path === "") {
    return tree.root;
  }
  if (path.endsWith("/")) {
    return tree.findFolder(path);
  }
  const number = draft.declared.find(path);
  return number === null ? null : toEntry(draft, number, tree.ordinalOf(number));
}

/** The entries of a range that are there. */
export async function listEntries(
  draft: Draft,
  { after, last }: OrdinalRange,
): Promise<DraftEntry[]> {
  const tree = await draft.tree();
  const end = Math.min(last, tree.root.entryCount);
  const entries: DraftEntry[] = [];
  for (let ordinal = Math.max(after, 0) + 1; ordinal <= end; ordinal += 1) {
    const found = tree.at(ordinal);
    if (found !== null) {
      entries.push(typeof found === "number" ? toEntry(draft, found, ordinal) : found);
    }
  }
  return entries;
}

/** How many files of a range are missing. */
export async function countMissing(draft: Draft, range: OrdinalRange): Promise<number> {
  const { first, end } = (await draft.tree()).filesIn(range);
  return draft.countMissing(first, end);
}

function toEntry(draft: Draft, number: number, ordinal: number): MissingFile | DraftStoredFile {
  const file = draft.declared.fileAt(number);
  if (draft.isMissing(number)) {
    return { kind: "missing", ordinal, ...file };
  }
  const { crc32, sha512, extents } = draft.placeOf(number);
  const facts = { sha512: sha512.toHex(), crc32: crc32.toString(16).padStart(8, "0") };
  return { kind: "file", ordinal, ...file, ...facts, extents };
}
