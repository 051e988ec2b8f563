// What artifacts have to do with each other. A relation shows only where both of its ends may be read.

import { livingAt, READABLE, readerParameters, WRITABLE } from "./reader.ts";
import type { Reader } from "./reader.ts";

export interface Relation {
  id: number;
  artifact: number;
  target: number;
  type: string;
}

/** The relations of a living artifact that the reader may read, from it or to it. */
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
       WHERE r.${own} = ?4 AND ${READABLE} AND ${livingAt("?5")} ORDER BY r.id LIMIT ?6`,
    )
    .bind(...readerParameters(reader), artifactId, limits.now, limits.limit)
    .all<Relation>();
  return results;
}

/** Adds a relation between two artifacts, or finds it. */
export async function putRelation(
  db: D1Database,
  { artifact, target, type }: Omit<Relation, "id">,
): Promise<{ id: number; isNew: boolean }> {
  const results = await db.batch<{ id: number }>([
    db
      .prepare(
        `INSERT INTO relations (artifact_id, target_id, type) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING`,
      )
      .bind(artifact, target, type),
    db
      .prepare("SELECT id FROM relations WHERE artifact_id = ?1 AND target_id = ?2 AND type = ?3")
      .bind(artifact, target, type),
  ]);
  const id = results[1]?.results[0]?.id;
  if (id === undefined) {
    throw new Error(`Cannot find the relation of ${artifact} to ${target} after adding it`);
  }
  return { id, isNew: (results[0]?.meta.changes ?? 0) > 0 };
}

/** A relation whose two artifacts live and may be read, and whether the reader may change the first. */
export async function findRelation(
  db: D1Database,
  reader: Reader,
  id: number,
  now: number,
): Promise<{ id: number; writable: boolean } | null> {
  const end = (column: string) => `EXISTS (
    SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
    WHERE a.id = r.${column} AND ${READABLE} AND ${livingAt("?5")})`;
  const row = await db
    .prepare(
      `SELECT r.id, EXISTS (
         SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
         WHERE a.id = r.artifact_id AND ${WRITABLE}) AS writable
       FROM relations r WHERE r.id = ?4 AND ${end("artifact_id")} AND ${end("target_id")}`,
    )
    .bind(...readerParameters(reader), id, now)
    .first<{ id: number; writable: number }>();
  return row && { id: row.id, writable: row.writable === 1 };
}

export async function deleteRelation(db: D1Database, id: number): Promise<void> {
  await db.prepare("DELETE FROM relations WHERE id = ?1").bind(id).run();
}
