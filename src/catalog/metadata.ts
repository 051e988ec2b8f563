// What workspaces note of themselves and of the blobs that they hold. Who may is decided before, but for a
// blob: whether the workspace holds it is part of the statement that writes.

import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Author } from "../protocol/identity.ts";
import { noteAudit, noteOnce } from "./audit.ts";
import { repeatable } from "./database.ts";
import { livingAt } from "./reader.ts";

/** What a write came to: `full` is refused, `foreign` is a blob that the workspace does not hold. */
export type Noted = "noted" | "full" | "foreign";

/** Is there room for an entry in what a table holds of one thing? `key` and `value` are the entry's, and `limits`
 * those of `LIMITS.metadataEntries` and `LIMITS.metadataBytes`, as parameters. */
export function roomFor(
  others: string,
  { key, value, limits }: { key: string; value: string; limits: readonly [string, string] },
): string {
  return `(SELECT count(*) < ${limits[0]} AND coalesce(sum(octet_length(key) + octet_length(value)), 0)
    + octet_length(${key}) + octet_length(${value}) <= ${limits[1]} FROM ${others})`;
}

/** Sets a key of a workspace's own metadata. */
export async function putWorkspaceMetadata(
  db: D1Database,
  workspaceId: number,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<Noted> {
  const others = "workspace_metadata WHERE workspace_id = ?1 AND key <> ?2";
  const [written] = await repeatable(db).batch([
    db
      .prepare(
        `INSERT INTO workspace_metadata (workspace_id, key, value) SELECT ?1, ?2, ?3
         WHERE ${roomFor(others, { key: "?2", value: "?3", limits: ["?4", "?5"] })}
         ON CONFLICT (workspace_id, key) DO UPDATE SET value = excluded.value`,
      )
      .bind(workspaceId, key, JSON.stringify(value), LIMITS.metadataEntries, LIMITS.metadataBytes),
    noteOnce(db, { action: "workspace metadata set", workspaceId, detail: { key } }, author),
  ]);
  return (written?.meta.changes ?? 0) > 0 ? "noted" : "full";
}

/** Removes a key of a workspace's own metadata; one that is not there is no error. */
export async function deleteWorkspaceMetadata(
  db: D1Database,
  workspaceId: number,
  key: string,
  author: Author,
): Promise<void> {
  await repeatable(db).batch([
    db
      .prepare("DELETE FROM workspace_metadata WHERE workspace_id = ?1 AND key = ?2")
      .bind(workspaceId, key),
    noteAudit(db, { action: "workspace metadata deleted", workspaceId, detail: { key } }, author),
  ]);
}

/** Whose notes of which blob. `holdsAll` is the workspace `system`, which needs no version of it. */
export interface BlobNotes {
  uuid: Uuid;
  workspaceId: number;
  holdsAll: boolean;
}

// Blob ?1 when workspace ?2 has a living version that holds it, or ?3 says that it need not.
const HELD = `FROM blobs b WHERE b.uuid = ?1 AND (?3 = 1 OR EXISTS (
  SELECT 1 FROM files f JOIN versions v ON v.id = f.version_id AND v.deleted_at IS NULL
  JOIN artifacts a ON a.id = v.artifact_id AND ${livingAt("?4")}
  WHERE f.blob_id = b.id AND f.workspace_id = ?2))`;

/** Sets a key of what a workspace notes of a blob. */
export async function putBlobMetadata(
  db: D1Database,
  { uuid, workspaceId, holdsAll }: BlobNotes,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<Noted> {
  const parameters = [uuid, workspaceId, holdsAll ? 1 : 0, author.now];
  const note = { action: "blob metadata set", workspaceId, subject: uuid, detail: { key } };
  const others = "blob_metadata WHERE blob_id = b.id AND workspace_id = ?2 AND key <> ?5";
  const [held, written] = await repeatable(db).batch([
    db.prepare(`SELECT b.id ${HELD}`).bind(...parameters),
    db
      .prepare(
        `INSERT INTO blob_metadata (blob_id, workspace_id, key, value) SELECT b.id, ?2, ?5, ?6 ${HELD}
           AND ${roomFor(others, { key: "?5", value: "?6", limits: ["?7", "?8"] })}
         ON CONFLICT (blob_id, workspace_id, key) DO UPDATE SET value = excluded.value`,
      )
      .bind(
        ...parameters,
        key,
        JSON.stringify(value),
        LIMITS.metadataEntries,
        LIMITS.metadataBytes,
      ),
    noteOnce(db, note, author),
  ]);
  if (held?.results.length === 0) {
    return "foreign";
  }
  return (written?.meta.changes ?? 0) > 0 ? "noted" : "full";
}

/** Removes a key of what a workspace notes of a blob; one that is not there is no error. */
export async function deleteBlobMetadata(
  db: D1Database,
  { uuid, workspaceId, holdsAll }: BlobNotes,
  key: string,
  author: Author,
): Promise<Noted> {
  const parameters = [uuid, workspaceId, holdsAll ? 1 : 0, author.now];
  const note = { action: "blob metadata deleted", workspaceId, subject: uuid, detail: { key } };
  const [held] = await repeatable(db).batch([
    db.prepare(`SELECT b.id ${HELD}`).bind(...parameters),
    db
      .prepare(
        `DELETE FROM blob_metadata WHERE blob_id IN (SELECT b.id ${HELD})
           AND workspace_id = ?2 AND key = ?5`,
      )
      .bind(...parameters, key),
    noteAudit(db, note, author),
  ]);
  return held?.results.length === 0 ? "foreign" : "noted";
}
