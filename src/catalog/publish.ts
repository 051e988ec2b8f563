// The one batch that makes a version visible: blob, artifact, version, file, folder and the end of the
// upload, all or nothing. A batch is a transaction, so the rows link by what identifies them, not by ids.

import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type {
  BlobFacts,
  Extent,
  SealIntent,
  SealResult,
  SealedUpload,
} from "../protocol/uploads.ts";

/** The content of a blob, by which the catalog knows it. */
type Content = Pick<BlobFacts, "sha512" | "size">;

/** Workspace id, type and source_url. */
type Identity = readonly [number, string, string];

/** The living artifact of (?1 workspace, ?2 type, ?3 source_url); every statement below binds these first. */
export const ARTIFACT_ID = `(
  SELECT id FROM artifacts
  WHERE workspace_id = ?1 AND type = ?2 AND source_url = ?3 AND deleted_at IS NULL
)`;

/** What an upload became, or null when it has not been converted. */
export async function findConversion(db: D1Database, uploadUuid: Uuid): Promise<SealResult | null> {
  const row = await db
    .prepare(
      `SELECT a.uuid, c.version_index FROM conversions c JOIN artifacts a ON a.id = c.artifact_id
       WHERE c.upload_uuid = ?1`,
    )
    .bind(uploadUuid)
    .first<{ uuid: Uuid; version_index: number }>();
  return row && { artifactUuid: row.uuid, versionIndex: row.version_index };
}

/** Publishes a sealed upload. Throws when its workspace is gone, or when it was published before: nothing
 * is changed then. */
export async function publishUpload(
  db: D1Database,
  { uuid, intent, blob, extents, isFetch }: SealedUpload,
  now: number,
): Promise<void> {
  const { workspaceId, type, sourceUrl } = intent;
  await db.batch([
    ...insertBlob(db, blob, extents, now),
    ...endExpired(db, [workspaceId, type, sourceUrl], now),
    // That of a fetch was made when it began; deleted since, it does not come back.
    ...(isFetch ? [] : [insertArtifact(db, intent, now)]),
    ...insertVersion(db, intent, blob, now),
    db
      .prepare(
        `INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at)
         VALUES (?4, ${ARTIFACT_ID},
           (SELECT max(version_index) FROM versions WHERE artifact_id = ${ARTIFACT_ID}), ?5)`,
      )
      .bind(workspaceId, type, sourceUrl, uuid, now),
    db
      .prepare("UPDATE artifacts SET fetching = NULL WHERE workspace_id = ?1 AND fetching = ?2")
      .bind(workspaceId, uuid),
    db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uuid),
  ]);
}

/** Makes a blob that the catalog has a version, and gives the artifact. Throws when the blob is gone. */
export async function publishBlob(
  db: D1Database,
  intent: SealIntent,
  content: Content,
  now: number,
): Promise<Uuid> {
  const { workspaceId, type, sourceUrl } = intent;
  const results = await db.batch<{ uuid: Uuid }>([
    ...endExpired(db, [workspaceId, type, sourceUrl], now),
    insertArtifact(db, intent, now),
    ...insertVersion(db, intent, content, now),
    db
      .prepare(`SELECT uuid FROM artifacts WHERE id = ${ARTIFACT_ID}`)
      .bind(workspaceId, type, sourceUrl),
  ]);
  const uuid = results.at(-1)?.results[0]?.uuid;
  if (uuid === undefined) {
    throw new Error(`Cannot find artifact '${sourceUrl}' after publishing it`);
  }
  return uuid;
}

/** The blob with its extents; where one with the same content exists already, ours is garbage. */
function insertBlob(
  db: D1Database,
  blob: BlobFacts,
  extents: readonly Extent[],
  now: number,
): D1PreparedStatement[] {
  const runs = JSON.stringify(extents);
  return [
    db
      .prepare(
        `INSERT INTO blobs (uuid, size, sha512, sha256, crc32, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (sha512, size) DO NOTHING`,
      )
      .bind(blob.uuid, blob.size, blob.sha512, blob.sha256, blob.crc32, now),
    db
      .prepare(
        `INSERT INTO extents (blob_id, position, key, start, length)
         SELECT b.id, run.key, run.value ->> 'key', run.value ->> 'start', run.value ->> 'length'
         FROM blobs b, json_each(?2) run WHERE b.uuid = ?1`,
      )
      .bind(blob.uuid, runs),
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT run.value ->> 'key', ?3 FROM json_each(?2) run
         WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE uuid = ?1)`,
      )
      .bind(blob.uuid, runs, now),
  ];
}

/** The artifact, unless it lives already. */
function insertArtifact(db: D1Database, intent: SealIntent, now: number): D1PreparedStatement {
  const { workspaceId, type, sourceUrl, name, shared } = intent;
  return db
    .prepare(
      `INSERT INTO artifacts
         (workspace_id, type, source_url, uuid, name, shared, max_versions, created_at, expires_at)
       SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 + default_expiration_days * 86400000
       FROM workspaces WHERE id = ?1
       ON CONFLICT (workspace_id, type, source_url) WHERE deleted_at IS NULL DO NOTHING`,
    )
    .bind(workspaceId, type, sourceUrl, newUuid(), name, shared ? 1 : 0, LIMITS.maxVersions, now);
}

/** A new version of the artifact with one file, unless the newest version has the same content; and the
 * end of the versions that are too many. */
function insertVersion(
  db: D1Database,
  intent: SealIntent,
  content: Content,
  now: number,
): D1PreparedStatement[] {
  const { workspaceId, type, sourceUrl } = intent;
  const identity: Identity = [workspaceId, type, sourceUrl];
  return [
    db
      .prepare(
        `UPDATE artifacts SET state = 'created', error_message = NULL WHERE id = ${ARTIFACT_ID}`,
      )
      .bind(...identity),
    ...insertNextVersion(db, identity, content, now),
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?4
         WHERE artifact_id = ${ARTIFACT_ID} AND deleted_at IS NULL AND id NOT IN (
           SELECT v.id FROM versions v WHERE v.artifact_id = ${ARTIFACT_ID} AND v.deleted_at IS NULL
           ORDER BY v.version_index DESC
           LIMIT (SELECT iif(max_versions = 0, -1, max_versions) FROM artifacts WHERE id = ${ARTIFACT_ID}))`,
      )
      .bind(...identity, now),
    ...refuseOverQuota(db, identity, now),
  ];
}

/** Ends the batch when its version takes the workspace over its quota, once the superseded ones are gone. */
function refuseOverQuota(db: D1Database, identity: Identity, now: number): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `UPDATE workspaces SET used_bytes = NULL
         WHERE id = ?1 AND used_bytes > quota_bytes AND EXISTS (
           SELECT 1 FROM artifacts a JOIN versions v
             ON v.artifact_id = a.id AND v.version_index = a.highest_index
           WHERE a.id = ${ARTIFACT_ID} AND v.created_at = ?4)`,
      )
      .bind(...identity, now),
  ];
}

/** Was it the quota that ended a batch? */
export function isOverQuota(error: unknown): boolean {
  return String(error).includes("NOT NULL constraint failed: workspaces.used_bytes");
}

/** The version after the highest index, its file and its root folder; then that index is the highest. */
function insertNextVersion(
  db: D1Database,
  identity: Identity,
  { sha512, size }: Content,
  now: number,
): D1PreparedStatement[] {
  const next = `artifacts a JOIN versions v
    ON v.artifact_id = a.id AND v.version_index = a.highest_index + 1 WHERE a.id = ${ARTIFACT_ID}`;
  return [
    db
      .prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at)
         SELECT a.id, a.highest_index + 1, ?6 FROM artifacts a
         WHERE a.id = ${ARTIFACT_ID} AND NOT EXISTS (
           SELECT 1 FROM versions v
           JOIN folders d ON d.version_id = v.id AND d.ordinal = 0 AND d.entry_count = 1
           JOIN files f ON f.version_id = v.id AND f.ordinal = 1 AND f.path = a.name
           JOIN blobs b ON b.id = f.blob_id AND b.sha512 = ?4 AND b.size = ?5
           WHERE v.artifact_id = a.id AND v.version_index = a.highest_index AND v.deleted_at IS NULL)`,
      )
      .bind(...identity, sha512, size, now),
    db
      .prepare(
        `INSERT INTO files (version_id, ordinal, path, blob_id, workspace_id, shared)
         SELECT v.id, 1, a.name, (SELECT id FROM blobs WHERE sha512 = ?4 AND size = ?5),
           a.workspace_id, a.shared FROM ${next}`,
      )
      .bind(...identity, sha512, size),
    db
      .prepare(
        `INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT v.id, 0, '', 1, 1, ?4 FROM ${next}`,
      )
      .bind(...identity, size),
    db
      .prepare(
        `UPDATE artifacts SET highest_index = highest_index + 1
         WHERE id = ${ARTIFACT_ID} AND EXISTS (
           SELECT 1 FROM versions v
           WHERE v.artifact_id = artifacts.id AND v.version_index = artifacts.highest_index + 1)`,
      )
      .bind(...identity),
  ];
}

/** Was it the lack of an artifact that ended a batch? */
export function isArtifactGone(error: unknown): boolean {
  return String(error).includes("NOT NULL constraint failed: conversions.artifact_id");
}

/** An expired artifact that the sweep has not met yet is not in the way of a new one. */
export function endExpired(db: D1Database, identity: Identity, now: number): D1PreparedStatement[] {
  const expired = `SELECT id FROM artifacts WHERE id = ${ARTIFACT_ID} AND expires_at <= ?4`;
  return [
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?4 WHERE deleted_at IS NULL AND artifact_id IN (${expired})`,
      )
      .bind(...identity, now),
    db
      .prepare(`UPDATE artifacts SET deleted_at = ?4 WHERE id IN (${expired})`)
      .bind(...identity, now),
  ];
}
