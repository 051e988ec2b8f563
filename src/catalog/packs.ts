// Small files that came whole: they share an R2 object, one behind the other, and one batch.

import type { Uuid } from "../protocol/ids.ts";
import type { NewBlob } from "../protocol/uploads.ts";
import { noteProgress } from "./contents.ts";
import { repeatable } from "./database.ts";
import { uuidOf } from "./new-blobs.ts";

/** A content in a pack, and where it begins there. */
export interface PackedContent extends NewBlob {
  start: number;
}

/** The files that contents ?2 of version ?1 are for, none in a version that is gone. The index is named because the
 * planner would rather read all files of the version. */
const AWAITED = `FROM json_each(?2) e
  CROSS JOIN versions v ON v.id = ?1 AND v.deleted_at IS NULL
  CROSS JOIN files f INDEXED BY files_awaited
    ON f.version_id = v.id AND f.sha256 = e.value ->> 3 AND f.size = e.value ->> 1 AND f.blob_id IS NULL`;

/** The values in the order in which the statements below read them. */
function toRows(contents: readonly PackedContent[]): string {
  return JSON.stringify(
    contents.map(({ insertion, size, sha512, sha256, crc32, start }) => [
      insertion,
      size,
      sha512,
      sha256,
      crc32,
      start,
    ]),
  );
}

/** Gives a pack's contents to the files of a living version that await them, seals it with its last file, and gives the
 * `insertion`s of those that it took. The pack is garbage no more when a blob is in it; what nobody awaits any more, or
 * is a blob already, stays without one. */
export async function completePacked(
  db: D1Database,
  { versionId, key, contents }: { versionId: number; key: string; contents: PackedContent[] },
  now: number,
): Promise<Set<Uuid>> {
  const rows = toRows(contents);
  const results = await repeatable(db).batch<{ insertion: Uuid }>([
    db.prepare(`SELECT DISTINCT e.value ->> 0 AS insertion ${AWAITED}`).bind(versionId, rows),
    db
      .prepare(
        `INSERT INTO blobs (inserted_by, uuid, size, sha512, sha256, crc32, created_at)
         SELECT DISTINCT e.value ->> 0, ${uuidOf("(e.value ->> 2)")}, e.value ->> 1, e.value ->> 2, e.value ->> 3,
           e.value ->> 4, ?3 ${AWAITED}
         ON CONFLICT DO NOTHING`,
      )
      .bind(versionId, rows, now),
    db
      .prepare(
        `INSERT INTO extents (blob_id, position, key, start, length)
         SELECT b.id, 0, ?1, e.value ->> 5, b.size
         FROM json_each(?2) e CROSS JOIN blobs b ON b.inserted_by = e.value ->> 0
         WHERE true ON CONFLICT DO NOTHING`,
      )
      .bind(key, rows),
    db
      .prepare(
        // Materialized, so that the few files are looked up by their keys, not the version's all read.
        `WITH found AS MATERIALIZED (
           SELECT f.version_id, f.ordinal, b.sha512, b.id AS blob_id ${AWAITED}
           CROSS JOIN blobs b ON b.sha512 = e.value ->> 2 AND b.size = e.value ->> 1)
         UPDATE files SET sha512 = found.sha512, blob_id = found.blob_id FROM found
         WHERE files.version_id = found.version_id AND files.ordinal = found.ordinal`,
      )
      .bind(versionId, rows),
    noteProgress(db, versionId, now),
    db
      .prepare(
        "DELETE FROM garbage WHERE key = ?1 AND EXISTS (SELECT 1 FROM extents WHERE key = ?1)",
      )
      .bind(key),
  ]);
  return new Set(results[0]?.results.map(({ insertion }) => insertion));
}
