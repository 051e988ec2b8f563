// Changes to artifacts that exist. Each is one batch, so one transaction, with the event that tells of it, and
// changes living artifacts only. Deletion marks: the sweep removes the rows (garbage.ts).

import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { livingAt } from "../reader.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { noteEvent, trimEvents } from "./events.ts";

/** A living artifact `a` by its id, as a FROM clause. */
function livingArtifact(id: number): Sql {
  return sql`artifacts a WHERE a.id = ${id} AND a.deleted_at IS NULL`;
}

/** Deletes an artifact with its versions; false when it is deleted already. */
export async function deleteArtifact(db: D1Database, id: number, author: Author): Promise<boolean> {
  const { now } = author;
  const deleted = { type: "audit", message: "artifact deleted", ...author } as const;
  const results = await db.batch([
    noteEvent(db, livingArtifact(id), deleted),
    endVersions(db, sql`artifact_id = ${id}`, now),
    endArtifacts(db, sql`id = ${id} AND deleted_at IS NULL`, now),
  ]);
  return hasChanged(results);
}

/** The statement that marks living versions as deleted. */
export function endVersions(db: D1Database, which: Sql, now: number): D1PreparedStatement {
  return prepare(
    db,
    sql`UPDATE versions SET deleted_at = ${now} WHERE deleted_at IS NULL AND ${which}`,
  );
}

/** The statement that marks artifacts as deleted, and gives their uuids. */
export function endArtifacts(db: D1Database, which: Sql, now: number): D1PreparedStatement {
  return prepare(db, sql`UPDATE artifacts SET deleted_at = ${now} WHERE ${which} RETURNING uuid`);
}

/** Deletes up to `limit` of the artifacts that a workspace had at the time `before`, and gives their uuids. */
export async function deleteArtifactsOf(
  db: D1Database,
  workspaceId: number,
  { before, limit }: { before: number; limit: number },
  author: Author,
): Promise<Uuid[]> {
  const { now } = author;
  const doomed = sql`(
    SELECT a.id FROM artifacts a INDEXED BY artifacts_by_workspace
    WHERE a.workspace_id = ${workspaceId} AND a.created_at <= ${before} AND ${livingAt(before)}
    ORDER BY a.id LIMIT ${limit})`;
  const deleted = { type: "audit", message: "artifact deleted", ...author } as const;
  const results = await db.batch<{ uuid: Uuid }>([
    noteEvent(db, sql`artifacts a WHERE a.id IN ${doomed}`, deleted),
    endVersions(db, sql`artifact_id IN ${doomed}`, now),
    endArtifacts(db, sql`id IN ${doomed}`, now),
  ]);
  return results.at(-1)?.results.map(({ uuid }) => uuid) ?? [];
}

/** Deletes one version, and with the last one the artifact; false when there is no such version. */
export async function deleteVersion(
  db: D1Database,
  id: number,
  index: number,
  author: Author,
): Promise<boolean> {
  const { now } = author;
  const version = sql`artifacts a JOIN versions v ON v.artifact_id = a.id AND v.version_index = ${index}
    WHERE a.id = ${id} AND a.deleted_at IS NULL AND v.deleted_at IS`;
  const emptied = sql`artifacts a WHERE a.id IN (SELECT a.id FROM ${version} NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM versions o WHERE o.artifact_id = a.id AND o.deleted_at IS NULL)`;
  const ended = { type: "status", message: "artifact deleted with its last version" } as const;
  const [, changed] = await db.batch([
    noteEvent(db, sql`${version} NULL`, {
      type: "audit",
      message: "version deleted",
      extra: sql`json_object('index', v.version_index)`,
      ...author,
    }),
    endVersions(db, sql`id IN (SELECT v.id FROM ${version} NULL)`, now),
    noteEvent(db, emptied, { ...ended, ...author }),
    // A millisecond after its last version, so that this is none of those it had at its end.
    endArtifacts(db, sql`id IN (SELECT a.id FROM ${emptied})`, now + 1),
    trimEvents(db, sql`${id}`),
  ]);
  return changed !== undefined && hasChanged(changed);
}

/** Sets how many versions an artifact keeps, 0 for all, and ends those that are too many; false when it is
 * deleted. */
export async function setMaxVersions(
  db: D1Database,
  id: number,
  maxVersions: number,
  author: Author,
): Promise<boolean> {
  const results = await db.batch([
    ...limitVersions(db, sql`${id}`, maxVersions, author),
    ...pruneVersions(db, sql`${id}`, author),
    trimEvents(db, sql`${id}`),
    prepare(db, sql`SELECT 1 FROM ${livingArtifact(id)}`),
  ]);
  return (results.at(-1)?.results.length ?? 0) > 0;
}

/** The statements that set how many versions a living artifact keeps, whose id an expression gives. */
export function limitVersions(
  db: D1Database,
  id: Sql,
  maxVersions: number,
  author: Author,
): D1PreparedStatement[] {
  const living = sql`a.id = ${id} AND a.deleted_at IS NULL`;
  return [
    noteEvent(db, sql`artifacts a WHERE ${living} AND a.max_versions <> ${maxVersions}`, {
      type: "audit",
      message: "maximum of versions set",
      extra: sql`json_object('max_versions', ${maxVersions})`,
      ...author,
    }),
    prepare(db, sql`UPDATE artifacts AS a SET max_versions = ${maxVersions} WHERE ${living}`),
  ];
}

/** The statements that end the versions of an artifact that are more than it keeps, the oldest ones. */
export function pruneVersions(db: D1Database, id: Sql, author: Author): D1PreparedStatement[] {
  const tooMany = sql`versions p WHERE p.artifact_id = ${id} AND p.deleted_at IS NULL AND p.id NOT IN (
    SELECT v.id FROM versions v WHERE v.artifact_id = ${id} AND v.deleted_at IS NULL
    ORDER BY v.version_index DESC
    LIMIT (SELECT iif(max_versions = 0, -1, max_versions) FROM artifacts WHERE id = ${id}))`;
  const counted = sql`(SELECT count(*) AS count, min(p.version_index) AS oldest,
    max(p.version_index) AS newest FROM ${tooMany})`;
  return [
    noteEvent(db, sql`artifacts a JOIN ${counted} p ON p.count > 0 WHERE a.id = ${id}`, {
      type: "prune",
      message: "versions pruned",
      extra: sql`json_object('versions', p.count, 'oldest', p.oldest, 'newest', p.newest)`,
      ...author,
    }),
    endVersions(db, sql`id IN (SELECT p.id FROM ${tooMany})`, author.now),
  ];
}

/** Shares an artifact with all, or ends that; false when it is deleted. */
export async function setShared(
  db: D1Database,
  id: number,
  shared: boolean,
  author: Author,
): Promise<boolean> {
  const flag = Number(shared);
  const message = shared ? "artifact shared" : "artifact unshared";
  const results = await db.batch([
    noteEvent(db, sql`${livingArtifact(id)} AND a.shared <> ${flag}`, {
      type: "audit",
      message,
      ...author,
    }),
    trimEvents(db, sql`${id}`),
    prepare(db, sql`UPDATE artifacts SET shared = ${flag} WHERE id = ${id} AND deleted_at IS NULL`),
  ]);
  return hasChanged(results);
}
