// Changes to artifacts that exist. Each is one batch, so one transaction, with the event that tells of it, and
// changes living artifacts only. Deletion marks: the sweep removes the rows (garbage.ts).

import type { Origin } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import { noteEvent, trimEvents } from "./events.ts";
import type { EventSource } from "./events.ts";
import { livingAt } from "./reader.ts";

/** Who changes something, and when. */
export interface Author {
  actor: string;
  now: number;
  /** Of the request that asked for it, if one did. */
  origin?: Origin | undefined;
}

const LIVING = "artifacts a WHERE a.id = ?1 AND a.deleted_at IS NULL";

/** Deletes an artifact with its versions; false when it is deleted already. */
export async function deleteArtifact(db: D1Database, id: number, author: Author): Promise<boolean> {
  const { now } = author;
  const deleted = { type: "audit", message: "artifact deleted", ...author } as const;
  const results = await db.batch([
    noteEvent(db, { from: LIVING, values: [id] }, deleted),
    db
      .prepare("UPDATE versions SET deleted_at = ?2 WHERE artifact_id = ?1 AND deleted_at IS NULL")
      .bind(id, now),
    db
      .prepare("UPDATE artifacts SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL")
      .bind(id, now),
  ]);
  return hasChanged(results);
}

/** Deletes up to `limit` of the artifacts that a workspace had at the time `before`, and gives their uuids. */
export async function deleteArtifactsOf(
  db: D1Database,
  workspaceId: number,
  { before, limit }: { before: number; limit: number },
  author: Author,
): Promise<Uuid[]> {
  const doomed = `(SELECT a.id FROM artifacts a INDEXED BY artifacts_living
    WHERE a.workspace_id = ?1 AND a.created_at <= ?2 AND ${livingAt("?2")} ORDER BY a.id LIMIT ?3)`;
  const values = [workspaceId, before, limit];
  const source: EventSource = { from: `artifacts a WHERE a.id IN ${doomed}`, values };
  const results = await db.batch<{ uuid: Uuid }>([
    noteEvent(db, source, { type: "audit", message: "artifact deleted", ...author }),
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?4 WHERE deleted_at IS NULL AND artifact_id IN ${doomed}`,
      )
      .bind(...values, author.now),
    db
      .prepare(`UPDATE artifacts SET deleted_at = ?4 WHERE id IN ${doomed} RETURNING uuid`)
      .bind(...values, author.now),
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
  const version = `artifacts a JOIN versions v ON v.artifact_id = a.id AND v.version_index = ?2
    WHERE a.id = ?1 AND a.deleted_at IS NULL AND v.deleted_at IS`;
  const emptied = `artifacts a WHERE a.id IN (SELECT a.id FROM ${version} NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM versions o WHERE o.artifact_id = a.id AND o.deleted_at IS NULL)`;
  const values = [id, index];
  const deleted = { type: "audit", message: "version deleted", ...author } as const;
  const ended = { type: "status", message: "artifact deleted with its last version" } as const;
  const [, changed] = await db.batch([
    noteEvent(
      db,
      { from: `${version} NULL`, values },
      { ...deleted, extra: "json_object('index', v.version_index)" },
    ),
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?3
         WHERE id IN (SELECT v.id FROM ${version} NULL)`,
      )
      .bind(...values, now),
    noteEvent(db, { from: emptied, values }, { ...ended, ...author }),
    // A millisecond after its last version, so that this is none of those it had at its end.
    db
      .prepare(`UPDATE artifacts SET deleted_at = ?3 + 1 WHERE id IN (SELECT a.id FROM ${emptied})`)
      .bind(...values, now),
    trimEvents(db, "?1", [id]),
  ]);
  return (changed?.meta.changes ?? 0) > 0;
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
    ...setMaxVersionsStatements(db, "?1", { values: [id], maxVersions }, author),
    ...pruneStatements(db, "?1", [id], author),
    trimEvents(db, "?1", [id]),
    db.prepare("SELECT 1 FROM artifacts WHERE id = ?1 AND deleted_at IS NULL").bind(id),
  ]);
  return (results.at(-1)?.results.length ?? 0) > 0;
}

/** The statements that set how many versions a living artifact keeps, `id` being an expression over `values`. */
export function setMaxVersionsStatements(
  db: D1Database,
  id: string,
  { values, maxVersions }: { values: readonly (string | number)[]; maxVersions: number },
  author: Author,
): D1PreparedStatement[] {
  const place = `?${values.length + 1}`;
  const other = `artifacts a
    WHERE a.id = ${id} AND a.deleted_at IS NULL AND a.max_versions <> ${place}`;
  const all = [...values, maxVersions];
  const set = { type: "audit", message: "maximum of versions set", ...author } as const;
  return [
    noteEvent(
      db,
      { from: other, values: all },
      { ...set, extra: `json_object('max_versions', ${place})` },
    ),
    db
      .prepare(
        `UPDATE artifacts SET max_versions = ${place} WHERE id = ${id} AND deleted_at IS NULL`,
      )
      .bind(...all),
  ];
}

/** The statements that end the versions of an artifact that are more than it keeps, the oldest ones, `id` being
 * an expression over `values`. */
export function pruneStatements(
  db: D1Database,
  id: string,
  values: readonly (string | number)[],
  author: Author,
): D1PreparedStatement[] {
  const tooMany = `versions p WHERE p.artifact_id = ${id} AND p.deleted_at IS NULL AND p.id NOT IN (
    SELECT v.id FROM versions v WHERE v.artifact_id = ${id} AND v.deleted_at IS NULL
    ORDER BY v.version_index DESC
    LIMIT (SELECT iif(max_versions = 0, -1, max_versions) FROM artifacts WHERE id = ${id}))`;
  const counted = `(SELECT count(*) AS count, min(p.version_index) AS oldest,
    max(p.version_index) AS newest FROM ${tooMany})`;
  const pruned = { type: "prune", message: "versions pruned", ...author } as const;
  return [
    noteEvent(
      db,
      { from: `artifacts a JOIN ${counted} p ON p.count > 0 WHERE a.id = ${id}`, values },
      {
        ...pruned,
        extra: "json_object('versions', p.count, 'oldest', p.oldest, 'newest', p.newest)",
      },
    ),
    db
      .prepare(
        `UPDATE versions SET deleted_at = ?${values.length + 1}
         WHERE id IN (SELECT p.id FROM ${tooMany})`,
      )
      .bind(...values, author.now),
  ];
}

/** Shares an artifact with all, or ends that; false when it is deleted. */
export async function setShared(
  db: D1Database,
  id: number,
  shared: boolean,
  author: Author,
): Promise<boolean> {
  const flag = shared ? 1 : 0;
  const message = shared ? "artifact shared" : "artifact unshared";
  const results = await db.batch([
    noteEvent(
      db,
      { from: `${LIVING} AND a.shared <> ?2`, values: [id, flag] },
      { type: "audit", message, ...author },
    ),
    trimEvents(db, "?1", [id]),
    db
      .prepare("UPDATE artifacts SET shared = ?2 WHERE id = ?1 AND deleted_at IS NULL")
      .bind(id, flag),
  ]);
  return hasChanged(results);
}

function hasChanged(results: readonly D1Result[]): boolean {
  return (results.at(-1)?.meta.changes ?? 0) > 0;
}
