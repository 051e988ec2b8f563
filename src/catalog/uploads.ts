import type { Outcome } from "../protocol/errors.ts";
import { SERVICE_ACTOR } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { repeatable } from "./database.ts";
import { noteEvent } from "./events.ts";
import { entriesLeft, entriesOf, findWorkspaceById, roomOf, usageOf } from "./workspaces.ts";

/** Notes a new upload, before its object is opened: what the catalog does not know is never swept. Gives how
 * many bytes its workspace has room for, null being no limit; refuses when it has none, has too many uploads open, or is gone. May be repeated. */
export async function insertUpload(
  db: D1Database,
  uuid: Uuid,
  workspaceId: number,
  now: number,
): Promise<Outcome<{ room: number | null }>> {
  const row = await repeatable(db)
    .prepare(
      `INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
       SELECT ?1, id, ?3, ?3 FROM workspaces
       WHERE id = ?2 AND (quota_bytes IS NULL OR quota_bytes > used_bytes) AND used_entries < entry_limit AND (
         SELECT count(*) FROM (
           SELECT 1 FROM uploads WHERE workspace_id = ?2 AND uuid <> ?1 LIMIT ?4)) < ?4
       ON CONFLICT (uuid) DO UPDATE SET last_append_at = excluded.last_append_at
       RETURNING (SELECT quota_bytes - used_bytes FROM workspaces WHERE id = ?2) AS room`,
    )
    .bind(uuid, workspaceId, now, LIMITS.uploadsOfWorkspace)
    .first<{ room: number | null }>();
  if (row !== null) {
    return { ok: true, room: row.room };
  }
  const workspace = await findWorkspaceById(db, workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (roomOf(workspace) === 0) {
    return { ok: false, code: "quota_exceeded", detail: usageOf(workspace) };
  }
  return entriesLeft(workspace) === 0
    ? { ok: false, code: "entries_exceeded", detail: entriesOf(workspace) }
    : { ok: false, code: "uploads_too_many", detail: `${LIMITS.uploadsOfWorkspace}` };
}

/** Does the catalog know an upload of that uuid, or what became of it? */
export async function isNotedUpload(db: D1Database, uuid: Uuid): Promise<boolean> {
  const row = await db
    .prepare(
      `SELECT 1 FROM uploads WHERE uuid = ?1
       UNION ALL SELECT 1 FROM conversions WHERE upload_uuid = ?1 LIMIT 1`,
    )
    .bind(uuid)
    .first();
  return row !== null;
}

/** Notes when an upload last got a byte. */
export async function noteAppend(db: D1Database, uuid: Uuid, at: number): Promise<void> {
  await repeatable(db)
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

/** Forgets an upload whose object is gone, and notes `why` with the artifact that it was fetched for. One that got a
 * byte at `idleBefore` or later stays: the object of a declared file may have been opened again. */
export async function forgetUpload(
  db: D1Database,
  uuid: Uuid,
  why: string,
  idleBefore: number = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  const idle = "uploads WHERE uuid = ?1 AND last_append_at < ?3";
  const fetched = `artifacts a
    WHERE a.workspace_id = (SELECT workspace_id FROM ${idle}) AND a.fetching = ?1`;
  await repeatable(db).batch([
    noteEvent(
      db,
      { from: fetched, values: [uuid, why, idleBefore] },
      {
        type: "status",
        message: "fetch failed",
        extra: "json_object('error', ?2)",
        actor: SERVICE_ACTOR,
        now: Date.now(),
      },
    ),
    db
      .prepare(
        `UPDATE artifacts SET fetching = NULL, error_message = ?2, state = iif(EXISTS (
           SELECT 1 FROM versions WHERE artifact_id = artifacts.id AND deleted_at IS NULL
         ), 'created', 'error')
         WHERE id IN (SELECT a.id FROM ${fetched})`,
      )
      .bind(uuid, why, idleBefore),
    db
      .prepare("DELETE FROM uploads WHERE uuid = ?1 AND last_append_at < ?2")
      .bind(uuid, idleBefore),
  ]);
}
