// The entries of a version. Files and folders share one numbering, so a folder's entries at any depth are
// the run of ordinals behind its own.

import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import { toExtents } from "./blobs.ts";

/** A file with the checksums and the place of its bytes. */
export interface StoredFile extends Pick<BlobFacts, "size" | "sha512" | "sha256"> {
  path: string;
  extents: Extent[];
}

export type FileRow = {
  ordinal: number;
  path: string;
  size: number;
  sha512: string;
  sha256: string;
  extents: string;
};

export function toFile({ path, size, sha512, sha256, extents }: FileRow): StoredFile {
  return { path, size, sha512, sha256, extents: toExtents(extents) };
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

export type FolderRow = {
  path: string;
  ordinal: number;
  entry_count: number;
  file_count: number;
  total_bytes: number;
};

export function toFolder(row: FolderRow): Folder {
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

/** The checksums of the files below a folder whose bytes are there, in order; `pageSize` of them in memory at a
 * time. */
export async function* walkChecksums(
  db: D1Database,
  versionId: number,
  { ordinal, entryCount }: Folder,
  pageSize: number,
): AsyncGenerator<{ path: string; sha256: string; sha512: string }[]> {
  type Row = { ordinal: number; path: string; sha256: string; sha512: string };
  let after = ordinal;
  let page: Row[];
  do {
    ({ results: page } = await db
      .prepare(
        `SELECT ordinal, path, sha256, sha512 FROM files
         WHERE version_id = ?1 AND ordinal > ?2 AND ordinal <= ?3 AND blob_id IS NOT NULL
         ORDER BY ordinal LIMIT ?4`,
      )
      .bind(versionId, after, ordinal + entryCount, pageSize)
      .all<Row>());
    yield page;
    after = page.at(-1)?.ordinal ?? after;
  } while (page.length === pageSize);
}
