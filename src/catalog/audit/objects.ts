// Which rows of the audit are in which object of R2 (docs/decisions/031). What an object holds is never asked of here:
// artifacts/audit/ writes and reads it.

import { prepare, rowsOf, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

/** An object as the catalog knows it. */
export interface AuditObject {
  key: string;
  size: number;
  /** Of its bytes. */
  sha256: string;
  /** The sha256 of the object before it; '' of the first. */
  previous: string;
  rows: number;
  firstAt: number;
  firstId: number;
  lastAt: number;
  lastId: number;
  highestId: number;
}

const OBJECT = sql`key, size, sha256, previous, rows, first_at AS firstAt, first_id AS firstId,
  last_at AS lastAt, last_id AS lastId, highest_id AS highestId`;

/** A row of the audit as a line of an object. */
export interface AuditLine {
  id: number;
  at: number;
  /** JSON, with the names of the columns. */
  line: string;
}

/** A column of the object that was named last. */
function ofLast(column: Sql): Sql {
  return sql`(SELECT ${column} FROM audit_objects ORDER BY number DESC LIMIT 1)`;
}

/** The oldest rows from before `before` that come behind all objects, in the order of time, up to so many rows and bytes of
 * text; and the sha256 of the last object, '' where there is none. A row that came too late for the objects of its time
 * is never among them. */
export async function listMovable(
  db: D1Database,
  before: number,
  { rows, text }: { rows: number; text: number },
): Promise<{ lines: AuditLine[]; previous: string }> {
  const [objects, found] = await db.batch([
    prepare(db, sql`SELECT ${ofLast(sql`sha256`)} AS sha256`),
    prepare(
      db,
      sql`SELECT id, at, line FROM (
          SELECT id, at, line, sum(length(CAST(line AS BLOB)) + 1) OVER (ORDER BY at, id) AS text FROM (
            SELECT id, at, json_object('id', id, 'at', at, 'request_id', request_id, 'network', network,
              'actor', actor, 'action', action, 'workspace_id', workspace_id, 'workspace', workspace,
              'subject', subject, 'detail', json(detail)) AS line
            FROM audit
            WHERE (at, id) > (coalesce(${ofLast(sql`last_at`)}, -1), coalesce(${ofLast(sql`last_id`)}, 0))
              AND at < ${before}
            ORDER BY at, id LIMIT ${rows}))
        WHERE text <= ${text} ORDER BY at, id`,
    ),
  ]);
  const [tip] = (objects?.results ?? []) as { sha256: string | null }[];
  return { lines: (found?.results ?? []) as AuditLine[], previous: tip?.sha256 ?? "" };
}

/** Lists the key of an object that is about to be written as garbage: what becomes of it, the batch that names it says. */
export async function expectObject(db: D1Database, key: string, now: number): Promise<void> {
  await prepare(
    db,
    sql`INSERT INTO garbage (key, since) VALUES (${key}, ${now}) ON CONFLICT (key) DO NOTHING`,
  ).run();
}

/** Names an object and deletes the very rows that it holds. Where another object was named since they were listed, or one of
 * them is gone, nothing happens. A second time changes nothing. */
export async function noteObject(
  db: D1Database,
  object: AuditObject,
  ids: readonly number[],
): Promise<void> {
  const { key, size, sha256, previous, rows } = object;
  const { firstAt, firstId, lastAt, lastId, highestId } = object;
  const held = sql`id IN (SELECT e.value FROM ${rowsOf(ids)})`;
  const isNamed = sql`EXISTS (SELECT 1 FROM audit_objects WHERE key = ${key})`;
  await db.batch([
    prepare(
      db,
      sql`INSERT INTO audit_objects
          (key, size, sha256, previous, rows, first_at, first_id, last_at, last_id, highest_id)
        SELECT ${key}, ${size}, ${sha256}, ${previous}, ${rows}, ${firstAt}, ${firstId}, ${lastAt}, ${lastId},
          ${highestId}
        WHERE ${previous} = coalesce(${ofLast(sql`sha256`)}, '')
          AND ${rows} = (SELECT count(*) FROM audit WHERE ${held})`,
    ),
    prepare(db, sql`DELETE FROM audit WHERE ${isNamed} AND ${held}`),
    prepare(db, sql`DELETE FROM garbage WHERE ${isNamed} AND key = ${key}`),
  ]);
}

/** Forgets objects whose rows are all from before `before`, and says how many: they become garbage, since `since`. */
export async function forgetObjects(
  db: D1Database,
  before: number,
  since: number,
  limit: number,
): Promise<number> {
  const expired = sql`audit_objects WHERE number IN (
    SELECT number FROM audit_objects WHERE first_at < ${before} AND last_at < ${before}
    ORDER BY first_at, first_id LIMIT ${limit})`;
  const [, forgotten] = await db.batch([
    prepare(
      db,
      sql`INSERT INTO garbage (key, since) SELECT key, ${since} FROM ${expired}
        ON CONFLICT (key) DO NOTHING`,
    ),
    prepare(db, sql`DELETE FROM ${expired}`),
  ]);
  return forgotten?.meta.changes ?? 0;
}

/** The statement that finds the objects with rows from `from` on and before a place, the newest first. */
export function listObjects(
  db: D1Database,
  { from, before }: { from: number; before: { at: number; id: number } },
  limit: number,
): D1PreparedStatement {
  return prepare(
    db,
    sql`SELECT ${OBJECT} FROM audit_objects
      WHERE (first_at, first_id) < (${before.at}, ${before.id}) AND last_at >= ${from}
      ORDER BY first_at DESC, first_id DESC LIMIT ${limit}`,
  );
}

/** An object beside the one before it, which is null where that expired. */
export interface CheckedObject extends AuditObject {
  number: number;
  before: string | null;
  /** Is it the oldest that there is? */
  isFirst: number;
}

/** Objects after number `after`. */
export async function checkObjects(
  db: D1Database,
  after: number,
  limit: number,
): Promise<CheckedObject[]> {
  const { results } = await prepare(
    db,
    sql`SELECT o.number, ${OBJECT},
        (SELECT b.sha256 FROM audit_objects b WHERE b.number = o.number - 1) AS before,
        NOT EXISTS (SELECT 1 FROM audit_objects b WHERE b.number < o.number) AS isFirst
      FROM audit_objects o WHERE o.number > ${after} ORDER BY o.number LIMIT ${limit}`,
  ).all<CheckedObject>();
  return results;
}
