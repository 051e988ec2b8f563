// The one batch that makes the uploads of a bundle the files of a version: artifact, version, events and the end of all of
// them.

import { newUuid } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ArtifactIntent, SealResult } from "../../protocol/uploads.ts";
import type { WholeVersion } from "../contents/version-rows.ts";
import { repeatable } from "../database.ts";
import { sql } from "../sql.ts";
import { artifactId, endExpired, noteCreation } from "./artifact-key.ts";
import { findConversionStatement, noteConversion } from "./conversions.ts";
import { insertArtifact } from "./insert-artifact.ts";
import { addVersion } from "./next-version.ts";
import { endUpload, endUploads } from "./uploads.ts";

/** A bundle whose manifest is written; `parts` are the uploads that brought its files. */
export interface NewBundle {
  uuid: Uuid;
  parts: readonly Uuid[];
  intent: ArtifactIntent;
  whole: WholeVersion;
}

/** Publishes it as the newest version of the artifact of its source, which is made where there is none. Refused as the statements
 * say. */
export async function publishBundle(
  db: D1Database,
  { uuid, parts, intent, whole }: NewBundle,
  now: number,
): Promise<SealResult | null> {
  const { workspaceId, name, shared, actor, origin, category = null, data = null } = intent;
  const made = newUuid();
  const author = { actor, origin, now };
  const artifact = artifactId(intent);
  const { maxVersions } = LIMITS;
  const state = "created" as const;
  const values = { key: intent, made, name, shared, maxVersions, state, category, data };
  const results = await repeatable(db).batch<SealResult>([
    ...endExpired(db, intent, now),
    insertArtifact(db, { ...values, highestIndex: 1 }, now),
    noteCreation(db, intent, made, author),
    ...addVersion(
      db,
      { artifact, made, whole, only: null },
      {
        event: {
          message: "version added",
          extra: sql`json_object('index', v.version_index, 'files', v.file_count, 'bytes', v.total_bytes)`,
        },
        author,
      },
    ),
    noteConversion(db, uuid, { artifact, workspaceId }, now),
    endUpload(db, uuid),
    endUploads(db, parts),
    findConversionStatement(db, uuid),
  ]);
  return results.at(-1)?.results[0] ?? null;
}
