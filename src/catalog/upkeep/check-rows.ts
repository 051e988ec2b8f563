// Rows as `npm run fsck` compares them with each other and with R2, a bounded page at a time. Each statement sees
// the catalog at one moment: what belongs together is read together, since the service goes on meanwhile.

import type { Uuid } from "../protocol/ids.ts";
import type { Extent } from "../protocol/uploads.ts";
import { extentsOf, toExtents } from "./blobs.ts";

export interface CheckedBlob {
  id: number;
  uuid: Uuid;
  size: number;
  /** Bytes of its extents, how many there are, and one more than the last position. */
  held: number;
  extents: number;
  end: number;
  referenced: number;
}

/** Blobs after `after`, each with what its extents and files say of it. */
export async function checkBlobs(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedBlob[]> {
  const { results } = await db
    .prepare(
      `SELECT b.id, b.uuid, b.size,
         (SELECT coalesce(sum(length), 0) FROM extents WHERE blob_id = b.id) AS held,
         (SELECT count(*) FROM extents WHERE blob_id = b.id) AS extents,
         (SELECT coalesce(max(position) + 1, 0) FROM extents WHERE blob_id = b.id) AS "end",
         EXISTS (SELECT 1 FROM files WHERE blob_id = b.id) AS referenced
       FROM blobs b WHERE b.id > ?1 ORDER BY b.id LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedBlob>();
  return results;
}

export interface CheckedExtent extends Extent {
  blobId: number;
  position: number;
  uuid: Uuid;
}

/** Extents after (blob, position). */
export async function checkExtents(
  db: D1Database,
  [blobId, position]: readonly [number, number],
  limit: number,
): Promise<CheckedExtent[]> {
  const { results } = await db
    .prepare(
      `SELECT e.blob_id AS blobId, e.position, e.key, e.start, e.length, b.uuid
       FROM extents e CROSS JOIN blobs b ON b.id = e.blob_id
       WHERE (e.blob_id, e.position) > (?1, ?2) ORDER BY e.blob_id, e.position LIMIT ?3`,
    )
    .bind(blobId, position, limit)
    .all<CheckedExtent>();
  return results;
}

/** A blob whose bytes are to be read again. */
export interface HashedBlob {
  id: number;
  uuid: Uuid;
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
  extents: Extent[];
}

/** Blobs from `from` on; of those after it only every so many, drawn by lot: `percent` of 100. */
export async function drawBlobs(
  db: D1Database,
  { from, percent, limit }: { from: number; percent: number; limit: number },
): Promise<HashedBlob[]> {
  const { results } = await db
    .prepare(
      `SELECT b.id, b.uuid, b.size, b.sha512, b.sha256, b.crc32, ${extentsOf("b.id")} AS extents
       FROM blobs b WHERE b.id >= ?1 AND (b.id = ?1 OR abs(random() % 100) < ?2)
       ORDER BY b.id LIMIT ?3`,
    )
    .bind(from, percent, limit)
    .all<Omit<HashedBlob, "extents"> & { extents: string }>();
  return results.map(({ extents, ...blob }) => ({ ...blob, extents: toExtents(extents) }));
}

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
  const { results } = await db
    .prepare(
      `SELECT a.id, a.uuid, a.name, a.highest_index AS highestIndex,
         (SELECT coalesce(max(version_index), 0) FROM versions WHERE artifact_id = a.id) AS lastIndex,
         iif(a.deleted_at IS NULL, a.fetching, NULL) AS fetching,
         EXISTS (SELECT 1 FROM uploads WHERE uuid = a.fetching) AS isFetched,
         a.deleted_at IS NULL AND a.state = 'initial' AND a.fetching IS NULL AS isStuck
       FROM artifacts a WHERE a.id > ?1 ORDER BY a.id LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedArtifact>();
  return results;
}

/** The sum that `workspaces.used_bytes` of a workspace `w` is kept at. */
export const USED_BYTES = `(
  SELECT coalesce(sum(d.total_bytes), 0)
  FROM artifacts a JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
  JOIN folders d ON d.version_id = v.id AND d.ordinal = 0
  WHERE a.workspace_id = w.id)`;

/** The sum that `workspaces.used_entries` of a workspace `w` is kept at. */
export const USED_ENTRIES = `(
  (SELECT coalesce(sum(a.entries), 0) FROM artifacts a WHERE a.workspace_id = w.id)
  + (SELECT coalesce(sum(1 + d.entry_count), 0)
     FROM artifacts a JOIN versions v ON v.artifact_id = a.id
     JOIN folders d ON d.version_id = v.id AND d.ordinal = 0 WHERE a.workspace_id = w.id)
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

/** Workspaces after `after`. Reads a few rows of every version that they have. */
export async function checkWorkspaces(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedWorkspace[]> {
  const { results } = await db
    .prepare(
      `SELECT w.id, w.name, w.used_bytes AS usedBytes, ${USED_BYTES} AS summedBytes,
         w.used_entries AS usedEntries, ${USED_ENTRIES} AS summedEntries
       FROM workspaces w WHERE w.id > ?1 ORDER BY w.id LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedWorkspace>();
  return results;
}

/** Keys of garbage after `after`, and whether something names them all the same. */
export async function checkGarbage(
  db: D1Database,
  after: string,
  limit: number,
): Promise<{ key: string; referenced: number }[]> {
  const { results } = await db
    .prepare(
      `SELECT g.key, EXISTS (SELECT 1 FROM extents WHERE key = g.key)
         OR EXISTS (SELECT 1 FROM audit_objects WHERE key = g.key) AS referenced
       FROM garbage g WHERE g.key > ?1 ORDER BY g.key LIMIT ?2`,
    )
    .bind(after, limit)
    .all<{ key: string; referenced: number }>();
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
  const { results } = await db
    .prepare(
      `SELECT uuid, workspace_id AS workspaceId, created_at AS createdAt
       FROM uploads WHERE uuid > ?1 ORDER BY uuid LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedUpload>();
  return results;
}

/** Of these keys those that no blob, no object of the audit and no line of garbage names. */
export async function findUnnamed(db: D1Database, keys: readonly string[]): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT k.value AS key FROM json_each(?1) k
       WHERE NOT EXISTS (SELECT 1 FROM extents WHERE key = k.value)
         AND NOT EXISTS (SELECT 1 FROM audit_objects WHERE key = k.value)
         AND NOT EXISTS (SELECT 1 FROM garbage WHERE key = k.value)`,
    )
    .bind(JSON.stringify(keys))
    .all<{ key: string }>();
  return results.map(({ key }) => key);
}

/** Of these uploads those that the catalog lists. */
export async function findListed(db: D1Database, uuids: readonly Uuid[]): Promise<Set<Uuid>> {
  const { results } = await db
    .prepare("SELECT uuid FROM uploads WHERE uuid IN (SELECT value FROM json_each(?1))")
    .bind(JSON.stringify(uuids))
    .all<{ uuid: Uuid }>();
  return new Set(results.map(({ uuid }) => uuid));
}

/** How many rows there are, up to ?4. */
function count(rows: string): string {
  return `(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ?4))`;
}

/** How much of each kind the sweep should have taken by now; `due` is when the grace of it ended, `idle` when its
 * idle time did, `moved` when rows of the audit should have gone to R2. Counts up to `most`. */
export async function countOverdue(
  db: D1Database,
  {
    due,
    idle,
    expired,
    moved,
    most,
  }: { due: number; idle: number; expired: number; moved: number; most: number },
): Promise<Record<string, number>> {
  const row = await db
    .prepare(
      `SELECT ${count("garbage WHERE since < ?1")} AS "objects that are garbage",
         ${count("versions WHERE deleted_at < ?1")} AS "deleted versions",
         ${count("artifacts WHERE deleted_at IS NULL AND expires_at < ?3")} AS "expired artifacts",
         ${count("uploads WHERE last_append_at < ?2")} AS "idle uploads",
         ${count(`versions v WHERE v.sealed_at IS NULL AND v.deleted_at IS NULL AND v.progress_at < ?2
           AND NOT EXISTS (SELECT 1 FROM uploads WHERE version_id = v.id AND last_append_at >= ?2)`)}
           AS "incomplete versions",
         ${count(`audit WHERE at < ?5 AND (at, id) > (
           coalesce((SELECT last_at FROM audit_objects ORDER BY number DESC LIMIT 1), -1),
           coalesce((SELECT last_id FROM audit_objects ORDER BY number DESC LIMIT 1), 0))`)}
           AS "rows of the audit"`,
    )
    .bind(due, idle, expired, most, moved)
    .first<Record<string, number>>();
  return row ?? {};
}
