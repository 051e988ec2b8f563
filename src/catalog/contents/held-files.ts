// A file of a version that holds a content, by which its bytes are found.

import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** What the row of a version gives of its manifest: the R2 object's key, null where `row`, as hexadecimal digits, is all of
 * it. */
export interface ManifestRow {
  key: string | null;
  row: string;
}

/** A file by its number in a manifest. */
export interface HeldFile {
  manifest: ManifestRow;
  fileNumber: number;
}

export type HeldFileRow = ManifestRow & { fileNumber: number };

/** Of version `v` and its holder `h`. */
export const HELD_FILE: Sql = sql`v.manifest_key AS "key", hex(v.manifest) AS "row", h.file_number AS fileNumber`;

export function toHeldFile({ key, row, fileNumber }: HeldFileRow): HeldFile {
  return { manifest: { key, row }, fileNumber };
}

/** Holders looked at for one whose manifest is at hand. */
const LOOKED_AT = 20;

/** Finds a file that has a content already, whoever holds it; that of other workspaces only where its manifest is at hand,
 * so that not even the time tells of them. */
export async function findKnownFile(
  db: D1Database,
  workspaceId: number,
  { sha512, size }: { sha512: string; size: number },
): Promise<HeldFile | null> {
  const row = await prepare(
    db,
    sql`
      SELECT ${HELD_FILE} FROM (
        SELECT version_id, workspace_id, file_number FROM holders
        WHERE content_id = (SELECT id FROM contents WHERE sha512 = unhex(${sha512}) AND size = ${size})
        LIMIT ${LOOKED_AT}) h
      JOIN versions v ON v.id = h.version_id AND (v.manifest_key IS NULL OR h.workspace_id = ${workspaceId})
      ORDER BY v.manifest_key IS NOT NULL LIMIT 1`,
  ).first<HeldFileRow>();
  return row && toHeldFile(row);
}
