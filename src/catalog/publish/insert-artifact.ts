import type { Uuid } from "../../protocol/ids.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import type { ArtifactKey } from "./artifact-key.ts";

/** An artifact to be made. */
export interface NewArtifact {
  key: ArtifactKey;
  /** Its uuid, if it is not there yet. */
  made: Uuid;
  name: string;
  shared: boolean;
  maxVersions: number;
  /** `initial`: its first version is fetched or exploded. */
  state: "initial" | "created";
  /** 1: the same batch adds its first version. */
  highestIndex?: 0 | 1;
  /** Debusine's, and the JSON object that came with it. */
  category?: string | null;
  data?: string | null;
  /** What has to hold besides, an expression. */
  condition?: Sql;
}

/** The statement that makes an artifact, which expires as its workspace says, unless it lives already. */
export function insertArtifact(
  db: D1Database,
  {
    key,
    made,
    name,
    shared,
    maxVersions,
    state,
    highestIndex = 0,
    category = null,
    data = null,
    condition = sql`TRUE`,
  }: NewArtifact,
  now: number,
): D1PreparedStatement {
  const { workspaceId, type, sourceUrl } = key;
  return prepare(
    db,
    sql`INSERT INTO artifacts (workspace_id, type, source_url, uuid, name, shared, max_versions, created_at,
        expires_at, state, highest_index, category, data)
      SELECT id, ${type}, ${sourceUrl}, ${made}, ${name}, ${Number(shared)}, ${maxVersions}, ${now},
        ${now} + default_expiration_days * 86400000, ${state}, ${highestIndex}, ${category}, ${data}
      FROM workspaces WHERE id = ${workspaceId} AND ${condition}
      ON CONFLICT (workspace_id, type, source_url) WHERE deleted_at IS NULL DO NOTHING`,
  );
}
