import type { Outcome } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  entriesLeft,
  entriesOf,
  findWorkspaceById,
  roomOf,
  usageOf,
} from "../access/workspaces.ts";
import { repeatable } from "../database.ts";
import { prepare, rowsOf, sql } from "../sql.ts";
import { settleFailed } from "./settle-failed.ts";

/** Notes a new upload, before its object is opened: what the catalog does not know is never swept. Gives how
 * many bytes its workspace has room for, null being no limit; refuses when it has none, has too many uploads open, or is
 * gone. May be repeated. */
export async function insertUpload(
  db: D1Database,
  uuid: Uuid,
  workspaceId: number,
  now: number,
): Promise<Outcome<{ room: number | null }>> {
  const { uploadsOfWorkspace } = LIMITS;
  const row = await prepare(
    repeatable(db),
    sql`INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
      SELECT ${uuid}, id, ${now}, ${now} FROM workspaces
      WHERE id = ${workspaceId} AND (quota_bytes IS NULL OR quota_bytes > used_bytes)
        AND used_entries < entry_limit AND (
          SELECT count(*) FROM (
            SELECT 1 FROM uploads WHERE workspace_id = ${workspaceId} AND uuid <> ${uuid}
            LIMIT ${uploadsOfWorkspace})) < ${uploadsOfWorkspace}
      ON CONFLICT (uuid) DO UPDATE SET last_append_at = excluded.last_append_at
      RETURNING (SELECT quota_bytes - used_bytes FROM workspaces WHERE id = ${workspaceId}) AS room`,
  ).first<{ room: number | null }>();
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
  const row = await prepare(
    db,
    sql`SELECT 1 FROM uploads WHERE uuid = ${uuid}
      UNION ALL SELECT 1 FROM conversions WHERE upload_uuid = ${uuid} LIMIT 1`,
  ).first();
  return row !== null;
}

/** Notes when an upload last got a byte. */
export async function noteAppend(db: D1Database, uuid: Uuid, at: number): Promise<void> {
  await prepare(
    repeatable(db),
    sql`UPDATE uploads SET last_append_at = max(last_append_at, ${at}) WHERE uuid = ${uuid}`,
  ).run();
}

/** Uploads that look idle since `before`, the longest idle first. */
export async function listIdleUploads(
  db: D1Database,
  before: number,
  limit: number,
): Promise<Uuid[]> {
  const { results } = await prepare(
    db,
    sql`SELECT uuid FROM uploads WHERE last_append_at < ${before} ORDER BY last_append_at LIMIT ${limit}`,
  ).all<{ uuid: Uuid }>();
  return results.map(({ uuid }) => uuid);
}

/** Forgets an upload whose object is gone, and notes `why` with the artifact that it was fetched for. One that got a
 * byte at `idleBefore` or later stays: the object of a declared file may have been opened again. */
export async function forgetUpload(
  db: D1Database,
  uuid: Uuid,
  why: string,
  { now, idleBefore = Number.MAX_SAFE_INTEGER }: { now: number; idleBefore?: number },
): Promise<void> {
  const idle = sql`uploads WHERE uuid = ${uuid} AND last_append_at < ${idleBefore}`;
  const workspace = sql`(SELECT workspace_id FROM ${idle})`;
  await repeatable(db).batch([
    ...settleFailed(db, { uuid, workspace, message: "fetch failed", error: why }, now),
    prepare(db, sql`DELETE FROM ${idle}`),
  ]);
}

/** The statement that ends an upload: what it was for has its bytes, or is given up. */
export function endUpload(db: D1Database, uuid: Uuid): D1PreparedStatement {
  return prepare(db, sql`DELETE FROM uploads WHERE uuid = ${uuid}`);
}

/** The same for many. */
export function endUploads(db: D1Database, uuids: readonly Uuid[]): D1PreparedStatement {
  return prepare(db, sql`DELETE FROM uploads WHERE uuid IN (SELECT e.value FROM ${rowsOf(uuids)})`);
}
