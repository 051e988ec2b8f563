import type { Author } from "./artifact-changes.ts";
import { noteAudit } from "./audit.ts";

/** A workspace's key. Its nonce is in every token it gave: a key that is set anew ends them. */
export interface WorkspaceKey {
  workspaceId: number;
  name: string;
  secretHash: string;
  nonce: string;
}

type KeyRow = { workspace_id: number; name: string; secret_hash: string; nonce: string };

function toKey(row: KeyRow): WorkspaceKey {
  return {
    workspaceId: row.workspace_id,
    name: row.name,
    secretHash: row.secret_hash,
    nonce: row.nonce,
  };
}

/** The keys of a workspace by name. */
export async function listKeys(db: D1Database, workspaceId: number): Promise<WorkspaceKey[]> {
  const { results } = await db
    .prepare("SELECT * FROM workspace_keys WHERE workspace_id = ?1 ORDER BY name")
    .bind(workspaceId)
    .all<KeyRow>();
  return results.map(toKey);
}

/** A key by the names of its workspace and itself: what a token says it was given for. */
export async function findKey(
  db: D1Database,
  workspace: string,
  key: string,
): Promise<WorkspaceKey | null> {
  const row = await db
    .prepare(
      `SELECT k.* FROM workspaces w JOIN workspace_keys k ON k.workspace_id = w.id
       WHERE w.name = ?1 AND k.name = ?2`,
    )
    .bind(workspace, key)
    .first<KeyRow>();
  return row && toKey(row);
}

/** Adds a key or sets it anew; false when the workspace has `limit` others already. */
export async function putKey(
  db: D1Database,
  key: WorkspaceKey,
  author: Author,
  limit: number,
): Promise<boolean> {
  const { workspaceId, name: subject } = key;
  const put = db
    .prepare(
      `INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at)
       SELECT ?1, ?2, ?3, ?4, ?5
       WHERE (SELECT count(*) FROM workspace_keys WHERE workspace_id = ?1 AND name <> ?2) < ?6
       ON CONFLICT (workspace_id, name)
       DO UPDATE SET secret_hash = ?3, nonce = ?4, created_at = ?5`,
    )
    .bind(workspaceId, subject, key.secretHash, key.nonce, author.now, limit);
  const [done] = await db.batch([
    put,
    noteAudit(db, { action: "key set", workspaceId, subject }, author),
  ]);
  return (done?.meta.changes ?? 0) > 0;
}

/** Deletes a key; false when there is none. */
export async function deleteKey(
  db: D1Database,
  workspaceId: number,
  name: string,
  author: Author,
): Promise<boolean> {
  const [done] = await db.batch([
    db
      .prepare("DELETE FROM workspace_keys WHERE workspace_id = ?1 AND name = ?2")
      .bind(workspaceId, name),
    noteAudit(db, { action: "key deleted", workspaceId, subject: name }, author),
  ]);
  return (done?.meta.changes ?? 0) > 0;
}
