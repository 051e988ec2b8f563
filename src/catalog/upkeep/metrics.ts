// How much there is, at a cost that does not grow: what may be many is counted up to LIMITS.counted, and how many were
// ever made is what AUTOINCREMENT notes anyway.

import { LIMITS } from "../../protocol/limits.ts";
import { join, prepare, raw, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { findLastSweep } from "./sweep-totals.ts";
import type { SweepTotals } from "./sweep-totals.ts";

/** Rejects unless the catalog answers and has its tables. */
export async function probeCatalog(db: D1Database): Promise<void> {
  await db.prepare("SELECT 1 FROM workspaces LIMIT 1").first();
}

/** What is there now, by the name of the count. */
type Counts = Record<keyof ReturnType<typeof countedRows>, number> & {
  /** When the oldest of the garbage became that; null without any. */
  garbageSince: number | null;
};

/** What to count, each through an index; open uploads from before `overdue` should be gone. */
function countedRows(overdue: number) {
  return {
    workspaces: sql`workspaces`,
    users: sql`users`,
    artifacts: sql`artifacts WHERE deleted_at IS NULL`,
    deletedArtifacts: sql`artifacts WHERE deleted_at IS NOT NULL`,
    incompleteVersions: sql`versions WHERE sealed_at IS NULL AND deleted_at IS NULL`,
    deletedVersions: sql`versions WHERE deleted_at IS NOT NULL`,
    contents: sql`contents`,
    uploads: sql`uploads`,
    overdueUploads: sql`uploads WHERE last_append_at < ${overdue}`,
    fetches: sql`artifacts WHERE fetching IS NOT NULL`,
    garbage: sql`garbage`,
  } satisfies Record<string, Sql>;
}

/** A workspace and how full it is. */
interface WorkspaceUsage {
  name: string;
  usedBytes: number;
  quotaBytes: number | null;
}

/** All that the metrics tell. */
export interface CatalogMetrics {
  counts: Counts;
  /** Of the first LIMITS.counted workspaces. */
  usedBytes: number;
  /** Those of them that use the most. */
  fullest: WorkspaceUsage[];
  /** How many were ever made, by table. */
  made: Record<string, number>;
  sweep: SweepTotals | null;
}

/** Tables whose rows are numbered and never numbered again. */
const NUMBERED = ["workspaces", "users", "tokens", "artifacts"];

/** Reads them in one batch. */
export async function readMetrics(db: D1Database, overdue: number): Promise<CatalogMetrics> {
  const results = await db.batch([
    countAll(db, overdue),
    ...measureWorkspaces(db),
    prepare(
      db,
      sql`SELECT name, seq FROM sqlite_sequence WHERE name IN (SELECT e.value FROM ${rowsOf(NUMBERED)})`,
    ),
    findLastSweep(db),
  ]);
  const [counted, used, fullest, made, sweeps] = results.map((result) => result.results) as [
    [Counts],
    [{ bytes: number }],
    WorkspaceUsage[],
    { name: string; seq: number }[],
    SweepTotals[],
  ];
  const numbers = new Map(made.map(({ name, seq }) => [name, seq]));
  return {
    counts: counted[0],
    usedBytes: used[0].bytes,
    fullest,
    made: Object.fromEntries(NUMBERED.map((name) => [name, numbers.get(name) ?? 0])),
    sweep: sweeps[0] ?? null,
  };
}

function countAll(db: D1Database, overdue: number): D1PreparedStatement {
  const counts = Object.entries(countedRows(overdue)).map(
    ([name, from]) =>
      sql`(SELECT count(*) FROM (SELECT 1 FROM ${from} LIMIT ${LIMITS.counted})) AS ${raw(name)}`,
  );
  return prepare(db, sql`SELECT ${join(counts)}, (SELECT min(since) FROM garbage) AS garbageSince`);
}

/** What they use together, and the fullest. */
function measureWorkspaces(db: D1Database): D1PreparedStatement[] {
  const some = sql`(SELECT name, used_bytes, quota_bytes FROM workspaces ORDER BY id LIMIT ${LIMITS.counted})`;
  return [
    // A sum of integers could pass 2^63, which ends the statement; a float cannot.
    prepare(db, sql`SELECT total(used_bytes) AS bytes FROM ${some}`),
    prepare(
      db,
      sql`
        SELECT name, used_bytes AS usedBytes, quota_bytes AS quotaBytes FROM ${some}
        ORDER BY used_bytes DESC, name LIMIT ${LIMITS.workspacesMeasured}`,
    ),
  ];
}
