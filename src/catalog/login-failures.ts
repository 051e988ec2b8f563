// Failed logins and wrong keys, and how long the next attempt has to wait. An attempt counts as failed from its beginning, so
// that attempts at the same time cannot all pass; one that turns out right is taken back.

import { LIMITS } from "../protocol/limits.ts";

/** Something whose failures are counted: `free` of them have no consequence. */
export interface LoginGate {
  subject: string;
  free: number;
  /** Milliseconds. */
  longestWait: number;
}

/** Begins an attempt, unless one of its gates is closed: then gives the time at which all are open again, and
 * counts nothing, so that knocking at a closed gate does not keep it closed. One that is known to be `right` is not counted,
 * by the same call: the time of a closed gate's answer tells nothing of it. */
export async function beginAttempt(
  db: D1Database,
  gates: readonly LoginGate[],
  now: number,
  isRight = false,
): Promise<{ closedUntil: number | null }> {
  const closed = `SELECT max(blocked_until) AS closedUntil FROM login_failures
    WHERE blocked_until > ?2 AND subject IN (SELECT value ->> 'subject' FROM json_each(?1))`;
  const [found] = await db.batch<{ closedUntil: number | null }>([
    db.prepare(closed).bind(JSON.stringify(gates), now),
    db
      .prepare(
        `INSERT INTO login_failures (subject, failures, last_at, blocked_until)
         SELECT subject, failures, ?2, CASE WHEN failures < free THEN 0
             ELSE ?2 + min(longest_wait, 1000 << min(failures - free, 20)) END
         FROM (
           SELECT g.value ->> 'subject' AS subject, g.value ->> 'free' AS free,
             g.value ->> 'longestWait' AS longest_wait, coalesce(f.failures, 0) + 1 AS failures
           FROM json_each(?1) g LEFT JOIN login_failures f
             ON f.subject = g.value ->> 'subject' AND f.last_at > ?3)
         WHERE (${closed}) IS NULL AND NOT ?4
         ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures,
           last_at = excluded.last_at, blocked_until = excluded.blocked_until`,
      )
      .bind(JSON.stringify(gates), now, now - LIMITS.loginMemory, isRight ? 1 : 0),
  ]);
  return found?.results[0] ?? { closedUntil: null };
}

/** Until when a gate is closed; null when it is open. Counts nothing. */
export async function findClosedGate(
  db: D1Database,
  { subject }: LoginGate,
  now: number,
): Promise<number | null> {
  const row = await db
    .prepare("SELECT blocked_until FROM login_failures WHERE subject = ?1 AND blocked_until > ?2")
    .bind(subject, now)
    .first<{ blocked_until: number }>();
  return row?.blocked_until ?? null;
}

/** Takes an attempt back that was right, or not looked at, and began at `began`: the failures of `forgiven` are forgotten,
 * of `eased` only this one. What has no other has no row any more: strangers come from ever new networks. A gate that it
 * closed opens again, not one that a later attempt closed: who may get in could else undo each failure of a guess by a
 * login that began before it. */
export async function takeAttemptBack(
  db: D1Database,
  forgiven: readonly string[],
  eased: string,
  began: number,
): Promise<void> {
  await db.batch([
    db
      .prepare(
        `DELETE FROM login_failures WHERE subject IN (SELECT value FROM json_each(?1))
           OR (subject = ?2 AND failures <= 1)`,
      )
      .bind(JSON.stringify(forgiven), eased),
    db
      .prepare(
        `UPDATE login_failures SET failures = failures - 1,
           blocked_until = iif(last_at = ?2, 0, blocked_until) WHERE subject = ?1`,
      )
      .bind(eased, began),
  ]);
}

/** Forgets failures last added to before `before`, and says how many. */
export async function forgetLoginFailures(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM login_failures WHERE subject IN (
         SELECT subject FROM login_failures WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}
