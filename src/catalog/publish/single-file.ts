// The one batch that makes an upload, or a blob that is there, the only file of a version: artifact, version, events and the
// end of the upload, all or nothing.

import { blobUuidOf } from "../../protocol/blob-uuid.ts";
import { newUuid } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ArtifactIntent, SealResult } from "../../protocol/uploads.ts";
import { limitVersions } from "../artifacts/change.ts";
import { noteGarbage } from "../contents/version-rows.ts";
import type { WholeVersion } from "../contents/version-rows.ts";
import { repeatable } from "../database.ts";
import { livingAt } from "../reader.ts";
import { prepare, sql } from "../sql.ts";
import { artifactId, endExpired, noteCreation } from "./artifact-key.ts";
import { findConversionStatement, noteConversion } from "./conversions.ts";
import { insertArtifact } from "./insert-artifact.ts";
import { addVersion } from "./next-version.ts";
import { endUpload } from "./uploads.ts";

/** What becomes a version. */
export interface NextFile {
  intent: ArtifactIntent;
  /** The name that the artifact has, or gets, where that is the path of its file, too; else null. */
  named: string | null;
  whole: WholeVersion;
  sha512: string;
}

/** The name of the living artifact that a publication would give a version, which is the path of its file;
 * null when there is none yet and the intent names it. */
export async function findPublishedName(
  db: D1Database,
  intent: ArtifactIntent,
  now: number,
): Promise<string | null> {
  return prepare(
    db,
    sql`SELECT a.name FROM artifacts a WHERE a.id = ${artifactId(intent)} AND ${livingAt(now)}`,
  ).first<string>("name");
}

/** Publishes a sealed upload, whose own R2 objects are `own`: those that its version does not name are garbage. An artifact
 * that was made when a fetch began and is deleted since does not come back. Refused as the statements say, and
 * `artifact_not_found`. */
export async function publishUpload(
  db: D1Database,
  upload: { uuid: Uuid; isFetch: boolean; own: readonly string[] },
  next: NextFile,
  now: number,
): Promise<SealResult | null> {
  const { intent } = next;
  const artifact = artifactId(intent);
  const results = await repeatable(db).batch<SealResult>([
    ...publishFile(
      db,
      next,
      { upload: upload.uuid, isMade: !upload.isFetch, maxVersions: null },
      now,
    ),
    noteConversion(db, upload.uuid, { artifact, workspaceId: intent.workspaceId }, now),
    endUpload(db, upload.uuid),
    noteGarbage(db, upload.own, now),
    findConversionStatement(db, upload.uuid),
  ]);
  return results.at(-1)?.results[0] ?? null;
}

/** Makes a content that the caller reads a version, and gives the artifact. Refused as the statements say. */
export async function publishContent(
  db: D1Database,
  next: NextFile,
  maxVersions: number | null,
  now: number,
): Promise<Uuid> {
  const artifact = artifactId(next.intent);
  const results = await db.batch<{ uuid: Uuid }>([
    ...publishFile(db, next, { upload: null, isMade: true, maxVersions }, now),
    prepare(db, sql`SELECT uuid FROM artifacts WHERE id = ${artifact}`),
  ]);
  const uuid = results.at(-1)?.results[0]?.uuid;
  if (uuid === undefined) {
    throw new Error(`Cannot find artifact '${next.intent.sourceUrl}' after publishing it`);
  }
  return uuid;
}

/** `maxVersions`: how many versions the artifact keeps from now on; null leaves that as it is. */
function publishFile(
  db: D1Database,
  { intent, named, whole, sha512 }: NextFile,
  {
    upload,
    isMade,
    maxVersions,
  }: { upload: Uuid | null; isMade: boolean; maxVersions: number | null },
  now: number,
): D1PreparedStatement[] {
  const { name, shared, actor, origin, gift, type } = intent;
  const made = newUuid();
  const author = { actor, origin, now };
  const artifact = artifactId(intent);
  const kept = maxVersions ?? LIMITS.maxVersions;
  const values = {
    key: intent,
    made,
    name,
    shared,
    maxVersions: kept,
    state: "created",
    highestIndex: 1,
  } as const;
  const only = { name: named, sha512, size: whole.totalBytes, giftTo: gift ? made : null };
  const blob = blobUuidOf(sha512);
  return [
    ...endExpired(db, intent, now),
    ...(isMade ? [insertArtifact(db, values, now), noteCreation(db, intent, made, author)] : []),
    ...addVersion(
      db,
      { artifact, made, whole, only },
      {
        event: {
          message: type === "label" ? "label moved" : "version added",
          extra: sql`json_object('index', v.version_index, 'blob_uuid', ${blob})`,
        },
        upload,
        limits:
          maxVersions === null || gift ? [] : limitVersions(db, artifact, maxVersions, author),
        author,
      },
    ),
  ];
}
