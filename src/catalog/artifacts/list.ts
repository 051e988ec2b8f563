// GET /artifacts: all that a reader is to be told of, page by page. Each page continues behind the last artifact
// by (workspace, id), an index, so that the last page costs what the first did.

import { blobUuidOf } from "../../protocol/blob-uuid.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { referencesTo } from "../contents/references.ts";
import { livingAt } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { COLUMNS, IS_KNOWN, toArtifact } from "./find.ts";
import type { Artifact, ArtifactRow } from "./find.ts";
import { METADATA_OF_A, parseMetadata } from "./metadata.ts";

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

/** The artifacts of an index, in which each page is one run, of some workspaces. */
interface Source {
  /** A query of their ids. */
  workspaces: Sql;
  index: Sql;
  where: Sql;
}

const LIVING = { index: sql`artifacts_by_workspace`, where: sql`TRUE` };
const SHARED = { index: sql`artifacts_shared`, where: sql`a.shared = 1` };

/** Which workspaces' artifacts are listed, each list in order of id, none in two of them. What is merely public is
 * readable and not listed. */
function sourcesFor({ all, workspaceId, userId }: Reader): Source[] {
  if (all) {
    return [{ workspaces: sql`SELECT id FROM workspaces`, ...LIVING }];
  }
  const own = sql`SELECT id FROM workspaces WHERE id = ${workspaceId}`;
  const accepted = sql`trusted_id = ${workspaceId} AND accepted_at IS NOT NULL`;
  const trusting = sql`SELECT workspace_id AS id FROM trusts WHERE ${accepted} AND workspace_id <> ${workspaceId}`;
  const joined = sql`SELECT workspace_id AS id FROM members WHERE user_id = ${userId}`;
  // `system`, which alone has shared artifacts, unless it is in another list.
  const sharing = sql`SELECT id FROM workspaces WHERE name = 'system'
    AND NOT EXISTS (SELECT 1 FROM trusts WHERE workspace_id = workspaces.id AND ${accepted})
    AND NOT EXISTS (SELECT 1 FROM members WHERE workspace_id = workspaces.id AND user_id = ${userId})`;
  const whole = workspaceId === null ? [joined] : [own, trusting];
  return [
    ...whole.map((workspaces) => ({ workspaces, ...LIVING })),
    { workspaces: sharing, ...SHARED },
  ];
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
      const { results } = await prepare(
        db,
        selectPage(reader, source, last, { now, ...limits }),
      ).all<ListedRow>();
      const page = results.map(toListed);
      yield page;
      last = page.at(-1) ?? last;
      isWhole = page.length === limits.page;
    }
  }
}

// CROSS JOIN and INDEXED BY hold the planner to the order in which a page reads no more than itself.
function selectPage(
  reader: Reader,
  { workspaces, index, where }: Source,
  last: { workspaceId: number; id: number },
  { now, page, versions }: { now: number; page: number; versions: number },
): Sql {
  return sql`
    WITH page AS MATERIALIZED (
      SELECT ${COLUMNS}, ${METADATA_OF_A} AS metadata
      FROM (${workspaces}) s CROSS JOIN artifacts a INDEXED BY ${index} ON a.workspace_id = s.id
        CROSS JOIN workspaces w ON w.id = s.id
      WHERE s.id >= ${last.workspaceId} AND a.id > iif(s.id = ${last.workspaceId}, ${last.id}, 0)
        AND ${livingAt(now)} AND ${IS_KNOWN} AND ${where}
      ORDER BY s.id, a.id LIMIT ${page}
    ),
    held AS MATERIALIZED (
      SELECT page.id AS artifact_id, v.version_index, h.content_id
      FROM page CROSS JOIN versions v ON v.artifact_id = page.id AND v.deleted_at IS NULL
        AND v.version_index > coalesce((
          SELECT x.version_index FROM versions x WHERE x.artifact_id = page.id AND x.deleted_at IS NULL
          ORDER BY x.version_index DESC LIMIT 1 OFFSET ${versions}), 0)
      CROSS JOIN holders h INDEXED BY holders_by_version ON h.version_id = v.id
      WHERE v.file_count = 1 AND v.entry_count = 1
    ),
    counted AS MATERIALIZED (
      SELECT c.id, lower(hex(c.sha512)) AS sha512, c.size,
        (SELECT count(*) FROM (${referencesTo(reader, sql`c.id`, now)})) AS reference_count
      FROM (SELECT DISTINCT content_id FROM held) h CROSS JOIN contents c ON c.id = h.content_id
    )
    SELECT page.*, (
      SELECT json_group_array(json_object('index', version_index, 'sha512', sha512, 'size', size,
        'references', reference_count))
      FROM (SELECT * FROM held CROSS JOIN counted ON counted.id = held.content_id
            WHERE held.artifact_id = page.id ORDER BY version_index)
    ) AS versions
    FROM page ORDER BY workspaceId, id`;
}

function toListed(row: ListedRow): ListedArtifact {
  const versions = JSON.parse(row.versions) as (Omit<ListedVersion, "uuid"> & { sha512: string })[];
  return {
    ...toArtifact(row),
    metadata: parseMetadata(row.metadata),
    versions: versions.map(({ sha512, ...version }) => ({ ...version, uuid: blobUuidOf(sha512) })),
  };
}
