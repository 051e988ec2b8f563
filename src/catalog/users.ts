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
  now: number,
): Promise<User | null> {
  const row = await db
    .prepare(
      `INSERT INTO users (name, password_hash, created_at) VALUES (?1, ?2, ?3)
       ON CONFLICT (name) DO NOTHING RETURNING id, name, created_at`,
    )
    .bind(name, passwordHash, now)
    .first<UserRow>();
  return row && toUser(row);
}

export async function findUser(db: D1Database, name: string): Promise<User | null> {
  const row = await db
    .prepare("SELECT id, name, created_at FROM users WHERE name = ?1")
    .bind(name)
    .first<UserRow>();
  return row && toUser(row);
}

/** All users by name, the first `limit` after `after`. */
export async function listUsers(db: D1Database, after: string, limit: number): Promise<User[]> {
  const { results } = await db
    .prepare("SELECT id, name, created_at FROM users WHERE name > ?1 ORDER BY name LIMIT ?2")
    .bind(after, limit)
    .all<UserRow>();
  return results.map(toUser);
}

/** The password's hash of a user, or null when there is none of that name. */
export async function findPassword(
  db: D1Database,
  name: string,
): Promise<{ userId: number; passwordHash: string } | null> {
  return db
    .prepare("SELECT id AS userId, password_hash AS passwordHash FROM users WHERE name = ?1")
    .bind(name)
    .first<{ userId: number; passwordHash: string }>();
}

/** Sets a user's password and ends their sessions; null when there is none of that name. */
export async function setPassword(
  db: D1Database,
  name: string,
  passwordHash: string,
): Promise<User | null> {
  const [changed] = await db.batch<UserRow>([
    db
      .prepare("UPDATE users SET password_hash = ?2 WHERE name = ?1 RETURNING id, name, created_at")
      .bind(name, passwordHash),
    db
      .prepare("DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = ?1)")
      .bind(name),
  ]);
  const [row] = changed?.results ?? [];
  return row === undefined ? null : toUser(row);
}

/** Deletes a user with their tokens, sessions and memberships; false when there is none. */
export async function deleteUser(db: D1Database, name: string): Promise<boolean> {
  const { meta } = await db.prepare("DELETE FROM users WHERE name = ?1").bind(name).run();
  return meta.changes > 0;
}

/** Gives a user a role in a workspace, or another one. */
export async function putMember(
  db: D1Database,
  workspaceId: number,
  userId: number,
  role: Role,
): Promise<void> {
  await db
    .prepare(
      `INSERT INTO members (workspace_id, user_id, role) VALUES (?1, ?2, ?3)
       ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = ?3`,
    )
    .bind(workspaceId, userId, role)
    .run();
}

/** Ends a membership; false when there is none. */
export async function deleteMember(
  db: D1Database,
  workspaceId: number,
  userId: number,
): Promise<boolean> {
  const { meta } = await db
    .prepare("DELETE FROM members WHERE workspace_id = ?1 AND user_id = ?2")
    .bind(workspaceId, userId)
    .run();
  return meta.changes > 0;
}
