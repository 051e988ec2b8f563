// The version that comes after an artifact's highest index. Until that is raised, the statements of the batch name the version
// by it.

import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { pruneVersions } from "../artifact-changes.ts";
import { countRefs, indexContents, insertAllRefs } from "../contents/version-rows.ts";
import type { WholeVersion } from "../contents/version-rows.ts";
import { noteEvent, trimEvents } from "../events.ts";
import type { NewEvent } from "../events.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** What makes a version with one file be added or not. */
export interface OnlyFileTerms {
  /** Its path: an artifact that has another name by now refuses it (`artifact_renamed`). */
  path: string;
  /** Nothing is added where the newest version has this content. */
  sha512: string;
  size: number;
  /** The artifact's uuid where this batch may only add to one that it made: all others refuse it (`artifact_not_own`). */
  giftTo: Uuid | null;
}

/** The artifact `a` of an id, an expression, with the version `v` that was just added, as a FROM clause. */
function nextVersion(artifact: Sql): Sql {
  return sql`artifacts a JOIN versions v ON v.artifact_id = a.id AND v.version_index = a.highest_index + 1
    WHERE a.id = ${artifact}`;
}

/** The statements that add a version to an artifact, note it, end those that are too many, and refuse it (`quota_exceeded`) where
 * the workspace is over its quota then. */
export function addVersion(
  db: D1Database,
  artifact: Sql,
  whole: WholeVersion,
  only: OnlyFileTerms | null,
  { event, upload = null, limits = [], author }: {
    event: Pick<NewEvent, "message" | "extra">;
    /** The one that brings it, for which the artifact does not wait any more. */
    upload?: Uuid | null;
    /** Statements that change how many versions are kept. */
    limits?: readonly D1PreparedStatement[];
    author: Author;
  },
): D1PreparedStatement[] {
  const { now } = author;
  const id = sql`(SELECT v.id FROM ${nextVersion(artifact)})`;
  return [
    prepare(
      db,
      sql`UPDATE artifacts SET state = 'created', error_message = NULL, fetching = nullif(fetching, ${upload})
        WHERE id = ${artifact}`,
    ),
    insertVersion(db, artifact, whole, only, now),
    ...insertAllRefs(db, id, whole),
    ...forgetAttempt(db, whole),
    ...indexContents(db, id, whole.indexed, now),
    noteEvent(db, nextVersion(artifact), { type: "audit", ...event, ...author }),
    prepare(
      db,
      sql`UPDATE artifacts SET highest_index = highest_index + 1
        WHERE id = ${artifact} AND EXISTS (
          SELECT 1 FROM versions v
          WHERE v.artifact_id = artifacts.id AND v.version_index = artifacts.highest_index + 1)`,
    ),
    ...limits,
    ...pruneVersions(db, artifact, author),
    trimEvents(db, artifact),
    refuseOverQuota(db, artifact, now),
  ];
}

function insertVersion(
  db: D1Database,
  artifact: Sql,
  whole: WholeVersion,
  only: OnlyFileTerms | null,
  now: number,
): D1PreparedStatement {
  const { fileCount, entryCount, totalBytes, manifest } = whole;
  const index = sql`a.highest_index + 1`;
  return prepare(
    db,
    sql`
      INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
        object_count, manifest_key, manifest_length, manifest)
      SELECT a.id, ${only === null ? index : sql`iif(${isNotOwn(only)}, NULL, ${index})`}, ${now}, ${now},
        ${only === null ? sql`${fileCount}` : sql`iif(a.name = ${only.path}, ${fileCount}, NULL)`},
        ${entryCount}, ${totalBytes}, ${countRefs(whole)}, ${manifest.key}, ${manifest.length}, ${manifest.row}
      FROM artifacts a WHERE a.id = ${artifact} ${only === null ? sql`` : sql`AND NOT ${hasContent(only)}`}`,
  );
}

function isNotOwn({ giftTo }: OnlyFileTerms): Sql {
  return sql`a.uuid <> coalesce(${giftTo}, a.uuid)`;
}

/** Is the newest version of artifact `a` this content? */
function hasContent({ sha512, size }: OnlyFileTerms): Sql {
  return sql`EXISTS (
    SELECT 1 FROM versions v JOIN holders h ON h.version_id = v.id
    JOIN contents c ON c.id = h.content_id AND c.sha512 = unhex(${sha512}) AND c.size = ${size}
    WHERE v.artifact_id = a.id AND v.file_count = 1 AND v.entry_count = 1 AND v.version_index = (
      SELECT max(version_index) FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL))`;
}

/** The statement that takes a manifest off the list of garbage, where it was put until a version refers to it. */
export function forgetAttempt(
  db: D1Database,
  { manifest: { key } }: Pick<WholeVersion, "manifest">,
): D1PreparedStatement[] {
  return key === null
    ? []
    : [
        prepare(
          db,
          sql`DELETE FROM garbage WHERE key = ${key} AND EXISTS (SELECT 1 FROM object_refs WHERE key = ${key})`,
        ),
      ];
}

/** The statement that ends the batch when its version takes the workspace over its quota, once the superseded ones are gone. */
function refuseOverQuota(db: D1Database, artifact: Sql, now: number): D1PreparedStatement {
  return prepare(
    db,
    sql`
      UPDATE workspaces SET used_bytes = NULL
      WHERE used_bytes > quota_bytes AND id = (
        SELECT a.workspace_id FROM artifacts a JOIN versions v
          ON v.artifact_id = a.id AND v.version_index = a.highest_index
        WHERE a.id = ${artifact} AND v.created_at = ${now})`,
  );
}
