// Rows as `npm run fsck` compares them with each other and with R2, a bounded page at a time. Each statement sees
// the catalog at one moment: what belongs together is read together, since the service goes on meanwhile.

import type { Uuid } from "../../protocol/ids.ts";
import { prepare, raw, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

export interface CheckedArtifact {
  id: number;
  uuid: Uuid;
  name: string;
  highestIndex: number;
  lastIndex: number;
  /** The upload that a living artifact waits for, and whether the catalog has it. */
  fetching: Uuid | null;
  isFetched: number;
  isStuck: number;
}

/** Artifacts after `after`, the deleted included: their indexes count as well. */
export async function checkArtifacts(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedArtifact[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT a.id, a.uuid, a.name, a.highest_index AS highestIndex,
        (SELECT coalesce(max(version_index), 0) FROM versions WHERE artifact_id = a.id) AS lastIndex,
        iif(a.deleted_at IS NULL, a.fetching, NULL) AS fetching,
        EXISTS (SELECT 1 FROM uploads WHERE uuid = a.fetching) AS isFetched,
        a.deleted_at IS NULL AND a.state = 'initial' AND a.fetching IS NULL AS isStuck
      FROM artifacts a WHERE a.id > ${after} ORDER BY a.id LIMIT ${limit}`,
  ).all<CheckedArtifact>();
  return results;
}

/** The sum that `workspaces.used_bytes` of a workspace `w` is kept at. */
export const USED_BYTES: Sql = sql`(
  SELECT coalesce(sum(v.total_bytes), 0)
  FROM artifacts a JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
  WHERE a.workspace_id = w.id)`;

/** The sum that `workspaces.used_entries` of a workspace `w` is kept at. */
export const USED_ENTRIES: Sql = sql`(
  (SELECT coalesce(sum(a.entries), 0) FROM artifacts a WHERE a.workspace_id = w.id)
  + (SELECT coalesce(sum(1 + v.entry_count), 0)
     FROM artifacts a JOIN versions v ON v.artifact_id = a.id WHERE a.workspace_id = w.id)
  + (SELECT coalesce(sum(m.entries), 0)
     FROM artifacts a JOIN artifact_metadata m ON m.artifact_id = a.id WHERE a.workspace_id = w.id)
  + (SELECT coalesce(sum(entries), 0) FROM workspace_metadata WHERE workspace_id = w.id)
  + (SELECT coalesce(sum(entries), 0) FROM blob_metadata WHERE workspace_id = w.id)
  + (SELECT count(*) FROM artifacts a JOIN relations r ON r.artifact_id = a.id WHERE a.workspace_id = w.id)
  + (SELECT count(*) FROM trusts WHERE workspace_id = w.id)
  + (SELECT count(*) FROM conversions WHERE workspace_id = w.id))`;

export interface CheckedWorkspace {
  id: number;
  name: string;
  usedBytes: number;
  summedBytes: number;
  usedEntries: number;
  summedEntries: number;
}

/** Workspaces after `after`. Reads a row or two of every version that they have. */
export async function checkWorkspaces(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedWorkspace[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT w.id, w.name, w.used_bytes AS usedBytes, ${USED_BYTES} AS summedBytes,
        w.used_entries AS usedEntries, ${USED_ENTRIES} AS summedEntries
      FROM workspaces w WHERE w.id > ${after} ORDER BY w.id LIMIT ${limit}`,
  ).all<CheckedWorkspace>();
  return results;
}

export interface CheckedContent {
  id: number;
  /** 128 hexadecimal digits. */
  sha512: string;
  size: number;
  isHeld: number;
}

/** Contents after `after`, and whether a version holds them. */
export async function checkContents(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedContent[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT c.id, lower(hex(c.sha512)) AS sha512, c.size,
        EXISTS (SELECT 1 FROM holders h WHERE h.content_id = c.id) AS isHeld
      FROM contents c WHERE c.id > ${after} ORDER BY c.id LIMIT ${limit}`,
  ).all<CheckedContent>();
  return results;
}

/** Is an object named by a version or the audit? `key` is an expression. */
export function isNamed(key: Sql): Sql {
  return sql`(EXISTS (SELECT 1 FROM object_refs r WHERE r.key = ${key})
    OR EXISTS (SELECT 1 FROM audit_objects o WHERE o.key = ${key}))`;
}

/** Keys of garbage after `after`, and whether something names them all the same. */
export async function checkGarbage(
  db: D1Database,
  after: string,
  limit: number,
): Promise<{ key: string; isReferenced: number }[]> {
  const { results } = await prepare(
    db,
    sql`SELECT g.key, ${isNamed(sql`g.key`)} AS isReferenced
      FROM garbage g WHERE g.key > ${after} ORDER BY g.key LIMIT ${limit}`,
  ).all<{ key: string; isReferenced: number }>();
  return results;
}

export interface CheckedUpload {
  uuid: Uuid;
  workspaceId: number;
  createdAt: number;
}

/** Uploads after `after`. */
export async function checkUploads(
  db: D1Database,
  after: string,
  limit: number,
): Promise<CheckedUpload[]> {
  const { results } = await prepare(
    db,
    sql`SELECT uuid, workspace_id AS workspaceId, created_at AS createdAt
      FROM uploads WHERE uuid > ${after} ORDER BY uuid LIMIT ${limit}`,
  ).all<CheckedUpload>();
  return results;
}

/** Of these keys those that no version, no object of the audit and no line of garbage names. */
export async function findUnnamed(db: D1Database, keys: readonly string[]): Promise<string[]> {
  const { results } = await prepare(
    db,
    sql`SELECT e.value AS key FROM ${rowsOf(keys)} WHERE NOT ${isNamed(sql`e.value`)}
      AND NOT EXISTS (SELECT 1 FROM garbage g WHERE g.key = e.value)`,
  ).all<{ key: string }>();
  return results.map(({ key }) => key);
}

/** Of these uploads those that the catalog lists. */
export function findListed(db: D1Database, uuids: readonly Uuid[]): Promise<Set<Uuid>> {
  return findUuids(db, sql`SELECT u.uuid FROM uploads u WHERE u.uuid IN`, uuids);
}

/** Of these drafts those that a version has. */
export function findDrafts(db: D1Database, uuids: readonly Uuid[]): Promise<Set<Uuid>> {
  return findUuids(db, sql`SELECT v.draft AS uuid FROM versions v WHERE v.draft IN`, uuids);
}

async function findUuids(db: D1Database, among: Sql, uuids: readonly Uuid[]): Promise<Set<Uuid>> {
  const { results } = await prepare(db, sql`${among} (SELECT e.value FROM ${rowsOf(uuids)})`).all<{
    uuid: Uuid;
  }>();
  return new Set(results.map(({ uuid }) => uuid));
}

/** Times before which something should have been done. */
export interface Overdue {
  /** The end of a grace. */
  due: number;
  /** The last byte of what is idle. */
  idle: number;
  /** The expiry of an artifact. */
  expired: number;
  /** The time of rows of the audit that go to R2. */
  moved: number;
}

/** How much of each kind the sweep should have taken by now. Counts up to `most`. */
export async function countOverdue(
  db: D1Database,
  { due, idle, expired, moved }: Overdue,
  most: number,
): Promise<Record<string, number>> {
  const count = (what: string, rows: Sql) =>
    sql`(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ${most})) AS ${raw(`"${what}"`)}`;
  const row = await prepare(
    db,
    sql`
      SELECT ${count("objects that are garbage", sql`garbage WHERE since < ${due}`)},
        ${count("deleted versions", sql`versions WHERE deleted_at < ${due}`)},
        ${count("expired artifacts", sql`artifacts WHERE deleted_at IS NULL AND expires_at < ${expired}`)},
        ${count("idle uploads", sql`uploads WHERE last_append_at < ${idle}`)},
        ${count(
          "incomplete versions",
          sql`versions v WHERE v.sealed_at IS NULL AND v.deleted_at IS NULL AND v.progress_at < ${idle}
            AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.version_id = v.id AND u.last_append_at >= ${idle})`,
        )},
        ${count(
          "rows of the audit",
          sql`audit WHERE at < ${moved} AND (at, id) > (
            coalesce((SELECT last_at FROM audit_objects ORDER BY number DESC LIMIT 1), -1),
            coalesce((SELECT last_id FROM audit_objects ORDER BY number DESC LIMIT 1), 0))`,
        )}`,
  ).first<Record<string, number>>();
  return row ?? {};
}
