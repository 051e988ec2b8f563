// What people find from the start page on: workspaces, the artifacts of one, the versions of one artifact. Pages
// go on from a key, so that each reads the same number of rows however many are before it.

import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { VISIBLE, livingAt, readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";

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
  const row = await db
    .prepare(
      `SELECT w.id, w.name, w.public, ${VISIBLE} AS readable FROM workspaces w WHERE w.name = ?4`,
    )
    .bind(...readerParameters(reader), name)
    .first<{ id: number; name: string; public: number; readable: number }>();
  return row && { ...row, public: row.public === 1, readable: row.readable === 1 };
}

/** The names of public workspaces behind `after`, in order. */
export async function listPublicWorkspaces(
  db: D1Database,
  after: string,
  limit: number,
): Promise<string[]> {
  const { results } = await db
    .prepare("SELECT name FROM workspaces WHERE public = 1 AND name > ?1 ORDER BY name LIMIT ?2")
    .bind(after, limit)
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** The names of the workspaces that a reader belongs to: a user's, or a key's own. */
export async function listOwnWorkspaces(
  db: D1Database,
  { workspaceId, userId }: Reader,
  limit: number,
): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT name FROM workspaces
       WHERE id = ?1 OR id IN (SELECT workspace_id FROM members WHERE user_id = ?2)
       ORDER BY name LIMIT ?3`,
    )
    .bind(workspaceId, userId, limit)
    .all<{ name: string }>();
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

type ListedRow = {
  id: number;
  uuid: Uuid;
  name: string;
  category: string;
  created_at: number;
  expires_at: number | null;
  versions: number;
  version_index: number | null;
  file_count: number;
  total_bytes: number;
};

function toListed(row: ListedRow): ListedArtifact {
  const { id, uuid, name, category, versions, version_index: index } = row;
  return {
    id,
    uuid,
    name,
    category,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    versions,
    newest:
      index === null ? null : { index, fileCount: row.file_count, totalBytes: row.total_bytes },
  };
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
  const { workspaceId, name, from } = query;
  // The end of the names that begin so: no character is greater.
  const among = [workspaceId, name, name === "" ? null : `${name}\u{10FFFF}`];
  const start = from && (await findPosition(db, among, from.artifact));
  if (from !== null && start === null) {
    return null;
  }
  const { results } = await db
    .prepare(listStatement(name === "", from))
    .bind(
      ...among,
      now,
      limit + 1,
      LIMITS.versionsCounted,
      ...(start ? [start.name, start.id] : []),
    )
    .all<ListedRow>();
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
const NAME = "a.name COLLATE NOCASE";

/** The place of an artifact in the order, where it is one of those asked for; a deleted one keeps its place. */
function findPosition(
  db: D1Database,
  among: readonly (number | string | null)[],
  artifact: number,
): Promise<{ id: number; name: string } | null> {
  return db
    .prepare(
      `SELECT a.id, a.name FROM artifacts a WHERE a.workspace_id = ?1 AND a.id = ?4
         AND ${NAME} >= ?2 AND (?3 IS NULL OR ${NAME} < ?3)`,
    )
    .bind(...among, artifact)
    .first();
}

function listStatement(isWhole: boolean, from: ArtifactsQuery["from"]): string {
  const direction = from?.direction ?? "none";
  const order = direction === "before" ? "DESC" : "ASC";
  const [lower, upper] = [`${NAME} >= ?2`, isWhole ? "?3 IS NULL" : `${NAME} < ?3`];
  // One range of the index each: a comparison of (name, id) in one would read all before it.
  const ranges = {
    none: [`${lower} AND ${upper}`],
    after: [`${NAME} = ?7 AND a.id > ?8`, `${NAME} > ?7 AND ${upper}`],
    before: [`${NAME} = ?7 AND a.id < ?8`, `${NAME} < ?7 AND ${lower}`],
  }[direction];
  const runs = ranges.map(
    (range) => `SELECT * FROM (
      SELECT a.* FROM artifacts a INDEXED BY artifacts_by_workspace_name
      WHERE a.workspace_id = ?1 AND a.deleted_at IS NULL AND ${range} AND ${livingAt("?4")}
      ORDER BY ${NAME} ${order}, a.id ${order} LIMIT ?5)`,
  );
  return `
    WITH page AS (SELECT a.* FROM (${runs.join(" UNION ALL ")}) a
      ORDER BY ${NAME} ${order}, a.id ${order} LIMIT ?5)
    SELECT a.id, a.uuid, a.name, coalesce(a.category, a.type) AS category, a.created_at, a.expires_at,
      (SELECT count(*) FROM (
         SELECT 1 FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL LIMIT ?6)) AS versions,
      v.version_index, d.file_count, d.total_bytes
    FROM page a
    LEFT JOIN versions v ON v.id = (
      SELECT id FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL
      ORDER BY version_index DESC LIMIT 1)
    LEFT JOIN folders d ON d.version_id = v.id AND d.ordinal = 0
    ORDER BY ${NAME} ${order}, a.id ${order}`;
}
