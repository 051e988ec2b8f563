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

/** A row of files that goes: version, ordinal, workspace, and the blob, if its bytes came. */
type Doomed = readonly [number, number, number, number | null];

/** Removes up to `limit` file rows of versions deleted before `before`. A blob that lost its last file goes
 * in the same transaction, so that none can be claimed in between, and the keys of its R2 objects become
 * garbage; an emptied version loses its folders and its own row. Gives how many file rows went. */
export async function removeDeletedFiles(
  db: D1Database,
  before: number,
  now: number,
  limit: number,
): Promise<number> {
  const picked = JSON.stringify(await pickDoomed(db, before, limit));
  const orphans = `SELECT id FROM blobs WHERE id IN (SELECT value ->> 3 FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_id = blobs.id)`;
  const emptied = `SELECT v.id FROM versions v WHERE v.deleted_at < ?1
    AND NOT EXISTS (SELECT 1 FROM files f WHERE f.version_id = v.id)`;
  // What frees pages comes before what may take some: a database may have none left.
  const [files] = await db.batch([
    db
      .prepare(
        `DELETE FROM files WHERE (version_id, ordinal) IN (
           SELECT value ->> 0, value ->> 1 FROM json_each(?1))
           AND (SELECT deleted_at FROM versions WHERE id = files.version_id) < ?2`,
      )
      .bind(picked, before),
    db.prepare(`DELETE FROM folders WHERE version_id IN (${emptied})`).bind(before),
    db.prepare(`DELETE FROM versions WHERE id IN (${emptied})`).bind(before),
    forgetNotes(db).bind(picked),
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT DISTINCT key, ?2 FROM extents
         WHERE blob_id IN (${orphans})
           AND key NOT IN (
             SELECT key FROM extents x WHERE x.key = extents.key AND x.blob_id NOT IN (${orphans}))
         ON CONFLICT (key) DO NOTHING`,
      )
      .bind(picked, now),
    db.prepare(`DELETE FROM blobs WHERE id IN (${orphans})`).bind(picked),
  ]);
  return files?.meta.changes ?? 0;
}

/** Picks them once, so that all statements that follow mean the same ones. */
async function pickDoomed(db: D1Database, before: number, limit: number): Promise<Doomed[]> {
  const { results } = await db
    .prepare(
      `SELECT json_array(f.version_id, f.ordinal, f.workspace_id, f.blob_id) AS row
       FROM versions v JOIN files f ON f.version_id = v.id
       WHERE v.deleted_at < ?1 ORDER BY v.deleted_at, v.id, f.ordinal LIMIT ?2`,
    )
    .bind(before, limit)
    .all<{ row: string }>();
  return results.map(({ row }) => JSON.parse(row) as Doomed);
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

/** What a workspace noted of a blob goes with its last file of it; ?1 is the rows that went. */
function forgetNotes(db: D1Database): D1PreparedStatement {
  return db.prepare(
    `DELETE FROM blob_metadata WHERE (blob_id, workspace_id) IN (
       SELECT value ->> 3, value ->> 2 FROM json_each(?1))
       AND NOT EXISTS (SELECT 1 FROM files f
         WHERE f.blob_id = blob_metadata.blob_id AND f.workspace_id = blob_metadata.workspace_id)`,
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
