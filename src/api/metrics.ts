// GET /metrics: what the catalog knows, for Prometheus. Requests are counted from the log: isolates share no memory.

import { Routes } from "../app-env.ts";
import { requireSystem } from "../auth/access.ts";
import { isFull, lastSize } from "../catalog/size.ts";
import { readMetrics } from "../catalog/upkeep/metrics.ts";
import type { CatalogMetrics } from "../catalog/upkeep/metrics.ts";
import { formatMetrics, PROMETHEUS_TYPE } from "../http/prometheus.ts";
import type { Metric } from "../http/prometheus.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Metrics, for the workspace `system`. */
export const metrics = new Routes().get("/", async (c) => {
  requireSystem(c.var.identity);
  const now = Date.now();
  const overdue = now - c.var.settings.uploadIdleMs - LIMITS.uploadOverdue;
  const read = await readMetrics(c.env.DB, overdue);
  const text = formatMetrics([
    ...describeNow(read, now),
    ...describeSize(),
    ...describeUsage(read),
    ...describeMade(read),
    ...describeSweeps(read),
  ]);
  c.header("Cache-Control", "no-store");
  return c.body(text, 200, { "Content-Type": PROMETHEUS_TYPE });
});

const UP_TO = `; counted up to ${LIMITS.counted}`;

function gauge(name: string, help: string, value: number | null): Metric {
  return { name: `stowage_${name}`, type: "gauge", help, samples: [{ value }] };
}

function counter(name: string, help: string, value: number | null): Metric {
  return { name: `stowage_${name}_total`, type: "counter", help, samples: [{ value }] };
}

function describeNow({ counts }: CatalogMetrics, now: number): Metric[] {
  const byState = (name: string, help: string, states: Record<string, number>): Metric => ({
    name: `stowage_${name}`,
    type: "gauge",
    help: `${help}${UP_TO} in each state`,
    samples: Object.entries(states).map(([state, value]) => ({ labels: { state }, value })),
  });
  const { garbageSince } = counts;
  return [
    gauge("workspaces", `Workspaces${UP_TO}`, counts.workspaces),
    gauge("users", `Users${UP_TO}`, counts.users),
    byState("artifacts", "Artifacts; deleted ones are remembered for a while", {
      living: counts.artifacts,
      deleted: counts.deletedArtifacts,
    }),
    byState("versions", "Versions that miss files, and that wait for the sweep", {
      incomplete: counts.incompleteVersions,
      deleted: counts.deletedVersions,
    }),
    gauge("contents", `Different contents that are found by their hashes${UP_TO}`, counts.contents),
    gauge("uploads", `Open uploads${UP_TO}`, counts.uploads),
    gauge(
      "uploads_overdue",
      `Open uploads that sweeps should have ended more than an hour ago${UP_TO}`,
      counts.overdueUploads,
    ),
    gauge("fetches", `Fetches and explosions under way${UP_TO}`, counts.fetches),
    gauge("garbage_objects", `R2 objects that wait for the sweep${UP_TO}`, counts.garbage),
    gauge(
      "garbage_age_seconds",
      "How long the oldest of them has waited; a day is usual",
      garbageSince === null ? null : (now - garbageSince) / 1000,
    ),
  ];
}

/** Of the catalog, as its last answer said. */
function describeSize(): Metric[] {
  return [
    gauge("catalog_bytes", "Size of the catalog, without free pages", lastSize()),
    gauge("catalog_limit_bytes", "The most that it may have", LIMITS.catalogBytes),
    gauge(
      "catalog_content_limit_bytes",
      "Its size from which on no new content is taken",
      LIMITS.catalogContent,
    ),
    gauge("catalog_full", "1 while no new content is taken", isFull() ? 1 : 0),
  ];
}

function describeUsage({ usedBytes, fullest }: CatalogMetrics): Metric[] {
  const of = `of the ${LIMITS.workspacesMeasured} workspaces that use the most`;
  const each = (
    name: string,
    help: string,
    value: (at: (typeof fullest)[number]) => number | null,
  ) => ({
    ...gauge(name, help, null),
    samples: fullest.map((at) => ({ labels: { workspace: at.name }, value: value(at) })),
  });
  return [
    gauge(
      "used_bytes",
      `Bytes in the living versions of the first ${LIMITS.counted} workspaces`,
      usedBytes,
    ),
    each("workspace_used_bytes", `Bytes in the living versions ${of}`, (at) => at.usedBytes),
    each("workspace_quota_bytes", `The quota ${of}, where there is one`, (at) => at.quotaBytes),
  ];
}

function describeMade({ made }: CatalogMetrics): Metric[] {
  return Object.entries(made).map(([table, value]) =>
    counter(`${table}_made`, `How many ${table} were ever made`, value),
  );
}

function describeSweeps({ sweep }: CatalogMetrics): Metric[] {
  if (sweep === null) {
    return [];
  }
  const { endedAt } = sweep;
  return [
    gauge("sweep_began_timestamp_seconds", "When a sweep last began", sweep.beganAt / 1000),
    gauge(
      "sweep_ended_timestamp_seconds",
      "When one last ended",
      endedAt === null ? null : endedAt / 1000,
    ),
    gauge("sweep_last_failures", "What the sweep that last ended could not do", sweep.lastFailures),
    counter("sweeps", "Sweeps that ended", sweep.runs),
    counter("sweep_failures", "What sweeps could not do", sweep.failures),
    counter("sweep_uploads_expired", "Uploads that sweeps ended", sweep.uploadsExpired),
    counter(
      "sweep_versions_removed",
      "Deleted versions that sweeps removed",
      sweep.versionsRemoved,
    ),
    counter("sweep_objects_deleted", "R2 objects that sweeps deleted", sweep.objectsDeleted),
  ];
}
