// Where a user's uploads go, and what came of them: what /files/ asks of the catalog.

import type { Uuid } from "../../protocol/ids.ts";
import { prepare, sql } from "../sql.ts";

/** A workspace as one of its members, or somebody else, sees it. */
export interface UploadHome {
  id: number;
  name: string;
  /** May the user add to it? */
  adds: boolean;
}

/** The workspace of that name, when the user is a member of it or it is public; null for all others. */
export async function findUploadHome(
  db: D1Database,
  name: string,
  userId: number,
): Promise<UploadHome | null> {
  const row = await prepare(
    db,
    sql`SELECT w.id, w.name, m.role IS 'owner' OR m.role IS 'contributor' AS adds
        FROM workspaces w LEFT JOIN members m ON m.workspace_id = w.id AND m.user_id = ${userId}
        WHERE w.name = ${name} AND (w.public = 1 OR m.user_id IS NOT NULL)`,
  ).first<Omit<UploadHome, "adds"> & { adds: number }>();
  return row && { ...row, adds: row.adds === 1 };
}

/** The workspace of an upload, or of what became of it, when the user may add to that; null for all others. */
export async function findHomeOfUpload(
  db: D1Database,
  uuid: Uuid,
  userId: number,
): Promise<number | null> {
  return prepare(
    db,
    sql`SELECT m.workspace_id FROM members m
        WHERE m.user_id = ${userId} AND m.role IN ('owner', 'contributor') AND m.workspace_id IN (
          SELECT workspace_id FROM uploads WHERE uuid = ${uuid}
          UNION SELECT workspace_id FROM conversions WHERE upload_uuid = ${uuid})`,
  ).first<number>("workspace_id");
}

/** An artifact as the answer about its upload names it. */
export interface UploadedArtifact {
  id: number;
  name: string;
}

export async function findUploadedArtifact(
  db: D1Database,
  uuid: Uuid,
): Promise<UploadedArtifact | null> {
  return prepare(
    db,
    sql`SELECT id, name FROM artifacts WHERE uuid = ${uuid}`,
  ).first<UploadedArtifact>();
}

/** Lets an artifact end at `at`, in milliseconds, unless it ends before; may be repeated. */
export async function limitExpiry(db: D1Database, uuid: Uuid, at: number): Promise<void> {
  await prepare(
    db,
    sql`UPDATE artifacts SET expires_at = ${at}
        WHERE uuid = ${uuid} AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > ${at})`,
  ).run();
}
