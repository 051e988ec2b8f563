import type { Extent, NewBlob } from "../protocol/uploads.ts";

/** The uuid (RFC 9562, version 8) of the blob of a sha512, an expression. */
export function uuidOf(sha512: string): string {
  const digits = (first: number, count: number) => `substr(${sha512}, ${first}, ${count})`;
  const groups = [digits(1, 8), digits(9, 4), `'8' || ${digits(13, 3)}`, `'8' || ${digits(16, 3)}`];
  return [...groups, digits(19, 12)].join(" || '-' || ");
}

/** The statements that add a blob with its extents; where one with the same content exists already, ours is
 * garbage. */
export function insertBlob(
  db: D1Database,
  blob: NewBlob,
  extents: readonly Extent[],
  now: number,
): D1PreparedStatement[] {
  const runs = JSON.stringify(extents);
  return [
    db
      .prepare(
        `INSERT INTO blobs (inserted_by, uuid, size, sha512, sha256, crc32, created_at)
         VALUES (?1, ${uuidOf("?3")}, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING`,
      )
      .bind(blob.insertion, blob.size, blob.sha512, blob.sha256, blob.crc32, now),
    db
      .prepare(
        `INSERT INTO extents (blob_id, position, key, start, length)
         SELECT b.id, run.key, run.value ->> 'key', run.value ->> 'start', run.value ->> 'length'
         FROM blobs b, json_each(?2) run WHERE b.inserted_by = ?1`,
      )
      .bind(blob.insertion, runs),
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT run.value ->> 'key', ?3 FROM json_each(?2) run
         WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE inserted_by = ?1)
         ON CONFLICT (key) DO NOTHING`,
      )
      .bind(blob.insertion, runs, now),
  ];
}
