// GET /artifacts: all that a reader is to be told of, page by page. Each page continues behind the last artifact
// by (workspace, id), an index, so that the last page costs what the first did.

import type { Uuid } from "../protocol/ids.ts";
import { METADATA_OF_A, parseMetadata } from "./artifact-metadata.ts";
import { COLUMNS, IS_KNOWN, toArtifact } from "./artifacts.ts";
import type { Artifact, ArtifactRow } from "./artifacts.ts";
import { livingAt, readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { referencesTo } from "./references.ts";

/** A version's blob as a list of artifacts shows it. */
interface ListedVersion {
  index: number;
  uuid: Uuid;
  size: number;
  references: number;
}

export interface ListedArtifact extends Artifact {
  metadata: Record<string, unknown>;
  /** Those with one file, in order of index. */
  versions: ListedVersion[];
}

type ListedRow = ArtifactRow & { metadata: string; versions: string };

// Which workspaces' artifacts are listed, each list in order of id, none in two of them. What is merely public is
// readable and not listed.
const EVERY = "SELECT id FROM workspaces";
const OWN = "SELECT id FROM workspaces WHERE id = ?2";
const ACCEPTED = "trusted_id = ?2 AND accepted_at IS NOT NULL";
const TRUSTING = `SELECT workspace_id AS id FROM trusts WHERE ${ACCEPTED} AND workspace_id <> ?2`;
const JOINED = "SELECT workspace_id AS id FROM members WHERE user_id = ?3";
/** `system`, which alone has shared artifacts, unless it is in another list. */
const SHARING = `SELECT id FROM workspaces WHERE name = 'system'
  AND NOT EXISTS (SELECT 1 FROM trusts WHERE workspace_id = workspaces.id AND ${ACCEPTED})
  AND NOT EXISTS (SELECT 1 FROM members WHERE workspace_id = workspaces.id AND user_id = ?3)`;

/** The artifacts of an index, in which each page is one run, of some workspaces. */
interface Source {
  workspaces: string;
  index: "artifacts_living" | "artifacts_shared";
  where: string;
}

function sourcesFor(reader: Reader): Source[] {
  const ofWorkspace = reader.workspaceId === null ? [JOINED] : [OWN, TRUSTING];
  const whole = (reader.all ? [EVERY] : ofWorkspace).map((workspaces): Source => ({
    workspaces,
    index: "artifacts_living",
    where: "TRUE",
  }));
  const shared: Source = { workspaces: SHARING, index: "artifacts_shared", where: "a.shared = 1" };
  return reader.all ? whole : [...whole, shared];
}

/** The living artifacts of the reader's own workspace, of those whose trust it accepted, of those that it is a member of,
 * and the shared ones; for who reads all, all. At most `limits.page` of them are in memory at a time, each with
 * at most its newest `limits.versions`. */
export async function* walkArtifacts(
  db: D1Database,
  reader: Reader,
  now: number,
  limits: { page: number; versions: number },
): AsyncGenerator<ListedArtifact[]> {
  for (const source of sourcesFor(reader)) {
    let last = { workspaceId: 0, id: 0 };
    let isWhole = true;
    while (isWhole) {
      const { results } = await db
        .prepare(selectPage(reader, source))
        .bind(
          ...readerParameters(reader),
          now,
          last.workspaceId,
          last.id,
          limits.page,
          limits.versions,
        )
        .all<ListedRow>();
      const page = results.map(toListed);
      yield page;
      last = page.at(-1) ?? last;
      isWhole = page.length === limits.page;
    }
  }
}

// CROSS JOIN and INDEXED BY hold the planner to the order in which a page reads no more than itself.
function selectPage(reader: Reader, { workspaces, index, where }: Source): string {
  return `
    WITH page AS MATERIALIZED (
      SELECT ${COLUMNS}, ${METADATA_OF_A} AS metadata
      FROM (${workspaces}) s CROSS JOIN artifacts a INDEXED BY ${index} ON a.workspace_id = s.id
        CROSS JOIN workspaces w ON w.id = s.id
      WHERE s.id >= ?5 AND a.id > iif(s.id = ?5, ?6, 0) AND ${livingAt("?4")} AND ${IS_KNOWN} AND ${where}
      ORDER BY s.id, a.id LIMIT ?7
    ),
    held AS MATERIALIZED (
      SELECT page.id AS artifact_id, v.version_index, f.blob_id
      FROM page CROSS JOIN versions v ON v.artifact_id = page.id AND v.deleted_at IS NULL
        AND v.version_index > coalesce((
          SELECT x.version_index FROM versions x WHERE x.artifact_id = page.id AND x.deleted_at IS NULL
          ORDER BY x.version_index DESC LIMIT 1 OFFSET ?8), 0)
      CROSS JOIN folders d ON d.version_id = v.id AND d.ordinal = 0 AND d.entry_count = 1
      CROSS JOIN files f ON f.version_id = v.id AND f.ordinal = 1
    ),
    counted AS MATERIALIZED (
      SELECT b.id, b.uuid, b.size, (SELECT count(*) FROM (${referencesTo(reader, "b.id")})) AS reference_count
      FROM (SELECT DISTINCT blob_id FROM held) h CROSS JOIN blobs b ON b.id = h.blob_id
    )
    SELECT page.*, (
      SELECT json_group_array(json_object('index', version_index, 'uuid', uuid, 'size', size,
        'references', reference_count))
      FROM (SELECT * FROM held JOIN counted ON counted.id = held.blob_id
            WHERE held.artifact_id = page.id ORDER BY version_index)
    ) AS versions
    FROM page ORDER BY workspace_id, id`;
}

function toListed(row: ListedRow): ListedArtifact {
  return {
    ...toArtifact(row),
    metadata: parseMetadata(row.metadata),
    versions: JSON.parse(row.versions) as ListedVersion[],
  };
}
