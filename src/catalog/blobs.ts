import type { Uuid } from "../protocol/ids.ts";
import type { Metadata } from "../protocol/metadata.ts";
import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import type { Artifact } from "./artifacts.ts";
import { readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { metadataOf, referencesTo } from "./references.ts";

/** A blob as one reader sees it. What other workspaces do with the same content does not show. */
export interface SeenBlob extends BlobFacts {
  uuid: Uuid;
  /** When the first version that the reader can read got it; of 1,000 of them at most. */
  firstSeenAt: number;
  /** How many versions that the reader can read hold it; counted up to 1,000. */
  references: number;
  /** What the workspaces that the reader can read noted of it. */
  metadata: Metadata;
}

type BlobRow = {
  uuid: Uuid;
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
  first_seen_at: number;
  reference_count: number;
  metadata: string;
};

function toSeenBlob(row: BlobRow): SeenBlob {
  const { uuid, size, sha512, sha256, crc32 } = row;
  const { first_seen_at: firstSeenAt, reference_count: references } = row;
  const metadata = JSON.parse(row.metadata) as Metadata;
  return { uuid, size, sha512, sha256, crc32, firstSeenAt, references, metadata };
}

/** An extent list as JSON text, for the blob whose id an expression gives. */
export function extentsOf(blobId: string): string {
  return `(
    SELECT json_group_array(json_object('key', e.key, 'start', e.start, 'length', e.length))
    FROM (SELECT * FROM extents WHERE blob_id = ${blobId} ORDER BY position) e
  )`;
}

/** Reads what extentsOf() wrote. */
export function toExtents(json: string): Extent[] {
  return JSON.parse(json) as Extent[];
}

/** What a look-up may ask for. */
export type BlobKey = { uuid: Uuid } | { sha512: string } | { sha256: string };

/** A blob by its uuid or a checksum, when a living version that the reader may read holds it. */
export async function findSeenBlob(
  db: D1Database,
  reader: Reader,
  key: BlobKey,
  now: number,
): Promise<SeenBlob | null> {
  const [column, value] = toColumn(key);
  // An id that is not found is looked for like one that is: only what the reader may read differs.
  const row = await db
    .prepare(
      `WITH found AS (
         SELECT coalesce((SELECT id FROM blobs WHERE ${column} = ?5 LIMIT 1), 0) AS id
       ), seen AS (
         SELECT min(created_at) AS first_seen_at, count(*) AS reference_count
         FROM (${referencesTo(reader, "(SELECT id FROM found)")})
       )
       SELECT b.uuid, b.size, b.sha512, b.sha256, b.crc32, seen.first_seen_at, seen.reference_count,
         ${metadataOf(reader, "b.id")} AS metadata
       FROM seen CROSS JOIN blobs b ON b.id = (SELECT id FROM found) WHERE seen.reference_count > 0`,
    )
    .bind(...readerParameters(reader), now, value)
    .first<BlobRow>();
  return row && toSeenBlob(row);
}

/** The column that a key is in: never a name from outside. */
function toColumn(key: BlobKey): ["uuid" | "sha512" | "sha256", string] {
  if ("uuid" in key) {
    return ["uuid", key.uuid];
  }
  return "sha512" in key ? ["sha512", key.sha512] : ["sha256", key.sha256];
}

/** All blobs that a living version holds, `pageSize` of them in memory at a time; for a reader of all. */
export async function* walkBlobs(
  db: D1Database,
  reader: Reader,
  now: number,
  pageSize: number,
): AsyncGenerator<SeenBlob[]> {
  const seen = referencesTo(reader, "b.id");
  for (let after = 0, isLast = false; !isLast;) {
    const { results } = await db
      .prepare(
        `SELECT b.id, b.uuid, b.size, b.sha512, b.sha256, b.crc32,
           (SELECT min(created_at) FROM (${seen})) AS first_seen_at,
           (SELECT count(*) FROM (${seen})) AS reference_count, ${metadataOf(reader, "b.id")} AS metadata
         FROM blobs b WHERE b.id > ?5 ORDER BY b.id LIMIT ?6`,
      )
      .bind(...readerParameters(reader), now, after, pageSize)
      .all<BlobRow & { id: number }>();
    yield results.filter((row) => row.reference_count > 0).map(toSeenBlob);
    after = results.at(-1)?.id ?? after;
    isLast = results.length < pageSize;
  }
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
  const seen = referencesTo(reader, "b.id");
  const { results } = await db
    .prepare(
      `SELECT * FROM (
         SELECT own.version_index, b.uuid, b.size, b.sha512, b.sha256, b.crc32,
           coalesce((SELECT min(created_at) FROM (${seen})), own.created_at) AS first_seen_at,
           (SELECT count(*) FROM (${seen})) AS reference_count, ${metadataOf(reader, "b.id")} AS metadata
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
