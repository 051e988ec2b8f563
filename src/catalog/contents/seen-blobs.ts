// Blobs as one reader sees them: contents of versions that it can read. The index `contents` knows of them, the manifest of
// any version that holds one says where its bytes are.

import { blobUuidOf } from "../../protocol/blob-uuid.ts";
import type { Uuid } from "../../protocol/ids.ts";
import type { Metadata } from "../../protocol/metadata.ts";
import type { BlobFacts } from "../../protocol/uploads.ts";
import type { Artifact } from "../artifacts/find.ts";
import type { Reader } from "../reader.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { hasUuid } from "./blob-metadata.ts";
import { HELD_FILE, toHeldFile } from "./held-files.ts";
import type { HeldFile, HeldFileRow } from "./held-files.ts";
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

type BlobRow = BlobFacts & { firstSeenAt: number; referenceCount: number; metadata: string };

/** The facts of content `c`. */
const FACTS = sql`c.size, lower(hex(c.sha512)) AS sha512, lower(hex(c.sha256)) AS sha256, c.crc32`;

function toSeenBlob({ referenceCount: references, metadata, ...row }: BlobRow): SeenBlob {
  return {
    uuid: blobUuidOf(row.sha512),
    size: row.size,
    sha512: row.sha512,
    sha256: row.sha256,
    crc32: row.crc32,
    firstSeenAt: row.firstSeenAt,
    references,
    metadata: JSON.parse(metadata) as Metadata,
  };
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
  const found = sql`(SELECT id FROM found)`;
  // An id that is not found is looked for like one that is: only what the reader may read differs.
  const row = await prepare(
    db,
    sql`
      WITH found AS (${idOf(key)}), seen AS (
        SELECT min(created_at) AS first_seen_at, count(*) AS reference_count
        FROM (${referencesTo(reader, found, now)}))
      SELECT ${FACTS}, seen.first_seen_at AS firstSeenAt, seen.reference_count AS referenceCount,
        ${metadataOf(reader, sql`c.id`)} AS metadata
      FROM seen CROSS JOIN contents c ON c.id = ${found} WHERE seen.reference_count > 0`,
  ).first<BlobRow>();
  return row && toSeenBlob(row);
}

/** Where the bytes of a blob are: in the first living version that the reader may read and that holds it. */
export async function findHeldFile(
  db: D1Database,
  reader: Reader,
  uuid: Uuid,
  now: number,
): Promise<HeldFile | null> {
  const references = referencesTo(reader, sql`(SELECT id FROM found)`, now);
  const row = await prepare(
    db,
    sql`
      WITH found AS (${idOf({ uuid })}), first AS (
        SELECT version_id, file_number FROM (${references}) LIMIT 1)
      SELECT ${HELD_FILE} FROM first h JOIN versions v ON v.id = h.version_id`,
  ).first<HeldFileRow>();
  return row && toHeldFile(row);
}

/** The id of a content, 0 where there is none. */
function idOf(key: BlobKey): Sql {
  return sql`SELECT coalesce((SELECT c.id FROM contents c WHERE ${condition(key)} LIMIT 1), 0) AS id`;
}

function condition(key: BlobKey): Sql {
  if ("uuid" in key) {
    return hasUuid(key.uuid);
  }
  return "sha512" in key
    ? sql`c.sha512 = unhex(${key.sha512})`
    : sql`c.sha256 = unhex(${key.sha256})`;
}

/** All blobs that a living version holds, `pageSize` of them in memory at a time; for a reader of all. */
export async function* walkBlobs(
  db: D1Database,
  reader: Reader,
  now: number,
  pageSize: number,
): AsyncGenerator<SeenBlob[]> {
  for (let after = 0, isLast = false; !isLast;) {
    const { results } = await prepare(
      db,
      sql`SELECT c.id, ${seenColumns(reader, now)} FROM contents c
        WHERE c.id > ${after} ORDER BY c.id LIMIT ${pageSize}`,
    ).all<BlobRow & { id: number }>();
    yield results.filter((row) => row.referenceCount > 0).map(toSeenBlob);
    after = results.at(-1)?.id ?? after;
    isLast = results.length < pageSize;
  }
}

/** What a reader sees of content `c`. */
function seenColumns(reader: Reader, now: number): Sql {
  const seen = referencesTo(reader, sql`c.id`, now);
  return sql`${FACTS}, (SELECT min(created_at) FROM (${seen})) AS firstSeenAt,
    (SELECT count(*) FROM (${seen})) AS referenceCount, ${metadataOf(reader, sql`c.id`)} AS metadata`;
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
  { now, limit }: { now: number; limit: number },
): Promise<VersionedBlob[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT own.version_index AS "index", own.created_at AS createdAt, ${seenColumns(reader, now)}
      FROM versions own JOIN holders held ON held.version_id = own.id JOIN contents c ON c.id = held.content_id
      WHERE own.artifact_id = ${artifact.id} AND own.deleted_at IS ${artifact.deletedAt}
        AND own.sealed_at IS NOT NULL AND own.file_count = 1 AND own.entry_count = 1
      ORDER BY own.version_index DESC LIMIT ${limit}`,
  ).all<
    Omit<BlobRow, "firstSeenAt"> & { firstSeenAt: number | null; index: number; createdAt: number }
  >();
  return results.toReversed().map(({ index, createdAt, ...row }) => ({
    ...toSeenBlob({ ...row, firstSeenAt: row.firstSeenAt ?? createdAt }),
    index,
  }));
}
