import type { BlobFacts, Extent } from "../protocol/uploads.ts";

/** The statements that add a blob with its extents; where one with the same content exists already, ours is
 * garbage. */
export function insertBlob(
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
         WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE uuid = ?1)
         ON CONFLICT (key) DO NOTHING`,
      )
      .bind(blob.uuid, runs, now),
  ];
}
