// What a request under /a/ is about, in one statement: D1 takes longer to answer than to look.

import type { Uuid } from "../../protocol/ids.ts";
import { COLUMNS, NEWEST, toArtifact } from "../artifacts/find.ts";
import type { Artifact, ArtifactRow } from "../artifacts/find.ts";
import { livingAt, readable } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** A version, and where its entries are: in its manifest as ManifestRow has it, or while files are missing in its draft. */
interface BrowsedVersion {
  id: number;
  index: number;
  createdAt: number;
  /** False while files of it are missing. */
  sealed: boolean;
  draft: Uuid | null;
  manifest: { key: string | null; row: string } | null;
}

/** An artifact under /a/ with one of its versions, and whether the reader may read it. */
export interface BrowsedArtifact extends Artifact {
  readable: boolean;
  /** In milliseconds; null: it stays. */
  expiresAt: number | null;
  /** Null when the artifact has no version, or not the one that was asked for, and for who may not read it. */
  version: (BrowsedVersion & { newest: number }) | null;
}

/** The same as far as a file's bytes need it. */
export interface BrowsedFile extends Pick<Artifact, "id" | "shared" | "public"> {
  readable: boolean;
  expiresAt: number | null;
  version: BrowsedVersion | null;
}

/** What an /a/ request asks for; `version` null is the newest. */
export interface BrowseQuery {
  artifact: number | Uuid;
  version: number | null;
}

type VersionRow = {
  versionId: number | null;
  versionIndex: number;
  versionCreatedAt: number;
  isSealed: number;
  draft: Uuid | null;
  manifestKey: string | null;
  manifest: string | null;
};

type AdmissionRow = VersionRow & { readable: number; expiresAt: number | null };

/** Of every request. */
function admission(reader: Reader): Sql {
  return sql`${readable(reader)} AS readable, a.expires_at AS expiresAt, v.id AS versionId,
    v.version_index AS versionIndex, v.created_at AS versionCreatedAt, v.sealed_at IS NOT NULL AS isSealed, v.draft,
    v.manifest_key AS manifestKey, iif(v.manifest IS NOT NULL AND ${readable(reader)}, hex(v.manifest), NULL) AS manifest`;
}

/** The living artifact `a` of workspace `w` with its version `v`, as a FROM clause. */
function asked({ artifact, version }: BrowseQuery, now: number): Sql {
  const named = typeof artifact === "number" ? sql`a.id` : sql`a.uuid`;
  return sql`artifacts a JOIN workspaces w ON w.id = a.workspace_id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
      AND v.version_index = coalesce(${version}, ${NEWEST})
    WHERE ${named} = ${artifact} AND ${livingAt(now)}`;
}

/** A living artifact by its id or uuid, with one version. */
export async function findBrowsed(
  db: D1Database,
  reader: Reader,
  query: BrowseQuery,
  now: number,
): Promise<BrowsedArtifact | null> {
  const row = await prepare(
    db,
    sql`SELECT ${COLUMNS}, ${admission(reader)},
      iif(${query.version} IS NULL, v.version_index, ${NEWEST}) AS newest FROM ${asked(query, now)}`,
  ).first<ArtifactRow & AdmissionRow & { newest: number }>();
  if (row === null) {
    return null;
  }
  const {
    newest,
    expiresAt,
    readable: mayRead,
    versionId,
    versionIndex,
    versionCreatedAt,
    isSealed,
    draft,
    manifestKey,
    manifest,
    ...artifact
  } = row;
  const version = toVersion({
    versionId,
    versionIndex,
    versionCreatedAt,
    isSealed,
    draft,
    manifestKey,
    manifest,
  });
  return {
    ...toArtifact(artifact),
    readable: mayRead === 1,
    expiresAt,
    version: version && { ...version, newest },
  };
}

/** What the bytes of a file need of that: clients ask for them more often, and in pieces. */
export async function findBrowsedFile(
  db: D1Database,
  reader: Reader,
  query: BrowseQuery,
  now: number,
): Promise<BrowsedFile | null> {
  const row = await prepare(
    db,
    sql`SELECT a.id, a.shared, w.public, ${admission(reader)} FROM ${asked(query, now)}`,
  ).first<AdmissionRow & { id: number; shared: number; public: number }>();
  return (
    row && {
      id: row.id,
      shared: row.shared === 1,
      public: row.public === 1,
      readable: row.readable === 1,
      expiresAt: row.expiresAt,
      version: toVersion(row),
    }
  );
}

function toVersion(row: VersionRow): BrowsedVersion | null {
  const { versionId: id, versionIndex: index, versionCreatedAt: createdAt, draft } = row;
  if (id === null) {
    return null;
  }
  const manifest = row.manifest === null ? null : { key: row.manifestKey, row: row.manifest };
  return { id, index, createdAt, sealed: row.isSealed === 1, draft, manifest };
}

/** A version that a listing offers to switch to. */
export interface OfferedVersion {
  index: number;
  createdAt: number;
}

/** The newest living versions of an artifact, the newest first. */
export async function listOffered(
  db: D1Database,
  artifactId: number,
  limit: number,
): Promise<OfferedVersion[]> {
  const { results } = await prepare(
    db,
    sql`SELECT version_index AS "index", created_at AS createdAt FROM versions
      WHERE artifact_id = ${artifactId} AND deleted_at IS NULL ORDER BY version_index DESC LIMIT ${limit}`,
  ).all<OfferedVersion>();
  return results;
}
