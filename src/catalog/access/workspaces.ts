import { AppError } from "../../protocol/errors.ts";
import type { Author } from "../../protocol/identity.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Metadata } from "../../protocol/metadata.ts";
import { noteAudit } from "../audit/audit.ts";
import { hasChanged, prepare, sql } from "../sql.ts";

export interface Workspace {
  id: number;
  name: string;
  public: boolean;
  quotaBytes: number | null;
  /** The sizes of all files in its living versions. */
  usedBytes: number;
  /** What its rows in the catalog may come to, and what they do (docs/storage.md, Entries). */
  entryLimit: number;
  usedEntries: number;
  defaultExpirationDays: number | null;
  createdAt: number;
}

/** The workspace that administers all others. */
export const SYSTEM = "system";

type WorkspaceRow = Omit<Workspace, "public"> & { public: number };

const COLUMNS = sql`id, name, public, quota_bytes AS quotaBytes, used_bytes AS usedBytes,
  entry_limit AS entryLimit, used_entries AS usedEntries, default_expiration_days AS defaultExpirationDays,
  created_at AS createdAt`;

function toWorkspace(row: WorkspaceRow): Workspace {
  return { ...row, public: row.public === 1 };
}

async function findWorkspace(db: D1Database, name: string): Promise<Workspace | null> {
  const row = await prepare(
    db,
    sql`SELECT ${COLUMNS} FROM workspaces WHERE name = ${name}`,
  ).first<WorkspaceRow>();
  return row && toWorkspace(row);
}

export async function findWorkspaceById(db: D1Database, id: number): Promise<Workspace | null> {
  const row = await prepare(
    db,
    sql`SELECT ${COLUMNS} FROM workspaces WHERE id = ${id}`,
  ).first<WorkspaceRow>();
  return row && toWorkspace(row);
}

/** The bytes that a workspace may still take: one without a quota has that of the service. */
export function roomOf({ quotaBytes, usedBytes }: Workspace): number {
  const quota = Math.min(quotaBytes ?? LIMITS.workspaceBytes, LIMITS.workspaceBytes);
  return Math.max(0, quota - usedBytes);
}

/** How full a workspace is, in words. */
export function usageOf({ quotaBytes, usedBytes }: Workspace): string {
  return `${usedBytes} of ${quotaBytes ?? LIMITS.workspaceBytes} bytes are used`;
}

/** The entries that a workspace may still add. */
export function entriesLeft({ entryLimit, usedEntries }: Workspace): number {
  return Math.max(0, entryLimit - usedEntries);
}

/** How many entries a workspace has, in words. */
export function entriesOf({ entryLimit, usedEntries }: Workspace): string {
  return `${usedEntries} of ${entryLimit} are used`;
}

/** The workspace of that name, or a refusal. */
export async function requireWorkspace(db: D1Database, name: string): Promise<Workspace> {
  const workspace = await findWorkspace(db, name);
  if (workspace === null) {
    throw new AppError("namespace_not_found", `'${name}'`);
  }
  return workspace;
}

/** A workspace with its metadata and the names of its keys and of those that it trusts to read its artifacts. */
export interface DescribedWorkspace extends Workspace {
  keys: string[];
  /** For each key that others set: which. */
  keyMakers: Record<string, string[]>;
  trusts: string[];
  metadata: Metadata;
}

type DescribedRow = WorkspaceRow & Record<"keys" | "keyMakers" | "trusts" | "metadata", string>;

const SELECT_DESCRIBED = sql`
  SELECT ${COLUMNS},
    (SELECT json_group_array(name) FROM (
       SELECT name FROM workspace_keys WHERE workspace_id = w.id ORDER BY name)) AS keys,
    (SELECT json_group_array(json_array(name, json(makers))) FROM (
       SELECT name, json_group_array(maker) AS makers FROM key_makers
       WHERE workspace_id = w.id GROUP BY name ORDER BY name)) AS keyMakers,
    (SELECT json_group_array(name) FROM (
       SELECT o.name FROM trusts t JOIN workspaces o ON o.id = t.trusted_id
       WHERE t.workspace_id = w.id ORDER BY o.name)) AS trusts,
    (SELECT json_group_object(key, json(value)) FROM (
       SELECT key, value FROM workspace_metadata WHERE workspace_id = w.id ORDER BY key)) AS metadata
  FROM workspaces w`;

function toDescribed(row: DescribedRow): DescribedWorkspace {
  return {
    ...toWorkspace(row),
    keys: JSON.parse(row.keys) as string[],
    keyMakers: Object.fromEntries(JSON.parse(row.keyMakers) as [string, string[]][]),
    trusts: JSON.parse(row.trusts) as string[],
    metadata: JSON.parse(row.metadata) as Metadata,
  };
}

/** The workspace of that name with its keys and trusts, or a refusal. */
export async function describeWorkspace(db: D1Database, name: string): Promise<DescribedWorkspace> {
  const row = await prepare(
    db,
    sql`${SELECT_DESCRIBED} WHERE w.name = ${name}`,
  ).first<DescribedRow>();
  if (row === null) {
    throw new AppError("namespace_not_found", `'${name}'`);
  }
  return toDescribed(row);
}

/** All workspaces by name, the first `limit` after `after`, in one statement. */
export async function listWorkspaces(
  db: D1Database,
  after: string,
  limit: number,
): Promise<DescribedWorkspace[]> {
  const { results } = await prepare(
    db,
    sql`${SELECT_DESCRIBED} WHERE w.name > ${after} ORDER BY w.name LIMIT ${limit}`,
  ).all<DescribedRow>();
  return results.map(toDescribed);
}

/** Adds a workspace, or gives null when there is one of that name. */
export async function createWorkspace(
  db: D1Database,
  name: string,
  isPublic: boolean,
  author: Author,
): Promise<Workspace | null> {
  const insert = prepare(
    db,
    sql`INSERT INTO workspaces (name, public, created_at) VALUES (${name}, ${Number(isPublic)}, ${author.now})
      ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
  );
  const note = { action: "workspace made", workspace: name, detail: { public: isPublic } };
  const [made] = await db.batch<WorkspaceRow>([insert, noteAudit(db, note, author)]);
  const [row] = made?.results ?? [];
  return row === undefined ? null : toWorkspace(row);
}

/** What may be changed of a workspace; an absent property stays as it is. */
export interface WorkspaceChanges {
  public?: boolean | undefined;
  quotaBytes?: number | null | undefined;
  /** Null: as many as suit the quota of bytes. */
  quotaEntries?: number | null | undefined;
  defaultExpirationDays?: number | null | undefined;
}

export async function updateWorkspace(
  db: D1Database,
  id: number,
  changes: WorkspaceChanges,
  author: Author,
): Promise<void> {
  const { public: isPublic, quotaBytes, quotaEntries, defaultExpirationDays: days } = changes;
  const update = prepare(
    db,
    sql`UPDATE workspaces SET
        public = ${isPublic === undefined ? sql`public` : Number(isPublic)},
        quota_bytes = ${quotaBytes === undefined ? sql`quota_bytes` : quotaBytes},
        quota_entries = ${quotaEntries === undefined ? sql`quota_entries` : quotaEntries},
        default_expiration_days = ${days === undefined ? sql`default_expiration_days` : days}
      WHERE id = ${id}`,
  );
  const note = { action: "workspace changed", workspaceId: id, detail: { ...changes } };
  await db.batch([update, noteAudit(db, note, author)]);
}

/** Deletes a workspace with its keys, trusts and members; false when uploads or artifacts are left in it,
 * deleted ones included until the sweep has removed their versions. */
export async function deleteWorkspace(
  db: D1Database,
  { id, name }: Pick<Workspace, "id" | "name">,
  author: Author,
): Promise<boolean> {
  const note = { action: "workspace deleted", workspaceId: id, workspace: name };
  const [, deleted] = await db.batch([
    prepare(
      db,
      sql`DELETE FROM artifacts WHERE workspace_id = ${id} AND deleted_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM versions WHERE artifact_id = artifacts.id)`,
    ),
    prepare(
      db,
      sql`DELETE FROM workspaces WHERE id = ${id}
        AND NOT EXISTS (SELECT 1 FROM artifacts WHERE workspace_id = ${id})
        AND NOT EXISTS (SELECT 1 FROM uploads WHERE workspace_id = ${id})`,
    ),
    noteAudit(db, note, author),
  ]);
  return hasChanged(deleted);
}
