import { AppError } from "../protocol/errors.ts";

export interface Workspace {
  id: number;
  name: string;
  public: boolean;
  quotaBytes: number | null;
  defaultExpirationDays: number | null;
  createdAt: number;
}

/** The workspace that administers all others. */
export const SYSTEM = "system";

type WorkspaceRow = {
  id: number;
  name: string;
  public: number;
  quota_bytes: number | null;
  default_expiration_days: number | null;
  created_at: number;
};

function toWorkspace(row: WorkspaceRow): Workspace {
  return {
    id: row.id,
    name: row.name,
    public: row.public === 1,
    quotaBytes: row.quota_bytes,
    defaultExpirationDays: row.default_expiration_days,
    createdAt: row.created_at,
  };
}

async function findWorkspace(db: D1Database, name: string): Promise<Workspace | null> {
  const row = await db
    .prepare("SELECT * FROM workspaces WHERE name = ?1")
    .bind(name)
    .first<WorkspaceRow>();
  return row && toWorkspace(row);
}

export async function findWorkspaceById(db: D1Database, id: number): Promise<Workspace | null> {
  const row = await db
    .prepare("SELECT * FROM workspaces WHERE id = ?1")
    .bind(id)
    .first<WorkspaceRow>();
  return row && toWorkspace(row);
}

/** The workspace of that name, or a refusal. */
export async function requireWorkspace(db: D1Database, name: string): Promise<Workspace> {
  const workspace = await findWorkspace(db, name);
  if (workspace === null) {
    throw new AppError("namespace_not_found", `'${name}'`);
  }
  return workspace;
}

/** All workspaces by name, the first `limit` after `after`. */
export async function listWorkspaces(
  db: D1Database,
  after: string,
  limit: number,
): Promise<Workspace[]> {
  const { results } = await db
    .prepare("SELECT * FROM workspaces WHERE name > ?1 ORDER BY name LIMIT ?2")
    .bind(after, limit)
    .all<WorkspaceRow>();
  return results.map(toWorkspace);
}

/** Adds a workspace, or gives null when there is one of that name. */
export async function createWorkspace(
  db: D1Database,
  name: string,
  isPublic: boolean,
  now: number,
): Promise<Workspace | null> {
  const row = await db
    .prepare(
      `INSERT INTO workspaces (name, public, created_at) VALUES (?1, ?2, ?3)
       ON CONFLICT (name) DO NOTHING RETURNING *`,
    )
    .bind(name, isPublic ? 1 : 0, now)
    .first<WorkspaceRow>();
  return row && toWorkspace(row);
}

/** What may be changed of a workspace; an absent property stays as it is. */
export interface WorkspaceChanges {
  public?: boolean | undefined;
  quotaBytes?: number | null | undefined;
  defaultExpirationDays?: number | null | undefined;
}

export async function updateWorkspace(
  db: D1Database,
  workspace: Workspace,
  changes: WorkspaceChanges,
): Promise<Workspace> {
  const isPublic = changes.public ?? workspace.public;
  const quotaBytes = changes.quotaBytes === undefined ? workspace.quotaBytes : changes.quotaBytes;
  const defaultExpirationDays =
    changes.defaultExpirationDays === undefined
      ? workspace.defaultExpirationDays
      : changes.defaultExpirationDays;
  await db
    .prepare(
      `UPDATE workspaces SET public = ?2, quota_bytes = ?3, default_expiration_days = ?4
       WHERE id = ?1`,
    )
    .bind(workspace.id, isPublic ? 1 : 0, quotaBytes, defaultExpirationDays)
    .run();
  return { ...workspace, public: isPublic, quotaBytes, defaultExpirationDays };
}

/** Deletes a workspace with its keys, trusts and members; false when artifacts or uploads are left in it. */
export async function deleteWorkspace(db: D1Database, id: number): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `DELETE FROM workspaces WHERE id = ?1
         AND NOT EXISTS (SELECT 1 FROM artifacts WHERE workspace_id = ?1)
         AND NOT EXISTS (SELECT 1 FROM uploads WHERE workspace_id = ?1)`,
    )
    .bind(id)
    .run();
  return meta.changes > 0;
}
