// The rows that stand behind a version: which R2 objects it names, and the index of what it holds. Which version, an
// expression says, as it may be one that the same batch adds.

import { LIMITS } from "../../protocol/limits.ts";
import type { BlobFacts } from "../../protocol/uploads.ts";
import { prepare, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** What the row of a version keeps of its manifest. */
export interface KeptManifest {
  /** Its R2 object; null where `row` is all of it. */
  key: string | null;
  length: number;
  row: Uint8Array;
}

/** A content that is found by its hashes, and the number of the file that has it. */
export interface IndexedContent extends BlobFacts {
  fileNumber: number;
}

/** A version with all its files. */
export interface WholeVersion {
  fileCount: number;
  entryCount: number;
  totalBytes: number;
  manifest: KeptManifest;
  /** R2 objects with its bytes. */
  keys: readonly string[];
  /** Those of `keys` that other versions brought: without a living reference the batch is refused (`object_gone`). */
  copied: ReadonlySet<string>;
  indexed: readonly IndexedContent[];
}

/** The statements that note which R2 objects a version names; none where the version is not there. */
export function insertRefs(
  db: D1Database,
  version: Sql,
  keys: readonly string[],
): D1PreparedStatement[] {
  return inBatches(keys).map((batch) =>
    prepare(
      db,
      sql`INSERT INTO object_refs (version_id, key) SELECT v.id, e.value FROM versions v, ${rowsOf(batch)}
        WHERE v.id = ${version} ON CONFLICT DO NOTHING`,
    ),
  );
}

/** The same for R2 objects that other versions brought: refused where none refers to one any more. */
export function copyRefs(
  db: D1Database,
  version: Sql,
  keys: readonly string[],
): D1PreparedStatement[] {
  return inBatches(keys).map((batch) =>
    prepare(
      db,
      sql`INSERT INTO object_refs (version_id, key)
        SELECT v.id, iif(EXISTS (SELECT 1 FROM object_refs r WHERE r.key = e.value), e.value, NULL)
        FROM versions v, ${rowsOf(batch)} WHERE v.id = ${version} ON CONFLICT DO NOTHING`,
    ),
  );
}

/** All that a whole version refers to, its manifest's object with it. */
export function insertAllRefs(
  db: D1Database,
  version: Sql,
  { keys, copied, manifest }: Pick<WholeVersion, "keys" | "copied" | "manifest">,
): D1PreparedStatement[] {
  const own = keys.filter((key) => !copied.has(key));
  return [
    ...insertRefs(db, version, manifest.key === null ? own : [...own, manifest.key]),
    ...copyRefs(db, version, [...copied]),
  ];
}

/** The statements that make contents of a version be found by their hashes. */
export function indexContents(
  db: D1Database,
  version: Sql,
  contents: readonly IndexedContent[],
  now: number,
): D1PreparedStatement[] {
  return inBatches(contents).flatMap((batch) => {
    const rows = batch.map(({ size, sha512, sha256, crc32, fileNumber }) => [
      size,
      sha512,
      sha256,
      crc32,
      fileNumber,
    ]);
    return [
      prepare(
        db,
        sql`INSERT INTO contents (size, sha512, sha256, crc32, created_at)
          SELECT e.value ->> 0, unhex(e.value ->> 1), unhex(e.value ->> 2), e.value ->> 3, ${now}
          FROM ${rowsOf(rows)} WHERE EXISTS (SELECT 1 FROM versions WHERE id = ${version})
          ON CONFLICT DO NOTHING`,
      ),
      prepare(
        db,
        sql`INSERT INTO holders (content_id, workspace_id, version_id, file_number, shared)
          SELECT c.id, a.workspace_id, v.id, e.value ->> 4, a.shared
          FROM versions v JOIN artifacts a ON a.id = v.artifact_id CROSS JOIN ${rowsOf(rows)}
          CROSS JOIN contents c ON c.sha512 = unhex(e.value ->> 1) AND c.size = e.value ->> 0
          WHERE v.id = ${version} ON CONFLICT DO NOTHING`,
      ),
    ];
  });
}

/** The statement that lists R2 objects as garbage to which no version refers. */
export function noteGarbage(
  db: D1Database,
  keys: readonly string[],
  now: number,
): D1PreparedStatement {
  return prepare(
    db,
    sql`INSERT INTO garbage (key, since) SELECT e.value, ${now} FROM ${rowsOf(keys)}
      WHERE NOT EXISTS (SELECT 1 FROM object_refs r WHERE r.key = e.value) ON CONFLICT DO NOTHING`,
  );
}

/** The statement that takes an R2 object off the list of garbage, where a manifest is until a version refers to it. */
export function forgetAttempt(db: D1Database, key: string | null): D1PreparedStatement[] {
  return key === null
    ? []
    : [
        prepare(
          db,
          sql`DELETE FROM garbage
            WHERE key = ${key} AND EXISTS (SELECT 1 FROM object_refs WHERE key = ${key})`,
        ),
      ];
}

function inBatches<T>(all: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < all.length; from += LIMITS.rowsAtOnce) {
    batches.push(all.slice(from, from + LIMITS.rowsAtOnce));
  }
  return batches;
}
