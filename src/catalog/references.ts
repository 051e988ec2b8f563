// What of a blob one reader sees, as SQL. Every look-up starts from the workspaces that the reader may read:
// what others have of the same content costs it nothing, so that not even its time tells of them.

import { FAMILIAR_WORKSPACES, livingAt, READABLE_WORKSPACES } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** References of a blob that are counted at most. */
const COUNTED = 1_000;

const LIVING_VERSION = `JOIN versions v ON v.id = f.version_id AND v.deleted_at IS NULL
  JOIN artifacts a ON a.id = v.artifact_id AND ${livingAt("?4")}`;

/** One row with `created_at` for each living version that holds the blob of id `blob`, an expression, and
 * that the reader may read; 1,000 at most. ?1 to ?3 are the reader's, ?4 is the time. */
export function referencesTo(reader: Reader, blob: string): string {
  if (reader.all) {
    return `SELECT v.created_at FROM files f ${LIVING_VERSION} WHERE f.blob_id = ${blob} LIMIT ${COUNTED}`;
  }
  return `
    SELECT v.created_at FROM (${READABLE_WORKSPACES}) r
    CROSS JOIN files f INDEXED BY files_by_blob ON f.blob_id = ${blob} AND f.workspace_id = r.id ${LIVING_VERSION}
    UNION ALL
    SELECT v.created_at FROM files f INDEXED BY files_shared ${LIVING_VERSION}
    WHERE f.blob_id = ${blob} AND f.shared = 1 AND f.workspace_id NOT IN (${READABLE_WORKSPACES})
    LIMIT ${COUNTED}`;
}

/** What the reader's workspaces noted of the blob, and `system` where it shares it, as the text of a JSON object; a key
 * that comes twice has its last value, which is that of the reader's own workspace. No stranger's note is among them. */
export function metadataOf(reader: Reader, blob: string): string {
  const rows = reader.all
    ? `blob_metadata m WHERE m.blob_id = ${blob}`
    : `(${FAMILIAR_WORKSPACES} UNION
         SELECT workspace_id FROM files INDEXED BY files_shared WHERE blob_id = ${blob} AND shared = 1) r
       CROSS JOIN blob_metadata m ON m.blob_id = ${blob} AND m.workspace_id = r.id`;
  return `(SELECT json_group_object(key, json(value)) FROM (
    SELECT m.key, m.value FROM ${rows} ORDER BY m.workspace_id IS ?2, m.workspace_id))`;
}
