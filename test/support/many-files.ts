// A version of very many files, written by SQL alone: all have the same blob and paths of the same length, so that
// every number of theirs is a product.

import { entryLengths } from "../../src/archive/lengths.ts";

/** A D1 database, of the Worker under test or of the test itself. */
interface Database<Statement> {
  prepare(sql: string): { bind(...values: unknown[]): Statement };
  batch(statements: Statement[]): Promise<unknown>;
}

/** The path of the file that is `at`, counted from 0. */
export function pathOfMany(at: number, filesEach: number): string {
  const digits = (value: number) => String(value).padStart(3, "0");
  return `d${digits(Math.floor(at / filesEach))}/${digits(at % filesEach)}`;
}

/** Fills a version with as many files in each of as many folders, at most 1,000 of either. */
export async function insertManyFiles<Statement>(
  db: Database<Statement>,
  versionId: number,
  { folders, filesEach }: { folders: number; filesEach: number },
  blob: { id: number; size: number },
): Promise<void> {
  const { tar, zip, directory } = entryLengths(pathOfMany(0, filesEach), blob.size);
  await db.batch([
    db
      .prepare(
        `WITH RECURSIVE many (at, folder) AS (
           SELECT 0, 0
           UNION ALL SELECT at + 1, (at + 1) / CAST(?3 AS INTEGER) FROM many WHERE at + 1 < ?2 * ?3
         )
         INSERT INTO files (version_id, ordinal, workspace_id, path, blob_id, size, sha256, sha512,
           file_number, tar_end, zip_end, directory_end)
         SELECT ?1, at + folder + 2,
           (SELECT a.workspace_id FROM versions v JOIN artifacts a ON a.id = v.artifact_id WHERE v.id = ?1),
           printf('d%03d/%03d', folder, at - folder * ?3), b.id, b.size, b.sha256, b.sha512,
           at + 1, (at + 1) * ?5, (at + 1) * ?6, (at + 1) * ?7
         FROM many, blobs b WHERE b.id = ?4`,
      )
      .bind(versionId, folders, filesEach, blob.id, tar, zip, directory),
    db
      .prepare(
        `WITH RECURSIVE many (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM many WHERE at + 1 < ?2)
         INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT ?1, 0, '', ?2 * (?3 + 1), ?2 * ?3, ?2 * ?3 * ?4
         UNION ALL SELECT ?1, 1 + at * (?3 + 1), printf('d%03d/', at), ?3, ?3, ?3 * ?4 FROM many`,
      )
      .bind(versionId, folders, filesEach, blob.size),
  ]);
}
