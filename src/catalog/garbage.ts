// What the sweep removes. Rows go first and leave the keys of their R2 objects in `garbage`; the objects
// follow after a grace, so that downloads that began before can end.

import { SERVICE_ACTOR } from "../protocol/identity.ts";
import { noteEvent } from "./events.ts";

/** Marks artifacts that expired by `now` as deleted, with their versions. */
export async function deleteExpiredArtifacts(
  db: D1Database,
  now: number,
  limit: number,
): Promise<void> {
  const expired = `SELECT id FROM artifacts
    WHERE deleted_at IS NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2`;
  await db.batch([
    noteEvent(
      db,
      { from: `artifacts a WHERE a.id IN (${expired})`, values: [now, limit] },
      { type: "status", message: "artifact expired", actor: SERVICE_ACTOR, now },
    ),
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?1 WHERE deleted_at IS NULL AND artifact_id IN (${expired})`,
      )
      .bind(now, limit),
    db.prepare(`UPDATE artifacts SET deleted_at = ?1 WHERE id IN (${expired})`).bind(now, limit),
  ]);
}

/** Marks versions as deleted that miss files and got none since `before`, nor a byte of one; an artifact that
 * is left without a version goes with them. */
export async function deleteAbandonedVersions(
  db: D1Database,
  before: number,
  now: number,
  limit: number,
): Promise<void> {
  const abandoned = `SELECT v.id FROM versions v
    WHERE v.sealed_at IS NULL AND v.deleted_at IS NULL AND v.progress_at < ?1
      AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.version_id = v.id AND u.last_append_at >= ?1)
    ORDER BY v.progress_at LIMIT ?3`;
  await db.batch([
    db
      .prepare(
        `UPDATE artifacts SET deleted_at = ?2
         WHERE deleted_at IS NULL AND id IN (SELECT artifact_id FROM versions WHERE id IN (${abandoned}))
           AND NOT EXISTS (
             SELECT 1 FROM versions k WHERE k.artifact_id = artifacts.id AND k.deleted_at IS NULL
               AND k.id NOT IN (${abandoned}))`,
      )
      .bind(before, now, limit),
    db
      .prepare(`UPDATE versions SET deleted_at = ?2 WHERE id IN (${abandoned})`)
      .bind(before, now, limit),
  ]);
}

/** Removes up to `limit` file rows of versions deleted before `before`. A blob that lost its last file goes
 * in the same transaction, so that none can be claimed in between, and the keys of its R2 objects become
 * garbage; an emptied version loses its folders and its own row. Gives how many file rows went. */
export async function removeDeletedFiles(
  db: D1Database,
  before: number,
  now: number,
  limit: number,
): Promise<number> {
  const doomed = `SELECT f.version_id, f.ordinal, f.blob_id, f.workspace_id
    FROM versions v JOIN files f ON f.version_id = v.id
    WHERE v.deleted_at < ?1 ORDER BY v.deleted_at, v.id, f.ordinal LIMIT ?2`;
  // The blobs that only doomed rows hold.
  const orphans = `SELECT DISTINCT d.blob_id FROM (${doomed}) d
    WHERE d.blob_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM files k WHERE k.blob_id = d.blob_id
        AND (k.version_id, k.ordinal) NOT IN (SELECT version_id, ordinal FROM (${doomed})))`;
  const [, , , , files] = await db.batch([
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT DISTINCT key, ?3 FROM extents
         WHERE blob_id IN (${orphans})
           AND key NOT IN (
             SELECT key FROM extents x WHERE x.key = extents.key AND x.blob_id NOT IN (${orphans}))
         ON CONFLICT (key) DO NOTHING`,
      )
      .bind(before, limit, now),
    db.prepare("PRAGMA defer_foreign_keys = on"),
    forgetNotes(db, doomed).bind(before, limit),
    db.prepare(`DELETE FROM blobs WHERE id IN (${orphans})`).bind(before, limit),
    db
      .prepare(
        `DELETE FROM files WHERE (version_id, ordinal) IN (
           SELECT version_id, ordinal FROM (${doomed}))`,
      )
      .bind(before, limit),
    db
      .prepare(
        `DELETE FROM folders WHERE version_id IN (
           SELECT v.id FROM versions v WHERE v.deleted_at < ?1
             AND NOT EXISTS (SELECT 1 FROM files f WHERE f.version_id = v.id))`,
      )
      .bind(before),
    db
      .prepare(
        `DELETE FROM versions WHERE deleted_at < ?1
           AND NOT EXISTS (SELECT 1 FROM files f WHERE f.version_id = versions.id)`,
      )
      .bind(before),
  ]);
  return files?.meta.changes ?? 0;
}

/** Forgets artifacts deleted before `before` whose versions are gone, with their metadata and events, and says how
 * many. */
export async function forgetArtifacts(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM artifacts WHERE id IN (
         SELECT a.id FROM artifacts a WHERE a.deleted_at < ?1
           AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.artifact_id = a.id)
         ORDER BY a.deleted_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}

/** What a workspace noted of a blob goes with its last file of it. */
function forgetNotes(db: D1Database, doomed: string): D1PreparedStatement {
  return db.prepare(
    `DELETE FROM blob_metadata WHERE (blob_id, workspace_id) IN (
       SELECT d.blob_id, d.workspace_id FROM (${doomed}) d WHERE NOT EXISTS (
         SELECT 1 FROM files k WHERE k.blob_id = d.blob_id AND k.workspace_id = d.workspace_id
           AND (k.version_id, k.ordinal) NOT IN (SELECT version_id, ordinal FROM (${doomed}))))`,
  );
}

/** Keys of R2 objects that are garbage since before `before`. */
export async function listGarbage(
  db: D1Database,
  before: number,
  limit: number,
): Promise<string[]> {
  const { results } = await db
    .prepare("SELECT key FROM garbage WHERE since < ?1 ORDER BY since LIMIT ?2")
    .bind(before, limit)
    .all<{ key: string }>();
  return results.map(({ key }) => key);
}

/** Forgets keys whose objects are deleted. */
export async function forgetGarbage(db: D1Database, keys: readonly string[]): Promise<void> {
  await db
    .prepare("DELETE FROM garbage WHERE key IN (SELECT value FROM json_each(?1))")
    .bind(JSON.stringify(keys))
    .run();
}

/** Forgets conversions made before `before`, and says how many. */
export async function forgetConversions(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM conversions WHERE upload_uuid IN (
         SELECT upload_uuid FROM conversions WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}
