import type { Uuid } from "../protocol/ids.ts";
import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import type { Artifact } from "./artifacts.ts";
import { livingAt, READABLE, readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** A blob as one reader sees it. What other workspaces do with the same content does not show. */
export interface SeenBlob extends BlobFacts {
  /** When the first version that the reader can read got it; of 1,000 of them at most. */
  firstSeenAt: number;
  /** How many versions that the reader can read hold it; counted up to 1,000. */
  references: number;
}

type BlobRow = {
  uuid: Uuid;
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
  first_seen_at: number;
  reference_count: number;
};

function toSeenBlob(row: BlobRow): SeenBlob {
  const { uuid, size, sha512, sha256, crc32 } = row;
  const { first_seen_at: firstSeenAt, reference_count: references } = row;
  return { uuid, size, sha512, sha256, crc32, firstSeenAt, references };
}

/** An extent list as JSON text, for a blob `b`. */
export const EXTENTS_OF_B = `(
  SELECT json_group_array(json_object('key', e.key, 'start', e.start, 'length', e.length))
  FROM (SELECT * FROM extents WHERE blob_id = b.id ORDER BY position) e
)`;

/** Reads what EXTENTS_OF_B wrote. */
export function toExtents(json: string): Extent[] {
  return JSON.parse(json) as Extent[];
}

/** The versions that the reader of ?1 to ?3 can read at the time ?4 and that hold blob `b`: when each got it. */
export const SEEN = `
  SELECT v.created_at FROM files f JOIN versions v ON v.id = f.version_id
  JOIN artifacts a ON a.id = v.artifact_id JOIN workspaces w ON w.id = a.workspace_id
  WHERE f.blob_id = b.id AND v.deleted_at IS NULL AND ${livingAt("?4")} AND ${READABLE}`;

const SELECT_SEEN = `
  SELECT b.uuid, b.size, b.sha512, b.sha256, b.crc32, seen.first_seen_at, seen.reference_count`;

function seenIn(source: string): string {
  return `${SELECT_SEEN} FROM (SELECT found.*,
      (SELECT min(created_at) FROM (${SEEN.replaceAll("b.id", "found.id")} LIMIT 1000)) AS first_seen_at,
      (SELECT count(*) FROM (${SEEN.replaceAll("b.id", "found.id")} LIMIT 1000)) AS reference_count
    FROM (${source}) found) seen JOIN blobs b ON b.id = seen.id WHERE seen.reference_count > 0`;
}

/** A blob by its uuid, when a living version that the reader may read holds it. */
export async function findSeenBlob(
  db: D1Database,
  reader: Reader,
  uuid: Uuid,
  now: number,
): Promise<SeenBlob | null> {
  const row = await db
    .prepare(seenIn("SELECT id FROM blobs WHERE uuid = ?5"))
    .bind(...readerParameters(reader), now, uuid)
    .first<BlobRow>();
  return row && toSeenBlob(row);
}

/** A blob by its sha512, likewise. */
export async function findSeenBlobBySha512(
  db: D1Database,
  reader: Reader,
  sha512: string,
  now: number,
): Promise<SeenBlob | null> {
  const row = await db
    .prepare(seenIn("SELECT id FROM blobs WHERE sha512 = ?5"))
    .bind(...readerParameters(reader), now, sha512)
    .first<BlobRow>();
  return row && toSeenBlob(row);
}

/** Where a blob's bytes are. */
export async function listExtents(db: D1Database, uuid: Uuid): Promise<Extent[]> {
  const { results } = await db
    .prepare(
      `SELECT e.key, e.start, e.length FROM blobs b JOIN extents e ON e.blob_id = b.id
       WHERE b.uuid = ?1 ORDER BY e.position`,
    )
    .bind(uuid)
    .all<Extent>();
  return results;
}

/** One version of an artifact and the blob that is its only file. */
export interface VersionedBlob extends SeenBlob {
  index: number;
}

/** An artifact's versions with one file each, in order of index; a deleted artifact shows those that it had
 * at its end. */
export async function listVersionBlobs(
  db: D1Database,
  reader: Reader,
  artifact: Pick<Artifact, "id" | "deletedAt">,
  limits: { now: number; limit: number },
): Promise<VersionedBlob[]> {
  const { results } = await db
    .prepare(
      `SELECT * FROM (
         SELECT own.version_index, b.uuid, b.size, b.sha512, b.sha256, b.crc32,
           coalesce((SELECT min(created_at) FROM (${SEEN} LIMIT 1000)), own.created_at) AS first_seen_at,
           (SELECT count(*) FROM (${SEEN} LIMIT 1000)) AS reference_count
         FROM versions own
         JOIN folders d ON d.version_id = own.id AND d.ordinal = 0 AND d.entry_count = 1
         JOIN files only ON only.version_id = own.id AND only.ordinal = 1
         JOIN blobs b ON b.id = only.blob_id
         WHERE own.artifact_id = ?5 AND own.deleted_at IS ?6 AND own.sealed_at IS NOT NULL
         ORDER BY own.version_index DESC LIMIT ?7
       ) ORDER BY version_index`,
    )
    .bind(...readerParameters(reader), limits.now, artifact.id, artifact.deletedAt, limits.limit)
    .all<BlobRow & { version_index: number }>();
  return results.map((row) => ({ ...toSeenBlob(row), index: row.version_index }));
}
