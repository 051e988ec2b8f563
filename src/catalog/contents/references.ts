// What of a content one reader sees, as SQL. Every look-up starts from the workspaces that the reader may read:
// what others have of the same content costs it nothing, so that not even its time tells of them.

import { familiarWorkspaces, livingAt, readableWorkspaces } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** References of a content that are counted at most. */
const COUNTED = 1_000;

/** One row of holders `h` with their version `v` for each living version that holds the content of an id, an expression,
 * and that the reader may read; 1,000 at most. */
export function referencesTo(reader: Reader, content: Sql, now: number): Sql {
  const living = sql`JOIN versions v ON v.id = h.version_id AND v.deleted_at IS NULL
    JOIN artifacts a ON a.id = v.artifact_id AND ${livingAt(now)}`;
  const columns = sql`v.created_at, v.id AS version_id, h.file_number`;
  if (reader.all) {
    return sql`SELECT ${columns} FROM holders h ${living} WHERE h.content_id = ${content} LIMIT ${COUNTED}`;
  }
  return sql`
    SELECT ${columns} FROM (${readableWorkspaces(reader)}) r
    CROSS JOIN holders h ON h.content_id = ${content} AND h.workspace_id = r.id ${living}
    UNION ALL
    SELECT ${columns} FROM holders h INDEXED BY holders_shared ${living}
    WHERE h.content_id = ${content} AND h.shared = 1 AND h.workspace_id NOT IN (${readableWorkspaces(reader)})
    LIMIT ${COUNTED}`;
}

/** What the reader's workspaces noted of the content, and `system` where it shares it, as the text of a JSON object; a key
 * that comes twice has its last value, which is that of the reader's own workspace. No stranger's note is among them. */
export function metadataOf(reader: Reader, content: Sql): Sql {
  const rows = reader.all
    ? sql`blob_metadata m WHERE m.content_id = ${content}`
    : sql`(${familiarWorkspaces(reader)} UNION
         SELECT workspace_id FROM holders INDEXED BY holders_shared WHERE content_id = ${content} AND shared = 1) r
       CROSS JOIN blob_metadata m ON m.content_id = ${content} AND m.workspace_id = r.id`;
  return sql`(SELECT json_group_object(key, json(value)) FROM (
    SELECT m.key, m.value FROM ${rows} ORDER BY m.workspace_id IS ${reader.workspaceId}, m.workspace_id))`;
}
