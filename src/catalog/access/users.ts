import type { Author } from "../../protocol/identity.ts";
import { noteAudit } from "../audit/audit.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import { deleteTokensOf } from "./tokens.ts";

export type Role = "owner" | "contributor" | "viewer";

export interface User {
  id: number;
  name: string;
  createdAt: number;
}

const COLUMNS = sql`id, name, created_at AS createdAt`;

/** Adds a user, or gives null when there is one of that name. */
export async function createUser(
  db: D1Database,
  name: string,
  passwordHash: string,
  author: Author,
): Promise<User | null> {
  const [made] = await db.batch<User>([
    prepare(
      db,
      sql`INSERT INTO users (name, password_hash, created_at) VALUES (${name}, ${passwordHash}, ${author.now})
        ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    ),
    noteAudit(db, { action: "user made", subject: name }, author),
  ]);
  return made?.results[0] ?? null;
}

export async function findUser(db: D1Database, name: string): Promise<User | null> {
  return prepare(db, sql`SELECT ${COLUMNS} FROM users WHERE name = ${name}`).first<User>();
}

/** What a user may do in any workspace at all: add to one, or read one, or nothing. */
export async function findReach(db: D1Database, userId: number): Promise<"adds" | "reads" | null> {
  const adds = await prepare(
    db,
    sql`SELECT max(role IN ('owner', 'contributor')) AS adds FROM members WHERE user_id = ${userId}`,
  ).first<number>("adds");
  return adds === null ? null : adds === 1 ? "adds" : "reads";
}

/** All users by name, the first `limit` after `after`. */
export async function listUsers(db: D1Database, after: string, limit: number): Promise<User[]> {
  const { results } = await prepare(
    db,
    sql`SELECT ${COLUMNS} FROM users WHERE name > ${after} ORDER BY name LIMIT ${limit}`,
  ).all<User>();
  return results;
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
  const row = await prepare(
    db,
    sql`SELECT id AS userId, password_hash AS passwordHash, EXISTS (
        SELECT 1 FROM known_networks WHERE owner = 'user ' || users.id AND network = ${network}
      ) AS knowsNetwork
      FROM users WHERE name = ${name}`,
  ).first<Omit<Login, "knowsNetwork"> & { knowsNetwork: number }>();
  return row && { ...row, knowsNetwork: row.knowsNetwork === 1 };
}

/** Sets a user's password, ends their sessions and, when asked to, their tokens; null when there is none of that
 * name. */
export async function setPassword(
  db: D1Database,
  { name, passwordHash, endsTokens }: { name: string; passwordHash: string; endsTokens: boolean },
  author: Author,
): Promise<User | null> {
  const [changed] = await db.batch<User>([
    prepare(
      db,
      sql`UPDATE users SET password_hash = ${passwordHash} WHERE name = ${name} RETURNING ${COLUMNS}`,
    ),
    noteAudit(db, { action: "password set", subject: name }, author),
    prepare(
      db,
      sql`DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = ${name})`,
    ),
    ...(endsTokens ? deleteTokensOf(db, name, author) : []),
  ]);
  return changed?.results[0] ?? null;
}

/** Deletes a user with their tokens, sessions and memberships; gives who it was, or null when there is none. */
export async function deleteUser(
  db: D1Database,
  name: string,
  author: Author,
): Promise<User | null> {
  const [deleted] = await db.batch<User>([
    prepare(db, sql`DELETE FROM users WHERE name = ${name} RETURNING ${COLUMNS}`),
    noteAudit(db, { action: "user deleted", subject: name }, author),
  ]);
  return deleted?.results[0] ?? null;
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
    prepare(
      db,
      sql`INSERT INTO members (workspace_id, user_id, role) VALUES (${workspaceId}, ${userId}, ${role})
        ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role`,
    ),
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
    prepare(
      db,
      sql`DELETE FROM members WHERE workspace_id = ${workspaceId} AND user_id = ${userId}`,
    ),
    noteAudit(db, { action: "member deleted", workspaceId, subject: user }, author),
  ]);
  return hasChanged(deleted);
}
