// A version of many files on its way into the catalog: too many for one transaction. It is born deleted, so
// nothing shows it and a crash leaves only what the sweep removes a day later; its entries follow in bounded
// batches; the last batch brings it to life.

import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type { Extent } from "../protocol/uploads.ts";
import type { Author } from "../protocol/identity.ts";
import { repeatable } from "./database.ts";
import { noteEvent } from "./events.ts";
import { uuidOf } from "./new-blobs.ts";
import { livingAt } from "./reader.ts";

/** A file to be. */
export interface StagedFile {
  path: string;
  size: number;
  sha256: string;
  /** Names bytes that the catalog has. Null where only the declaration is known: the file then takes bytes
   * that its workspace holds already, or waits for them. */
  sha512: string | null;
  contentType: string | null;
  /** The blob that it becomes unless the catalog has its content: a part of bytes that came as a whole. */
  bytes?: { uuid: Uuid; crc32: string; extents: readonly Extent[] };
}

/** An entry with its number, as `numberEntries()` gives it. */
export type StagedEntry =
  | {
      kind: "file";
      file: StagedFile;
      ordinal: number;
      fileNumber: number;
      tarEnd: number;
      zipEnd: number;
      directoryEnd: number;
    }
  | {
      kind: "folder";
      path: string;
      ordinal: number;
      entryCount: number;
      fileCount: number;
      totalBytes: number;
    };

/** The artifact that a staged version is to be the first of. */
export interface NewArtifact {
  uuid: Uuid;
  workspaceId: number;
  type: string;
  sourceUrl: string;
  name: string;
  category: string | null;
  /** JSON text. */
  data: string | null;
  expiresAt: number | null;
}

/** A version that nothing shows yet. */
export interface StagedVersion {
  id: number;
  artifactId: number;
  workspaceId: number;
}

/** Begins an artifact with its first version. */
export async function stageArtifact(
  db: D1Database,
  artifact: NewArtifact,
  now: number,
): Promise<StagedVersion> {
  const { uuid, workspaceId, type, sourceUrl, name, category, data, expiresAt } = artifact;
  const results = await db.batch<{ id: number; artifact_id: number }>([
    db
      .prepare(
        `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, category, data,
           max_versions, highest_index, created_at, expires_at, deleted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 1, ?8, ?9, ?8)`,
      )
      .bind(uuid, workspaceId, type, sourceUrl, name, category, data, now, expiresAt),
    db
      .prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at, progress_at, deleted_at)
         SELECT id, 1, ?2, ?2, ?2 FROM artifacts WHERE uuid = ?1 RETURNING id, artifact_id`,
      )
      .bind(uuid, now),
  ]);
  const row = results[1]?.results[0];
  if (row === undefined) {
    throw new Error(`Cannot find artifact ${uuid} after staging it`);
  }
  return { id: row.id, artifactId: row.artifact_id, workspaceId };
}

/** Adds entries to a staged version, thousands in a statement. */
export async function stageEntries(
  db: D1Database,
  version: StagedVersion,
  entries: Iterable<StagedEntry>,
  now: number,
): Promise<void> {
  const batch = new RowBatch();
  const pace = new Pace();
  for (const entry of entries) {
    batch.add(entry);
    pace.spend(ENTRY_WORK);
    if (batch.isFull) {
      await db.batch(insertRows(db, version, batch, now));
      batch.clear();
      // The local runtime looks at its sockets only when its own parts have nothing to say to each other.
      await pace.rest();
    } else if (pace.isDue) {
      await pace.rest();
    }
  }
  await db.batch(insertRows(db, version, batch, now));
}

/** Shows a staged version and its artifact, which is new; it is sealed at once when none of its files is missing.
 * Throws, and nothing changes, when it takes the workspace over its quota (`isOverQuota`). Both were born deleted: whoever
 * deletes them later does so at another time, and no repeat brings them back. */
export async function revealVersion(
  db: D1Database,
  version: StagedVersion,
  author: Author,
): Promise<void> {
  const made = {
    from: "artifacts a WHERE a.id = ?1 AND a.deleted_at = a.created_at",
    values: [version.artifactId],
  };
  await repeatable(db).batch([
    noteEvent(db, made, { type: "audit", message: "artifact created", ...author }),
    db
      .prepare(
        `UPDATE versions SET deleted_at = NULL, sealed_at = iif(
           EXISTS (SELECT 1 FROM files INDEXED BY files_missing WHERE version_id = ?1 AND blob_id IS NULL), NULL, ?2)
         WHERE id = ?1 AND deleted_at = created_at`,
      )
      .bind(version.id, author.now),
    db
      .prepare("UPDATE artifacts SET deleted_at = NULL WHERE id = ?1 AND deleted_at = created_at")
      .bind(version.artifactId),
    db
      .prepare("UPDATE workspaces SET used_bytes = NULL WHERE id = ?1 AND used_bytes > quota_bytes")
      .bind(version.workspaceId),
  ]);
}

/** Units of work for an entry: its number, its sums, its row as text. */
const ENTRY_WORK = 1_000;

/** Rows as JSON text, for one statement of each table. */
class RowBatch {
  readonly files: string[] = [];
  readonly folders: string[] = [];
  bringsBytes = false;
  hasEmpty = false;
  #length = 0;

  get isFull(): boolean {
    const count = this.files.length + this.folders.length;
    return count >= LIMITS.stagedRows || this.#length >= LIMITS.stagedText;
  }

  add(entry: StagedEntry): void {
    const text = JSON.stringify(toRow(entry));
    this.bringsBytes ||= entry.kind === "file" && entry.file.bytes !== undefined;
    this.hasEmpty ||= entry.kind === "file" && entry.file.size === 0;
    (entry.kind === "file" ? this.files : this.folders).push(text);
    this.#length += text.length;
  }

  clear(): void {
    this.files.length = 0;
    this.folders.length = 0;
    this.hasEmpty = false;
    this.#length = 0;
  }
}

/** The values in the order in which the statements below read them. */
function toRow(entry: StagedEntry): unknown[] {
  if (entry.kind === "folder") {
    const { ordinal, path, entryCount, fileCount, totalBytes } = entry;
    return [ordinal, path, entryCount, fileCount, totalBytes];
  }
  const { file, ordinal, fileNumber, tarEnd, zipEnd, directoryEnd } = entry;
  const { path, size, sha256, sha512, contentType, bytes } = file;
  return [
    ordinal,
    path,
    size,
    sha256,
    sha512,
    contentType,
    fileNumber,
    tarEnd,
    zipEnd,
    directoryEnd,
    ...(bytes === undefined ? [] : [bytes.uuid, bytes.crc32, bytes.extents]),
  ];
}

const EMPTY = {
  sha512:
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  crc32: "00000000",
} as const;

/** The sha256 of no bytes. */
export const EMPTY_SHA256: string = EMPTY.sha256;

// Only what the workspace holds itself counts for a declared file: a hash never gives bytes from elsewhere.
const HELD = `(
  SELECT b.id FROM blobs b WHERE b.sha256 = e.value ->> 3 AND b.size = e.value ->> 2 AND EXISTS (
    SELECT 1 FROM files f JOIN versions v ON v.id = f.version_id JOIN artifacts a ON a.id = v.artifact_id
    WHERE f.blob_id = b.id AND f.workspace_id = ?2 AND v.deleted_at IS NULL AND ${livingAt("?4")})
  LIMIT 1
)`;

function insertRows(
  db: D1Database,
  version: StagedVersion,
  { files, folders, bringsBytes, hasEmpty }: RowBatch,
  now: number,
): D1PreparedStatement[] {
  const rows = `[${files.join(",")}]`;
  return [
    ...(bringsBytes ? insertBlobs(db, rows, now) : []),
    ...(hasEmpty ? [insertEmptyBlob(db, now)] : []),
    db
      .prepare(
        `INSERT INTO files (version_id, ordinal, workspace_id, path, content_type, blob_id,
           size, sha256, sha512, file_number, tar_end, zip_end, directory_end, shared)
         SELECT ?1, e.value ->> 0, ?2, e.value ->> 1, e.value ->> 5, b.id,
           e.value ->> 2, e.value ->> 3, b.sha512, e.value ->> 6, e.value ->> 7, e.value ->> 8, e.value ->> 9,
           (SELECT shared FROM artifacts WHERE id = ?6)
         FROM json_each(?3) e LEFT JOIN blobs b ON b.id = CASE
           WHEN e.value ->> 4 IS NOT NULL
             THEN (SELECT id FROM blobs WHERE sha512 = e.value ->> 4 AND size = e.value ->> 2)
           WHEN e.value ->> 2 = 0 THEN (SELECT id FROM blobs WHERE sha512 = ?5 AND size = 0)
           ELSE ${HELD} END`,
      )
      .bind(version.id, version.workspaceId, rows, now, EMPTY.sha512, version.artifactId),
    db
      .prepare(
        `INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT ?1, e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4
         FROM json_each(?2) e`,
      )
      .bind(version.id, `[${folders.join(",")}]`),
  ];
}

/** The blob of no bytes, in the same transaction as its files: the sweep cannot take it in between. */
function insertEmptyBlob(db: D1Database, now: number): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO blobs (inserted_by, uuid, size, sha512, sha256, crc32, created_at)
       VALUES (?1, ${uuidOf("?2")}, 0, ?2, ?3, ?4, ?5)
       ON CONFLICT DO NOTHING`,
    )
    .bind(newUuid(), EMPTY.sha512, EMPTY.sha256, EMPTY.crc32, now);
}

/** Blobs with their extents, in the transaction that points files at them; those whose content is there already
 * are not added. */
function insertBlobs(db: D1Database, rows: string, now: number): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `INSERT INTO blobs (inserted_by, uuid, size, sha512, sha256, crc32, created_at)
         SELECT e.value ->> 10, ${uuidOf("(e.value ->> 4)")}, e.value ->> 2, e.value ->> 4, e.value ->> 3, e.value ->> 11, ?2
         FROM json_each(?1) e WHERE true ON CONFLICT DO NOTHING`,
      )
      .bind(rows, now),
    db
      .prepare(
        `INSERT INTO extents (blob_id, position, key, start, length)
         SELECT b.id, run.key, run.value ->> 'key', run.value ->> 'start', run.value ->> 'length'
         FROM json_each(?1) e JOIN blobs b ON b.inserted_by = e.value ->> 10, json_each(e.value -> 12) run`,
      )
      .bind(rows),
  ];
}
