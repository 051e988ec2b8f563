import type { Outcome } from "../../protocol/errors.ts";
import type { Author } from "../../protocol/identity.ts";
import { noteAudit, noteEach } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

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

type TokenRow = Omit<AccessToken, "enabled"> & { enabled: number };

function toToken(row: TokenRow): AccessToken {
  return { ...row, enabled: row.enabled === 1 };
}

const SELECT_TOKEN = sql`
  SELECT t.id, t.kind, t.user_id AS userId, u.name AS user, t.label, t.enabled, t.created_at AS createdAt,
    t.expires_at AS expiresAt, t.parent_id AS parentId
  FROM tokens t LEFT JOIN users u ON u.id = t.user_id`;

/** Is token `t` good? What it says of itself holds for its parents too. */
function goodAt(now: number): Sql {
  return sql`t.enabled = 1 AND (t.expires_at IS NULL OR t.expires_at > ${now})`;
}

/** The token of that hash, when it is good at `now`. */
export async function findGoodToken(
  db: D1Database,
  tokenHash: string,
  now: number,
): Promise<AccessToken | null> {
  const row = await prepare(
    db,
    sql`${SELECT_TOKEN} WHERE t.token_hash = ${tokenHash} AND ${goodAt(now)}`,
  ).first<TokenRow>();
  return row && toToken(row);
}

export async function findToken(db: D1Database, id: number): Promise<AccessToken | null> {
  const row = await prepare(db, sql`${SELECT_TOKEN} WHERE t.id = ${id}`).first<TokenRow>();
  return row && toToken(row);
}

/** Tokens by id, the first `limit` after `after`; of one user, or all. */
export async function listTokens(
  db: D1Database,
  userId: number | null,
  after: number,
  limit: number,
): Promise<AccessToken[]> {
  const { results } = await prepare(
    db,
    sql`${SELECT_TOKEN} WHERE t.id > ${after} AND (${userId} IS NULL OR t.user_id = ${userId})
      ORDER BY t.id LIMIT ${limit}`,
  ).all<TokenRow>();
  return results.map(toToken);
}

/** The tokens of a user that are good at `now`, by id. */
export async function listGoodTokens(
  db: D1Database,
  userId: number,
  now: number,
): Promise<AccessToken[]> {
  const { results } = await prepare(
    db,
    sql`${SELECT_TOKEN} WHERE t.user_id = ${userId} AND ${goodAt(now)} ORDER BY t.id`,
  ).all<TokenRow>();
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
  const { kind, userId, user, tokenHash, label, expiresAt, parentId } = token;
  const subject = user === null ? kind : `${kind} ${user}`;
  const note = { action: "token made", subject, detail: { label, parent: parentId } };
  const hasGoodParent =
    parentId === null
      ? sql`TRUE`
      : sql`EXISTS (SELECT 1 FROM tokens t WHERE t.id = ${parentId} AND ${goodAt(author.now)})`;
  const count = sql`SELECT count(*) AS count FROM tokens WHERE user_id IS ${userId}`;
  const [, made, , counted] = await db.batch<{ id: number; count: number }>([
    prepare(db, sql`DELETE FROM tokens WHERE user_id IS ${userId} AND expires_at <= ${author.now}`),
    prepare(
      db,
      sql`INSERT INTO tokens (kind, user_id, token_hash, label, created_at, expires_at, parent_id)
        SELECT ${kind}, ${userId}, ${tokenHash}, ${label}, ${author.now}, ${expiresAt}, ${parentId}
        WHERE (${count}) < ${limit} AND ${hasGoodParent} RETURNING id`,
    ),
    noteAudit(db, note, author),
    prepare(db, count),
  ]);
  const id = made?.results[0]?.id;
  if (id !== undefined) {
    return { ok: true, id };
  }
  const isFull = (counted?.results[0]?.count ?? 0) >= limit;
  return { ok: false, code: isFull ? "tokens_too_many" : "access_token_refused" };
}

/** As things for the audit: the tokens that `roots`, a query of ids, finds, and all that they made. */
function familyOf(roots: Sql): Sql {
  return sql`WITH RECURSIVE family (id) AS (
      ${roots} UNION SELECT t.id FROM tokens t JOIN family f ON t.parent_id = f.id
    )
    SELECT t.id, t.enabled, t.kind || ' ' || coalesce(u.name, t.id) AS subject,
      json_object('id', t.id, 'label', t.label, 'parent', t.parent_id) AS detail
    FROM family f JOIN tokens t ON t.id = f.id LEFT JOIN users u ON u.id = t.user_id`;
}

/** Disables a token and all that it made. */
export async function disableToken(db: D1Database, id: number, author: Author): Promise<void> {
  const family = familyOf(sql`SELECT ${id}`);
  const enabled = sql`SELECT * FROM (${family}) WHERE enabled = 1`;
  await repeatable(db).batch([
    noteEach(db, { action: "token disabled" }, enabled, author),
    prepare(db, sql`UPDATE tokens SET enabled = 0 WHERE id IN (SELECT id FROM (${family}))`),
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
    prepare(
      db,
      sql`UPDATE tokens SET enabled = 1 WHERE id = ${id}
        AND NOT EXISTS (SELECT 1 FROM tokens p WHERE p.id = tokens.parent_id AND p.enabled = 0)`,
    ),
    noteAudit(db, note, author),
  ]);
  return hasChanged(done);
}

/** Deletes a token and all that it made. */
export async function deleteToken(db: D1Database, id: number, author: Author): Promise<void> {
  await repeatable(db).batch(deleteFamily(db, sql`SELECT ${id}`, author));
}

/** The statements that delete all tokens of a user. */
export function deleteTokensOf(
  db: D1Database,
  user: string,
  author: Author,
): D1PreparedStatement[] {
  const own = sql`SELECT t.id FROM tokens t JOIN users u ON u.id = t.user_id WHERE u.name = ${user}`;
  return deleteFamily(db, own, author);
}

function deleteFamily(db: D1Database, roots: Sql, author: Author): D1PreparedStatement[] {
  return [
    noteEach(db, { action: "token deleted" }, familyOf(roots), author),
    // The others go by ON DELETE CASCADE.
    prepare(db, sql`DELETE FROM tokens WHERE id IN (${roots})`),
  ];
}

/** Did a token make another, or one that did? */
export async function isAncestor(db: D1Database, id: number, of: number): Promise<boolean> {
  const row = await prepare(
    db,
    sql`WITH RECURSIVE line (id) AS (
        SELECT parent_id FROM tokens WHERE id = ${of}
        UNION SELECT t.parent_id FROM tokens t JOIN line l ON t.id = l.id
      )
      SELECT 1 FROM line WHERE id = ${id}`,
  ).first();
  return row !== null;
}
