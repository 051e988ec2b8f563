// Sessions of people who are logged in. What a session's age and last use mean is decided at each look-up,
// so that a dead row may wait for the sweep.

import type { Session } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Author } from "../protocol/identity.ts";
import { noteAudit } from "./audit.ts";
import { repeatable } from "./database.ts";

type SessionRow = { user_id: number; name: string; last_used_at: number };

/** The session of that hash, when it lives at `now`, and when it was noted to be used. */
export async function findLivingSession(
  db: D1Database,
  idHash: string,
  now: number,
): Promise<(Session & { lastUsedAt: number }) | null> {
  const row = await db
    .prepare(
      `SELECT s.user_id, u.name, s.last_used_at FROM sessions s JOIN users u ON u.id = s.user_id
       WHERE s.id_hash = ?1 AND s.last_used_at > ?2 AND s.created_at > ?3`,
    )
    .bind(idHash, now - LIMITS.sessionIdle, now - LIMITS.sessionAge)
    .first<SessionRow>();
  return row && { idHash, userId: row.user_id, user: row.name, lastUsedAt: row.last_used_at };
}

/** Notes that a session is used. */
export async function touchSession(db: D1Database, idHash: string, now: number): Promise<void> {
  await repeatable(db)
    .prepare("UPDATE sessions SET last_used_at = ?2 WHERE id_hash = ?1")
    .bind(idHash, now)
    .run();
}

/** What a new session is made of. */
export interface NewSession {
  idHash: string;
  userId: number;
  /** The hash that the password was checked against: one that changed since opens no session. */
  passwordHash: string;
  /** The hash of the session that the same browser had, or null. */
  replaces: string | null;
}

/** Begins a session in place of the browser's last one, and ends the user's oldest past `sessionsOfUser`;
 * false when the password was changed or the user deleted meanwhile. */
export async function createSession(
  db: D1Database,
  { idHash, userId, passwordHash, replaces }: NewSession,
  author: Author,
): Promise<boolean> {
  const [created] = await db.batch([
    db
      .prepare(
        `INSERT INTO sessions (id_hash, user_id, created_at, last_used_at)
         SELECT ?1, id, ?4, ?4 FROM users WHERE id = ?2 AND password_hash = ?3`,
      )
      .bind(idHash, userId, passwordHash, author.now),
    noteAudit(db, { action: "login" }, author),
    db.prepare("DELETE FROM sessions WHERE id_hash = ?1").bind(replaces),
    db
      .prepare(
        `DELETE FROM sessions WHERE user_id = ?1 AND id_hash NOT IN (
           SELECT id_hash FROM sessions WHERE user_id = ?1
           ORDER BY id_hash = ?2 DESC, last_used_at DESC LIMIT ?3)`,
      )
      .bind(userId, idHash, LIMITS.sessionsOfUser),
  ]);
  return created?.meta.changes === 1;
}

/** Ends a session, if there is one. */
export async function deleteSession(db: D1Database, idHash: string, author: Author): Promise<void> {
  await db.batch([
    db.prepare("DELETE FROM sessions WHERE id_hash = ?1").bind(idHash),
    noteAudit(db, { action: "logout" }, author),
  ]);
}

/** Removes sessions not used since `before`, and says how many. One past its age is not used any more. */
export async function forgetSessions(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM sessions WHERE id_hash IN (
         SELECT id_hash FROM sessions WHERE last_used_at <= ?1 ORDER BY last_used_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}
