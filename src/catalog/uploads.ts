import type { Uuid } from "../protocol/ids.ts";

/** Notes a new upload, before its object is opened: what the catalog does not know is never swept. False when
 * its workspace is gone. */
export async function insertUpload(
  db: D1Database,
  uuid: Uuid,
  workspaceId: number,
  now: number,
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
       SELECT ?1, id, ?3, ?3 FROM workspaces WHERE id = ?2`,
    )
    .bind(uuid, workspaceId, now)
    .run();
  return meta.changes > 0;
}

/** Notes when an upload last got a byte. */
export async function noteAppend(db: D1Database, uuid: Uuid, at: number): Promise<void> {
  await db
    .prepare("UPDATE uploads SET last_append_at = max(last_append_at, ?2) WHERE uuid = ?1")
    .bind(uuid, at)
    .run();
}

/** Uploads that look idle since `before`, the longest idle first. */
export async function listIdleUploads(
  db: D1Database,
  before: number,
  limit: number,
): Promise<Uuid[]> {
  const { results } = await db
    .prepare("SELECT uuid FROM uploads WHERE last_append_at < ?1 ORDER BY last_append_at LIMIT ?2")
    .bind(before, limit)
    .all<{ uuid: Uuid }>();
  return results.map(({ uuid }) => uuid);
}

/** Forgets an upload whose object is gone. */
export async function forgetUpload(db: D1Database, uuid: Uuid): Promise<void> {
  await db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uuid).run();
}
