// Files in the order of an archive, with their place in the sums over their version (docs/storage.md).

import { LIMITS } from "../protocol/limits.ts";
import type { Extent } from "../protocol/uploads.ts";
import { extentsOf, toExtents } from "./blobs.ts";
import type { Folder } from "./files.ts";

/** Sums over the files of a version up to some place. */
export interface FileSums {
  files: number;
  tar: number;
  zip: number;
  directory: number;
}

/** Entries of a version: those numbered `after + 1` to `last`. */
export interface OrdinalRange {
  after: number;
  last: number;
}

/** A file as a header tells of it. */
export interface ArchivedHead {
  path: string;
  size: number;
  crc32: string;
  sums: FileSums;
}

/** A file with the place of its bytes. */
export interface ArchivedFile extends ArchivedHead {
  extents: Extent[];
}

type SumsRow = { file_number: number; tar_end: number; zip_end: number; directory_end: number };
type HeadRow = SumsRow & { ordinal: number; path: string; size: number; crc32: string };

function toSums(row: SumsRow): FileSums {
  const { file_number: files, tar_end: tar, zip_end: zip, directory_end: directory } = row;
  return { files, tar, zip, directory };
}

const SUMS = "f.file_number, f.tar_end, f.zip_end, f.directory_end";
const HEAD = `f.ordinal, f.path, f.size, b.crc32, ${SUMS}`;
const NO_SUMS: FileSums = { files: 0, tar: 0, zip: 0, directory: 0 };

/** The entries below a folder, at any depth. */
export function entriesBelow({ ordinal, entryCount }: Folder): OrdinalRange {
  return { after: ordinal, last: ordinal + entryCount };
}

/** The sums before and after a run of entries. */
export async function measureFiles(
  db: D1Database,
  versionId: number,
  { after, last }: OrdinalRange,
): Promise<{ before: FileSums; after: FileSums }> {
  const upTo = (ordinal: number) =>
    db
      .prepare(
        `SELECT ${SUMS} FROM files f WHERE f.version_id = ?1 AND f.ordinal <= ?2
         ORDER BY f.ordinal DESC LIMIT 1`,
      )
      .bind(versionId, ordinal);
  const [before, through] = await db.batch<SumsRow>([upTo(after), upTo(last)]);
  const sumsOf = (result: D1Result<SumsRow> | undefined) => {
    const row = result?.results[0];
    return row === undefined ? NO_SUMS : toSums(row);
  };
  return { before: sumsOf(before), after: sumsOf(through) };
}

/** A sum of `by` and so many bytes a file. */
export interface FileMeasure {
  by: "tar" | "zip" | "directory";
  perFile: number;
}

/** Finds, in a run of entries, the last place up to which the files do not reach beyond `position`, a value of
 * the measure: what follows it holds the byte there. Halves the run as often as it can be halved. */
export async function findPlace(
  db: D1Database,
  versionId: number,
  { after, last }: OrdinalRange,
  { by, perFile, position }: FileMeasure & { position: number },
): Promise<number> {
  const column = { tar: "f.tar_end", zip: "f.zip_end", directory: "f.directory_end" }[by];
  const place = await db
    .prepare(
      `WITH RECURSIVE search (place, step) AS (
         SELECT CAST(?2 AS INTEGER), CAST(?4 AS INTEGER)
         UNION ALL
         SELECT place + iif(
           place + step <= ?3 AND coalesce((
             SELECT ${column} + ?5 * f.file_number FROM files f
             WHERE f.version_id = ?1 AND f.ordinal <= place + step
             ORDER BY f.ordinal DESC LIMIT 1), 0) <= ?6, step, 0), step / 2
         FROM search WHERE step > 0
       )
       SELECT place FROM search WHERE step = 0`,
    )
    .bind(versionId, after, last, largestPower(last - after), perFile, position)
    .first<number>("place");
  return place ?? after;
}

/** The largest power of two that is not above a count; 0 for none. */
function largestPower(count: number): number {
  return count < 1 ? 0 : 2 ** Math.floor(Math.log2(count));
}

/**
 * Reads the files of a run of entries in order, a page of them in memory at a time.
 *
 * @yields One page after the other.
 */
export async function* walkFiles(
  db: D1Database,
  versionId: number,
  range: OrdinalRange,
): AsyncGenerator<ArchivedFile[]> {
  const columns = `${HEAD}, ${extentsOf("b.id")} AS extents`;
  for await (const rows of walk<HeadRow & { extents: string }>(db, versionId, range, columns)) {
    yield rows.map((row) => ({ ...toHead(row), extents: toExtents(row.extents) }));
  }
}

/**
 * Reads the same without the place of their bytes, for a third less of reading.
 *
 * @yields One page after the other.
 */
export async function* walkHeads(
  db: D1Database,
  versionId: number,
  range: OrdinalRange,
): AsyncGenerator<ArchivedHead[]> {
  for await (const rows of walk<HeadRow>(db, versionId, range, HEAD)) {
    yield rows.map(toHead);
  }
}

function toHead(row: HeadRow): ArchivedHead {
  return { path: row.path, size: row.size, crc32: row.crc32, sums: toSums(row) };
}

async function* walk<Row extends { ordinal: number }>(
  db: D1Database,
  versionId: number,
  { after, last }: OrdinalRange,
  columns: string,
): AsyncGenerator<Row[]> {
  let from = after;
  let size: number = LIMITS.firstArchivePage;
  while (from < last) {
    const { results } = await db
      .prepare(
        `SELECT ${columns} FROM files f JOIN blobs b ON b.id = f.blob_id
         WHERE f.version_id = ?1 AND f.ordinal > ?2 AND f.ordinal <= ?3 ORDER BY f.ordinal LIMIT ?4`,
      )
      .bind(versionId, from, last, size)
      .all<Row>();
    yield results;
    from = results.at(-1)?.ordinal ?? last;
    size = Math.min(size * 4, LIMITS.archivePage);
  }
}
