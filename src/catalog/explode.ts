// The version that the members of an archive become: begun unseen, filled by staging.ts, shown by one batch. The
// artifact names the upload in `fetching` from the beginning to the end.

import { SERVICE_ACTOR } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import type {
  ArtifactIntent,
  ExplodeProgress,
  RefusedArchive,
  SealedArchive,
} from "../protocol/uploads.ts";
import { pruneStatements } from "./artifact-changes.ts";
import type { Author } from "../protocol/identity.ts";
import { repeatable } from "./database.ts";
import { noteEvent, trimEvents } from "./events.ts";
import { refuseOverQuota } from "./publish.ts";
import { noteRefused } from "./refused-archives.ts";
import type { StagedVersion } from "./staging.ts";

/** The living artifact of workspace ?1 that upload ?2 is exploded for. */
const EXPLODED = "a.workspace_id = ?1 AND a.fetching = ?2 AND a.deleted_at IS NULL";

/** Begins a version that nothing shows, and that has no index yet: one that is given up leaves no gap. Null when
 * the artifact is gone. */
export async function stageNextVersion(
  db: D1Database,
  { uuid, intent }: Pick<SealedArchive, "uuid" | "intent">,
  now: number,
): Promise<StagedVersion | null> {
  const { workspaceId } = intent;
  const row = await db
    .prepare(
      `INSERT INTO versions (artifact_id, version_index, created_at, progress_at, deleted_at)
       SELECT a.id, min(0, coalesce((
         SELECT min(version_index) FROM versions WHERE artifact_id = a.id), 0)) - 1, ?3, ?3, ?3
       FROM artifacts a WHERE ${EXPLODED} RETURNING id, artifact_id`,
    )
    .bind(workspaceId, uuid, now)
    .first<{ id: number; artifact_id: number }>();
  return row && { id: row.id, artifactId: row.artifact_id, workspaceId };
}

/** Makes a staged version the newest of its artifact and ends the upload. R2 objects of which no member needed a
 * byte are garbage. Throws when the artifact is gone or the quota exceeded: nothing is changed then. */
export async function revealMembers(
  db: D1Database,
  { uuid, intent, keys }: SealedArchive,
  version: StagedVersion,
  now: number,
): Promise<void> {
  const { workspaceId, type, sourceUrl, actor, origin } = intent;
  const { id, artifactId } = version;
  const author = { actor, origin, now };
  await repeatable(db).batch([
    db
      .prepare(
        `INSERT INTO conversions (upload_uuid, artifact_id, version_index, created_at, workspace_id)
         VALUES (?2, (SELECT a.id FROM artifacts a WHERE ${EXPLODED} AND a.id = ?3),
           (SELECT highest_index + 1 FROM artifacts WHERE id = ?3), ?4, ?1)`,
      )
      .bind(workspaceId, uuid, artifactId, now),
    db
      .prepare(
        `UPDATE artifacts SET highest_index = highest_index + 1, state = 'created',
           error_message = NULL, fetching = NULL WHERE id = ?1`,
      )
      .bind(artifactId),
    db
      .prepare(
        `UPDATE versions SET deleted_at = NULL, progress_at = NULL, sealed_at = ?2, created_at = ?2,
           version_index = (SELECT highest_index FROM artifacts WHERE id = versions.artifact_id)
         WHERE id = ?1`,
      )
      .bind(id, now),
    noteShown(db, version, author),
    ...pruneStatements(db, "?1", [artifactId], author),
    trimEvents(db, "?1", [artifactId]),
    refuseOverQuota(db, [workspaceId, type, sourceUrl], now),
    noteGarbage(db, keys, now),
    db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uuid),
  ]);
}

function noteShown(db: D1Database, { id, artifactId }: StagedVersion, author: Author) {
  const from = `artifacts a JOIN versions v ON v.id = ?2
    JOIN folders d ON d.version_id = v.id AND d.ordinal = 0 WHERE a.id = ?1`;
  return noteEvent(
    db,
    { from, values: [artifactId, id] },
    {
      type: "audit",
      message: "version added",
      extra: "json_object('index', v.version_index, 'files', d.file_count, 'bytes', d.total_bytes)",
      ...author,
    },
  );
}

/** Notes how far the explosion of an upload has come, as long as the catalog knows it. */
export async function noteProgress(
  db: D1Database,
  uuid: Uuid,
  { phase, bytes, totalBytes, files }: ExplodeProgress,
): Promise<void> {
  await repeatable(db)
    .prepare(
      `INSERT INTO explosions (upload_uuid, phase, bytes, total_bytes, files)
       SELECT uuid, ?2, ?3, ?4, ?5 FROM uploads WHERE uuid = ?1
       ON CONFLICT (upload_uuid) DO UPDATE SET phase = excluded.phase, bytes = excluded.bytes,
         total_bytes = excluded.total_bytes, files = excluded.files`,
    )
    .bind(uuid, phase, bytes, totalBytes, files)
    .run();
}

/** Makes `pack` the upload that is exploded for the artifact of another; a repeat changes nothing. Says whether
 * the artifact is there. */
export async function handOverExplode(
  db: D1Database,
  { uuid, pack, intent }: { uuid: Uuid; pack: Uuid; intent: ArtifactIntent },
  now: number,
): Promise<boolean> {
  const { workspaceId } = intent;
  const packed = {
    from: "artifacts a JOIN explosions x ON x.upload_uuid = a.fetching WHERE a.workspace_id = ?1 AND a.fetching = ?2",
    values: [workspaceId, uuid],
  };
  const results = await repeatable(db).batch([
    noteEvent(db, packed, {
      type: "status",
      message: "explode unpacked",
      extra: "json_object('files', x.files)",
      actor: SERVICE_ACTOR,
      now,
    }),
    db
      .prepare("UPDATE artifacts SET fetching = ?3 WHERE workspace_id = ?1 AND fetching = ?2")
      .bind(workspaceId, uuid, pack),
    db.prepare(`SELECT 1 FROM artifacts a WHERE ${EXPLODED}`).bind(workspaceId, pack),
  ]);
  return results[2]?.results.length === 1;
}

/** Notes why an upload is not exploded into an artifact, and that its bytes need not be read again; the upload stays. */
export async function noteExplodeFailure(
  db: D1Database,
  failed: { uuid: Uuid; intent: ArtifactIntent; message: string },
  remembered: { archive: RefusedArchive; reader: number } | null,
): Promise<void> {
  const now = Date.now();
  await repeatable(db).batch([
    ...failStatements(db, failed, now),
    ...(remembered === null ? [] : noteRefused(db, remembered.archive, remembered.reader, now)),
  ]);
}

/** The same, when the catalog may name the upload's R2 objects: those that it does not are garbage, the others
 * when the staged versions go. Forgets the upload. */
export async function abandonArchive(
  db: D1Database,
  { uuid, intent, keys }: SealedArchive,
  message: string,
  now: number,
): Promise<void> {
  await repeatable(db).batch([
    ...failStatements(db, { uuid, intent, message }, now),
    noteGarbage(db, keys, now),
    db.prepare("DELETE FROM uploads WHERE uuid = ?1").bind(uuid),
  ]);
}

function failStatements(
  db: D1Database,
  { uuid, intent, message }: { uuid: Uuid; intent: ArtifactIntent; message: string },
  now: number,
): D1PreparedStatement[] {
  const values = [intent.workspaceId, uuid, message];
  return [
    noteEvent(
      db,
      { from: "artifacts a WHERE a.workspace_id = ?1 AND a.fetching = ?2", values },
      {
        type: "status",
        message: "explode failed",
        extra: "json_object('error', ?3)",
        actor: SERVICE_ACTOR,
        now,
      },
    ),
    db
      .prepare(
        `UPDATE artifacts SET fetching = NULL, error_message = ?3, state = iif(EXISTS (
           SELECT 1 FROM versions WHERE artifact_id = artifacts.id AND deleted_at IS NULL
         ), 'created', 'error')
         WHERE workspace_id = ?1 AND fetching = ?2`,
      )
      .bind(...values),
    db.prepare("DELETE FROM explosions WHERE upload_uuid = ?1").bind(uuid),
  ];
}

/** Members share the R2 objects of their archive: one is garbage only when no blob has a part of it. */
function noteGarbage(db: D1Database, keys: readonly string[], now: number): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO garbage (key, since) SELECT k.value, ?2 FROM json_each(?1) k
       WHERE NOT EXISTS (SELECT 1 FROM extents WHERE key = k.value) ON CONFLICT DO NOTHING`,
    )
    .bind(JSON.stringify(keys), now);
}
