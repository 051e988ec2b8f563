// What uploads became: one row an upload, so that a second publication of the same upload fails and its repeat is answered.

import type { Uuid } from "../../protocol/ids.ts";
import type { SealResult } from "../../protocol/uploads.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** What an upload became, or null when it has not been converted. */
export async function findConversion(db: D1Database, upload: Uuid): Promise<SealResult | null> {
  return findConversionStatement(db, upload).first<SealResult>();
}

/** The statement that finds it. */
export function findConversionStatement(db: D1Database, upload: Uuid): D1PreparedStatement {
  return prepare(
    db,
    sql`SELECT a.uuid AS artifactUuid, c.version_index AS versionIndex
      FROM conversions c JOIN artifacts a ON a.id = c.artifact_id WHERE c.upload_uuid = ${upload}`,
  );
}

/** The statement that notes that an upload became the newest version of an artifact; refused (`artifact_not_found`) where that
 * is gone. `workspaceId`: whose entry the row is. */
export function noteConversion(
  db: D1Database,
  upload: Uuid,
  { artifact, workspaceId }: { artifact: Sql; workspaceId: number },
  now: number,
): D1PreparedStatement {
  return prepare(
    db,
    sql`INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at, workspace_id)
      VALUES (${upload}, ${artifact}, (SELECT max(version_index) FROM versions
        WHERE artifact_id = ${artifact} AND deleted_at IS NULL), ${now}, ${workspaceId})`,
  );
}
