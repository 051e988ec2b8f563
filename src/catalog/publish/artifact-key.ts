// What a publication knows an artifact by, and how its statements name it: a batch is one transaction, so what it adds is
// named by what identifies it.

import { SERVICE_ACTOR } from "../../protocol/identity.ts";
import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { endArtifacts, endVersions } from "../artifacts/change.ts";
import { noteEvent } from "../artifacts/events.ts";
import { sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** Of a workspace there is one living artifact of a type and source. */
export interface ArtifactKey {
  workspaceId: number;
  type: string;
  sourceUrl: string;
}

/** The id of the living artifact, an expression. */
export function artifactId({ workspaceId, type, sourceUrl }: ArtifactKey): Sql {
  return sql`(SELECT id FROM artifacts
    WHERE workspace_id = ${workspaceId} AND type = ${type} AND source_url = ${sourceUrl} AND deleted_at IS NULL)`;
}

/** The statement that notes that the artifact was made, when its uuid is `made`. */
export function noteCreation(
  db: D1Database,
  key: ArtifactKey,
  made: Uuid,
  author: Author,
): D1PreparedStatement {
  const from = sql`artifacts a WHERE a.id = ${artifactId(key)} AND a.uuid = ${made}`;
  return noteEvent(db, from, { type: "audit", message: "artifact created", ...author });
}

/** The statements that end an expired artifact which the sweep has not met yet: it is not in the way of a new one. */
export function endExpired(db: D1Database, key: ArtifactKey, now: number): D1PreparedStatement[] {
  const expired = sql`(SELECT id FROM artifacts WHERE id = ${artifactId(key)} AND expires_at <= ${now})`;
  return [
    noteEvent(db, sql`artifacts a WHERE a.id IN ${expired}`, {
      type: "status",
      message: "artifact expired",
      actor: SERVICE_ACTOR,
      now,
    }),
    endVersions(db, sql`artifact_id IN ${expired}`, now),
    endArtifacts(db, sql`id IN ${expired}`, now),
  ];
}

/** The state of a row of `artifacts` that is updated, for which nothing is fetched or exploded any more: that of its versions. */
export const SETTLED_STATE: Sql = stateWithout("error");

/** The same while something is. */
export const AWAITING_STATE: Sql = stateWithout("initial");

function stateWithout(state: "error" | "initial"): Sql {
  return sql`iif(EXISTS (SELECT 1 FROM versions v WHERE v.artifact_id = artifacts.id AND v.deleted_at IS NULL),
    'created', ${state})`;
}
