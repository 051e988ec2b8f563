// What people find from the start page on: workspaces, the artifacts of one, the versions of one artifact. Pages
// go on from a key, so that each reads the same number of rows however many are before it.

import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { livingAt, visible } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { join, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** A workspace as its page shows it. */
export interface ListedWorkspace {
  id: number;
  name: string;
  public: boolean;
  /** May the reader list what is in it? */
  readable: boolean;
}

/** A workspace by its name, and whether the reader may list it. */
export async function findListedWorkspace(
  db: D1Database,
  reader: Reader,
  name: string,
): Promise<ListedWorkspace | null> {
  const row = await prepare(
    db,
    sql`SELECT w.id, w.name, w.public, ${visible(reader)} AS readable FROM workspaces w WHERE w.name = ${name}`,
  ).first<{ id: number; name: string; public: number; readable: number }>();
  return row && { ...row, public: row.public === 1, readable: row.readable === 1 };
}

/** The names of public workspaces behind `after`, in order. */
export async function listPublicWorkspaces(
  db: D1Database,
  after: string,
  limit: number,
): Promise<string[]> {
  const { results } = await prepare(
    db,
    sql`SELECT name FROM workspaces WHERE public = 1 AND name > ${after} ORDER BY name LIMIT ${limit}`,
  ).all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** The names of the workspaces that a reader belongs to: a user's, or a key's own. */
export async function listOwnWorkspaces(
  db: D1Database,
  { workspaceId, userId }: Reader,
  limit: number,
): Promise<string[]> {
  const { results } = await prepare(
    db,
    sql`SELECT name FROM workspaces
      WHERE id = ${workspaceId} OR id IN (SELECT workspace_id FROM members WHERE user_id = ${userId})
      ORDER BY name LIMIT ${limit}`,
  ).all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** An artifact in the list of its workspace. */
export interface ListedArtifact {
  id: number;
  uuid: Uuid;
  name: string;
  /** Debusine's, or the type that the Shaken Fist API gave. */
  category: string;
  createdAt: number;
  expiresAt: number | null;
  /** Living versions, counted up to LIMITS.versionsCounted. */
  versions: number;
  /** The newest one; null where there is none yet. */
  newest: { index: number; fileCount: number; totalBytes: number } | null;
}

type ListedRow = Omit<ListedArtifact, "newest"> & { newest: string | null };

function toListed(row: ListedRow): ListedArtifact {
  return { ...row, newest: JSON.parse(row.newest ?? "null") as ListedArtifact["newest"] };
}

/** Which artifacts of a workspace: those whose name begins with `name`, behind or before one of them. */
export interface ArtifactsQuery {
  workspaceId: number;
  name: string;
  from: { direction: "after" | "before"; artifact: number } | null;
}

/** A page of a workspace's artifacts; `before` and `after` are the artifacts that its neighbours begin at, null
 * where there is none. */
export interface ArtifactsPage {
  artifacts: ListedArtifact[];
  before: number | null;
  after: number | null;
}

/** A page of a workspace's artifacts in order of name, the case of ASCII letters aside; null when the query begins
 * at an artifact that is not among them. */
export async function listArtifacts(
  db: D1Database,
  query: ArtifactsQuery,
  now: number,
  limit: number,
): Promise<ArtifactsPage | null> {
  const { from } = query;
  const start = from && (await findPosition(db, query, from.artifact));
  if (from !== null && start === null) {
    return null;
  }
  const { results } = await prepare(db, selectRun(query, start, now, limit + 1)).all<ListedRow>();
  return toPage(results.slice(0, limit).map(toListed), from, results.length > limit);
}

/** `run` is in the direction asked; where it goes on there is told by `more`, that it began behind something by `from`. */
function toPage(run: ListedArtifact[], from: ArtifactsQuery["from"], more: boolean): ArtifactsPage {
  const near = from === null ? null : (run[0]?.id ?? null);
  const far = more ? (run.at(-1)?.id ?? null) : null;
  return from?.direction === "before"
    ? { artifacts: run.toReversed(), before: far, after: near }
    : { artifacts: run, before: near, after: far };
}

/** The order of a workspace's artifacts, as the index artifacts_by_workspace_name has it. */
const NAME = sql`a.name COLLATE NOCASE`;

/** The bounds of the names that begin so: no character is greater than the last. */
function boundsOf({ name }: ArtifactsQuery): { lower: Sql; upper: Sql } {
  return {
    lower: sql`${NAME} >= ${name}`,
    upper: name === "" ? sql`TRUE` : sql`${NAME} < ${`${name}\u{10FFFF}`}`,
  };
}

interface Position {
  id: number;
  name: string;
}

/** The place of an artifact in the order, where it is one of those asked for; a deleted one keeps its place. */
function findPosition(
  db: D1Database,
  query: ArtifactsQuery,
  artifact: number,
): Promise<Position | null> {
  const { lower, upper } = boundsOf(query);
  return prepare(
    db,
    sql`SELECT a.id, a.name FROM artifacts a
      WHERE a.workspace_id = ${query.workspaceId} AND a.id = ${artifact} AND ${lower} AND ${upper}`,
  ).first<Position>();
}

/** The ranges of the index that a run is made of: a comparison of (name, id) in one would read all before it. */
function rangesOf(query: ArtifactsQuery, start: Position | null): [Sql, ...Sql[]] {
  const { lower, upper } = boundsOf(query);
  if (start === null) {
    return [sql`${lower} AND ${upper}`];
  }
  const { id, name } = start;
  return query.from?.direction === "before"
    ? [sql`${NAME} = ${name} AND a.id < ${id}`, sql`${NAME} < ${name} AND ${lower}`]
    : [sql`${NAME} = ${name} AND a.id > ${id}`, sql`${NAME} > ${name} AND ${upper}`];
}

function selectRun(query: ArtifactsQuery, start: Position | null, now: number, limit: number): Sql {
  const direction = query.from?.direction === "before" ? sql`DESC` : sql`ASC`;
  const order = sql`${NAME} ${direction}, a.id ${direction}`;
  const runs = rangesOf(query, start).map(
    (range) => sql`SELECT * FROM (
      SELECT a.* FROM artifacts a INDEXED BY artifacts_by_workspace_name
      WHERE a.workspace_id = ${query.workspaceId} AND a.deleted_at IS NULL AND ${range} AND ${livingAt(now)}
      ORDER BY ${order} LIMIT ${limit})`,
  );
  return sql`
    WITH page AS (SELECT a.* FROM (${join(runs, " UNION ALL ")}) a ORDER BY ${order} LIMIT ${limit})
    SELECT a.id, a.uuid, a.name, coalesce(a.category, a.type) AS category, a.created_at AS createdAt,
      a.expires_at AS expiresAt, (SELECT count(*) FROM (
        SELECT 1 FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL
        LIMIT ${LIMITS.versionsCounted})) AS versions, (
        SELECT json_object('index', version_index, 'fileCount', file_count, 'totalBytes', total_bytes)
        FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL
        ORDER BY version_index DESC LIMIT 1) AS newest
    FROM page a ORDER BY ${order}`;
}
