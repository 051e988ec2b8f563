// Archives that a workspace had exploded in vain: the same bytes are not read again. What one workspace has learned tells no
// other anything.

import type { Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { RefusedArchive } from "../protocol/uploads.ts";
import { findWorkspaceById, roomOf, usageOf } from "./workspaces.ts";

/** May these bytes be read as an archive? Not where this reader refused them, nor where they did not fit into what room the
 * workspace had and it has no more of it now. */
export async function checkRefused(
  db: D1Database,
  { workspaceId, sha512 }: Pick<RefusedArchive, "workspaceId" | "sha512">,
  reader: number,
): Promise<Outcome<object>> {
  const row = await db
    .prepare(
      `SELECT message, room FROM refused_archives
       WHERE workspace_id = ?1 AND sha512 = ?2 AND reader = ?3`,
    )
    .bind(workspaceId, sha512, reader)
    .first<{ message: string; room: number | null }>();
  if (row === null) {
    return { ok: true };
  }
  if (row.room === null) {
    return { ok: false, code: "artifact_explode_refused", detail: row.message };
  }
  const workspace = await findWorkspaceById(db, workspaceId);
  const room = workspace && roomOf(workspace);
  return workspace !== null && room !== null && room <= row.room
    ? { ok: false, code: "quota_exceeded", detail: usageOf(workspace) }
    : { ok: true };
}

/** Remembers that an archive was refused, and forgets the workspace's oldest where those are too many. */
export function noteRefused(
  db: D1Database,
  { workspaceId, sha512, message, isForRoom }: RefusedArchive,
  reader: number,
  now: number,
): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `INSERT OR REPLACE INTO refused_archives (workspace_id, sha512, reader, message, room, refused_at)
         SELECT id, ?2, ?3, ?4, iif(?5, max(quota_bytes - used_bytes, 0), NULL), ?6
         FROM workspaces WHERE id = ?1 AND (NOT ?5 OR quota_bytes IS NOT NULL)`,
      )
      .bind(workspaceId, sha512, reader, message, isForRoom ? 1 : 0, now),
    db
      .prepare(
        `DELETE FROM refused_archives WHERE workspace_id = ?1 AND sha512 IN (
           SELECT sha512 FROM refused_archives WHERE workspace_id = ?1
           ORDER BY refused_at DESC LIMIT -1 OFFSET ?2)`,
      )
      .bind(workspaceId, LIMITS.refusedArchives),
  ];
}

/** Forgets refusals before `before`, and says how many. */
export async function forgetRefused(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM refused_archives WHERE (workspace_id, sha512) IN (
         SELECT workspace_id, sha512 FROM refused_archives WHERE refused_at <= ?1
         ORDER BY refused_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}
