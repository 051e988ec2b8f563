// What workspaces note of themselves. Who may is decided before.

import type { Author } from "../../protocol/identity.ts";
import { noteAudit, noteOnce } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { hasRoomBeside } from "../metadata-room.ts";
import type { Noted } from "../metadata-room.ts";
import { hasChanged, prepare, sql } from "../sql.ts";

/** Sets a key of a workspace's own metadata. */
export async function putWorkspaceMetadata(
  db: D1Database,
  workspaceId: number,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<Noted> {
  const note = { key, value: JSON.stringify(value) };
  const others = sql`workspace_metadata WHERE workspace_id = ${workspaceId}`;
  const [written] = await repeatable(db).batch([
    prepare(
      db,
      sql`INSERT INTO workspace_metadata (workspace_id, key, value) SELECT ${workspaceId}, ${key}, ${note.value}
        WHERE ${hasRoomBeside(others, note)}
        ON CONFLICT (workspace_id, key) DO UPDATE SET value = excluded.value`,
    ),
    noteOnce(db, { action: "workspace metadata set", workspaceId, detail: { key } }, author),
  ]);
  return hasChanged(written) ? "noted" : "full";
}

/** Removes a key of a workspace's own metadata; one that is not there is no error. */
export async function deleteWorkspaceMetadata(
  db: D1Database,
  workspaceId: number,
  key: string,
  author: Author,
): Promise<void> {
  await repeatable(db).batch([
    prepare(
      db,
      sql`DELETE FROM workspace_metadata WHERE workspace_id = ${workspaceId} AND key = ${key}`,
    ),
    noteAudit(db, { action: "workspace metadata deleted", workspaceId, detail: { key } }, author),
  ]);
}
