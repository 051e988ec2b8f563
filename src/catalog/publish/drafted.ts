// A version whose files come into a draft: who may bring them, the uploads that bring large ones, and the batch that seals it.
// The draft's uuid names the version.

import type { Outcome } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { SealResult } from "../../protocol/uploads.ts";
import type { Rights } from "../artifacts/bundles.ts";
import { toRights } from "../artifacts/bundles.ts";
import type { RightsRow } from "../artifacts/bundles.ts";
import { forgetAttempt, indexContents, insertRefs, noteGarbage } from "../contents/version-rows.ts";
import type { IndexedContent, KeptManifest } from "../contents/version-rows.ts";
import { repeatable } from "../database.ts";
import { livingAt, readable, writable } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { prepare, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { findConversionStatement } from "./conversions.ts";
import { endUpload } from "./uploads.ts";

/** What each of some readers may do with the living artifact of a draft's version; null where that is gone. */
export async function findDraftRights(
  db: D1Database,
  draft: Uuid,
  readers: readonly Reader[],
  now: number,
): Promise<(Rights | null)[]> {
  const results = await db.batch<RightsRow>(
    readers.map((reader) =>
      prepare(
        db,
        sql`SELECT ${readable(reader)} AS readable, ${writable(reader)} AS writable
          FROM versions v JOIN artifacts a ON a.id = v.artifact_id JOIN workspaces w ON w.id = a.workspace_id
          WHERE v.draft = ${draft} AND v.deleted_at IS NULL AND ${livingAt(now)}`,
      ),
    ),
  );
  return results.map(({ results: [row] }) => (row === undefined ? null : toRights(row)));
}

/** A declared content, which may be that of several files of a version. */
export interface AwaitedContent {
  versionId: number;
  /** Lower-case hex. */
  sha256: string;
  size: number;
}

/** The upload that brings a content, if one has begun. */
export async function findClaim(
  db: D1Database,
  { versionId, sha256, size }: AwaitedContent,
): Promise<Uuid | null> {
  return prepare(
    db,
    sql`SELECT uuid FROM uploads WHERE version_id = ${versionId} AND sha256 = ${sha256} AND size = ${size}`,
  ).first<Uuid>("uuid");
}

/** Notes the upload that brings a content, or gives the one that does already: one upload a content. Null when nobody awaits
 * it any more; refuses when its workspace has too many uploads open. */
export async function claimUpload(
  db: D1Database,
  uuid: Uuid,
  content: AwaitedContent,
  now: number,
): Promise<Outcome<{ uuid: Uuid | null }>> {
  const { versionId, sha256, size } = content;
  await prepare(
    repeatable(db),
    sql`
      INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at, version_id, sha256, size)
      SELECT ${uuid}, a.workspace_id, ${now}, ${now}, v.id, ${sha256}, ${size} FROM ${awaiting(versionId)} AND (
        SELECT count(*) FROM (
          SELECT 1 FROM uploads WHERE workspace_id = a.workspace_id LIMIT ${LIMITS.uploadsOfWorkspace})
        ) < ${LIMITS.uploadsOfWorkspace}
      ON CONFLICT DO NOTHING`,
  ).run();
  const found = await findClaim(db, content);
  return found === null && (await isAwaiting(db, versionId))
    ? { ok: false, code: "uploads_too_many", detail: `${LIMITS.uploadsOfWorkspace}` }
    : { ok: true, uuid: found };
}

/** A version while it takes files, as a FROM clause. */
function awaiting(versionId: number): Sql {
  return sql`versions v JOIN artifacts a ON a.id = v.artifact_id
    WHERE v.id = ${versionId} AND v.deleted_at IS NULL AND v.sealed_at IS NULL`;
}

async function isAwaiting(db: D1Database, versionId: number): Promise<boolean> {
  return (await prepare(db, sql`SELECT 1 FROM ${awaiting(versionId)}`).first()) !== null;
}

/** Does a version refer to one of these R2 objects? */
export async function areReferred(db: D1Database, keys: readonly string[]): Promise<boolean> {
  return (await prepare(db, sql`SELECT 1 WHERE ${isReferred(keys)}`).first()) !== null;
}

function isReferred(keys: readonly string[]): Sql {
  return sql`EXISTS (SELECT 1 FROM ${rowsOf(keys)} CROSS JOIN object_refs r ON r.key = e.value)`;
}

/** Ends an upload that brought a declared content, whose R2 objects are `keys`. To what the draft took, its version refers from then on:
 * its upload's object forgets them before the last file may be there. What it did not take, and no version names, is garbage. Refused (`artifact_not_found`) when the version is gone and has nothing of it. */
export async function endBrought(
  db: D1Database,
  upload: Uuid,
  { draft, keys, isTaken }: { draft: Uuid; keys: readonly string[]; isTaken: boolean },
  now: number,
): Promise<SealResult | null> {
  const hasSome = sql`${Number(isTaken)} = 1 OR ${isReferred(keys)}`;
  // An end of the draft in between has listed them.
  const refs = sql`
    INSERT INTO object_refs (version_id, key) SELECT v.id, e.value FROM versions v, ${rowsOf(keys)}
    WHERE v.draft = ${draft} AND v.sealed_at IS NULL AND v.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM garbage g WHERE g.key = e.value) ON CONFLICT DO NOTHING`;
  const results = await repeatable(db).batch<SealResult>([
    isTaken ? prepare(db, refs) : noteGarbage(db, keys, now),
    prepare(
      db,
      sql`
        INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at)
        SELECT ${upload}, v.artifact_id, v.version_index, ${now}
        FROM (SELECT ${draft} AS draft) wanted
        LEFT JOIN versions v ON v.draft = wanted.draft AND (v.deleted_at IS NULL OR ${hasSome})`,
    ),
    endUpload(db, upload),
    findConversionStatement(db, upload),
  ]);
  return results.at(-1)?.results[0] ?? null;
}

/** The version of a draft as the catalog has it. */
export interface DraftVersion {
  isSealed: boolean;
  isDeleted: boolean;
}

export async function findDraftVersion(db: D1Database, draft: Uuid): Promise<DraftVersion | null> {
  const row = await prepare(
    db,
    sql`SELECT sealed_at IS NOT NULL AS isSealed, deleted_at IS NOT NULL AS isDeleted
      FROM versions WHERE draft = ${draft}`,
  ).first<{ isSealed: number; isDeleted: number }>();
  return row && { isSealed: row.isSealed === 1, isDeleted: row.isDeleted === 1 };
}

/** A version with all its files, as a draft seals it. */
export interface SealedDraft {
  draft: Uuid;
  manifest: KeptManifest;
  /** R2 objects with its bytes. */
  keys: readonly string[];
  indexed: readonly IndexedContent[];
}

/** Seals the version of a draft, unless it is sealed or deleted. References that are too many for one batch come before it; until
 * it, they are those of an incomplete version. */
export async function sealVersion(
  db: D1Database,
  { draft, manifest, keys, indexed }: SealedDraft,
  now: number,
): Promise<void> {
  const unsealed = sql`(SELECT id FROM versions WHERE draft = ${draft} AND sealed_at IS NULL AND deleted_at IS NULL)`;
  const refs = insertRefs(db, unsealed, keys);
  for (const statement of refs.slice(0, -1)) {
    await prepareAlone(db, statement);
  }
  const { key, length, row } = manifest;
  const sealedNow = sql`(SELECT id FROM versions WHERE draft = ${draft} AND sealed_at = ${now})`;
  await repeatable(db).batch([
    ...refs.slice(-1),
    ...(key === null ? [] : insertRefs(db, unsealed, [key])),
    prepare(
      db,
      sql`
        UPDATE versions SET sealed_at = ${now}, manifest_key = ${key}, manifest_length = ${length}, manifest = ${row}
        WHERE id = ${unsealed}`,
    ),
    ...forgetAttempt(db, key),
    ...(indexed.length <= INDEXED_AT_ONCE ? indexContents(db, sealedNow, indexed, now) : []),
  ]);
}

/** Contents that are found from the moment on at which their version is sealed; those of more follow. */
const INDEXED_AT_ONCE = 1_000;

/** Makes the contents of a draft's sealed version be found by their hashes; may be repeated. */
export async function indexSealed(
  db: D1Database,
  draft: Uuid,
  indexed: readonly IndexedContent[],
  now: number,
): Promise<void> {
  const sealed = sql`(SELECT id FROM versions WHERE draft = ${draft} AND sealed_at IS NOT NULL AND deleted_at IS NULL)`;
  const statements = indexContents(db, sealed, indexed, now);
  for (let at = 0; at < statements.length; at += 2) {
    await repeatable(db).batch(statements.slice(at, at + 2));
  }
}

async function prepareAlone(db: D1Database, statement: D1PreparedStatement): Promise<void> {
  await repeatable(db).batch([statement]);
}
