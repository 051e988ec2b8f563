// The entries of a version. Files and folders share one numbering, so a folder's entries at any depth are
// the run of ordinals behind its own, and any page of them is two index ranges.

import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import { EXTENTS_OF_B, toExtents } from "./blobs.ts";

/** A file with the checksums and the place of its bytes. */
export interface StoredFile extends Pick<BlobFacts, "size" | "sha512" | "sha256"> {
  path: string;
  extents: Extent[];
}

type FileRow = {
  ordinal: number;
  path: string;
  size: number;
  sha512: string;
  sha256: string;
  extents: string;
};

function toFile({ path, size, sha512, sha256, extents }: FileRow): StoredFile {
  return { path, size, sha512, sha256, extents: toExtents(extents) };
}

const SELECT_FILE = `
  SELECT f.ordinal, f.path, f.size, f.sha512, f.sha256, ${EXTENTS_OF_B} AS extents
  FROM files f JOIN blobs b ON b.id = f.blob_id`;

export async function findFile(
  db: D1Database,
  versionId: number,
  path: string,
): Promise<StoredFile | null> {
  const row = await db
    .prepare(`${SELECT_FILE} WHERE f.version_id = ?1 AND f.path = ?2`)
    .bind(versionId, path)
    .first<FileRow>();
  return row && toFile(row);
}

export interface Folder {
  /** Ends in a slash; '' is the root. */
  path: string;
  /** The folder's entries are numbered from `ordinal + 1` to `ordinal + entryCount`. */
  ordinal: number;
  entryCount: number;
  fileCount: number;
  totalBytes: number;
}

type FolderRow = {
  path: string;
  ordinal: number;
  entry_count: number;
  file_count: number;
  total_bytes: number;
};

function toFolder(row: FolderRow): Folder {
  return {
    path: row.path,
    ordinal: row.ordinal,
    entryCount: row.entry_count,
    fileCount: row.file_count,
    totalBytes: row.total_bytes,
  };
}

const SELECT_FOLDER =
  "SELECT path, ordinal, entry_count, file_count, total_bytes FROM folders WHERE version_id = ?1";

export async function findFolder(
  db: D1Database,
  versionId: number,
  path: string,
): Promise<Folder | null> {
  const row = await db
    .prepare(`${SELECT_FOLDER} AND path = ?2`)
    .bind(versionId, path)
    .first<FolderRow>();
  return row && toFolder(row);
}

/** A file or folder of a listing. */
export type Entry =
  | ({ kind: "folder" } & Folder)
  | ({ kind: "file"; ordinal: number } & Pick<StoredFile, "path" | "size" | "sha256" | "sha512">)
  /** A file that was declared and whose bytes are not there yet. */
  | { kind: "missing"; ordinal: number; path: string; size: number };

/** The entries numbered `first` to `last`, in order. */
export async function listEntries(
  db: D1Database,
  versionId: number,
  first: number,
  last: number,
): Promise<Entry[]> {
  const [folders, files] = await db.batch([
    db.prepare(`${SELECT_FOLDER} AND ordinal BETWEEN ?2 AND ?3`).bind(versionId, first, last),
    db
      .prepare(
        `SELECT ordinal, path, size, sha512, sha256 FROM files
         WHERE version_id = ?1 AND ordinal BETWEEN ?2 AND ?3`,
      )
      .bind(versionId, first, last),
  ]);
  const entries = [
    ...((folders?.results ?? []) as FolderRow[]).map((row): Entry => ({
      kind: "folder",
      ...toFolder(row),
    })),
    ...((files?.results ?? []) as (Omit<FileRow, "sha512"> & { sha512: string | null })[]).map(
      ({ ordinal, path, size, sha256, sha512 }): Entry =>
        sha512 === null
          ? { kind: "missing", ordinal, path, size }
          : { kind: "file", ordinal, path, size, sha256, sha512 },
    ),
  ];
  return entries.toSorted((one, other) => one.ordinal - other.ordinal);
}

/** How many files below a folder are missing. */
export async function countMissing(
  db: D1Database,
  versionId: number,
  { ordinal, entryCount }: Folder,
): Promise<number> {
  const count = await db
    .prepare(
      `SELECT count(*) AS missing FROM files
       WHERE version_id = ?1 AND blob_id IS NULL AND ordinal BETWEEN ?2 AND ?3`,
    )
    .bind(versionId, ordinal + 1, ordinal + entryCount)
    .first<number>("missing");
  return count ?? 0;
}
