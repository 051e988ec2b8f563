import { SERVICE_ACTOR } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { noteEvent } from "../artifacts/events.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { SETTLED_STATE } from "./artifact-key.ts";

/** A fetch or an explosion that came to nothing. */
export interface FailedUpload {
  uuid: Uuid;
  /** The id of the workspace whose artifact it was for, an expression. */
  workspace: Sql;
  message: "fetch failed" | "explode failed";
  /** Why, for people. */
  error: string;
}

/** The statements that make the artifact for which something was fetched or exploded tell why that failed; it waits no
 * longer. None where no artifact waits for the upload. */
export function settleFailed(
  db: D1Database,
  { uuid, workspace, message, error }: FailedUpload,
  now: number,
): D1PreparedStatement[] {
  const waiting = sql`workspace_id = ${workspace} AND fetching = ${uuid}`;
  return [
    noteEvent(db, sql`artifacts a WHERE ${waiting}`, {
      type: "status",
      message,
      extra: sql`json_object('error', ${error})`,
      actor: SERVICE_ACTOR,
      now,
    }),
    prepare(
      db,
      sql`UPDATE artifacts SET fetching = NULL, error_message = ${error}, state = ${SETTLED_STATE}
        WHERE ${waiting}`,
    ),
  ];
}
