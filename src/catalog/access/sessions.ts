// Sessions of people who are logged in. What a session's age and last use mean is decided at each look-up,
// so that a dead row may wait for the sweep.

import type { Author, Session } from "../../protocol/identity.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { noteAudit } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { forgetOldest } from "../forget-oldest.ts";
import type { AgingTable } from "../forget-oldest.ts";
import { hasChanged, prepare, sql } from "../sql.ts";

/** The session of that hash, when it lives at `now`, and when it was noted to be used. */
export async function findLivingSession(
  db: D1Database,
  idHash: string,
  now: number,
): Promise<(Session & { lastUsedAt: number }) | null> {
  return prepare(
    db,
    sql`SELECT s.id_hash AS idHash, s.user_id AS userId, u.name AS user, s.last_used_at AS lastUsedAt
      FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.id_hash = ${idHash} AND s.last_used_at > ${now - LIMITS.sessionIdle}
        AND s.created_at > ${now - LIMITS.sessionAge}`,
  ).first<Session & { lastUsedAt: number }>();
}

/** Notes that a session is used. */
export async function touchSession(db: D1Database, idHash: string, now: number): Promise<void> {
  await prepare(
    repeatable(db),
    sql`UPDATE sessions SET last_used_at = ${now} WHERE id_hash = ${idHash}`,
  ).run();
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
    prepare(
      db,
      sql`INSERT INTO sessions (id_hash, user_id, created_at, last_used_at)
        SELECT ${idHash}, id, ${author.now}, ${author.now} FROM users
        WHERE id = ${userId} AND password_hash = ${passwordHash}`,
    ),
    noteAudit(db, { action: "login" }, author),
    endSession(db, replaces),
    prepare(
      db,
      sql`DELETE FROM sessions WHERE user_id = ${userId} AND id_hash NOT IN (
        SELECT id_hash FROM sessions WHERE user_id = ${userId}
        ORDER BY id_hash = ${idHash} DESC, last_used_at DESC LIMIT ${LIMITS.sessionsOfUser})`,
    ),
  ]);
  return hasChanged(created);
}

/** Ends a session, if there is one. */
export async function deleteSession(db: D1Database, idHash: string, author: Author): Promise<void> {
  await db.batch([endSession(db, idHash), noteAudit(db, { action: "logout" }, author)]);
}

function endSession(db: D1Database, idHash: string | null): D1PreparedStatement {
  return prepare(db, sql`DELETE FROM sessions WHERE id_hash = ${idHash}`);
}

/** Removes sessions not used since `before`, and says how many. One past its age is not used any more. */
export async function forgetSessions(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await forgetOldest(db, SESSIONS, before, limit).run();
  return meta.changes;
}

const SESSIONS: AgingTable = { table: sql`sessions`, key: sql`id_hash`, age: sql`last_used_at` };
