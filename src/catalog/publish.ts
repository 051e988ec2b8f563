// The one batch that makes a version visible: blob, artifact, version, file, folder, the events that tell of
// them and the end of the upload, all or nothing. A batch is a transaction, so the rows link by what identifies them, not by ids.

import { SERVICE_ACTOR } from "../protocol/identity.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArtifactIntent, BlobFacts, SealResult, SealedUpload } from "../protocol/uploads.ts";
import { pruneStatements, setMaxVersionsStatements } from "./artifact-changes.ts";
import type { Author } from "../protocol/identity.ts";
import { repeatable } from "./database.ts";
import { noteEvent, trimEvents } from "./events.ts";
import { insertBlob } from "./new-blobs.ts";
import { livingAt } from "./reader.ts";

/** The content of a blob, by which the catalog knows it. */
type Content = Pick<BlobFacts, "sha512" | "sha256" | "size">;

/** The only file of a version: its path, and the bytes that it takes in archives. */
export interface OnlyFile {
  path: string;
  lengths: { tar: number; zip: number; directory: number };
}

/** Workspace id, type and source_url. */
type Identity = readonly [number, string, string];

/** The living artifact of (?1 workspace, ?2 type, ?3 source_url); every statement below binds these first. */
export const ARTIFACT_ID = `(
  SELECT id FROM artifacts
  WHERE workspace_id = ?1 AND type = ?2 AND source_url = ?3 AND deleted_at IS NULL
)`;

// The artifact `a` with the version `v` that was just added, until the highest index is raised.
const NEXT = `artifacts a JOIN versions v
  ON v.artifact_id = a.id AND v.version_index = a.highest_index + 1 WHERE a.id = ${ARTIFACT_ID}`;

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

/** The name of the living artifact that a publication would give a version, which is the path of its file;
 * null when there is none yet and the intent names it. */
export async function findPublishedName(
  db: D1Database,
  { workspaceId, type, sourceUrl }: ArtifactIntent,
  now: number,
): Promise<string | null> {
  return db
    .prepare(
      `SELECT a.name FROM artifacts a
       WHERE a.workspace_id = ?1 AND a.type = ?2 AND a.source_url = ?3 AND ${livingAt("?4")}`,
    )
    .bind(workspaceId, type, sourceUrl, now)
    .first<string>("name");
}

/** Is there a living artifact where a gift is to be made? */
export async function isTaken(
  db: D1Database,
  { workspaceId, type, sourceUrl }: ArtifactIntent,
): Promise<boolean> {
  const row = await db
    .prepare(`SELECT 1 WHERE EXISTS ${ARTIFACT_ID}`)
    .bind(workspaceId, type, sourceUrl)
    .first();
  return row !== null;
}

/** Publishes a sealed upload as the only file of a version. Throws when its workspace is gone, when it was
 * published before, and when it is a gift that would add a version to what is there: nothing is changed then. */
export async function publishUpload(
  db: D1Database,
  { uuid, intent, blob, extents, isFetch }: SealedUpload<ArtifactIntent>,
  only: OnlyFile,
  now: number,
): Promise<void> {
  const { workspaceId, type, sourceUrl } = intent;
  const next = { intent, content: blob, only, maxVersions: null };
  const made = newUuid();
  await repeatable(db).batch([
    ...insertBlob(db, blob, extents, now),
    ...endExpired(db, [workspaceId, type, sourceUrl], now),
    // That of a fetch was made when it began; deleted since, it does not come back.
    ...(isFetch ? [] : insertArtifact(db, next, made, now)),
    ...insertVersion(db, next, made, now),
    db
      .prepare(
        `INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at, workspace_id)
         VALUES (?4, ${ARTIFACT_ID},
           (SELECT max(version_index) FROM versions
            WHERE artifact_id = ${ARTIFACT_ID} AND deleted_at IS NULL), ?5, ?1)`,
      )
      .bind(workspaceId, type, sourceUrl, uuid, now),
    db
      .prepare("UPDATE artifacts SET fetching = NULL WHERE workspace_id = ?1 AND fetching = ?2")
      .bind(workspaceId, uuid),
    db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uuid),
  ]);
}

/** What becomes a version. */
export interface NextVersion {
  intent: ArtifactIntent;
  content: Content;
  only: OnlyFile;
  /** How many versions the artifact keeps from now on; null leaves that as it is. */
  maxVersions: number | null;
}

/** Makes a blob that the catalog has a version, and gives the artifact. Throws when the blob is gone, and when it
 * is a gift that would add a version to what is there. */
export async function publishContent(
  db: D1Database,
  next: NextVersion,
  now: number,
): Promise<Uuid> {
  const { workspaceId, type, sourceUrl } = next.intent;
  const made = newUuid();
  const results = await db.batch<{ uuid: Uuid }>([
    ...endExpired(db, [workspaceId, type, sourceUrl], now),
    ...insertArtifact(db, next, made, now),
    ...insertVersion(db, next, made, now),
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

/** The artifact, unless it lives already; `made` is its uuid if it does not. */
function insertArtifact(
  db: D1Database,
  { intent, maxVersions }: NextVersion,
  made: Uuid,
  now: number,
): D1PreparedStatement[] {
  const { workspaceId, type, sourceUrl, name, shared, actor, origin } = intent;
  const identity: Identity = [workspaceId, type, sourceUrl];
  return [
    db
      .prepare(
        `INSERT INTO artifacts
           (workspace_id, type, source_url, uuid, name, shared, max_versions, created_at, expires_at)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 + default_expiration_days * 86400000
         FROM workspaces WHERE id = ?1
         ON CONFLICT (workspace_id, type, source_url) WHERE deleted_at IS NULL DO NOTHING`,
      )
      .bind(...identity, made, name, shared ? 1 : 0, maxVersions ?? LIMITS.maxVersions, now),
    noteCreation(db, [...identity, made], { actor, origin, now }),
  ];
}

/** Notes that the artifact of an identity was made, when its uuid is the one given last. */
export function noteCreation(
  db: D1Database,
  values: readonly [...Identity, Uuid],
  author: Author,
): D1PreparedStatement {
  const made = { from: `artifacts a WHERE a.id = ${ARTIFACT_ID} AND a.uuid = ?4`, values };
  return noteEvent(db, made, { type: "audit", message: "artifact created", ...author });
}

/** A new version of the artifact with one file, unless the newest version has the same content; and the end of
 * the versions that are too many. `made` is the artifact's uuid if this batch made it. */
function insertVersion(
  db: D1Database,
  next: NextVersion,
  made: Uuid,
  now: number,
): D1PreparedStatement[] {
  const { intent, maxVersions } = next;
  const { workspaceId, type, sourceUrl, actor, origin, gift } = intent;
  const identity: Identity = [workspaceId, type, sourceUrl];
  const author = { actor, origin, now };
  return [
    db
      .prepare(
        `UPDATE artifacts SET state = 'created', error_message = NULL WHERE id = ${ARTIFACT_ID}`,
      )
      .bind(...identity),
    ...insertNextVersion(db, next, made, now),
    ...(maxVersions === null || gift
      ? []
      : setMaxVersionsStatements(db, ARTIFACT_ID, { values: identity, maxVersions }, author)),
    ...pruneStatements(db, ARTIFACT_ID, identity, author),
    trimEvents(db, ARTIFACT_ID, identity),
    refuseOverQuota(db, identity, now),
  ];
}

/** Ends the batch when its version takes the workspace over its quota, once the superseded ones are gone. */
export function refuseOverQuota(
  db: D1Database,
  identity: Identity,
  now: number,
): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE workspaces SET used_bytes = NULL
         WHERE id = ?1 AND used_bytes > quota_bytes AND EXISTS (
           SELECT 1 FROM artifacts a JOIN versions v
             ON v.artifact_id = a.id AND v.version_index = a.highest_index
           WHERE a.id = ${ARTIFACT_ID} AND v.created_at = ?4)`,
    )
    .bind(...identity, now);
}

/** Was it the quota that ended a batch, the workspace's own or that of every workspace? */
export function isOverQuota(error: unknown): boolean {
  const text = String(error);
  return (
    text.includes("NOT NULL constraint failed: workspaces.used_bytes") ||
    text.includes("CHECK constraint failed: used_bytes_fit")
  );
}

/** The version after the highest index, its file, its root folder and its event; then that index is the highest.
 * `uuid` is the artifact's if this batch made it. */
function insertNextVersion(
  db: D1Database,
  { intent, content, only }: NextVersion,
  uuid: Uuid,
  now: number,
): D1PreparedStatement[] {
  const { workspaceId, type, sourceUrl, gift } = intent;
  const identity: Identity = [workspaceId, type, sourceUrl];
  const { sha512, sha256, size } = content;
  const { tar, zip, directory } = only.lengths;
  return [
    db
      .prepare(
        // A gift to an artifact that was there has no index, which the column refuses: the batch fails.
        `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at)
         SELECT a.id, iif(?7 AND a.uuid <> ?8, NULL, a.highest_index + 1), ?6, ?6 FROM artifacts a
         WHERE a.id = ${ARTIFACT_ID} AND NOT EXISTS (
           SELECT 1 FROM versions v
           JOIN folders d ON d.version_id = v.id AND d.ordinal = 0 AND d.entry_count = 1
           JOIN files f ON f.version_id = v.id AND f.ordinal = 1 AND f.path = a.name
           JOIN blobs b ON b.id = f.blob_id AND b.sha512 = ?4 AND b.size = ?5
           WHERE v.artifact_id = a.id AND v.version_index = (
             SELECT max(version_index) FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL))`,
      )
      .bind(...identity, sha512, size, now, gift ? 1 : 0, uuid),
    // The lengths are those of one path. An artifact of another name that was made since fails the batch.
    db
      .prepare(
        `INSERT INTO files (version_id, ordinal, workspace_id, shared, path, blob_id, size, sha256, sha512,
           file_number, tar_end, zip_end, directory_end)
         SELECT v.id, 1, a.workspace_id, a.shared, iif(a.name = ?6, a.name, NULL),
           (SELECT id FROM blobs WHERE sha512 = ?4 AND size = ?5),
           ?5, ?7, ?4, 1, ?8, ?9, ?10 FROM ${NEXT}`,
      )
      .bind(...identity, sha512, size, only.path, sha256, tar, zip, directory),
    db
      .prepare(
        `INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT v.id, 0, '', 1, 1, ?4 FROM ${NEXT}`,
      )
      .bind(...identity, size),
    noteVersion(db, intent, now),
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

function noteVersion(db: D1Database, intent: ArtifactIntent, now: number): D1PreparedStatement {
  const { workspaceId, type, sourceUrl, actor, origin } = intent;
  return noteEvent(
    db,
    { from: NEXT, values: [workspaceId, type, sourceUrl] },
    {
      type: "audit",
      message: type === "label" ? "label moved" : "version added",
      extra: `json_object('index', v.version_index, 'blob_uuid', (
        SELECT b.uuid FROM files f JOIN blobs b ON b.id = f.blob_id
        WHERE f.version_id = v.id AND f.ordinal = 1))`,
      actor,
      origin,
      now,
    },
  );
}

/** Was it the lack of an artifact that ended a batch? */
export function isArtifactGone(error: unknown): boolean {
  return String(error).includes("NOT NULL constraint failed: conversions.artifact_id");
}

/** An expired artifact that the sweep has not met yet is not in the way of a new one. */
export function endExpired(db: D1Database, identity: Identity, now: number): D1PreparedStatement[] {
  const expired = `SELECT id FROM artifacts WHERE id = ${ARTIFACT_ID} AND expires_at <= ?4`;
  const author: Author = { actor: SERVICE_ACTOR, now };
  return [
    noteEvent(
      db,
      { from: `artifacts a WHERE a.id IN (${expired})`, values: [...identity, now] },
      { type: "status", message: "artifact expired", ...author },
    ),
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
