import type { Author } from "../protocol/identity.ts";
import { noteAudit, noteEach } from "./audit.ts";

/** A workspace's key. Its nonce is in every token it gave: a key that is set anew ends them. */
export interface WorkspaceKey {
  workspaceId: number;
  name: string;
  secretHash: string;
  /** A keyed hash of the secret; null: it is not known yet. */
  lookup: string | null;
  nonce: string;
}

type KeyRow = {
  workspace_id: number;
  name: string;
  secret_hash: string;
  lookup: string | null;
  nonce: string;
};

function toKey(row: KeyRow): WorkspaceKey {
  return {
    workspaceId: row.workspace_id,
    name: row.name,
    secretHash: row.secret_hash,
    lookup: row.lookup,
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

/** A key that a secret may be of. */
export interface CandidateKey extends WorkspaceKey {
  /** Was it used from the network before? */
  knowsNetwork: boolean;
}

type CandidateRow = KeyRow & { knows_network: number };

/** The keys of a workspace, seen from a network (a keyed hash of it); null where there is no such workspace. One statement
 * whatever there is, as its time may be looked at by strangers. */
export async function listCandidates(
  db: D1Database,
  workspace: string,
  network: string,
): Promise<CandidateKey[] | null> {
  const { results } = await db
    .prepare(
      `SELECT k.*, EXISTS (
         SELECT 1 FROM known_networks WHERE owner = 'key ' || k.nonce AND network = ?2
       ) AS knows_network
       FROM workspaces w LEFT JOIN workspace_keys k ON k.workspace_id = w.id WHERE w.name = ?1`,
    )
    .bind(workspace, network)
    .all<CandidateRow | { name: null }>();
  const keys = results.filter((row): row is CandidateRow => row.name !== null);
  return results.length === 0
    ? null
    : keys.map((row) => ({ ...toKey(row), knowsNetwork: row.knows_network === 1 }));
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
  const { workspaceId, name: subject, secretHash, lookup, nonce } = key;
  const { name: maker, nonce: makerNonce } = key.setBy ?? { name: null, nonce: null };
  const put = db
    .prepare(
      `INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at, lookup)
       SELECT ?1, ?2, ?3, ?4, ?5, ?7
       WHERE (SELECT count(*) FROM workspace_keys WHERE workspace_id = ?1 AND name <> ?2) < ?6
         AND (?8 IS NULL OR EXISTS (
           SELECT 1 FROM workspace_keys WHERE workspace_id = ?1 AND name = ?8 AND nonce = ?9))
       ON CONFLICT (workspace_id, name)
       DO UPDATE SET secret_hash = ?3, nonce = ?4, created_at = ?5, lookup = ?7`,
    )
    .bind(workspaceId, subject, secretHash, nonce, author.now, limit, lookup, maker, makerNonce);
  const note = { action: "key set", workspaceId, subject, detail: { maker } };
  const count = db
    .prepare("SELECT count(*) AS count FROM workspace_keys WHERE workspace_id = ?1 AND name <> ?2")
    .bind(workspaceId, subject);
  const [done, , others] = await db.batch<{ count: number }>([
    put,
    noteAudit(db, note, author),
    count,
    ...noteMaker(db, key),
  ]);
  if (done?.meta.changes !== 0) {
    return "set";
  }
  return Number(others?.results[0]?.count) >= limit ? "too many" : "maker gone";
}

/** Notes who set a key: another key beside those that did before, as the line would else be lost when two keys set each
 * other; after `system` none is left. */
function noteMaker(db: D1Database, { workspaceId, name, nonce, setBy }: NewKey) {
  if (setBy === null) {
    const end = db.prepare("DELETE FROM key_makers WHERE workspace_id = ?1 AND name = ?2");
    return [leaveChildren(db, workspaceId, name), end.bind(workspaceId, name)];
  }
  const insert = db.prepare(
    `INSERT INTO key_makers (workspace_id, name, maker)
     SELECT ?1, k.name, m.name FROM workspace_keys k JOIN workspace_keys m ON m.workspace_id = ?1
     WHERE k.workspace_id = ?1 AND k.name = ?2 AND k.nonce = ?4 AND m.name = ?3 AND m.name <> ?2
     ON CONFLICT DO NOTHING`,
  );
  return [insert.bind(workspaceId, name, setBy.name, nonce)];
}

/** Makes what a key set the children of those that set it too. */
function leaveChildren(db: D1Database, workspaceId: number, name: string): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO key_makers (workspace_id, name, maker)
       SELECT ?1, child.name, own.maker FROM key_makers own
       JOIN key_makers child ON child.workspace_id = ?1 AND child.maker = ?2
       WHERE own.workspace_id = ?1 AND own.name = ?2 AND child.name <> own.maker
       ON CONFLICT DO NOTHING`,
    )
    .bind(workspaceId, name);
}

/** Notes the keyed hash of a key that was found without, unless it was set anew meanwhile. */
export async function setLookup(
  db: D1Database,
  { workspaceId, name, nonce }: WorkspaceKey,
  lookup: string,
): Promise<void> {
  await db
    .prepare(
      "UPDATE workspace_keys SET lookup = ?4 WHERE workspace_id = ?1 AND name = ?2 AND nonce = ?3",
    )
    .bind(workspaceId, name, nonce, lookup)
    .run();
}

/** The names of the keys that the key ?10 of the workspace ?6 set, and of those that these set, but for itself. */
const DESCENDANTS = `WITH RECURSIVE line (name) AS (
    SELECT ?10
    UNION SELECT k.name FROM key_makers k JOIN line l ON k.maker = l.name WHERE k.workspace_id = ?6
  )
  SELECT name FROM line WHERE name <> ?10`;

/** Deletes a key, and its descendants when asked to; else they become those of the keys that set it. Gives their names, or
 * null when there is no such key. */
export async function deleteKey(
  db: D1Database,
  workspaceId: number,
  { name, withDescendants }: { name: string; withDescendants: boolean },
  author: Author,
): Promise<string[] | null> {
  const doomed = `workspace_id = ?6 AND (name = ?10${withDescendants ? ` OR name IN (${DESCENDANTS})` : ""})`;
  const query = `SELECT name AS subject, json_object('makers', (
      SELECT json_group_array(maker) FROM key_makers m
      WHERE m.workspace_id = ?6 AND m.name = workspace_keys.name)) AS detail
    FROM workspace_keys WHERE ${doomed}`;
  const bind = (sql: string) =>
    db.prepare(sql.replaceAll("?10", "?2").replaceAll("?6", "?1")).bind(workspaceId, name);
  const [found, , , deleted] = await db.batch<{ name: string }>([
    bind(`${DESCENDANTS} ORDER BY name`),
    noteEach(db, { action: "key deleted", workspaceId }, { query, values: [name] }, author),
    leaveChildren(db, workspaceId, name),
    bind(`DELETE FROM workspace_keys WHERE ${doomed}`),
  ]);
  const names = (found?.results ?? []).map((row) => row.name);
  return (deleted?.meta.changes ?? 0) > 0 ? names : null;
}
