import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { newUuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArtifactIntent } from "../protocol/uploads.ts";
import { noteEvent, trimEvents } from "./events.ts";
import { ARTIFACT_ID, endExpired, noteCreation } from "./publish.ts";
import { isOverEntries } from "./workspaces.ts";

// May workspace ?1 have one more fetch under way?
const HAS_TURN = `(
  SELECT count(*) FROM artifacts WHERE workspace_id = ?1 AND fetching IS NOT NULL) < :limit`;

/** The artifact that is being fetched, and the upload that does it. */
export interface BegunFetch {
  artifactUuid: Uuid;
  uploadUuid: Uuid;
}

/** Notes the fetch of a URL, or the explosion of an archive, with the artifact that it is for, which is made
 * unless it lives already, and the upload that will do it: before the upload's object, so that a crash leaves
 * nothing unknown. While one is under way there is no second: that one is given. */
export async function beginFetch(
  db: D1Database,
  uploadUuid: Uuid,
  intent: ArtifactIntent,
  now: number,
): Promise<Outcome<BegunFetch>> {
  const { workspaceId, type, sourceUrl, actor, origin, gift } = intent;
  const begun = intent.explode === true ? "explode begun" : "fetch begun";
  const identity = [workspaceId, type, sourceUrl] as const;
  const made = newUuid();
  const author = { actor, origin, now };
  const underWay = "artifacts a WHERE a.workspace_id = ?1 AND a.fetching = ?2";
  const source = { from: underWay, values: [workspaceId, uploadUuid] };
  const statements = [
    ...endExpired(db, identity, now),
    makeArtifact(db, intent, made, now),
    noteCreation(db, [...identity, made], author),
    db
      .prepare(
        `UPDATE artifacts SET fetching = ?4, error_message = NULL, state = iif(EXISTS (
           SELECT 1 FROM versions WHERE artifact_id = artifacts.id AND deleted_at IS NULL
         ), 'created', 'initial')
         WHERE id = ${ARTIFACT_ID} AND fetching IS NULL AND (NOT ?6 OR uuid = ?7)
           AND ${HAS_TURN.replace(":limit", "?5")}`,
      )
      .bind(...identity, uploadUuid, LIMITS.fetchesOfWorkspace, gift ? 1 : 0, made),
    noteEvent(db, source, { type: "status", message: begun, ...author }),
    trimEvents(db, ARTIFACT_ID, identity),
    db
      .prepare(
        `INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
         SELECT a.fetching, a.workspace_id, ?3, ?3 FROM ${underWay}
         ON CONFLICT DO NOTHING`,
      )
      .bind(workspaceId, uploadUuid, now),
    db.prepare(`SELECT uuid, fetching FROM artifacts WHERE id = ${ARTIFACT_ID}`).bind(...identity),
  ];
  let results: D1Result<{ uuid: Uuid; fetching: Uuid | null }>[];
  try {
    results = await db.batch(statements);
  } catch (error) {
    if (isOverEntries(error)) {
      return { ok: false, code: "entries_exceeded" };
    }
    throw error;
  }
  return toBegun(results.at(-1)?.results[0] ?? null, gift ? [made, uploadUuid] : null);
}

/** `own`: the artifact or the upload that a gift must be of. */
function toBegun(
  found: { uuid: Uuid; fetching: Uuid | null } | null,
  own: Uuid[] | null,
): Outcome<BegunFetch> {
  if (
    found !== null &&
    own?.includes(found.uuid) === false &&
    !own.includes(found.fetching ?? found.uuid)
  ) {
    return { ok: false, code: "artifact_not_own" };
  }
  if (!found?.fetching) {
    return { ok: false, code: "fetches_too_many", detail: `${LIMITS.fetchesOfWorkspace}` };
  }
  return { ok: true, artifactUuid: found.uuid, uploadUuid: found.fetching };
}

/** The artifact, unless it lives already or the workspace has no turn. */
function makeArtifact(
  db: D1Database,
  { workspaceId, type, sourceUrl, name, shared }: ArtifactIntent,
  made: Uuid,
  now: number,
): D1PreparedStatement {
  const { maxVersions, fetchesOfWorkspace } = LIMITS;
  return db
    .prepare(
      `INSERT INTO artifacts (workspace_id, type, source_url, uuid, name, shared, max_versions,
         created_at, expires_at, state)
       SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 + default_expiration_days * 86400000, 'initial'
       FROM workspaces WHERE id = ?1 AND ${HAS_TURN.replace(":limit", "?9")}
       ON CONFLICT (workspace_id, type, source_url) WHERE deleted_at IS NULL DO NOTHING`,
    )
    .bind(
      workspaceId,
      type,
      sourceUrl,
      made,
      name,
      shared ? 1 : 0,
      maxVersions,
      now,
      fetchesOfWorkspace,
    );
}
