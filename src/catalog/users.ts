import type { Author } from "../protocol/identity.ts";
import { noteAudit } from "./audit.ts";
import { deleteTokensOf } from "./tokens.ts";

export type Role = "owner" | "contributor" | "viewer";

export interface User {
  id: number;
  name: string;
  createdAt: number;
}

type UserRow = { id: number; name: string; created_at: number };

function toUser({ id, name, created_at: createdAt }: UserRow): User {
  return { id, name, createdAt };
}

/** Adds a user, or gives null when there is one of that name. */
export async function createUser(
  db: D1Database,
  name: string,
  passwordHash: string,
  author: Author,
): Promise<User | null> {
  const [made] = await db.batch<UserRow>([
    db
      .prepare(
        `INSERT INTO users (name, password_hash, created_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO NOTHING RETURNING id, name, created_at`,
      )
      .bind(name, passwordHash, author.now),
    noteAudit(db, { action: "user made", subject: name }, author),
  ]);
  const [row] = made?.results ?? [];
  return row === undefined ? null : toUser(row);
}

export async function findUser(db: D1Database, name: string): Promise<User | null> {
  const row = await db
    .prepare("SELECT id, name, created_at FROM users WHERE name = ?1")
    .bind(name)
    .first<UserRow>();
  return row && toUser(row);
}

/** What a user may do in any workspace at all: add to one, or read one, or nothing. */
export async function findReach(db: D1Database, userId: number): Promise<"adds" | "reads" | null> {
  const adds = await db
    .prepare("SELECT max(role IN ('owner', 'contributor')) AS adds FROM members WHERE user_id = ?1")
    .bind(userId)
    .first<number>("adds");
  return adds === null ? null : adds === 1 ? "adds" : "reads";
}

/** All users by name, the first `limit` after `after`. */
export async function listUsers(db: D1Database, after: string, limit: number): Promise<User[]> {
  const { results } = await db
    .prepare("SELECT id, name, created_at FROM users WHERE name > ?1 ORDER BY name LIMIT ?2")
    .bind(after, limit)
    .all<UserRow>();
  return results.map(toUser);
}

/** What a login is checked against. */
export interface Login {
  userId: number;
  passwordHash: string;
  /** Did the user log in from that network before? */
  knowsNetwork: boolean;
}

/** What a login of that name from a network (a keyed hash) is checked against, or null when there is no such user. */
export async function findLogin(
  db: D1Database,
  name: string,
  network: string,
): Promise<Login | null> {
  const row = await db
    .prepare(
      `SELECT id AS userId, password_hash AS passwordHash, EXISTS (
         SELECT 1 FROM known_networks WHERE owner = 'user ' || users.id AND network = ?2
       ) AS knowsNetwork
       FROM users WHERE name = ?1`,
    )
    .bind(name, network)
    .first<Omit<Login, "knowsNetwork"> & { knowsNetwork: number }>();
  return row && { ...row, knowsNetwork: row.knowsNetwork === 1 };
}

/** Sets a user's password, ends their sessions and, when asked to, their tokens; null when there is none of that
 * name. */
export async function setPassword(
  db: D1Database,
  { name, passwordHash, endsTokens }: { name: string; passwordHash: string; endsTokens: boolean },
  author: Author,
): Promise<User | null> {
  const [changed] = await db.batch<UserRow>([
    db
      .prepare("UPDATE users SET password_hash = ?2 WHERE name = ?1 RETURNING id, name, created_at")
      .bind(name, passwordHash),
    noteAudit(db, { action: "password set", subject: name }, author),
    db
      .prepare("DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = ?1)")
      .bind(name),
    ...(endsTokens ? deleteTokensOf(db, name, author) : []),
  ]);
  const [row] = changed?.results ?? [];
  return row === undefined ? null : toUser(row);
}

/** Deletes a user with their tokens, sessions and memberships; gives who it was, or null when there is none. */
export async function deleteUser(
  db: D1Database,
  name: string,
  author: Author,
): Promise<User | null> {
  const [deleted] = await db.batch<UserRow>([
    db.prepare("DELETE FROM users WHERE name = ?1 RETURNING id, name, created_at").bind(name),
    noteAudit(db, { action: "user deleted", subject: name }, author),
  ]);
  const [row] = deleted?.results ?? [];
  return row === undefined ? null : toUser(row);
}

/** A user in a workspace. */
export interface Membership {
  workspaceId: number;
  userId: number;
  user: string;
}

/** Gives a user a role in a workspace, or another one. */
export async function putMember(
  db: D1Database,
  { workspaceId, userId, user }: Membership,
  role: Role,
  author: Author,
): Promise<void> {
  await db.batch([
    db
      .prepare(
        `INSERT INTO members (workspace_id, user_id, role) VALUES (?1, ?2, ?3)
         ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = ?3`,
      )
      .bind(workspaceId, userId, role),
    noteAudit(db, { action: "member set", workspaceId, subject: user, detail: { role } }, author),
  ]);
}

/** Ends a membership; false when there is none. */
export async function deleteMember(
  db: D1Database,
  { workspaceId, userId, user }: Membership,
  author: Author,
): Promise<boolean> {
  const [deleted] = await db.batch([
    db
      .prepare("DELETE FROM members WHERE workspace_id = ?1 AND user_id = ?2")
      .bind(workspaceId, userId),
    noteAudit(db, { action: "member deleted", workspaceId, subject: user }, author),
  ]);
  return (deleted?.meta.changes ?? 0) > 0;
}
