import type { Outcome } from "../protocol/errors.ts";
import type { Author } from "../protocol/identity.ts";
import { noteAudit, noteEach } from "./audit.ts";
import { repeatable } from "./database.ts";

/** A long-lived token of a user or a worker. The token itself is not kept, only its SHA-256. */
export interface AccessToken {
  id: number;
  kind: "user" | "worker";
  userId: number | null;
  user: string | null;
  label: string;
  enabled: boolean;
  createdAt: number;
  expiresAt: number | null;
  /** The token that made it, which it ends with; null: `system` did. */
  parentId: number | null;
}

type TokenRow = {
  id: number;
  kind: "user" | "worker";
  user_id: number | null;
  user_name: string | null;
  label: string;
  enabled: number;
  created_at: number;
  expires_at: number | null;
  parent_id: number | null;
};

function toToken(row: TokenRow): AccessToken {
  return {
    id: row.id,
    kind: row.kind,
    userId: row.user_id,
    user: row.user_name,
    label: row.label,
    enabled: row.enabled === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    parentId: row.parent_id,
  };
}

const SELECT_TOKEN = `
  SELECT t.id, t.kind, t.user_id, u.name AS user_name, t.label, t.enabled, t.created_at,
    t.expires_at, t.parent_id
  FROM tokens t LEFT JOIN users u ON u.id = t.user_id`;

/** Is a token good at the time of the second parameter? What it says of itself holds for its parents too. */
const GOOD = "t.enabled = 1 AND (t.expires_at IS NULL OR t.expires_at > ?2)";

/** The token of that hash, when it is good at `now`. */
export async function findGoodToken(
  db: D1Database,
  tokenHash: string,
  now: number,
): Promise<AccessToken | null> {
  const row = await db
    .prepare(`${SELECT_TOKEN} WHERE t.token_hash = ?1 AND ${GOOD}`)
    .bind(tokenHash, now)
    .first<TokenRow>();
  return row && toToken(row);
}

export async function findToken(db: D1Database, id: number): Promise<AccessToken | null> {
  const row = await db.prepare(`${SELECT_TOKEN} WHERE t.id = ?1`).bind(id).first<TokenRow>();
  return row && toToken(row);
}

/** Tokens by id, the first `limit` after `after`; of one user, or all. */
export async function listTokens(
  db: D1Database,
  userId: number | null,
  after: number,
  limit: number,
): Promise<AccessToken[]> {
  const { results } = await db
    .prepare(
      `${SELECT_TOKEN} WHERE t.id > ?2 AND (?1 IS NULL OR t.user_id = ?1) ORDER BY t.id LIMIT ?3`,
    )
    .bind(userId, after, limit)
    .all<TokenRow>();
  return results.map(toToken);
}

/** The tokens of a user that are good at `now`, by id. */
export async function listGoodTokens(
  db: D1Database,
  userId: number,
  now: number,
): Promise<AccessToken[]> {
  const { results } = await db
    .prepare(`${SELECT_TOKEN} WHERE t.user_id = ?1 AND ${GOOD} ORDER BY t.id`)
    .bind(userId, now)
    .all<TokenRow>();
  return results.map(toToken);
}

/** What a new token is made of. */
export interface NewToken {
  kind: "user" | "worker";
  userId: number | null;
  /** Its user's name. */
  user: string | null;
  tokenHash: string;
  label: string;
  /** Not after its parent's. */
  expiresAt: number | null;
  parentId: number | null;
}

/** Adds a token and gives its id, unless its user, or all workers, have `limit` others, or its parent ended a moment
 * ago. Those that expired make room for it. */
export async function createToken(
  db: D1Database,
  token: NewToken,
  author: Author,
  limit: number,
): Promise<Outcome<{ id: number }>> {
  const { kind, userId, user, label, parentId } = token;
  const subject = user === null ? kind : `${kind} ${user}`;
  const note = { action: "token made", subject, detail: { label, parent: parentId } };
  const [, made, , counted] = await db.batch<{ id: number; count: number }>([
    db
      .prepare("DELETE FROM tokens WHERE user_id IS ?1 AND expires_at <= ?2")
      .bind(userId, author.now),
    db
      .prepare(
        `INSERT INTO tokens (kind, user_id, token_hash, label, created_at, expires_at, parent_id)
         SELECT ?1, ?3, ?4, ?5, ?2, ?6, ?7
         WHERE (SELECT count(*) FROM tokens WHERE user_id IS ?3) < ?8
           AND (?7 IS NULL OR EXISTS (SELECT 1 FROM tokens t WHERE t.id = ?7 AND ${GOOD}))
         RETURNING id`,
      )
      .bind(kind, author.now, userId, token.tokenHash, label, token.expiresAt, parentId, limit),
    noteAudit(db, note, author),
    db.prepare("SELECT count(*) AS count FROM tokens WHERE user_id IS ?1").bind(userId),
  ]);
  const id = made?.results[0]?.id;
  if (id !== undefined) {
    return { ok: true, id };
  }
  const isFull = (counted?.results[0]?.count ?? 0) >= limit;
  return { ok: false, code: isFull ? "tokens_too_many" : "access_token_refused" };
}

/** As things for the audit: the tokens that `roots`, a query of ids, finds, and all that they made. */
function familyOf(roots: string): string {
  return `WITH RECURSIVE family (id) AS (
      ${roots} UNION SELECT t.id FROM tokens t JOIN family f ON t.parent_id = f.id
    )
    SELECT t.id, t.enabled, t.kind || ' ' || coalesce(u.name, t.id) AS subject,
      json_object('id', t.id, 'label', t.label, 'parent', t.parent_id) AS detail
    FROM family f JOIN tokens t ON t.id = f.id LEFT JOIN users u ON u.id = t.user_id`;
}

/** Disables a token and all that it made. */
export async function disableToken(db: D1Database, id: number, author: Author): Promise<void> {
  const query = `SELECT * FROM (${familyOf("SELECT ?10")}) WHERE enabled = 1`;
  const family = `SELECT id FROM (${familyOf("SELECT ?1")})`;
  await repeatable(db).batch([
    noteEach(db, { action: "token disabled" }, { query, values: [id] }, author),
    db.prepare(`UPDATE tokens SET enabled = 0 WHERE id IN (${family})`).bind(id),
  ]);
}

/** Enables a token; false when the one that made it is disabled. */
export async function enableToken(
  db: D1Database,
  { id, kind, user, label }: AccessToken,
  author: Author,
): Promise<boolean> {
  const note = { action: "token enabled", subject: `${kind} ${user ?? id}`, detail: { id, label } };
  const [done] = await db.batch([
    db
      .prepare(
        `UPDATE tokens SET enabled = 1 WHERE id = ?1
           AND NOT EXISTS (SELECT 1 FROM tokens p WHERE p.id = tokens.parent_id AND p.enabled = 0)`,
      )
      .bind(id),
    noteAudit(db, note, author),
  ]);
  return (done?.meta.changes ?? 0) > 0;
}

/** Deletes a token and all that it made. */
export async function deleteToken(db: D1Database, id: number, author: Author): Promise<void> {
  await repeatable(db).batch(deleteFamily(db, "SELECT ?10", [id], author));
}

/** The statements that delete all tokens of a user. */
export function deleteTokensOf(
  db: D1Database,
  user: string,
  author: Author,
): D1PreparedStatement[] {
  const own = "SELECT t.id FROM tokens t JOIN users u ON u.id = t.user_id WHERE u.name = ?10";
  return deleteFamily(db, own, [user], author);
}

function deleteFamily(
  db: D1Database,
  roots: string,
  values: readonly (string | number)[],
  author: Author,
): D1PreparedStatement[] {
  const things = { query: familyOf(roots), values };
  return [
    noteEach(db, { action: "token deleted" }, things, author),
    // The others go by ON DELETE CASCADE.
    db.prepare(`DELETE FROM tokens WHERE id IN (${roots.replace("?10", "?1")})`).bind(...values),
  ];
}

/** Did a token make another, or one that did? */
export async function isAncestor(db: D1Database, id: number, of: number): Promise<boolean> {
  const row = await db
    .prepare(
      `WITH RECURSIVE line (id) AS (
         SELECT parent_id FROM tokens WHERE id = ?2
         UNION SELECT t.parent_id FROM tokens t JOIN line l ON t.id = l.id
       )
       SELECT 1 FROM line WHERE id = ?1`,
    )
    .bind(id, of)
    .first();
  return row !== null;
}
