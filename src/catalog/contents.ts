// The bytes of declared files on their way in: every file of an incomplete version is a row that waits for a
// content, and one content may be awaited by several files of it.

import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Extent, NewBlob } from "../protocol/uploads.ts";
import { NEWEST } from "./artifacts.ts";
import { toRights } from "./bundles.ts";
import type { Rights, RightsRow } from "./bundles.ts";
import { repeatable } from "./database.ts";
import { insertBlob } from "./new-blobs.ts";
import { livingAt, READABLE, readerParameters, WRITABLE } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** A declared content, which may be that of several files of a version. */
export interface AwaitedContent {
  versionId: number;
  sha256: string;
  size: number;
}

/** A file that bytes are sent for. */
export interface Destination extends Rights {
  workspaceId: number;
  /** Null when the artifact has no file of that path. */
  file: (AwaitedContent & { isComplete: boolean; uploadUuid: Uuid | null }) | null;
}

type DestinationRow = RightsRow & {
  workspace_id: number;
  version_id: number;
  size: number | null;
  sha256: string;
  blob_id: number | null;
  upload_uuid: Uuid | null;
};

/** Files of an artifact by their paths, as a reader asks for them. */
export interface Wanted {
  reader: Reader;
  artifactId: number;
  paths: readonly string[];
}

/** Where bytes for paths of a living artifact go, in the order of the paths; empty when there is no such artifact. With a
 * `key`, that R2 object is garbage from now on when one of the files is missing and the reader may bring it. */
export async function findDestinations(
  db: D1Database,
  { reader, artifactId, paths }: Wanted,
  key: string | null,
  now: number,
): Promise<Destination[]> {
  const found = `FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL AND v.version_index = ${NEWEST}
    JOIN json_each(?5) wanted LEFT JOIN files f ON f.version_id = v.id AND f.path = wanted.value
    WHERE a.id = ?4 AND ${livingAt("?6")}`;
  const values = [...readerParameters(reader), artifactId, JSON.stringify(paths), now];
  const select = db
    .prepare(
      `SELECT a.workspace_id, f.version_id, f.size, f.sha256, f.blob_id,
         ${READABLE} AS readable, ${WRITABLE} AS writable,
         (SELECT uuid FROM uploads
          WHERE version_id = f.version_id AND sha256 = f.sha256 AND size = f.size) AS upload_uuid
       ${found} ORDER BY wanted.key`,
    )
    .bind(...values);
  const note = db
    .prepare(
      `INSERT INTO garbage (key, since)
       SELECT ?7, ?6 ${found} AND f.blob_id IS NULL AND f.size IS NOT NULL AND ${WRITABLE} LIMIT 1
       ON CONFLICT DO NOTHING`,
    )
    .bind(...values, key);
  const [rows] = await repeatable(db).batch<DestinationRow>(
    key === null ? [select] : [select, note],
  );
  return (rows?.results ?? []).map(toDestination);
}

function toDestination(row: DestinationRow): Destination {
  const { version_id: versionId, sha256, size } = row;
  const isComplete = row.blob_id !== null;
  return {
    workspaceId: row.workspace_id,
    file:
      size === null ? null : { versionId, sha256, size, isComplete, uploadUuid: row.upload_uuid },
    ...toRights(row),
  };
}

/** Notes the upload that brings a content, or gives the one that does already: one upload a content. Null when nobody awaits
 * it any more; refuses when its workspace has too many uploads open. */
export async function claimUpload(
  db: D1Database,
  uuid: Uuid,
  content: AwaitedContent,
  now: number,
): Promise<Outcome<{ uuid: Uuid | null }>> {
  const { versionId, sha256, size } = content;
  const results = await repeatable(db).batch<{ uuid: Uuid }>([
    db
      .prepare(
        `INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at, version_id, sha256, size)
         SELECT ?1, a.workspace_id, ?2, ?2, v.id, ?4, ?5
         FROM ${AWAITING} AND (
           SELECT count(*) FROM (SELECT 1 FROM uploads WHERE workspace_id = a.workspace_id LIMIT ?6)) < ?6
         ON CONFLICT DO NOTHING`,
      )
      .bind(uuid, now, versionId, sha256, size, LIMITS.uploadsOfWorkspace),
    db
      .prepare("SELECT uuid FROM uploads WHERE version_id = ?1 AND sha256 = ?2 AND size = ?3")
      .bind(versionId, sha256, size),
  ]);
  const found = results[1]?.results[0]?.uuid ?? null;
  return found === null && (await isAwaiting(db, versionId))
    ? { ok: false, code: "uploads_too_many", detail: `${LIMITS.uploadsOfWorkspace}` }
    : { ok: true, uuid: found };
}

/** The version ?3, while it takes files. */
const AWAITING = `versions v JOIN artifacts a ON a.id = v.artifact_id
  WHERE v.id = ?3 AND v.deleted_at IS NULL AND v.sealed_at IS NULL`;

async function isAwaiting(db: D1Database, versionId: number): Promise<boolean> {
  const row = await db.prepare(`SELECT 1 FROM ${AWAITING}`).bind(null, null, versionId).first();
  return row !== null;
}

/** Bytes in place that are the content which a version awaits. */
export interface BroughtContent {
  versionId: number;
  blob: NewBlob;
  extents: readonly Extent[];
}

/** Gives an upload's bytes to all files of the content in its version, and seals the version with its last
 * file. Throws when the version is gone, or when it was done before: nothing is changed then. */
export async function completeByUpload(
  db: D1Database,
  uploadUuid: Uuid,
  brought: BroughtContent,
  now: number,
): Promise<void> {
  await repeatable(db).batch([
    ...completeContent(db, brought, now),
    // Without a living version its NULLs fail the batch.
    db
      .prepare(
        `INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at)
         SELECT ?1, v.artifact_id, v.version_index, ?3
         FROM (SELECT ?2 AS id) wanted LEFT JOIN versions v ON v.id = wanted.id AND v.deleted_at IS NULL`,
      )
      .bind(uploadUuid, brought.versionId, now),
    db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uploadUuid),
  ]);
}

function completeContent(
  db: D1Database,
  { versionId, blob, extents }: BroughtContent,
  now: number,
): D1PreparedStatement[] {
  const { sha512, sha256, size } = blob;
  return [
    ...insertBlob(db, blob, extents, now),
    db
      .prepare(
        `UPDATE files INDEXED BY files_awaited SET sha512 = ?2, blob_id = (SELECT id FROM blobs WHERE sha512 = ?2 AND size = ?4)
         WHERE version_id = ?1 AND sha256 = ?3 AND size = ?4 AND blob_id IS NULL`,
      )
      .bind(versionId, sha512, sha256, size),
    noteProgress(db, versionId, now),
  ];
}

/** Is there a version of that id, not deleted? */
export async function isLivingVersion(db: D1Database, versionId: number): Promise<boolean> {
  const row = await db
    .prepare("SELECT 1 FROM versions WHERE id = ?1 AND deleted_at IS NULL")
    .bind(versionId)
    .first();
  return row !== null;
}

/** Notes that a version got a file, and seals it with its last one. */
export function noteProgress(db: D1Database, versionId: number, now: number): D1PreparedStatement {
  return db
    .prepare(
      // The index is named because the planner would rather read all files of the version.
      `UPDATE versions SET progress_at = ?2, sealed_at = iif(
         EXISTS (SELECT 1 FROM files INDEXED BY files_missing WHERE version_id = ?1 AND blob_id IS NULL), NULL, ?2)
       WHERE id = ?1 AND sealed_at IS NULL`,
    )
    .bind(versionId, now);
}
