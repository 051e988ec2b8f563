import type { Uuid } from "../protocol/ids.ts";
import { parseUuid } from "../protocol/ids.ts";
import type { ExplodeProgress } from "../protocol/uploads.ts";
import type { ArtifactState } from "../protocol/views.ts";
import { METADATA_OF_A, parseMetadata } from "./artifact-metadata.ts";
import { FAMILIAR_WORKSPACES, livingAt, READABLE, readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";
import type { Role } from "./users.ts";

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

export type ArtifactRow = {
  id: number;
  uuid: Uuid;
  workspace_id: number;
  workspace: string;
  type: string;
  name: string;
  source_url: string;
  shared: number;
  public: number;
  max_versions: number;
  created_at: number;
  deleted_at: number | null;
  state: ArtifactState;
  error_message: string | null;
  progress: string | null;
};

/** Artifact `a` of workspace `w`. */
export const COLUMNS = `a.id, a.uuid, a.workspace_id, w.name AS workspace, a.type, a.name, a.source_url, a.shared,
  w.public, a.max_versions, a.created_at, a.deleted_at, a.state, a.error_message, (
    SELECT json_object('phase', x.phase, 'bytes', x.bytes, 'totalBytes', x.total_bytes, 'files', x.files)
    FROM explosions x WHERE x.upload_uuid = a.fetching) AS progress`;

export function toArtifact(row: ArtifactRow): Artifact {
  return {
    id: row.id,
    uuid: row.uuid,
    workspaceId: row.workspace_id,
    workspace: row.workspace,
    type: row.type,
    name: row.name,
    sourceUrl: row.source_url,
    shared: row.shared === 1,
    public: row.public === 1,
    maxVersions: row.max_versions,
    createdAt: row.created_at,
    deletedAt: row.deleted_at,
    state: row.state,
    errorMessage: row.error_message,
    progress: JSON.parse(row.progress ?? "null") as ExplodeProgress | null, // made by COLUMNS
  };
}

/** Does the Shaken Fist API know artifact `a`? One of many files from its first whole version on. */
export const IS_KNOWN = `(a.category IS NULL OR EXISTS (
  SELECT 1 FROM versions s WHERE s.artifact_id = a.id AND s.sealed_at IS NOT NULL))`;

/** An artifact with all that the API shows and asks of it. */
export interface DescribedArtifact extends Artifact {
  metadata: Record<string, unknown>;
  /** Of the reader, when it is a user, in the artifact's workspace. */
  role: Role | null;
}

type DescribedRow = ArtifactRow & { metadata: string; role: Role | null };

const DESCRIBED = `${COLUMNS}, ${METADATA_OF_A} AS metadata,
  (SELECT m.role FROM members m WHERE m.workspace_id = a.workspace_id AND m.user_id = ?3) AS role`;

function toDescribed(row: DescribedRow): DescribedArtifact {
  return { ...toArtifact(row), metadata: parseMetadata(row.metadata), role: row.role };
}

/** An artifact by its uuid, deleted or not, when the reader may read it and a version of it was whole. */
export async function findArtifactByUuid(
  db: D1Database,
  reader: Reader,
  uuid: Uuid,
): Promise<DescribedArtifact | null> {
  const row = await db
    .prepare(
      `SELECT ${DESCRIBED} FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
       WHERE a.uuid = ?4 AND ${READABLE} AND (a.deleted_at IS NOT NULL OR ${IS_KNOWN})`,
    )
    .bind(...readerParameters(reader), uuid)
    .first<DescribedRow>();
  return row && toDescribed(row);
}

/** What is merely public is the furthest away. */
const PUBLIC = 2;

/** The artifacts of the name ?4 in some workspaces, so near to who asks. */
function namedIn(workspaces: string, nearness: number): string {
  return `
    SELECT n.id, ${nearness} AS nearness FROM (${workspaces}) r CROSS JOIN artifacts n INDEXED BY artifacts_by_name
      ON n.name = ?4 AND n.workspace_id = r.id AND n.deleted_at IS NULL`;
}

/** The artifacts of the name ?4 with how near they are to who asks for a bare name: its own, then those of which its
 * lists tell it, then merely public ones. What strangers call so costs it nothing, so that not even its time tells. */
function namedFor(reader: Reader): string {
  if (reader.all) {
    return `SELECT id, iif(workspace_id = ?2, 0, 1) AS nearness FROM artifacts
      WHERE name = ?4 AND deleted_at IS NULL`;
  }
  return [
    namedIn("SELECT ?2 AS id UNION SELECT workspace_id FROM members WHERE user_id = ?3", 0),
    namedIn(FAMILIAR_WORKSPACES, 1),
    `${namedIn("SELECT id FROM workspaces WHERE name = 'system'", 1)} AND n.shared = 1`,
    namedIn("SELECT id FROM workspaces WHERE public = 1", PUBLIC),
  ].join(" UNION ");
}

/** The living artifacts of a name that are nearest to the reader, two at most. Of merely public ones the oldest, so that
 * a stranger's neither takes the name over nor makes it ambiguous. */
export async function findArtifactsByName(
  db: D1Database,
  reader: Reader,
  name: string,
  now: number,
): Promise<DescribedArtifact[]> {
  const { results } = await db
    .prepare(
      `SELECT ${DESCRIBED}, named.nearness FROM (${namedFor(reader)}) named
         CROSS JOIN artifacts a ON a.id = named.id JOIN workspaces w ON w.id = a.workspace_id
       WHERE ${livingAt("?5")} AND ${IS_KNOWN}
       ORDER BY named.nearness, a.id LIMIT 2`,
    )
    .bind(...readerParameters(reader), name, now)
    .all<DescribedRow & { nearness: number }>();
  const [first] = results;
  const nearest = results.filter(({ nearness }) => nearness === first?.nearness);
  return nearest.slice(0, first?.nearness === PUBLIC ? 1 : 2).map(toDescribed);
}

/** The living artifact of an identity, when the reader may read it. */
export async function findArtifactBySource(
  db: D1Database,
  reader: Reader,
  { workspace, type, sourceUrl }: Pick<Artifact, "workspace" | "type" | "sourceUrl">,
  now: number,
): Promise<DescribedArtifact | null> {
  const row = await db
    .prepare(
      `SELECT ${DESCRIBED} FROM workspaces w JOIN artifacts a ON a.workspace_id = w.id
       WHERE w.name = ?4 AND a.type = ?5 AND a.source_url = ?6 AND ${livingAt("?7")} AND ${READABLE}`,
    )
    .bind(...readerParameters(reader), workspace, type, sourceUrl, now)
    .first<DescribedRow>();
  return row && toDescribed(row);
}

/** The index of the newest version of artifact `a`; incomplete ones count only while there are no others. */
export const NEWEST = `coalesce(${newestVersion("AND sealed_at IS NOT NULL")}, ${newestVersion("")})`;

/** Reads one row where the newest is whole, however many are behind it. */
function newestVersion(condition: string): string {
  return `(
    SELECT version_index FROM versions WHERE artifact_id = a.id AND deleted_at IS NULL ${condition}
    ORDER BY version_index DESC LIMIT 1
  )`;
}

/** Reads the $ARTIFACT_ID of a URL: an integer id or a uuid, or null. */
export function parseArtifactId(text: string): number | Uuid | null {
  return /^[1-9]\d{0,14}$/u.test(text) ? Number(text) : parseUuid(text);
}
