// A version's rows as `npm run fsck` computes them again from the paths and sizes of its files.

import type { Uuid } from "../protocol/ids.ts";

export interface CheckedVersion {
  id: number;
  artifactUuid: Uuid;
  index: number;
  isSealed: number;
  misses: number;
  /** The root aside. */
  folders: number;
}

/** Living versions after `after`; those of one page, and its last id, null where no page follows. */
export async function checkVersions(
  db: D1Database,
  after: number,
  limit: number,
): Promise<{ versions: CheckedVersion[]; last: number | null }> {
  const { results } = await db
    .prepare(
      `SELECT v.id, a.uuid AS artifactUuid, v.version_index AS "index", v.deleted_at IS NULL AS living,
         v.sealed_at IS NOT NULL AS isSealed,
         EXISTS (SELECT 1 FROM files WHERE version_id = v.id AND blob_id IS NULL) AS misses,
         (SELECT count(*) FROM folders WHERE version_id = v.id AND ordinal > 0) AS folders
       FROM versions v CROSS JOIN artifacts a ON a.id = v.artifact_id
       WHERE v.id > ?1 ORDER BY v.id LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedVersion & { living: number }>();
  return {
    versions: results.filter(({ living }) => living === 1),
    last: results.length < limit ? null : (results.at(-1)?.id ?? null),
  };
}

export interface CheckedFile {
  ordinal: number;
  path: string;
  size: number;
  fileNumber: number;
  tarEnd: number;
  zipEnd: number;
  directoryEnd: number;
  /** Do workspace and sharing agree with the artifact's, size and checksums with the blob's? */
  isOwned: number;
  isBlobs: number;
}

/** A version's files after an ordinal. */
export async function checkFiles(
  db: D1Database,
  versionId: number,
  after: number,
  limit: number,
): Promise<CheckedFile[]> {
  const { results } = await db
    .prepare(
      `SELECT f.ordinal, f.path, f.size, f.file_number AS fileNumber, f.tar_end AS tarEnd,
         f.zip_end AS zipEnd, f.directory_end AS directoryEnd,
         f.workspace_id = a.workspace_id AND f.shared = a.shared AS isOwned,
         f.blob_id IS NULL OR (b.size, b.sha256, b.sha512) IS (f.size, f.sha256, f.sha512) AS isBlobs
       FROM files f JOIN versions v ON v.id = f.version_id JOIN artifacts a ON a.id = v.artifact_id
       LEFT JOIN blobs b ON b.id = f.blob_id
       WHERE f.version_id = ?1 AND f.ordinal > ?2 ORDER BY f.ordinal LIMIT ?3`,
    )
    .bind(versionId, after, limit)
    .all<CheckedFile>();
  return results;
}

/** What a row of `folders` or `files` must say: the ordinal, for a folder the path, then the counts and sums. */
export type FolderRow = [number, string, number, number, number];
export type FileSums = [number, number, number, number, number];

/** Those of these folders that are not there as they must be, with the path that is found at the ordinal. */
export async function compareFolders(
  db: D1Database,
  versionId: number,
  wanted: readonly FolderRow[],
): Promise<{ ordinal: number; path: string; found: string | null }[]> {
  const { results } = await db
    .prepare(
      `SELECT w.value ->> 0 AS ordinal, w.value ->> 1 AS path, d.path AS found
       FROM json_each(?2) w LEFT JOIN folders d ON d.version_id = ?1 AND d.ordinal = w.value ->> 0
       WHERE (d.path, d.entry_count, d.file_count, d.total_bytes)
         IS NOT (w.value ->> 1, w.value ->> 2, w.value ->> 3, w.value ->> 4)`,
    )
    .bind(versionId, JSON.stringify(wanted))
    .all<{ ordinal: number; path: string; found: string | null }>();
  return results;
}
