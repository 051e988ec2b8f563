// Artifacts as Debusine's API describes them, with their files as they were declared.

import type { Uuid } from "../protocol/ids.ts";
import { NEWEST } from "./artifacts.ts";
import { livingAt, READABLE, readerParameters, VISIBLE, WRITABLE } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** What a reader may do with a workspace or what is in it. */
export interface Rights {
  readable: boolean;
  writable: boolean;
}

export type RightsRow = { readable: number; writable: number };

export function toRights({ readable, writable }: RightsRow): Rights {
  return { readable: readable === 1, writable: writable === 1 };
}

/** A workspace that artifacts are to be made in. */
export interface Home extends Rights {
  id: number;
  name: string;
  defaultExpirationDays: number | null;
}

export async function findHome(db: D1Database, reader: Reader, name: string): Promise<Home | null> {
  const row = await db
    .prepare(
      `SELECT w.id, w.name, w.default_expiration_days, ${VISIBLE} AS readable, ${WRITABLE} AS writable
       FROM workspaces w WHERE w.name = ?4`,
    )
    .bind(...readerParameters(reader), name)
    .first<RightsRow & { id: number; name: string; default_expiration_days: number | null }>();
  return (
    row && {
      id: row.id,
      name: row.name,
      defaultExpirationDays: row.default_expiration_days,
      ...toRights(row),
    }
  );
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
  /** Null when the artifact has no version. */
  versionId: number | null;
}

type BundleRow = RightsRow & {
  id: number;
  uuid: Uuid;
  workspace: string;
  category: string;
  data: string;
  created_at: number;
  expires_at: number | null;
  version_id: number | null;
};

/** A living artifact by its id, whichever API made it. */
export async function findBundle(
  db: D1Database,
  reader: Reader,
  id: number,
  now: number,
): Promise<Bundle | null> {
  const row = await db
    .prepare(
      `SELECT a.id, a.uuid, w.name AS workspace, coalesce(a.category, a.type) AS category,
         coalesce(a.data, '{}') AS data, a.created_at, a.expires_at,
         ${READABLE} AS readable, ${WRITABLE} AS writable,
         (SELECT id FROM versions WHERE artifact_id = a.id AND version_index = ${NEWEST}) AS version_id
       FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
       WHERE a.id = ?4 AND ${livingAt("?5")}`,
    )
    .bind(...readerParameters(reader), id, now)
    .first<BundleRow>();
  return (
    row && {
      id: row.id,
      uuid: row.uuid,
      workspace: row.workspace,
      category: row.category,
      data: row.data,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      versionId: row.version_id,
      ...toRights(row),
    }
  );
}

/** A file as it was declared. */
export interface DeclaredFile {
  ordinal: number;
  path: string;
  size: number;
  sha256: string;
  contentType: string | null;
}

/** The first `limit` files of a version after the entry `after`, in order; all of them, or those missing. */
export async function listDeclared(
  db: D1Database,
  versionId: number,
  which: "all" | "missing",
  { after, limit }: { after: number; limit: number },
): Promise<DeclaredFile[]> {
  const { results } = await db
    .prepare(
      `SELECT ordinal, path, size, sha256, content_type AS contentType FROM files
       WHERE version_id = ?1 AND ordinal > ?2 ${which === "missing" ? "AND blob_id IS NULL" : ""}
       ORDER BY ordinal LIMIT ?3`,
    )
    .bind(versionId, after, limit)
    .all<DeclaredFile>();
  return results;
}
