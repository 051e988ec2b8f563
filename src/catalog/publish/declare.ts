// An artifact whose files are declared: what its workspace holds already of them, and the one batch that makes it with its
// incomplete version.

import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { noteEvent } from "../artifacts/events.ts";
import { copyRefs } from "../contents/version-rows.ts";
import { livingAt } from "../reader.ts";
import { prepare, rowsOf, sql } from "../sql.ts";

/** An artifact to be, and the version that is its first. */
export interface DeclaredArtifact {
  uuid: Uuid;
  workspaceId: number;
  category: string;
  /** JSON text. */
  data: string;
  expiresAt: number | null;
  draft: Uuid;
  fileCount: number;
  entryCount: number;
  totalBytes: number;
  /** R2 objects of other versions in which bytes of its files are. */
  keys: readonly string[];
}

/** Makes the artifact and gives its id. Refused as the triggers say: `quota_exceeded`, `entries_exceeded`, `object_gone`. */
export async function insertDeclared(
  db: D1Database,
  artifact: DeclaredArtifact,
  author: Author,
): Promise<number> {
  const { uuid, workspaceId, category, data, expiresAt, draft, keys } = artifact;
  const { fileCount, entryCount, totalBytes } = artifact;
  const { now } = author;
  const made = sql`artifacts a WHERE a.uuid = ${uuid}`;
  const results = await db.batch<{ id: number }>([
    prepare(
      db,
      sql`
        INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, category, data, max_versions, highest_index,
          created_at, expires_at)
        VALUES (${uuid}, ${workspaceId}, 'other', ${`debusine://artifact/${uuid}`}, ${category}, ${category}, ${data}, 0, 1,
          ${now}, ${expiresAt})`,
    ),
    prepare(
      db,
      sql`
        INSERT INTO versions (artifact_id, version_index, created_at, progress_at, draft, file_count, entry_count,
          total_bytes)
        SELECT a.id, 1, ${now}, ${now}, ${draft}, ${fileCount}, ${entryCount}, ${totalBytes} FROM ${made}`,
    ),
    ...copyRefs(db, sql`(SELECT id FROM versions WHERE draft = ${draft})`, keys),
    noteEvent(db, made, { type: "audit", message: "artifact created", ...author }),
    prepare(
      db,
      sql`UPDATE workspaces SET used_bytes = NULL WHERE id = ${workspaceId} AND used_bytes > quota_bytes`,
    ),
    prepare(db, sql`SELECT a.id FROM ${made}`),
  ]);
  const id = results.at(-1)?.results[0]?.id;
  if (id === undefined) {
    throw new Error(`Cannot find artifact ${uuid} after making it`);
  }
  return id;
}

/** The id of an artifact that a batch may have made whose answer was lost. */
export async function findDeclared(db: D1Database, uuid: Uuid): Promise<number | null> {
  return prepare(db, sql`SELECT id FROM artifacts WHERE uuid = ${uuid}`).first<number>("id");
}

/** A content that is asked for; hashes in lower-case hex. */
export interface AskedContent {
  sha256: string;
  size: number;
}

/** A file that has a content: the place of that content among those asked for, and the file's number in a version. */
export interface Holding {
  position: number;
  versionId: number;
  fileNumber: number;
}

/** Finds files of sealed, living versions of a workspace that have some contents: for each content one, of the newest version. */
export async function findHoldings(
  db: D1Database,
  workspaceId: number,
  contents: readonly AskedContent[],
  now: number,
): Promise<Holding[]> {
  const asked = rowsOf(contents.map(({ sha256, size }) => [sha256, size]));
  const { results } = await prepare(
    db,
    sql`
      SELECT e.key AS position, h.version_id AS versionId, h.file_number AS fileNumber
      FROM ${asked}
      CROSS JOIN contents c ON c.sha256 = unhex(e.value ->> 0) AND c.size = e.value ->> 1
      CROSS JOIN holders h ON h.content_id = c.id AND h.workspace_id = ${workspaceId} AND h.version_id = (
        SELECT o.version_id FROM holders o
        CROSS JOIN versions v ON v.id = o.version_id AND v.deleted_at IS NULL AND v.sealed_at IS NOT NULL
        CROSS JOIN artifacts a ON a.id = v.artifact_id AND ${livingAt(now)}
        WHERE o.content_id = c.id AND o.workspace_id = ${workspaceId} ORDER BY o.version_id DESC LIMIT 1)`,
  ).all<Holding>();
  return results;
}

/** A sealed version, and how much has to be read to know what is in it. */
export interface KnownVersion {
  id: number;
  fileCount: number;
  manifestLength: number;
  hasObject: boolean;
}

/** The newest sealed, living versions of a workspace, those of artifacts of a category first. */
export async function listKnownVersions(
  db: D1Database,
  workspaceId: number,
  category: string,
  now: number,
): Promise<KnownVersion[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT v.id, v.file_count AS fileCount, v.manifest_length AS manifestLength,
        v.manifest_key IS NOT NULL AS hasObject
      FROM (
        SELECT a.id, a.category FROM artifacts a INDEXED BY artifacts_by_workspace
        WHERE a.workspace_id = ${workspaceId} AND ${livingAt(now)} ORDER BY a.id DESC LIMIT ${LIMITS.knownArtifacts}) k
      CROSS JOIN versions v ON v.artifact_id = k.id AND v.deleted_at IS NULL AND v.sealed_at IS NOT NULL
      ORDER BY k.category IS ${category} DESC, v.id DESC LIMIT ${LIMITS.knownVersions}`,
  ).all<Omit<KnownVersion, "hasObject"> & { hasObject: number }>();
  return results.map((row) => ({ ...row, hasObject: row.hasObject === 1 }));
}

/** Manifests of versions as their rows have them, in hexadecimal digits. */
export async function readManifestRows(
  db: D1Database,
  ids: readonly number[],
): Promise<{ id: number; key: string | null; row: string }[]> {
  const { results } = await prepare(
    db,
    sql`SELECT v.id, v.manifest_key AS "key", hex(v.manifest) AS "row"
      FROM ${rowsOf(ids)} CROSS JOIN versions v ON v.id = e.value AND v.sealed_at IS NOT NULL`,
  ).all<{ id: number; key: string | null; row: string }>();
  return results;
}
