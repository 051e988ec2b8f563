import type { Author } from "../../protocol/identity.ts";
import { noteAudit, noteEach } from "../audit/audit.ts";
import { empty, hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** A workspace's key. Its nonce is in every token it gave: a key that is set anew ends them. */
export interface WorkspaceKey {
  workspaceId: number;
  name: string;
  secretHash: string;
  /** A keyed hash of the secret; null: it is not known yet. */
  lookup: string | null;
  nonce: string;
}

/** Of key `k`. */
const COLUMNS = sql`k.workspace_id AS workspaceId, k.name, k.secret_hash AS secretHash, k.lookup, k.nonce`;

/** The keys of a workspace by name. */
export async function listKeys(db: D1Database, workspaceId: number): Promise<WorkspaceKey[]> {
  const { results } = await prepare(
    db,
    sql`SELECT ${COLUMNS} FROM workspace_keys k WHERE k.workspace_id = ${workspaceId} ORDER BY k.name`,
  ).all<WorkspaceKey>();
  return results;
}

/** A key that a secret may be of. */
export interface CandidateKey extends WorkspaceKey {
  /** Was it used from the network before? */
  knowsNetwork: boolean;
}

type CandidateRow = WorkspaceKey & { knowsNetwork: number };

/** The keys of a workspace, seen from a network (a keyed hash of it); null where there is no such workspace. One statement
 * whatever there is, as its time may be looked at by strangers. */
export async function listCandidates(
  db: D1Database,
  workspace: string,
  network: string,
): Promise<CandidateKey[] | null> {
  const { results } = await prepare(
    db,
    sql`SELECT ${COLUMNS}, EXISTS (
        SELECT 1 FROM known_networks WHERE owner = 'key ' || k.nonce AND network = ${network}
      ) AS knowsNetwork
      FROM workspaces w LEFT JOIN workspace_keys k ON k.workspace_id = w.id WHERE w.name = ${workspace}`,
  ).all<CandidateRow | { name: null }>();
  const keys = results.filter((row): row is CandidateRow => row.name !== null);
  return results.length === 0
    ? null
    : keys.map((row) => ({ ...row, knowsNetwork: row.knowsNetwork === 1 }));
}

/** A key by the names of its workspace and itself: what a token says it was given for. */
export async function findKey(
  db: D1Database,
  workspace: string,
  key: string,
): Promise<WorkspaceKey | null> {
  return prepare(
    db,
    sql`SELECT ${COLUMNS} FROM workspaces w JOIN workspace_keys k ON k.workspace_id = w.id
      WHERE w.name = ${workspace} AND k.name = ${key}`,
  ).first<WorkspaceKey>();
}

/** What a key is set to. */
export interface NewKey extends WorkspaceKey {
  /** The key of the workspace that sets it; null: `system` does. */
  setBy: { name: string; nonce: string } | null;
}

/** Adds a key or sets it anew. It is a descendant of each key that set it, until `system` does. Refuses when the workspace
 * has `limit` others already, or the key that sets it ended a moment ago. */
export async function putKey(
  db: D1Database,
  key: NewKey,
  author: Author,
  limit: number,
): Promise<"set" | "too many" | "maker gone"> {
  const { workspaceId, name, secretHash, lookup, nonce, setBy } = key;
  const note = {
    action: "key set",
    workspaceId,
    subject: name,
    detail: { maker: setBy?.name ?? null },
  };
  const others = sql`SELECT count(*) AS count FROM workspace_keys
    WHERE workspace_id = ${workspaceId} AND name <> ${name}`;
  const mayBeSet = setBy === null ? sql`TRUE` : hasKey(workspaceId, setBy);
  const [done, , counted] = await db.batch<{ count: number }>([
    prepare(
      db,
      sql`INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at, lookup)
        SELECT ${workspaceId}, ${name}, ${secretHash}, ${nonce}, ${author.now}, ${lookup}
        WHERE (${others}) < ${limit} AND ${mayBeSet}
        ON CONFLICT (workspace_id, name) DO UPDATE SET secret_hash = excluded.secret_hash,
          nonce = excluded.nonce, created_at = excluded.created_at, lookup = excluded.lookup`,
    ),
    noteAudit(db, note, author),
    prepare(db, others),
    ...noteMaker(db, key),
  ]);
  if (hasChanged(done)) {
    return "set";
  }
  return Number(counted?.results[0]?.count) >= limit ? "too many" : "maker gone";
}

function hasKey(workspaceId: number, { name, nonce }: { name: string; nonce: string }): Sql {
  return sql`EXISTS (
    SELECT 1 FROM workspace_keys
    WHERE workspace_id = ${workspaceId} AND name = ${name} AND nonce = ${nonce})`;
}

/** Notes who set a key: another key beside those that did before, as the line would else be lost when two keys set each
 * other; after `system` none is left. */
function noteMaker(
  db: D1Database,
  { workspaceId, name, nonce, setBy }: NewKey,
): D1PreparedStatement[] {
  if (setBy === null) {
    const own = sql`workspace_id = ${workspaceId} AND name = ${name}`;
    return [
      leaveChildren(db, workspaceId, name),
      prepare(db, sql`DELETE FROM key_makers WHERE ${own}`),
    ];
  }
  return [
    prepare(
      db,
      sql`INSERT INTO key_makers (workspace_id, name, maker)
        SELECT k.workspace_id, k.name, m.name
        FROM workspace_keys k JOIN workspace_keys m ON m.workspace_id = k.workspace_id
        WHERE k.workspace_id = ${workspaceId} AND k.name = ${name} AND k.nonce = ${nonce}
          AND m.name = ${setBy.name} AND m.name <> k.name
        ON CONFLICT DO NOTHING`,
    ),
  ];
}

/** Makes what a key set the children of those that set it too. */
function leaveChildren(db: D1Database, workspaceId: number, name: string): D1PreparedStatement {
  return prepare(
    db,
    sql`INSERT INTO key_makers (workspace_id, name, maker)
      SELECT own.workspace_id, child.name, own.maker FROM key_makers own
      JOIN key_makers child ON child.workspace_id = own.workspace_id AND child.maker = own.name
      WHERE own.workspace_id = ${workspaceId} AND own.name = ${name} AND child.name <> own.maker
      ON CONFLICT DO NOTHING`,
  );
}

/** Notes the keyed hash of a key that was found without, unless it was set anew meanwhile. */
export async function setLookup(
  db: D1Database,
  { workspaceId, name, nonce }: WorkspaceKey,
  lookup: string,
): Promise<void> {
  await prepare(
    db,
    sql`UPDATE workspace_keys SET lookup = ${lookup}
      WHERE workspace_id = ${workspaceId} AND name = ${name} AND nonce = ${nonce}`,
  ).run();
}

/** A query of the keys that a key set, and of those that these set, but for itself. */
function descendantsOf(workspaceId: number, name: string): Sql {
  return sql`WITH RECURSIVE line (name) AS (
      SELECT ${name}
      UNION SELECT k.name FROM key_makers k JOIN line l ON k.maker = l.name WHERE k.workspace_id = ${workspaceId}
    )
    SELECT name FROM line WHERE name <> ${name}`;
}

/** Deletes a key, and its descendants when asked to; else they become those of the keys that set it. Gives their names, or
 * null when there is no such key. */
export async function deleteKey(
  db: D1Database,
  workspaceId: number,
  { name, withDescendants }: { name: string; withDescendants: boolean },
  author: Author,
): Promise<string[] | null> {
  const descendants = descendantsOf(workspaceId, name);
  const others = withDescendants ? sql`OR k.name IN (${descendants})` : empty;
  const doomed = sql`workspace_keys AS k WHERE k.workspace_id = ${workspaceId} AND (k.name = ${name} ${others})`;
  const things = sql`SELECT k.name AS subject, json_object('makers', (
      SELECT json_group_array(m.maker) FROM key_makers m
      WHERE m.workspace_id = k.workspace_id AND m.name = k.name)) AS detail
    FROM ${doomed}`;
  const [found, , , deleted] = await db.batch<{ name: string }>([
    prepare(db, sql`${descendants} ORDER BY name`),
    noteEach(db, { action: "key deleted", workspaceId }, things, author),
    leaveChildren(db, workspaceId, name),
    prepare(db, sql`DELETE FROM ${doomed}`),
  ]);
  return hasChanged(deleted) ? (found?.results ?? []).map((row) => row.name) : null;
}
