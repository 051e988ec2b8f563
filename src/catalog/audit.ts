// Who did what. A row is written in the batch of the change that it tells of, so that neither is there without the
// other, but for those that a caller causes beyond LIMITS.auditOfDay: a trigger counts them in one row. Rows of some days ago are in objects of R2 (audit-objects.ts). What happens to artifacts comes here by a trigger on `events`; the rest is noted by the statements below.

import type { AuditRow } from "../protocol/views.ts";
import type { Author } from "../protocol/identity.ts";
import { listObjects } from "./audit-objects.ts";
import type { AuditObject } from "./audit-objects.ts";

/** What is done: to what, in which workspace. */
export interface AuditNote {
  action: string;
  workspaceId?: number | null;
  /** Its name; one of the two is enough while the workspace exists. */
  workspace?: string | null;
  subject?: string | null;
  detail?: Record<string, unknown>;
}

const COLUMNS =
  "audit (at, request_id, network, actor, action, workspace_id, workspace, subject, detail)";
const VALUES =
  "?1, ?2, ?3, ?4, ?5, coalesce(?6, (SELECT id FROM workspaces WHERE name = ?7)), coalesce(?7, (SELECT name FROM workspaces WHERE id = ?6)), ?8, ?9";

function valuesOf(note: AuditNote, { actor, now, origin }: Author): (string | number | null)[] {
  const { action, workspaceId = null, workspace = null, subject = null, detail = {} } = note;
  const from = [origin?.requestId ?? null, origin?.network ?? null];
  return [now, ...from, actor, action, workspaceId, workspace, subject, JSON.stringify(detail)];
}

/** Notes what the statement before it did, if that changed anything: in a batch, right behind it. */
export function noteAudit(db: D1Database, note: AuditNote, author: Author): D1PreparedStatement {
  return db
    .prepare(`INSERT INTO ${COLUMNS} SELECT ${VALUES} WHERE changes() > 0`)
    .bind(...valuesOf(note, author));
}

/** The same in a batch that may be sent again (`repeatable()`) and whose change takes effect then, too: the row that the
 * request left when the answer was lost is enough. */
export function noteOnce(db: D1Database, note: AuditNote, author: Author): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO ${COLUMNS} SELECT ${VALUES} WHERE changes() > 0 AND NOT EXISTS (
         SELECT 1 FROM audit WHERE at = ?1 AND request_id = ?2 AND action = ?5 AND subject IS ?8 AND detail = ?9)`,
    )
    .bind(...valuesOf(note, author));
}

/** Notes what the statement behind it does to each thing that `things`, a query of `subject` and `detail`, finds: in a
 * batch, right before it. */
export function noteEach(
  db: D1Database,
  note: Pick<AuditNote, "action" | "workspaceId">,
  things: { query: string; values: readonly (string | number | null)[] },
  author: Author,
): D1PreparedStatement {
  const [subject, detail] = ["?8", "?9"];
  const values = VALUES.replace(subject, "subject").replace(detail, "detail");
  return db
    .prepare(`INSERT INTO ${COLUMNS} SELECT ${values} FROM (${things.query})`)
    .bind(...valuesOf(note, author), ...things.values);
}

/** Notes what changes nothing else: a login by a key, a refusal. */
export async function addAudit(db: D1Database, note: AuditNote, author: Author): Promise<void> {
  await db
    .prepare(`INSERT INTO ${COLUMNS} VALUES (${VALUES})`)
    .bind(...valuesOf(note, author))
    .run();
}

/** Which rows to read. */
export interface AuditQuery {
  /** Null: all of them. */
  workspace: string | null;
  /** The one of that name that exists now: its namesakes of the past are others'. Null: whichever had the name. */
  workspaceId: number | null;
  action: string | null;
  /** From when to when, both included. */
  from: number;
  to: number;
  /** Goes on with the rows before this place, which is that of the last one that was looked at, or right above one. */
  after: AuditPlace | null;
}

/** Where a row stands among all: by its time, then by its id. */
export interface AuditPlace {
  at: number;
  id: number;
}

/** The newest rows of a query that the catalog has, newest first, and the newest objects that may hold some of it. At most
 * `scan` rows are looked at; `end` is the last of them where there are more. Both are read at one moment, so that a
 * row is in one of them. */
export async function listAudit(
  db: D1Database,
  { workspace, workspaceId, action, from, to, after }: AuditQuery,
  { limit, scan, objects }: { limit: number; scan: number; objects: number },
): Promise<{ rows: AuditRow[]; end: AuditPlace | null; objects: AuditObject[] }> {
  const place = workspace === null ? "?1 IS NULL" : "workspace = ?1";
  const before = after ?? { at: to + 1, id: 0 };
  const [scanned, found] = await db.batch([
    db
      .prepare(
        `SELECT id, at, request_id AS requestId, network, actor, action, workspace, subject, detail,
           (?5 IS NULL OR action = ?5) AND (?6 IS NULL OR workspace_id = ?6) AS fits
         FROM audit WHERE ${place} AND at >= ?2 AND (at, id) < (?3, ?4)
         ORDER BY at DESC, id DESC LIMIT ?7`,
      )
      .bind(workspace, from, before.at, before.id, action, workspaceId, scan),
    listObjects(db, { from, before }, objects),
  ]);
  const results = (scanned?.results ?? []) as (Omit<AuditRow, "detail"> & {
    detail: string;
    fits: number;
  })[];
  const last = results.length === scan ? results.at(-1) : undefined;
  return {
    rows: results
      .filter(({ fits }) => fits === 1)
      .slice(0, limit)
      .map((row) => ({ ...row, detail: JSON.parse(row.detail) as Record<string, unknown> })),
    end: last === undefined ? null : { at: last.at, id: last.id },
    objects: (found?.results ?? []) as AuditObject[],
  };
}

/** Forgets rows older than `before`, and says how many; of who caused them on a day what is two days older than `now`. */
export async function forgetAudit(
  db: D1Database,
  before: number,
  now: number,
  limit: number,
): Promise<number> {
  const [rows] = await db.batch([
    db
      .prepare(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
      )
      .bind(before, limit),
    db
      .prepare(
        `DELETE FROM audit_days WHERE (caller, workspace) IN (
           SELECT caller, workspace FROM audit_days WHERE day < ?1 LIMIT ?2)`,
      )
      .bind(Math.floor(now / 86_400_000) - 1, limit),
  ]);
  return rows?.meta.changes ?? 0;
}
