// Which rows of the audit are in which object of R2 (docs/decisions/031). What an object holds is never asked of here:
// artifacts/audit/ writes and reads it.

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

const OBJECT =
  "key, size, sha256, previous, rows, first_at AS firstAt, first_id AS firstId, last_at AS lastAt, last_id AS lastId, highest_id AS highestId";

/** A row of the audit as a line of an object. */
export interface AuditLine {
  id: number;
  at: number;
  /** JSON, with the names of the columns. */
  line: string;
}

function ofLast(column: string): string {
  return `(SELECT ${column} FROM audit_objects ORDER BY number DESC LIMIT 1)`;
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
    db.prepare(`SELECT ${ofLast("sha256")} AS sha256`),
    db
      .prepare(
        `SELECT id, at, line FROM (
           SELECT id, at, line, sum(length(CAST(line AS BLOB)) + 1) OVER (ORDER BY at, id) AS text FROM (
             SELECT id, at, json_object('id', id, 'at', at, 'request_id', request_id, 'network', network,
               'actor', actor, 'action', action, 'workspace_id', workspace_id, 'workspace', workspace,
               'subject', subject, 'detail', json(detail)) AS line
             FROM audit
             WHERE (at, id) > (coalesce(${ofLast("last_at")}, -1), coalesce(${ofLast("last_id")}, 0)) AND at < ?1
             ORDER BY at, id LIMIT ?2))
         WHERE text <= ?3 ORDER BY at, id`,
      )
      .bind(before, rows, text),
  ]);
  const [tip] = (objects?.results ?? []) as { sha256: string | null }[];
  return { lines: (found?.results ?? []) as AuditLine[], previous: tip?.sha256 ?? "" };
}

/** Lists the key of an object that is about to be written as garbage: what becomes of it, the batch that names it says. */
export async function expectObject(db: D1Database, key: string, now: number): Promise<void> {
  await db
    .prepare("INSERT INTO garbage (key, since) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")
    .bind(key, now)
    .run();
}

/** Names an object and deletes the very rows that it holds. Where another object was named since they were listed, or one of
 * them is gone, nothing happens. A second time changes nothing. */
export async function noteObject(
  db: D1Database,
  object: AuditObject,
  ids: readonly number[],
): Promise<void> {
  const list = JSON.stringify(ids);
  const { key, size, sha256, previous, rows } = object;
  const { firstAt, firstId, lastAt, lastId, highestId } = object;
  const isNamed = "EXISTS (SELECT 1 FROM audit_objects WHERE key = ?1)";
  await db.batch([
    db
      .prepare(
        `INSERT INTO audit_objects
           (key, size, sha256, previous, rows, first_at, first_id, last_at, last_id, highest_id)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE ?4 = coalesce((SELECT sha256 FROM audit_objects ORDER BY number DESC LIMIT 1), '')
           AND ?5 = (SELECT count(*) FROM audit WHERE id IN (SELECT value FROM json_each(?11)))`,
      )
      .bind(key, size, sha256, previous, rows, firstAt, firstId, lastAt, lastId, highestId, list),
    db
      .prepare(`DELETE FROM audit WHERE ${isNamed} AND id IN (SELECT value FROM json_each(?2))`)
      .bind(key, list),
    db.prepare(`DELETE FROM garbage WHERE ${isNamed} AND key = ?1`).bind(key),
  ]);
}

/** Forgets objects whose rows are all from before `before`, and says how many: they become garbage, since `since`. */
export async function forgetObjects(
  db: D1Database,
  before: number,
  since: number,
  limit: number,
): Promise<number> {
  const expired = `SELECT number FROM audit_objects
    WHERE first_at < ?1 AND last_at < ?1 ORDER BY first_at, first_id LIMIT ?2`;
  const [, forgotten] = await db.batch([
    db
      .prepare(
        `INSERT INTO garbage (key, since) SELECT key, ?3 FROM audit_objects
         WHERE number IN (${expired}) ON CONFLICT (key) DO NOTHING`,
      )
      .bind(before, limit, since),
    db.prepare(`DELETE FROM audit_objects WHERE number IN (${expired})`).bind(before, limit),
  ]);
  return forgotten?.meta.changes ?? 0;
}

/** The statement that finds the objects with rows from `from` on and before a place, the newest first. */
export function listObjects(
  db: D1Database,
  { from, before }: { from: number; before: { at: number; id: number } },
  limit: number,
): D1PreparedStatement {
  return db
    .prepare(
      `SELECT ${OBJECT} FROM audit_objects
       WHERE (first_at, first_id) < (?1, ?2) AND last_at >= ?3
       ORDER BY first_at DESC, first_id DESC LIMIT ?4`,
    )
    .bind(before.at, before.id, from, limit);
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
  const { results } = await db
    .prepare(
      `SELECT o.number, ${OBJECT},
         (SELECT b.sha256 FROM audit_objects b WHERE b.number = o.number - 1) AS before,
         NOT EXISTS (SELECT 1 FROM audit_objects b WHERE b.number < o.number) AS isFirst
       FROM audit_objects o WHERE o.number > ?1 ORDER BY o.number LIMIT ?2`,
    )
    .bind(after, limit)
    .all<CheckedObject>();
  return results;
}
