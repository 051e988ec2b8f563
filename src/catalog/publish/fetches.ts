import type { Outcome } from "../../protocol/errors.ts";
import { newUuid } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ArtifactIntent } from "../../protocol/uploads.ts";
import { noteEvent, trimEvents } from "../artifacts/events.ts";
import { refusalIn } from "../refusals.ts";
import { empty, prepare, sql } from "../sql.ts";
import { AWAITING_STATE, artifactId, endExpired, noteCreation } from "./artifact-key.ts";
import { insertArtifact } from "./insert-artifact.ts";

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
  const { workspaceId, type, sourceUrl, actor, origin, gift, name, shared } = intent;
  const { fetchesOfWorkspace, maxVersions } = LIMITS;
  const begun = intent.explode === true ? "explode begun" : "fetch begun";
  const key = { workspaceId, type, sourceUrl };
  const made = newUuid();
  const author = { actor, origin, now };
  const underWay = sql`artifacts a WHERE a.workspace_id = ${workspaceId} AND a.fetching = ${uploadUuid}`;
  const hasTurn = sql`(SELECT count(*) FROM artifacts
    WHERE workspace_id = ${workspaceId} AND fetching IS NOT NULL) < ${fetchesOfWorkspace}`;
  const state = "initial";
  const statements = [
    ...endExpired(db, key, now),
    insertArtifact(db, { key, made, name, shared, maxVersions, state, condition: hasTurn }, now),
    noteCreation(db, key, made, author),
    prepare(
      db,
      sql`UPDATE artifacts SET fetching = ${uploadUuid}, error_message = NULL, state = ${AWAITING_STATE}
        WHERE id = ${artifactId(key)} AND fetching IS NULL ${gift ? sql`AND uuid = ${made}` : empty} AND ${hasTurn}`,
    ),
    noteEvent(db, underWay, { type: "status", message: begun, ...author }),
    trimEvents(db, artifactId(key)),
    prepare(
      db,
      sql`INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
        SELECT a.fetching, a.workspace_id, ${now}, ${now} FROM ${underWay} ON CONFLICT DO NOTHING`,
    ),
    prepare(db, sql`SELECT uuid, fetching FROM artifacts WHERE id = ${artifactId(key)}`),
  ];
  let results: D1Result<{ uuid: Uuid; fetching: Uuid | null }>[];
  try {
    results = await db.batch(statements);
  } catch (error) {
    if (refusalIn(error) === "entries_exceeded") {
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
