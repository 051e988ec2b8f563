// A page of everything below a folder: entries are numbered, so that it is two ranges of indexes.

import type { Folder, StoredFile } from "./files.ts";

/** A file or folder of a listing. */
type Entry =
  | ({ kind: "folder"; ordinal: number } & Pick<Folder, "path" | "fileCount" | "totalBytes">)
  | ({ kind: "file"; ordinal: number } & Pick<StoredFile, "path" | "size" | "sha256" | "sha512">)
  /** A file that was declared and whose bytes are not there yet. */
  | { kind: "missing"; ordinal: number; path: string; size: number };

type EntryRow = {
  ordinal: number;
  path: string;
  size: number;
  sha256: string;
  sha512: string | null;
  /** Of a folder. */
  file_count: number | null;
};

function toEntry({ ordinal, path, size, sha256, sha512, file_count: fileCount }: EntryRow): Entry {
  if (fileCount !== null) {
    return { kind: "folder", ordinal, path, fileCount, totalBytes: size };
  }
  return sha512 === null
    ? { kind: "missing", ordinal, path, size }
    : { kind: "file", ordinal, path, size, sha256, sha512 };
}

/** A version that a listing offers to switch to; `hasFolder`: the folder at hand is in it too. */
export interface OfferedVersion {
  index: number;
  createdAt: number;
  hasFolder: boolean;
}

type OfferedRow = { version_index: number; created_at: number; has_folder: number };

function toOffered(row: OfferedRow): OfferedVersion {
  const { version_index: index, created_at: createdAt } = row;
  return { index, createdAt, hasFolder: row.has_folder === 1 };
}

/** Which entries of which folder, by their numbers, and how many versions to offer. */
export interface ListingQuery {
  artifactId: number;
  version: { id: number; sealed: boolean };
  folder: Folder;
  first: number;
  last: number;
  versions: number;
}

export interface ListedPage {
  /** In order. */
  entries: Entry[];
  /** How many files below the folder, on any page, are missing. */
  missingCount: number;
  /** The newest living ones, the newest first. */
  versions: OfferedVersion[];
}

/** A page, in one batch. */
export async function listPage(db: D1Database, query: ListingQuery): Promise<ListedPage> {
  const { version, versions: wanted } = query;
  const [entries, ...others] = await db.batch([
    selectEntries(db, query),
    ...(version.sealed ? [] : [countMissing(db, query)]),
    ...(wanted === 0 ? [] : [selectVersions(db, query)]),
  ]);
  const missing = version.sealed ? undefined : others.shift();
  return {
    entries: rowsOf<EntryRow>(entries)
      .map(toEntry)
      .toSorted((one, other) => one.ordinal - other.ordinal),
    missingCount: rowsOf<{ missing: number }>(missing)[0]?.missing ?? 0,
    versions: rowsOf<OfferedRow>(others.shift()).map(toOffered),
  };
}

/** The rows of a statement of the batch; none of one that was left out. */
function rowsOf<Row>(result: D1Result | undefined): Row[] {
  return (result?.results ?? []) as Row[];
}

function selectEntries(db: D1Database, { version, first, last }: ListingQuery) {
  return db
    .prepare(
      `SELECT ordinal, path, size, sha256, sha512, NULL AS file_count FROM files
       WHERE version_id = ?1 AND ordinal BETWEEN ?2 AND ?3
       UNION ALL
       SELECT ordinal, path, total_bytes, NULL, NULL, file_count FROM folders
       WHERE version_id = ?1 AND ordinal BETWEEN ?2 AND ?3`,
    )
    .bind(version.id, first, last);
}

function countMissing(db: D1Database, { version, folder }: ListingQuery) {
  const { ordinal, entryCount } = folder;
  return db
    .prepare(
      `SELECT count(*) AS missing FROM files
       WHERE version_id = ?1 AND blob_id IS NULL AND ordinal BETWEEN ?2 AND ?3`,
    )
    .bind(version.id, ordinal + 1, ordinal + entryCount);
}

function selectVersions(db: D1Database, { artifactId, folder, versions }: ListingQuery) {
  return db
    .prepare(
      `SELECT v.version_index, v.created_at,
         EXISTS (SELECT 1 FROM folders d WHERE d.version_id = v.id AND d.path = ?2) AS has_folder
       FROM versions v WHERE v.artifact_id = ?1 AND v.deleted_at IS NULL
       ORDER BY v.version_index DESC LIMIT ?3`,
    )
    .bind(artifactId, folder.path, versions);
}
