// What the catalog says of a version, as `npm run fsck` compares it with the version's manifest.

import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { prepare, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

export interface CheckedVersion {
  id: number;
  artifactUuid: Uuid;
  index: number;
  createdAt: number;
  sealedAt: number | null;
  /** Null for one that came whole. */
  draft: Uuid | null;
  fileCount: number;
  entryCount: number;
  totalBytes: number;
  /** The R2 object of its manifest; null where `row` is all of it. */
  manifestKey: string | null;
  manifestLength: number | null;
  /** What the row has of the manifest, in hexadecimal digits; '' for one that is not sealed. */
  row: string;
}

/** Living versions from `from` on: up to `limit`, or those whose rows begin within so many bytes of manifests. */
export async function checkVersions(
  db: D1Database,
  from: number,
  { limit, bytes }: { limit: number; bytes: number },
): Promise<CheckedVersion[]> {
  const { results } = await selectVersions(
    db,
    sql`SELECT id, sum(length) OVER (ORDER BY id) - length AS before FROM (
      SELECT id, coalesce(length(manifest), 0) AS length FROM versions WHERE id >= ${from} AND deleted_at IS NULL ORDER BY id LIMIT ${limit})`,
    bytes,
  );
  return results;
}

/** The same of one version; null where it does not live any more. */
export async function findCheckedVersion(
  db: D1Database,
  id: number,
): Promise<CheckedVersion | null> {
  const one = sql`SELECT id, 0 AS before FROM versions WHERE id = ${id} AND deleted_at IS NULL`;
  const { results } = await selectVersions(db, one, 1);
  return results[0] ?? null;
}

function selectVersions(
  db: D1Database,
  some: Sql,
  bytes: number,
): Promise<D1Result<CheckedVersion>> {
  return prepare(
    db,
    sql`
      SELECT v.id, a.uuid AS artifactUuid, v.version_index AS "index", v.sealed_at AS sealedAt, v.draft,
        v.created_at AS createdAt, v.file_count AS fileCount, v.entry_count AS entryCount,
        v.total_bytes AS totalBytes, v.manifest_key AS manifestKey, v.manifest_length AS manifestLength,
        hex(v.manifest) AS row
      FROM (${some}) s CROSS JOIN versions v ON v.id = s.id CROSS JOIN artifacts a ON a.id = v.artifact_id
      WHERE s.before < ${bytes} ORDER BY v.id`,
  ).all<CheckedVersion>();
}

/** The R2 objects that a version refers to. */
export async function checkRefs(db: D1Database, versionId: number): Promise<string[]> {
  const { results } = await prepare(
    db,
    sql`SELECT key FROM object_refs WHERE version_id = ${versionId}`,
  ).all<{ key: string }>();
  return results.map(({ key }) => key);
}

/** A content that a version holds, as the index has it. */
export interface CheckedHolder {
  contentId: number;
  fileNumber: number;
  size: number;
  /** Hexadecimal digits. */
  sha512: string;
  sha256: string;
  crc32: string;
  /** Do workspace and sharing agree with the artifact's? */
  isOwned: number;
}

/** What of a version is found by its hashes, of the files that are numbered from `first` to `last`. */
export async function checkHolders(
  db: D1Database,
  versionId: number,
  [first, last]: readonly [number, number],
): Promise<CheckedHolder[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT h.content_id AS contentId, h.file_number AS fileNumber, c.size, lower(hex(c.sha512)) AS sha512,
        lower(hex(c.sha256)) AS sha256, c.crc32,
        h.workspace_id = a.workspace_id AND h.shared = a.shared AS isOwned
      FROM holders h JOIN contents c ON c.id = h.content_id JOIN versions v ON v.id = h.version_id
      JOIN artifacts a ON a.id = v.artifact_id
      WHERE h.version_id = ${versionId} AND h.file_number BETWEEN ${first} AND ${last}`,
  ).all<CheckedHolder>();
  return results;
}

/** Of contents, by their sha512 and size, those that a version does not hold in any of its files. */
export async function findUnheld(
  db: D1Database,
  versionId: number,
  contents: readonly (readonly [sha512: string, size: number])[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let from = 0; from < contents.length; from += LIMITS.rowsAtOnce) {
    const { results } = await prepare(
      db,
      sql`
        SELECT e.value ->> 0 AS sha512 FROM ${rowsOf(contents.slice(from, from + LIMITS.rowsAtOnce))}
        WHERE NOT EXISTS (
          SELECT 1 FROM contents c JOIN holders h ON h.content_id = c.id
          WHERE c.sha512 = unhex(e.value ->> 0) AND c.size = e.value ->> 1 AND h.version_id = ${versionId})`,
    ).all<{ sha512: string }>();
    for (const { sha512 } of results) {
      found.add(sha512);
    }
  }
  return found;
}
