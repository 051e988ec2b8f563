// How much there is, at a cost that does not grow: what may be many is counted up to LIMITS.counted, and how many were
// ever made is what AUTOINCREMENT notes anyway.

import { LIMITS } from "../protocol/limits.ts";
import { findLastSweep } from "./sweeps.ts";
import type { SweepTotals } from "./sweeps.ts";

/** Rejects unless the catalog answers and has its tables. */
export async function probeCatalog(db: D1Database): Promise<void> {
  await db.prepare("SELECT 1 FROM workspaces LIMIT 1").first();
}

/** What is there now, by the name of the count. */
type Counts = Record<keyof typeof COUNTED, number> & {
  /** When the oldest of the garbage became that; null without any. */
  garbageSince: number | null;
};

/** What to count, each through an index. ?1 is the time before which an open upload is overdue. */
const COUNTED = {
  workspaces: "workspaces",
  users: "users",
  artifacts: "artifacts WHERE deleted_at IS NULL",
  deletedArtifacts: "artifacts WHERE deleted_at IS NOT NULL",
  incompleteVersions: "versions WHERE sealed_at IS NULL AND deleted_at IS NULL",
  deletedVersions: "versions WHERE deleted_at IS NOT NULL",
  blobs: "blobs",
  uploads: "uploads",
  overdueUploads: "uploads WHERE last_append_at < ?1",
  fetches: "artifacts WHERE fetching IS NOT NULL",
  garbage: "garbage",
} as const;

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
const NUMBERED = ["workspaces", "users", "tokens", "artifacts", "versions", "blobs"];

/** Reads them in one batch. */
export async function readMetrics(db: D1Database, overdue: number): Promise<CatalogMetrics> {
  const results = await db.batch([
    countAll(db, overdue),
    ...measureWorkspaces(db),
    db
      .prepare(
        "SELECT name, seq FROM sqlite_sequence WHERE name IN (SELECT value FROM json_each(?1))",
      )
      .bind(JSON.stringify(NUMBERED)),
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
  const counts = Object.entries(COUNTED).map(
    ([name, from]) => `(SELECT count(*) FROM (SELECT 1 FROM ${from} LIMIT ?2)) AS ${name}`,
  );
  return db
    .prepare(`SELECT ${counts.join(", ")}, (SELECT min(since) FROM garbage) AS garbageSince`)
    .bind(overdue, LIMITS.counted);
}

/** What they use together, and the fullest. */
function measureWorkspaces(db: D1Database): D1PreparedStatement[] {
  const some = "(SELECT name, used_bytes, quota_bytes FROM workspaces ORDER BY id LIMIT ?1)";
  return [
    // A sum of integers could pass 2^63, which ends the statement; a float cannot.
    db.prepare(`SELECT total(used_bytes) AS bytes FROM ${some}`).bind(LIMITS.counted),
    db
      .prepare(
        `SELECT name, used_bytes AS usedBytes, quota_bytes AS quotaBytes FROM ${some}
         ORDER BY used_bytes DESC, name LIMIT ?2`,
      )
      .bind(LIMITS.counted, LIMITS.workspacesMeasured),
  ];
}
