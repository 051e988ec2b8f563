import type { Uuid } from "../../protocol/ids.ts";
import { parseUuid } from "../../protocol/ids.ts";
import type { ExplodeProgress } from "../../protocol/uploads.ts";
import type { ArtifactState } from "../../protocol/views.ts";
import type { Role } from "../access/users.ts";
import { familiarWorkspaces, livingAt, readable } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { empty, join, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { METADATA_OF_A, parseMetadata } from "./metadata.ts";

export interface Artifact {
  id: number;
  uuid: Uuid;
  workspaceId: number;
  workspace: string;
  type: string;
  name: string;
  sourceUrl: string;
  shared: boolean;
  /** Of the workspace: may anyone read it? */
  public: boolean;
  maxVersions: number;
  createdAt: number;
  deletedAt: number | null;
  state: ArtifactState;
  /** Why the last fetch of its URL, or the last explosion, failed. */
  errorMessage: string | null;
  /** How far the explosion under way has come, as it last said. */
  progress: ExplodeProgress | null;
}

export type ArtifactRow = Omit<Artifact, "shared" | "public" | "progress"> & {
  shared: number;
  public: number;
  progress: string | null;
};

/** Artifact `a` of workspace `w`. */
export const COLUMNS: Sql = sql`a.id, a.uuid, a.workspace_id AS workspaceId, w.name AS workspace, a.type, a.name,
  a.source_url AS sourceUrl, a.shared, w.public, a.max_versions AS maxVersions, a.created_at AS createdAt,
  a.deleted_at AS deletedAt, a.state, a.error_message AS errorMessage, (
    SELECT json_object('phase', x.phase, 'bytes', x.bytes, 'totalBytes', x.total_bytes, 'files', x.files)
    FROM explosions x WHERE x.upload_uuid = a.fetching) AS progress`;

/** An artifact of COLUMNS. Other columns of the row come along. */
export function toArtifact(row: ArtifactRow): Artifact {
  return {
    ...row,
    shared: row.shared === 1,
    public: row.public === 1,
    progress: JSON.parse(row.progress ?? "null") as ExplodeProgress | null,
  };
}

/** Does the Shaken Fist API know artifact `a`? One of many files from its first whole version on. */
export const IS_KNOWN: Sql = sql`(a.category IS NULL OR EXISTS (
  SELECT 1 FROM versions s WHERE s.artifact_id = a.id AND s.sealed_at IS NOT NULL))`;

/** An artifact with all that the API shows and asks of it. */
export interface DescribedArtifact extends Artifact {
  metadata: Record<string, unknown>;
  /** Of the reader, when it is a user, in the artifact's workspace. */
  role: Role | null;
}

type DescribedRow = ArtifactRow & { metadata: string; role: Role | null };

function describedFor({ userId }: Reader): Sql {
  return sql`${COLUMNS}, ${METADATA_OF_A} AS metadata,
    (SELECT m.role FROM members m WHERE m.workspace_id = a.workspace_id AND m.user_id = ${userId}) AS role`;
}

function toDescribed(row: DescribedRow): DescribedArtifact {
  return { ...toArtifact(row), metadata: parseMetadata(row.metadata), role: row.role };
}

/** An artifact by its uuid, deleted or not, when the reader may read it and a version of it was whole. */
export async function findArtifactByUuid(
  db: D1Database,
  reader: Reader,
  uuid: Uuid,
): Promise<DescribedArtifact | null> {
  const row = await prepare(
    db,
    sql`SELECT ${describedFor(reader)} FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
      WHERE a.uuid = ${uuid} AND ${readable(reader)} AND (a.deleted_at IS NOT NULL OR ${IS_KNOWN})`,
  ).first<DescribedRow>();
  return row && toDescribed(row);
}

/** What is merely public is the furthest away. */
const PUBLIC = 2;

/** The artifacts of a name in some workspaces, a query of their ids, so near to who asks. */
function namedIn(workspaces: Sql, name: string, nearness: number): Sql {
  return sql`
    SELECT n.id, ${nearness} AS nearness FROM (${workspaces}) r CROSS JOIN artifacts n INDEXED BY artifacts_by_name
      ON n.name = ${name} AND n.workspace_id = r.id AND n.deleted_at IS NULL`;
}

/** The artifacts of a name with how near they are to who asks for it bare: its own, then those of which its
 * lists tell it, then merely public ones. What strangers call so costs it nothing, so that not even its time tells. */
function namedFor(reader: Reader, name: string): Sql {
  const { all, workspaceId, userId } = reader;
  if (all) {
    return sql`SELECT id, iif(workspace_id = ${workspaceId}, 0, 1) AS nearness FROM artifacts
      WHERE name = ${name} AND deleted_at IS NULL`;
  }
  const own = sql`SELECT ${workspaceId} AS id UNION SELECT workspace_id FROM members WHERE user_id = ${userId}`;
  const system = sql`SELECT id FROM workspaces WHERE name = 'system'`;
  const named = [
    namedIn(own, name, 0),
    namedIn(familiarWorkspaces(reader), name, 1),
    sql`${namedIn(system, name, 1)} AND n.shared = 1`,
    namedIn(sql`SELECT id FROM workspaces WHERE public = 1`, name, PUBLIC),
  ];
  return join(named, " UNION ");
}

/** The living artifacts of a name that are nearest to the reader, two at most. Of merely public ones the oldest, so that
 * a stranger's neither takes the name over nor makes it ambiguous. */
export async function findArtifactsByName(
  db: D1Database,
  reader: Reader,
  name: string,
  now: number,
): Promise<DescribedArtifact[]> {
  const { results } = await prepare(
    db,
    sql`SELECT ${describedFor(reader)}, named.nearness FROM (${namedFor(reader, name)}) named
        CROSS JOIN artifacts a ON a.id = named.id JOIN workspaces w ON w.id = a.workspace_id
      WHERE ${livingAt(now)} AND ${IS_KNOWN}
      ORDER BY named.nearness, a.id LIMIT 2`,
  ).all<DescribedRow & { nearness: number }>();
  const [first] = results;
  const nearest = results.filter(({ nearness }) => nearness === first?.nearness);
  return nearest
    .slice(0, first?.nearness === PUBLIC ? 1 : 2)
    .map(({ nearness: _nearness, ...row }) => toDescribed(row));
}

/** The living artifact of an identity, when the reader may read it. */
export async function findArtifactBySource(
  db: D1Database,
  reader: Reader,
  { workspace, type, sourceUrl }: Pick<Artifact, "workspace" | "type" | "sourceUrl">,
  now: number,
): Promise<DescribedArtifact | null> {
  const row = await prepare(
    db,
    sql`SELECT ${describedFor(reader)} FROM workspaces w JOIN artifacts a ON a.workspace_id = w.id
      WHERE w.name = ${workspace} AND a.type = ${type} AND a.source_url = ${sourceUrl}
        AND ${livingAt(now)} AND ${readable(reader)}`,
  ).first<DescribedRow>();
  return row && toDescribed(row);
}

/** The index of the newest version of artifact `a`; incomplete ones count only while there are no others. */
export const NEWEST: Sql = sql`coalesce(${newestVersion(sql`AND sealed_at IS NOT NULL`)}, ${newestVersion(empty)})`;

/** Reads one row where the newest is whole, however many are behind it. */
function newestVersion(condition: Sql): Sql {
  return sql`(
    SELECT version_index FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL ${condition}
    ORDER BY version_index DESC LIMIT 1
  )`;
}

/** Reads the $ARTIFACT_ID of a URL: an integer id or a uuid, or null. */
export function parseArtifactId(text: string): number | Uuid | null {
  return /^[1-9]\d{0,14}$/u.test(text) ? Number(text) : parseUuid(text);
}
