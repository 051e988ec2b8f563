// What artifacts have to do with each other. A relation shows only where both of its ends may be read.

import type { Author } from "../../protocol/identity.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { noteAudit } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { familiarWorkspaces, livingAt, readable, writable } from "../reader.ts";
import type { Reader } from "../reader.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

export interface Relation {
  id: number;
  artifact: number;
  target: number;
  type: string;
}

const COLUMNS = sql`r.id, r.artifact_id AS artifact, r.target_id AS target, r.type`;

/** The relations of a living artifact that the reader may read, from it or to it; none with an artifact that it reads
 * only because a stranger trusts it. */
export async function listRelations(
  db: D1Database,
  reader: Reader,
  { end, artifactId }: { end: "artifact" | "target"; artifactId: number },
  limits: { now: number; limit: number },
): Promise<Relation[]> {
  const [own, other] =
    end === "artifact"
      ? [sql`r.artifact_id`, sql`r.target_id`]
      : [sql`r.target_id`, sql`r.artifact_id`];
  const { results } = await prepare(
    db,
    sql`SELECT ${COLUMNS}
      FROM relations r JOIN artifacts a ON a.id = ${other} JOIN workspaces w ON w.id = a.workspace_id
      WHERE ${own} = ${artifactId} AND ${livingAt(limits.now)}
        AND (${Number(reader.all)} = 1 OR a.shared = 1 OR w.public = 1 OR w.id IN (${familiarWorkspaces(reader)}))
      ORDER BY r.id LIMIT ${limits.limit}`,
  ).all<Relation>();
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
    prepare(
      db,
      sql`INSERT INTO relations (artifact_id, target_id, type) VALUES (${artifact}, ${target}, ${type})
        ON CONFLICT DO NOTHING`,
    ),
    noteAudit(db, noteOf("relation made", of, { target, type }), author),
    prepare(
      db,
      sql`SELECT id FROM relations
        WHERE artifact_id = ${artifact} AND target_id = ${target} AND type = ${type}`,
    ),
  ]);
  const id = results.at(-1)?.results[0]?.id;
  if (id === undefined) {
    throw new Error(`Cannot find the relation of ${artifact} to ${target} after adding it`);
  }
  return { id, isNew: hasChanged(results[0]) };
}

function noteOf(action: string, { workspace, uuid }: Related, detail: Record<string, unknown>) {
  return { action, workspace, subject: uuid, detail };
}

/** May the reader read the artifact whose id an expression gives, and does it live? */
function mayRead(reader: Reader, artifact: Sql, now: number): Sql {
  return sql`EXISTS (
    SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
    WHERE a.id = ${artifact} AND ${readable(reader)} AND ${livingAt(now)})`;
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
  const row = await prepare(
    db,
    sql`SELECT ${COLUMNS}, o.uuid, (
        SELECT name FROM workspaces WHERE id = o.workspace_id) AS workspace, EXISTS (
        SELECT 1 FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
        WHERE a.id IN (r.artifact_id, r.target_id) AND ${writable(reader)}) AS writable
      FROM relations r JOIN artifacts o ON o.id = r.artifact_id
      WHERE r.id = ${id} AND ${mayRead(reader, sql`r.artifact_id`, now)} AND ${mayRead(reader, sql`r.target_id`, now)}`,
  ).first<Omit<FoundRelation, "writable"> & { writable: number }>();
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
    prepare(db, sql`DELETE FROM relations WHERE id = ${id}`),
    noteAudit(db, noteOf("relation ended", relation, { target, type }), author),
  ]);
}
