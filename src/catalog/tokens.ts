import type { Author } from "./artifact-changes.ts";
import { noteAudit } from "./audit.ts";
import type { AuditNote } from "./audit.ts";

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
  };
}

const SELECT_TOKEN = `
  SELECT t.id, t.kind, t.user_id, u.name AS user_name, t.label, t.enabled, t.created_at, t.expires_at
  FROM tokens t LEFT JOIN users u ON u.id = t.user_id`;

/** The token of that hash, when it is good at `now`. */
export async function findGoodToken(
  db: D1Database,
  tokenHash: string,
  now: number,
): Promise<AccessToken | null> {
  const row = await db
    .prepare(
      `${SELECT_TOKEN} WHERE t.token_hash = ?1 AND t.enabled = 1
         AND (t.expires_at IS NULL OR t.expires_at > ?2)`,
    )
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

/** What a new token is made of. */
export interface NewToken {
  kind: "user" | "worker";
  userId: number | null;
  /** Its user's name. */
  user: string | null;
  tokenHash: string;
  label: string;
  expiresAt: number | null;
}

/** Adds a token and gives its id. */
export async function createToken(
  db: D1Database,
  token: NewToken,
  author: Author,
): Promise<number> {
  const { kind, userId, user, label } = token;
  const subject = user === null ? kind : `${kind} ${user}`;
  const note = { action: "token made", subject, detail: { label } };
  const [made] = await db.batch<{ id: number }>([
    db
      .prepare(
        `INSERT INTO tokens (kind, user_id, token_hash, label, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id`,
      )
      .bind(kind, userId, token.tokenHash, label, author.now, token.expiresAt),
    noteAudit(db, note, author),
  ]);
  const id = made?.results[0]?.id;
  if (id === undefined) {
    throw new Error("Cannot find a token after making it");
  }
  return id;
}

export async function setTokenEnabled(
  db: D1Database,
  token: AccessToken,
  enabled: boolean,
  author: Author,
): Promise<void> {
  await db.batch([
    db.prepare("UPDATE tokens SET enabled = ?2 WHERE id = ?1").bind(token.id, enabled ? 1 : 0),
    noteAudit(db, noteOf(token, enabled ? "token enabled" : "token disabled"), author),
  ]);
}

export async function deleteToken(
  db: D1Database,
  token: AccessToken,
  author: Author,
): Promise<void> {
  await db.batch([
    db.prepare("DELETE FROM tokens WHERE id = ?1").bind(token.id),
    noteAudit(db, noteOf(token, "token deleted"), author),
  ]);
}

function noteOf({ id, kind, user, label }: AccessToken, action: string): AuditNote {
  return { action, subject: `${kind} ${user ?? id}`, detail: { id, label } };
}
