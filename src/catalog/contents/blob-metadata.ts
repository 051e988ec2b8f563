// What workspaces note of the blobs that they hold, which the index of contents has. Whether a workspace holds one is part of
// the statement that writes.

import { sha512PrefixOf } from "../../protocol/blob-uuid.ts";
import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { noteAudit, noteOnce } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { hasRoomBeside } from "../metadata-room.ts";
import type { Noted } from "../metadata-room.ts";
import { livingAt } from "../reader.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** Whose notes of which blob. `holdsAll` is the workspace `system`, which needs no version of it. */
export interface BlobNotes {
  uuid: Uuid;
  workspaceId: number;
  holdsAll: boolean;
}

/** Has content `c` the uuid? One range of the index of sha512s. */
export function hasUuid(uuid: Uuid): Sql {
  const prefix = sha512PrefixOf(uuid);
  return prefix === null
    ? sql`FALSE`
    : sql`c.sha512 BETWEEN unhex(${prefix}) AND unhex(${prefix.padEnd(SHA512_DIGITS, "f")})`;
}

const SHA512_DIGITS = 128;

/** The content `c`, when the workspace has a living version that holds it or need not have one: a FROM clause. */
function heldContent({ uuid, workspaceId, holdsAll }: BlobNotes, now: number): Sql {
  return sql`contents c WHERE ${hasUuid(uuid)} AND (${Number(holdsAll)} = 1 OR EXISTS (
    SELECT 1 FROM holders h JOIN versions v ON v.id = h.version_id AND v.deleted_at IS NULL
    JOIN artifacts a ON a.id = v.artifact_id AND ${livingAt(now)}
    WHERE h.content_id = c.id AND h.workspace_id = ${workspaceId}))`;
}

/** Sets a key of what a workspace notes of a blob. */
export async function putBlobMetadata(
  db: D1Database,
  notes: BlobNotes,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<Noted> {
  const { uuid, workspaceId } = notes;
  const note = { key, value: JSON.stringify(value) };
  const held = heldContent(notes, author.now);
  const others = sql`blob_metadata WHERE content_id = c.id AND workspace_id = ${workspaceId}`;
  const [found, written] = await repeatable(db).batch([
    prepare(db, sql`SELECT c.id FROM ${held}`),
    prepare(
      db,
      sql`INSERT INTO blob_metadata (content_id, workspace_id, key, value)
        SELECT c.id, ${workspaceId}, ${key}, ${note.value} FROM ${held} AND ${hasRoomBeside(others, note)}
        ON CONFLICT (content_id, workspace_id, key) DO UPDATE SET value = excluded.value`,
    ),
    noteOnce(
      db,
      { action: "blob metadata set", workspaceId, subject: uuid, detail: { key } },
      author,
    ),
  ]);
  if (found?.results.length === 0) {
    return "foreign";
  }
  return hasChanged(written) ? "noted" : "full";
}

/** Removes a key of what a workspace notes of a blob; one that is not there is no error. */
export async function deleteBlobMetadata(
  db: D1Database,
  notes: BlobNotes,
  key: string,
  author: Author,
): Promise<Noted> {
  const { uuid, workspaceId } = notes;
  const held = heldContent(notes, author.now);
  const note = { action: "blob metadata deleted", workspaceId, subject: uuid, detail: { key } };
  const [found] = await repeatable(db).batch([
    prepare(db, sql`SELECT c.id FROM ${held}`),
    prepare(
      db,
      sql`DELETE FROM blob_metadata WHERE content_id IN (SELECT c.id FROM ${held})
        AND workspace_id = ${workspaceId} AND key = ${key}`,
    ),
    noteAudit(db, note, author),
  ]);
  return found?.results.length === 0 ? "foreign" : "noted";
}
