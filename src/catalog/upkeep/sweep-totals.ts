// What the sweeps did, in one row: nothing else remembers, for isolates come and go.

import { prepare, sql } from "../sql.ts";

/** What one sweep did. */
export interface SweepReport {
  uploadsExpired: number;
  versionsRemoved: number;
  objectsDeleted: number;
  failures: number;
}

/** The sums over all sweeps that ended, and what is known of the last ones; times in milliseconds. */
export interface SweepTotals extends SweepReport {
  runs: number;
  /** When one last began. */
  beganAt: number;
  /** When one last ended; null before the first did. */
  endedAt: number | null;
  /** The failures of the one that last ended. */
  lastFailures: number;
}

/** Notes that a sweep begins: one that is cut off has begun later than the last one ended. */
export async function noteSweepBegun(db: D1Database, now: number): Promise<void> {
  await prepare(
    db,
    sql`INSERT INTO sweeps (id, began_at) VALUES (1, ${now}) ON CONFLICT (id) DO UPDATE SET began_at = ${now}`,
  ).run();
}

/** Adds what a sweep did. */
export async function noteSweepEnded(
  db: D1Database,
  { uploadsExpired, versionsRemoved, objectsDeleted, failures }: SweepReport,
  now: number,
): Promise<void> {
  await prepare(
    db,
    sql`
      UPDATE sweeps SET ended_at = ${now}, runs = runs + 1,
        uploads_expired = uploads_expired + ${uploadsExpired},
        versions_removed = versions_removed + ${versionsRemoved},
        objects_deleted = objects_deleted + ${objectsDeleted},
        failures = failures + ${failures}, last_failures = ${failures}`,
  ).run();
}

/** The statement that reads the row as SweepTotals, if there was a sweep. */
export function findLastSweep(db: D1Database): D1PreparedStatement {
  return prepare(
    db,
    sql`
      SELECT uploads_expired AS uploadsExpired, versions_removed AS versionsRemoved,
        objects_deleted AS objectsDeleted, failures, runs, began_at AS beganAt, ended_at AS endedAt,
        last_failures AS lastFailures FROM sweeps`,
  );
}
