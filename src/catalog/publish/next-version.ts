// The next version of an artifact: the first of one that the same batch made, which has index 1 as its highest from the
// beginning, else the one after the highest index. Until that is raised, the statements of the batch name the version by it.

import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { pruneVersions } from "../artifacts/change.ts";
import { noteEvent, trimEvents } from "../artifacts/events.ts";
import type { NewEvent } from "../artifacts/events.ts";
import { forgetAttempt, indexContents, insertAllRefs } from "../contents/version-rows.ts";
import type { WholeVersion } from "../contents/version-rows.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** What makes a version with one file be added or not. */
interface OnlyFileTerms {
  /** The name that is its path, too: an artifact that has another by now refuses it (`artifact_renamed`); null: its path is another. */
  name: string | null;
  /** Nothing is added where the newest version has this content. */
  sha512: string;
  size: number;
  /** The artifact's uuid where this batch may only add to one that it made: all others refuse it (`artifact_not_own`). */
  giftTo: Uuid | null;
}

/** A version to be. */
export interface NextVersion {
  /** The id of its artifact, an expression. */
  artifact: Sql;
  /** The artifact's uuid if the same batch made it; null where it was there. */
  made: Uuid | null;
  whole: WholeVersion;
  /** Null: it is added whatever it holds. */
  only: OnlyFileTerms | null;
}

/** The index of the next version of artifact `a`. */
function nextIndex({ made }: Pick<NextVersion, "made">): Sql {
  return sql`a.highest_index + iif(a.uuid = ${made}, 0, 1)`;
}

/** The artifact `a` with the version `v` that was just added, as a FROM clause. */
function nextVersion(next: NextVersion): Sql {
  return sql`artifacts a JOIN versions v ON v.artifact_id = a.id AND v.version_index = ${nextIndex(next)}
    WHERE a.id = ${next.artifact}`;
}

/** The statements that add a version to an artifact, note it, end those that are too many, and refuse it (`quota_exceeded`) where
 * the workspace is over its quota then. */
export function addVersion(
  db: D1Database,
  next: NextVersion,
  {
    event,
    upload = null,
    limits = [],
    author,
  }: {
    event: Pick<NewEvent, "message" | "extra">;
    /** The one that brings it, for which the artifact does not wait any more. */
    upload?: Uuid | null;
    /** Statements that change how many versions are kept. */
    limits?: readonly D1PreparedStatement[];
    author: Author;
  },
): D1PreparedStatement[] {
  const { now } = author;
  const { artifact, made, whole } = next;
  const id = sql`(SELECT v.id FROM ${nextVersion(next)})`;
  return [
    insertVersion(db, next, now),
    ...insertAllRefs(db, id, whole),
    ...forgetAttempt(db, whole.manifest.key),
    ...indexContents(db, id, whole.indexed, now),
    noteEvent(db, nextVersion(next), { type: "audit", ...event, ...author }),
    prepare(
      db,
      sql`UPDATE artifacts SET state = 'created', error_message = NULL, fetching = nullif(fetching, ${upload}),
          highest_index = highest_index + EXISTS (
            SELECT 1 FROM versions v
            WHERE v.artifact_id = artifacts.id AND v.version_index = artifacts.highest_index + 1)
        WHERE id = ${artifact} AND uuid IS NOT ${made}`,
    ),
    ...limits,
    ...pruneVersions(db, artifact, author),
    trimEvents(db, artifact),
    refuseOverQuota(db, artifact, now),
  ];
}

function insertVersion(db: D1Database, next: NextVersion, now: number): D1PreparedStatement {
  const { artifact, whole, only } = next;
  const { fileCount, entryCount, totalBytes, manifest } = whole;
  const index = nextIndex(next);
  return prepare(
    db,
    sql`
      INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
        manifest_key, manifest_length, manifest)
      SELECT a.id, ${only === null ? index : sql`iif(${isNotOwn(only)}, NULL, ${index})`}, ${now}, ${now},
        ${only === null ? sql`${fileCount}` : sql`iif(a.name = coalesce(${only.name}, a.name), ${fileCount}, NULL)`},
        ${entryCount}, ${totalBytes}, ${manifest.key}, ${manifest.length}, ${manifest.row}
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
