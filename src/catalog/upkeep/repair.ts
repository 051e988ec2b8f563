// What `npm run fsck -- --repair` writes: counts and sums computed again, and rows that nothing stands behind any
// more. Each statement asks once more for what makes it safe; none takes away what a version needs.

import type { Uuid } from "../protocol/ids.ts";
import { USED_BYTES, USED_ENTRIES } from "./check-rows.ts";
import type { FileSums, FolderRow } from "./check-versions.ts";

/** Removes a blob that no file holds; its objects become garbage where no other blob has a part of them. */
export async function removeUnreferenced(
  db: D1Database,
  id: number,
  now: number,
): Promise<boolean> {
  const unreferenced = "NOT EXISTS (SELECT 1 FROM files WHERE blob_id = ?1)";
  const results = await db.batch([
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT DISTINCT key, ?2 FROM extents e
         WHERE blob_id = ?1 AND ${unreferenced}
           AND NOT EXISTS (SELECT 1 FROM extents x WHERE x.key = e.key AND x.blob_id <> ?1)
         ON CONFLICT (key) DO NOTHING`,
      )
      .bind(id, now),
    db.prepare(`DELETE FROM blobs WHERE id = ?1 AND ${unreferenced}`).bind(id),
  ]);
  return results[1]?.meta.changes !== 0;
}

/** Lists objects that nothing names as garbage. */
export async function noteOrphans(
  db: D1Database,
  keys: readonly string[],
  now: number,
): Promise<void> {
  await db
    .prepare(
      `INSERT INTO garbage (key, since) SELECT k.value, ?2 FROM json_each(?1) k
       WHERE NOT EXISTS (SELECT 1 FROM extents WHERE key = k.value)
         AND NOT EXISTS (SELECT 1 FROM audit_objects WHERE key = k.value) ON CONFLICT (key) DO NOTHING`,
    )
    .bind(JSON.stringify(keys), now)
    .run();
}

/** Takes an object that a blob or the audit names off the list of garbage. */
export async function keepReferenced(db: D1Database, key: string): Promise<void> {
  await db
    .prepare(
      `DELETE FROM garbage WHERE key = ?1 AND (EXISTS (SELECT 1 FROM extents WHERE key = ?1)
         OR EXISTS (SELECT 1 FROM audit_objects WHERE key = ?1))`,
    )
    .bind(key)
    .run();
}

/** Seals a version of which no file is missing. */
export async function sealComplete(
  db: D1Database,
  versionId: number,
  now: number,
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `UPDATE versions SET sealed_at = ?2 WHERE id = ?1 AND sealed_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM files WHERE version_id = ?1 AND blob_id IS NULL)`,
    )
    .bind(versionId, now)
    .run();
  return meta.changes > 0;
}

/** Gives a version's files the workspace and the sharing of their artifact. */
export async function setOwner(db: D1Database, versionId: number): Promise<void> {
  await db
    .prepare(
      `UPDATE files SET (workspace_id, shared) = (
         SELECT a.workspace_id, a.shared FROM versions v JOIN artifacts a ON a.id = v.artifact_id
         WHERE v.id = ?1)
       WHERE version_id = ?1`,
    )
    .bind(versionId)
    .run();
}

/** Sets what folders of a version count; a changed total of the root changes used_bytes. */
export async function setFolders(
  db: D1Database,
  versionId: number,
  rows: readonly FolderRow[],
): Promise<void> {
  await db
    .prepare(
      `UPDATE folders SET (entry_count, file_count, total_bytes) =
         (w.value ->> 2, w.value ->> 3, w.value ->> 4)
       FROM json_each(?2) w
       WHERE version_id = ?1 AND ordinal = w.value ->> 0 AND folders.path = w.value ->> 1`,
    )
    .bind(versionId, JSON.stringify(rows))
    .run();
}

/** Sets the places in archives of files of a version. */
export async function setFileSums(
  db: D1Database,
  versionId: number,
  rows: readonly FileSums[],
): Promise<void> {
  await db
    .prepare(
      `UPDATE files SET (file_number, tar_end, zip_end, directory_end) =
         (w.value ->> 1, w.value ->> 2, w.value ->> 3, w.value ->> 4)
       FROM json_each(?2) w WHERE version_id = ?1 AND ordinal = w.value ->> 0`,
    )
    .bind(versionId, JSON.stringify(rows))
    .run();
}

/** Raises an artifact's highest index to that of its versions. */
export async function raiseIndex(db: D1Database, artifactId: number): Promise<void> {
  await db
    .prepare(
      `UPDATE artifacts SET highest_index = max(highest_index,
         (SELECT coalesce(max(version_index), 0) FROM versions WHERE artifact_id = ?1))
       WHERE id = ?1`,
    )
    .bind(artifactId)
    .run();
}

/** Notes that what an artifact waited for is gone. */
export async function endFetch(db: D1Database, artifactId: number): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `UPDATE artifacts SET fetching = NULL, error_message = 'its upload is gone',
         state = iif(EXISTS (
           SELECT 1 FROM versions WHERE artifact_id = ?1 AND deleted_at IS NULL), 'created', 'error')
       WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM uploads WHERE uuid = artifacts.fetching)`,
    )
    .bind(artifactId)
    .run();
  return meta.changes > 0;
}

/** Sums a workspace's used_bytes again. */
export async function sumUsedBytes(db: D1Database, workspaceId: number): Promise<void> {
  await db
    .prepare(`UPDATE workspaces AS w SET used_bytes = ${USED_BYTES} WHERE id = ?1`)
    .bind(workspaceId)
    .run();
}

/** Sums a workspace's used_entries again, also to more than its quota. */
export async function sumUsedEntries(db: D1Database, workspaceId: number): Promise<void> {
  await db.batch([
    db.prepare("UPDATE workspaces SET used_entries = -1 WHERE id = ?1").bind(workspaceId),
    db
      .prepare(`UPDATE workspaces AS w SET used_entries = ${USED_ENTRIES} WHERE id = ?1`)
      .bind(workspaceId),
  ]);
}

/** Lists an upload again, as old as its object says; false when its workspace is gone. */
export async function listUpload(
  db: D1Database,
  upload: { uuid: Uuid; workspaceId: number; createdAt: number; lastAppendAt: number },
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
       SELECT ?1, id, ?3, ?4 FROM workspaces WHERE id = ?2 ON CONFLICT (uuid) DO NOTHING`,
    )
    .bind(upload.uuid, upload.workspaceId, upload.createdAt, upload.lastAppendAt)
    .run();
  return meta.changes > 0;
}
