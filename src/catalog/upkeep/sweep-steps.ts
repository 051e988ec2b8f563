// What the sweep removes. Rows go first and leave the keys of their R2 objects in `garbage`; the objects
// follow after a grace, so that downloads that began before can end.

import { SERVICE_ACTOR } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { endArtifacts, endVersions } from "../artifacts/change.ts";
import { noteEvent } from "../artifacts/events.ts";
import { noteGarbage } from "../contents/version-rows.ts";
import { prepare, rowsOf, sql } from "../sql.ts";
import { isNamed } from "./check-rows.ts";

/** Marks artifacts that expired by `now` as deleted, with their versions. */
export async function deleteExpiredArtifacts(
  db: D1Database,
  now: number,
  limit: number,
): Promise<void> {
  const expired = sql`(SELECT id FROM artifacts
    WHERE deleted_at IS NULL AND expires_at <= ${now} ORDER BY expires_at LIMIT ${limit})`;
  await db.batch([
    noteEvent(db, sql`artifacts a WHERE a.id IN ${expired}`, {
      type: "status",
      message: "artifact expired",
      actor: SERVICE_ACTOR,
      now,
    }),
    endVersions(db, sql`artifact_id IN ${expired}`, now),
    endArtifacts(db, sql`id IN ${expired}`, now),
  ]);
}

/** An incomplete version, and the draft that its files come into. */
export interface IdleDraft {
  versionId: number;
  draft: Uuid;
}

/** Incomplete versions that look idle since `before`, the longest idle first: the catalog knows of no file, nor a byte of
 * one, that came since. */
export async function listIdleDrafts(
  db: D1Database,
  before: number,
  limit: number,
): Promise<IdleDraft[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT v.id AS versionId, v.draft FROM versions v
      WHERE v.sealed_at IS NULL AND v.deleted_at IS NULL AND v.progress_at < ${before}
        AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.version_id = v.id AND u.last_append_at >= ${before})
      ORDER BY v.progress_at LIMIT ${limit}`,
  ).all<IdleDraft>();
  return results;
}

/** Notes when a file last came into the draft of an incomplete version. */
export async function noteProgress(db: D1Database, versionId: number, at: number): Promise<void> {
  await prepare(
    db,
    sql`UPDATE versions SET progress_at = max(progress_at, ${at}) WHERE id = ${versionId} AND sealed_at IS NULL`,
  ).run();
}

/** Marks a version as deleted whose draft is gone, unless it was sealed before that; an artifact that is left without a
 * version goes with it. */
export async function deleteAbandonedVersion(
  db: D1Database,
  versionId: number,
  now: number,
): Promise<void> {
  const abandoned = sql`versions v WHERE v.id = ${versionId} AND v.sealed_at IS NULL AND v.deleted_at IS NULL`;
  await db.batch([
    endArtifacts(
      db,
      sql`deleted_at IS NULL AND id = (SELECT v.artifact_id FROM ${abandoned}) AND NOT EXISTS (
        SELECT 1 FROM versions k
        WHERE k.artifact_id = artifacts.id AND k.deleted_at IS NULL AND k.id <> ${versionId})`,
      now,
    ),
    endVersions(db, sql`id = ${versionId} AND sealed_at IS NULL`, now),
  ]);
}

/** What a round takes away of deleted versions: versions by their ids, with these references. */
export interface DoomedVersions {
  ids: number[];
  refs: { versionId: number; key: string }[];
  /** The drafts of those that were never sealed. */
  drafts: IdleDraft[];
  /** Is there more than this? */
  isCut: boolean;
}

/** Picks versions deleted before `before`, the first deleted first, with up to `limit` references together: the last of them
 * may have more. Those that were never sealed are at most `drafts`: each costs a call. */
export async function pickDoomed(
  db: D1Database,
  before: number,
  { limit, drafts: mostDrafts }: { limit: number; drafts: number },
): Promise<DoomedVersions> {
  const { results } = await prepare(
    db,
    sql`
      SELECT v.id AS versionId, iif(v.sealed_at IS NULL, v.draft, NULL) AS draft, r.key
      FROM versions v LEFT JOIN object_refs r ON r.version_id = v.id
      WHERE v.deleted_at < ${before} ORDER BY v.deleted_at, v.id LIMIT ${limit}`,
  ).all<{ versionId: number; draft: Uuid | null; key: string | null }>();
  const ids = new Set<number>();
  const drafts = new Map<number, IdleDraft>();
  const refs: DoomedVersions["refs"] = [];
  for (const { versionId, draft, key } of results) {
    if (draft !== null && !drafts.has(versionId)) {
      if (drafts.size === mostDrafts) {
        break;
      }
      drafts.set(versionId, { versionId, draft });
    }
    ids.add(versionId);
    if (key !== null) {
      refs.push({ versionId, key });
    }
  }
  return {
    ids: [...ids],
    refs,
    drafts: [...drafts.values()],
    isCut: results.length === limit || !results.every(({ versionId }) => ids.has(versionId)),
  };
}

/** Removes versions that were picked, with their references and whatever only they held, in one transaction; keys that lose
 * their last reference become garbage. A version that has more references than were picked keeps its row for the next
 * round. Gives how many versions went. */
export async function removeDoomed(
  db: D1Database,
  { ids, refs }: Pick<DoomedVersions, "ids" | "refs">,
  now: number,
): Promise<number> {
  // An id that another sweep removed may be that of a new version by now.
  const doomed = sql`(SELECT id FROM versions
    WHERE id IN (SELECT e.value FROM ${rowsOf(ids)}) AND deleted_at IS NOT NULL)`;
  const pairs = rowsOf(refs.map(({ versionId, key }) => [versionId, key]));
  const keys = [...new Set(refs.map(({ key }) => key))];
  // All of them mean what was picked, not what each would find: a key with a reference less between two of them would be
  // lost. What frees pages comes before what may take some: a database may have none left.
  const results = await db.batch<{ id: number }>([
    prepare(
      db,
      sql`
        DELETE FROM blob_metadata WHERE (content_id, workspace_id) IN (
          SELECT h.content_id, h.workspace_id FROM holders h WHERE h.version_id IN ${doomed}
          GROUP BY h.content_id, h.workspace_id
          HAVING NOT EXISTS (
            SELECT 1 FROM holders k WHERE k.content_id = h.content_id
              AND k.workspace_id = h.workspace_id AND k.version_id NOT IN ${doomed}))`,
    ),
    // Their holders go with them.
    prepare(
      db,
      sql`
        DELETE FROM contents
        WHERE id IN (SELECT h.content_id FROM holders h WHERE h.version_id IN ${doomed})
          AND NOT EXISTS (
            SELECT 1 FROM holders k WHERE k.content_id = contents.id AND k.version_id NOT IN ${doomed})`,
    ),
    prepare(db, sql`DELETE FROM holders WHERE version_id IN ${doomed}`),
    prepare(
      db,
      sql`DELETE FROM object_refs
        WHERE version_id IN ${doomed}
          AND (version_id, key) IN (SELECT e.value ->> 0, e.value ->> 1 FROM ${pairs})`,
    ),
    prepare(
      db,
      sql`
        DELETE FROM versions WHERE id IN ${doomed}
          AND NOT EXISTS (SELECT 1 FROM object_refs r WHERE r.version_id = versions.id)
        RETURNING id`,
    ),
    noteGarbage(db, keys, now),
  ]);
  return results.at(-2)?.results.length ?? 0;
}

/** Forgets artifacts deleted before `before` whose versions are gone, with their metadata and events, and says how
 * many. */
export async function forgetArtifacts(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { results } = await prepare(
    db,
    sql`
      DELETE FROM artifacts WHERE id IN (
        SELECT a.id FROM artifacts a WHERE a.deleted_at < ${before}
          AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.artifact_id = a.id)
        ORDER BY a.deleted_at LIMIT ${limit})
      RETURNING id`,
  ).all();
  return results.length;
}

/** Keys of R2 objects that are garbage since before `before`; never one that something names all the same, which the check tells of. */
export async function listGarbage(
  db: D1Database,
  before: number,
  limit: number,
): Promise<string[]> {
  const { results } = await prepare(
    db,
    sql`SELECT g.key FROM garbage g WHERE g.since < ${before} AND NOT ${isNamed(sql`g.key`)} ORDER BY g.since LIMIT ${limit}`,
  ).all<{ key: string }>();
  return results.map(({ key }) => key);
}

/** Forgets keys whose objects are deleted. */
export async function forgetGarbage(db: D1Database, keys: readonly string[]): Promise<void> {
  await prepare(
    db,
    sql`DELETE FROM garbage WHERE key IN (SELECT e.value FROM ${rowsOf(keys)})`,
  ).run();
}

/** Forgets conversions made before `before`, and says how many. */
export async function forgetConversions(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { results } = await prepare(
    db,
    sql`
      DELETE FROM conversions WHERE upload_uuid IN (
        SELECT upload_uuid FROM conversions WHERE created_at < ${before} ORDER BY created_at LIMIT ${limit})
      RETURNING upload_uuid`,
  ).all();
  return results.length;
}
