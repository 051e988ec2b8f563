// Artifacts as Debusine's API describes and fills them. Where the files of a version are, its row says: in its manifest, or while
// some are missing in its draft.

import type { Uuid } from "../../protocol/ids.ts";
import { livingAt, readable, visible, writable } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { prepare, sql } from "../sql.ts";
import { NEWEST } from "./find.ts";

/** What a reader may do with a workspace or what is in it. */
export interface Rights {
  readable: boolean;
  writable: boolean;
}

export type RightsRow = { readable: number; writable: number };

export function toRights(row: RightsRow): Rights {
  return { readable: row.readable === 1, writable: row.writable === 1 };
}

/** A workspace that artifacts are to be made in. */
export interface Home extends Rights {
  id: number;
  name: string;
  defaultExpirationDays: number | null;
}

export async function findHome(db: D1Database, reader: Reader, name: string): Promise<Home | null> {
  const row = await prepare(
    db,
    sql`SELECT w.id, w.name, w.default_expiration_days AS defaultExpirationDays,
        ${visible(reader)} AS readable, ${writable(reader)} AS writable
      FROM workspaces w WHERE w.name = ${name}`,
  ).first<Omit<Home, keyof Rights> & RightsRow>();
  return row && { ...row, ...toRights(row) };
}

/** A version, and where its files are. */
export interface BundleVersion {
  id: number;
  /** In its manifest, as its row has it in hexadecimal digits; null while files are missing. */
  manifest: { key: string | null; row: string } | null;
  /** The draft that it was filled in; null: it came whole. */
  draft: Uuid | null;
}

type VersionRow = {
  versionId: number | null;
  draft: Uuid | null;
  manifestKey: string | null;
  manifest: string | null;
};

const VERSION = sql`v.id AS versionId, v.draft, v.manifest_key AS manifestKey, hex(v.manifest) AS manifest`;

/** The newest version of artifact `a`. */
const JOIN_VERSION = sql`LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL AND v.version_index = ${NEWEST}`;

function toVersion(row: VersionRow): BundleVersion | null {
  const { versionId: id, draft, manifestKey: key, manifest } = row;
  // hex() of NULL is ''.
  return id === null ? null : { id, draft, manifest: manifest ? { key, row: manifest } : null };
}

/** An artifact as Debusine's API describes it, without its files. */
export interface Bundle extends Rights {
  id: number;
  uuid: Uuid;
  workspace: string;
  category: string;
  /** JSON text. */
  data: string;
  createdAt: number;
  expiresAt: number | null;
  /** Null when the artifact has none. */
  version: BundleVersion | null;
}

/** A living artifact by its id, whichever API made it. */
export async function findBundle(
  db: D1Database,
  reader: Reader,
  artifactId: number,
  now: number,
): Promise<Bundle | null> {
  const row = await prepare(
    db,
    sql`SELECT a.id, a.uuid, w.name AS workspace, coalesce(a.category, a.type) AS category,
        coalesce(a.data, '{}') AS data, a.created_at AS createdAt, a.expires_at AS expiresAt, ${VERSION},
        ${readable(reader)} AS readable, ${writable(reader)} AS writable
      FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id ${JOIN_VERSION}
      WHERE a.id = ${artifactId} AND ${livingAt(now)}`,
  ).first<Omit<Bundle, keyof Rights | "version"> & RightsRow & VersionRow>();
  if (row === null) {
    return null;
  }
  const { id, uuid, workspace, category, data, createdAt, expiresAt } = row;
  const described = { id, uuid, workspace, category, data, createdAt, expiresAt };
  return { ...described, version: toVersion(row), ...toRights(row) };
}

/** An artifact that bytes are sent to. */
export interface Destination extends Rights {
  workspaceId: number;
  version: BundleVersion | null;
}

/** Where bytes for files of a living artifact go. */
export async function findDestination(
  db: D1Database,
  reader: Reader,
  artifactId: number,
  now: number,
): Promise<Destination | null> {
  const row = await prepare(
    db,
    sql`SELECT a.workspace_id AS workspaceId, ${VERSION},
        ${readable(reader)} AS readable, ${writable(reader)} AS writable
      FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id ${JOIN_VERSION}
      WHERE a.id = ${artifactId} AND ${livingAt(now)}`,
  ).first<{ workspaceId: number } & RightsRow & VersionRow>();
  return row && { workspaceId: row.workspaceId, version: toVersion(row), ...toRights(row) };
}
