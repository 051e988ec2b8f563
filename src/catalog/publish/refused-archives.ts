// Archives that a workspace had exploded in vain: the same bytes are not read again. What one workspace has learned tells no
// other anything.

import type { Outcome } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { RefusedArchive } from "../../protocol/uploads.ts";
import { findWorkspaceById, roomOf, usageOf } from "../access/workspaces.ts";
import { forgetOldest } from "../forget-oldest.ts";
import type { AgingTable } from "../forget-oldest.ts";
import { prepare, sql } from "../sql.ts";

/** May these bytes be read as an archive? Not where this reader refused them, nor where they did not fit into what room the
 * workspace had and it has no more of it now. */
export async function checkRefused(
  db: D1Database,
  { workspaceId, sha512 }: Pick<RefusedArchive, "workspaceId" | "sha512">,
  reader: number,
): Promise<Outcome<object>> {
  const row = await prepare(
    db,
    sql`SELECT message, room FROM refused_archives
      WHERE workspace_id = ${workspaceId} AND sha512 = ${sha512} AND reader = ${reader}`,
  ).first<{ message: string; room: number | null }>();
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
  const room = isForRoom ? sql`max(quota_bytes - used_bytes, 0)` : sql`NULL`;
  const mayFit = isForRoom ? sql`quota_bytes IS NOT NULL` : sql`TRUE`;
  return [
    prepare(
      db,
      sql`INSERT OR REPLACE INTO refused_archives (workspace_id, sha512, reader, message, room, refused_at)
        SELECT id, ${sha512}, ${reader}, ${message}, ${room}, ${now}
        FROM workspaces WHERE id = ${workspaceId} AND ${mayFit}`,
    ),
    prepare(
      db,
      sql`DELETE FROM refused_archives WHERE workspace_id = ${workspaceId} AND sha512 IN (
        SELECT sha512 FROM refused_archives WHERE workspace_id = ${workspaceId}
        ORDER BY refused_at DESC LIMIT -1 OFFSET ${LIMITS.refusedArchives})`,
    ),
  ];
}

/** Forgets refusals before `before`, and says how many. */
export async function forgetRefused(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await forgetOldest(db, REFUSED, before, limit).run();
  return meta.changes;
}

const REFUSED: AgingTable = {
  table: sql`refused_archives`,
  key: sql`workspace_id, sha512`,
  age: sql`refused_at`,
};
