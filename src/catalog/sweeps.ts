// What the sweeps did, in one row: nothing else remembers, for isolates come and go.

/** What one sweep did. */
export interface SweepReport {
  uploadsExpired: number;
  filesRemoved: number;
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
  await db
    .prepare(
      "INSERT INTO sweeps (id, began_at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET began_at = ?1",
    )
    .bind(now)
    .run();
}

/** Adds what a sweep did. */
export async function noteSweepEnded(
  db: D1Database,
  { uploadsExpired, filesRemoved, objectsDeleted, failures }: SweepReport,
  now: number,
): Promise<void> {
  await db
    .prepare(
      `UPDATE sweeps SET ended_at = ?5, runs = runs + 1, uploads_expired = uploads_expired + ?1,
         files_removed = files_removed + ?2, objects_deleted = objects_deleted + ?3,
         failures = failures + ?4, last_failures = ?4`,
    )
    .bind(uploadsExpired, filesRemoved, objectsDeleted, failures, now)
    .run();
}

/** The statement that reads the row as SweepTotals, if there was a sweep. */
export function findLastSweep(db: D1Database): D1PreparedStatement {
  return db.prepare(
    `SELECT uploads_expired AS uploadsExpired, files_removed AS filesRemoved,
       objects_deleted AS objectsDeleted, failures, runs, began_at AS beganAt, ended_at AS endedAt,
       last_failures AS lastFailures FROM sweeps`,
  );
}
