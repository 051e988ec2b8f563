// Failed logins and wrong keys, and how long the next attempt has to wait. An attempt counts as failed from its beginning, so
// that attempts at the same time cannot all pass; one that turns out right is taken back.

import { LIMITS } from "../../protocol/limits.ts";
import { forgetOldest } from "../forget-oldest.ts";
import type { AgingTable } from "../forget-oldest.ts";
import { prepare, rowsOf, sql } from "../sql.ts";

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
  const closed = sql`SELECT max(blocked_until) AS closedUntil FROM login_failures
    WHERE blocked_until > ${now} AND subject IN (SELECT e.value ->> 'subject' FROM ${rowsOf(gates)})`;
  const [found] = await db.batch<{ closedUntil: number | null }>([
    prepare(db, closed),
    prepare(
      db,
      sql`INSERT INTO login_failures (subject, failures, last_at, blocked_until)
        SELECT subject, failures, ${now}, CASE WHEN failures < free THEN 0
            ELSE ${now} + min(longest_wait, 1000 << min(failures - free, 20)) END
        FROM (
          SELECT e.value ->> 'subject' AS subject, e.value ->> 'free' AS free,
            e.value ->> 'longestWait' AS longest_wait, coalesce(f.failures, 0) + 1 AS failures
          FROM ${rowsOf(gates)} LEFT JOIN login_failures f
            ON f.subject = e.value ->> 'subject' AND f.last_at > ${now - LIMITS.loginMemory})
        WHERE (${closed}) IS NULL AND NOT ${Number(isRight)}
        ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures,
          last_at = excluded.last_at, blocked_until = excluded.blocked_until`,
    ),
  ]);
  return found?.results[0] ?? { closedUntil: null };
}

/** Until when a gate is closed; null when it is open. Counts nothing. */
export async function findClosedGate(
  db: D1Database,
  { subject }: LoginGate,
  now: number,
): Promise<number | null> {
  return prepare(
    db,
    sql`SELECT blocked_until AS closedUntil FROM login_failures
      WHERE subject = ${subject} AND blocked_until > ${now}`,
  ).first<number>("closedUntil");
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
    prepare(
      db,
      sql`DELETE FROM login_failures WHERE subject IN (SELECT e.value FROM ${rowsOf(forgiven)})
        OR (subject = ${eased} AND failures <= 1)`,
    ),
    prepare(
      db,
      sql`UPDATE login_failures SET failures = failures - 1,
        blocked_until = iif(last_at = ${began}, 0, blocked_until) WHERE subject = ${eased}`,
    ),
  ]);
}

/** Forgets failures last added to before `before`, and says how many. */
export async function forgetLoginFailures(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await forgetOldest(db, FAILURES, before, limit).run();
  return meta.changes;
}

const FAILURES: AgingTable = { table: sql`login_failures`, key: sql`subject`, age: sql`last_at` };
