// The version that the members of an archive become, in one batch. The artifact names the upload in `fetching` from the
// beginning to the end.

import { SERVICE_ACTOR } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import type {
  ArtifactIntent,
  ExplodeProgress,
  RefusedArchive,
  SealedArchive,
  SealResult,
} from "../../protocol/uploads.ts";
import { noteEvent } from "../artifacts/events.ts";
import { noteGarbage } from "../contents/version-rows.ts";
import type { WholeVersion } from "../contents/version-rows.ts";
import { repeatable } from "../database.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { findConversionStatement, noteConversion } from "./conversions.ts";
import { addVersion } from "./next-version.ts";
import { noteRefused } from "./refused-archives.ts";
import { settleFailed } from "./settle-failed.ts";
import { endUpload } from "./uploads.ts";

/** The artifacts `a` of a workspace that an upload is exploded for, as a FROM clause: one, if it lives. */
function explodedFor(upload: Uuid, workspaceId: number): Sql {
  return sql`artifacts a WHERE a.workspace_id = ${workspaceId} AND a.fetching = ${upload}`;
}

/** The id of the living artifact that an upload is exploded for; null when it is gone. */
export async function findExploded(
  db: D1Database,
  upload: Uuid,
  workspaceId: number,
): Promise<number | null> {
  return prepare(
    db,
    sql`SELECT a.id FROM ${explodedFor(upload, workspaceId)} AND a.deleted_at IS NULL`,
  ).first<number>("id");
}

/** Makes the members the newest version of the artifact and ends the upload. R2 objects of which no member needed a
 * byte are garbage. Refused as the statements say, and `artifact_not_found`. */
export async function publishMembers(
  db: D1Database,
  { uuid, intent, keys }: SealedArchive,
  { artifact, whole }: { artifact: number; whole: WholeVersion },
  now: number,
): Promise<SealResult | null> {
  const { workspaceId, actor, origin } = intent;
  const id = sql`(SELECT a.id FROM artifacts a WHERE a.id = ${artifact} AND a.deleted_at IS NULL)`;
  const results = await repeatable(db).batch<SealResult>([
    ...addVersion(
      db,
      { artifact: id, made: null, whole, only: null },
      {
        event: {
          message: "version added",
          extra: sql`json_object('index', v.version_index, 'files', v.file_count, 'bytes', v.total_bytes)`,
        },
        upload: uuid,
        author: { actor, origin, now },
      },
    ),
    noteConversion(db, uuid, { artifact: id, workspaceId }, now),
    noteGarbage(db, keys, now),
    endUpload(db, uuid),
    findConversionStatement(db, uuid),
  ]);
  return results.at(-1)?.results[0] ?? null;
}

/** Notes how far the explosion of an upload has come, as long as the catalog knows it. */
export async function noteExplodeProgress(
  db: D1Database,
  uuid: Uuid,
  { phase, bytes, totalBytes, files }: ExplodeProgress,
): Promise<void> {
  await prepare(
    repeatable(db),
    sql`
      INSERT INTO explosions (upload_uuid, phase, bytes, total_bytes, files)
      SELECT uuid, ${phase}, ${bytes}, ${totalBytes}, ${files} FROM uploads WHERE uuid = ${uuid}
      ON CONFLICT (upload_uuid) DO UPDATE SET phase = excluded.phase, bytes = excluded.bytes,
        total_bytes = excluded.total_bytes, files = excluded.files`,
  ).run();
}

/** Makes `pack` the upload that is exploded for the artifact of another; a repeat changes nothing. Says whether
 * the artifact is there. */
export async function handOverExplode(
  db: D1Database,
  { uuid, pack, intent }: { uuid: Uuid; pack: Uuid; intent: ArtifactIntent },
  now: number,
): Promise<boolean> {
  const { workspaceId } = intent;
  const packed = sql`artifacts a JOIN explosions x ON x.upload_uuid = a.fetching
    WHERE a.workspace_id = ${workspaceId} AND a.fetching = ${uuid}`;
  const results = await repeatable(db).batch([
    noteEvent(db, packed, {
      type: "status",
      message: "explode unpacked",
      extra: sql`json_object('files', x.files)`,
      actor: SERVICE_ACTOR,
      now,
    }),
    prepare(
      db,
      sql`UPDATE artifacts SET fetching = ${pack} WHERE workspace_id = ${workspaceId} AND fetching = ${uuid}`,
    ),
    prepare(db, sql`SELECT 1 FROM ${explodedFor(pack, workspaceId)} AND a.deleted_at IS NULL`),
  ]);
  return results[2]?.results.length === 1;
}

/** Notes why an upload is not exploded into an artifact, and that its bytes need not be read again; the upload stays. */
export async function noteExplodeFailure(
  db: D1Database,
  failed: { uuid: Uuid; intent: ArtifactIntent; message: string },
  remembered: { archive: RefusedArchive; reader: number } | null,
  now: number,
): Promise<void> {
  await repeatable(db).batch([
    ...failStatements(db, failed, now),
    ...(remembered === null ? [] : noteRefused(db, remembered.archive, remembered.reader, now)),
  ]);
}

/** The same, when the catalog may name the upload's R2 objects: those that it does not are garbage. Forgets the upload. */
export async function abandonArchive(
  db: D1Database,
  { uuid, intent, keys }: SealedArchive,
  message: string,
  now: number,
): Promise<void> {
  await repeatable(db).batch([
    ...failStatements(db, { uuid, intent, message }, now),
    noteGarbage(db, keys, now),
    endUpload(db, uuid),
  ]);
}

function failStatements(
  db: D1Database,
  { uuid, intent, message }: { uuid: Uuid; intent: ArtifactIntent; message: string },
  now: number,
): D1PreparedStatement[] {
  const workspace = sql`${intent.workspaceId}`;
  return [
    ...settleFailed(db, { uuid, workspace, message: "explode failed", error: message }, now),
    prepare(db, sql`DELETE FROM explosions WHERE upload_uuid = ${uuid}`),
  ];
}
