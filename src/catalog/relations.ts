// What artifacts have to do with each other. A relation shows only where both of its ends may be read.

import type { Uuid } from "../protocol/ids.ts";
import type { Author } from "../protocol/identity.ts";
import { noteAudit } from "./audit.ts";
import { repeatable } from "./database.ts";
import { FAMILIAR_WORKSPACES, livingAt, READABLE, readerParameters, WRITABLE } from "./reader.ts";
import type { Reader } from "./reader.ts";

export interface Relation {
  id: number;
  artifact: number;
  target: number;
  type: string;
}

/** The relations of a living artifact that the reader may read, from it or to it; none with an artifact that it reads
 * only because a stranger trusts it. */
export async function listRelations(
  db: D1Database,
  reader: Reader,
  { end, artifactId }: { end: "artifact" | "target"; artifactId: number },
  limits: { now: number; limit: number },
): Promise<Relation[]> {
  const [own, other] =
    end === "artifact" ? ["artifact_id", "target_id"] : ["target_id", "artifact_id"];
  const { results } = await db
    .prepare(
      `SELECT r.id, r.artifact_id AS artifact, r.target_id AS target, r.type
       FROM relations r JOIN artifacts a ON a.id = r.${other} JOIN workspaces w ON w.id = a.workspace_id
       WHERE r.${own} = ?4 AND ${livingAt("?5")}
         AND (?1 = 1 OR a.shared = 1 OR w.public = 1 OR w.id IN (${FAMILIAR_WORKSPACES}))
       ORDER BY r.id LIMIT ?6`,
    )
    .bind(...readerParameters(reader), artifactId, limits.now, limits.limit)
    .all<Relation>();
  return results;
}

/** The artifact that a relation is of, as the audit names it. */
interface Related {
  workspace: string;
  uuid: Uuid;
}

/** Adds a relation between two artifacts, or finds it. */
export async function putRelation(
  db: D1Database,
  { artifact, target, type }: Omit<Relation, "id">,
  of: Related,
  author: Author,
): Promise<{ id: number; isNew: boolean }> {
  const results = await db.batch<{ id: number }>([
    db
      .prepare(
        `INSERT INTO relations (artifact_id, target_id, type) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING`,
      )
      .bind(artifact, target, type),
    noteAudit(db, noteOf("relation made", of, { target, type }), author),
    db
      .prepare("SELECT id FROM relations WHERE artifact_id = ?1 AND target_id = ?2 AND type = ?3")
      .bind(artifact, target, type),
  ]);
  const id = results.at(-1)?.results[0]?.id;
  if (id === undefined) {
    throw new Error(`Cannot find the relation of ${artifact} to ${target} after adding it`);
  }
  return { id, isNew: (results[0]?.meta.changes ?? 0) > 0 };
}

function noteOf(action: string, { workspace, uuid }: Related, detail: Record<string, unknown>) {
  return { action, workspace, subject: uuid, detail };
}

function mayRead(column: "artifact_id" | "target_id"): string {
  return `EXISTS (
    SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
    WHERE a.id = r.${column} AND ${READABLE} AND ${livingAt("?5")})`;
}

/** A relation as who ends it needs it; `writable`: the reader may change one of its artifacts. */
export interface FoundRelation extends Relation, Related {
  writable: boolean;
}

/** A relation whose two artifacts live and may be read. */
export async function findRelation(
  db: D1Database,
  reader: Reader,
  id: number,
  now: number,
): Promise<FoundRelation | null> {
  const row = await db
    .prepare(
      `SELECT r.id, r.artifact_id AS artifact, r.target_id AS target, r.type, o.uuid, (
         SELECT name FROM workspaces WHERE id = o.workspace_id) AS workspace, EXISTS (
         SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
         WHERE a.id IN (r.artifact_id, r.target_id) AND ${WRITABLE}) AS writable
       FROM relations r JOIN artifacts o ON o.id = r.artifact_id
       WHERE r.id = ?4 AND ${mayRead("artifact_id")} AND ${mayRead("target_id")}`,
    )
    .bind(...readerParameters(reader), id, now)
    .first<Omit<FoundRelation, "writable"> & { writable: number }>();
  return row && { ...row, writable: row.writable === 1 };
}

/** Ends a relation; one that is gone is as good as ended. */
export async function deleteRelation(
  db: D1Database,
  relation: FoundRelation,
  author: Author,
): Promise<void> {
  const { id, target, type } = relation;
  await repeatable(db).batch([
    db.prepare("DELETE FROM relations WHERE id = ?1").bind(id),
    noteAudit(db, noteOf("relation ended", relation, { target, type }), author),
  ]);
}
