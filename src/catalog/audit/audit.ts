// Who did what. A row is written in the batch of the change that it tells of, so that neither is there without the
// other, but for those that a caller causes beyond LIMITS.auditOfDay: a trigger counts them in one row. Rows of some days
// ago are in objects of R2 (audit/objects.ts). What happens to artifacts comes here by a trigger on `events`; the rest is
// noted by the statements below.

import type { Author } from "../../protocol/identity.ts";
import type { AuditRow } from "../../protocol/views.ts";
import { forgetOldest } from "../forget-oldest.ts";
import type { AgingTable } from "../forget-oldest.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { listObjects } from "./objects.ts";
import type { AuditObject } from "./objects.ts";

/** What is done: to what, in which workspace. */
export interface AuditNote {
  action: string;
  workspaceId?: number | null;
  /** Its name; one of the two is enough while the workspace exists. */
  workspace?: string | null;
  subject?: string | null;
  detail?: Record<string, unknown>;
}

const COLUMNS = sql`audit (at, request_id, network, actor, action, workspace_id, workspace, subject, detail)`;

/** What is noted, as it is bound or as an expression. */
interface NotedValues extends Omit<AuditNote, "subject" | "detail"> {
  subject: Sql | string | null;
  detail: Sql | string;
}

function valuesOf(note: NotedValues, { actor, now, origin }: Author): Sql {
  const { action, workspaceId = null, workspace = null, subject, detail } = note;
  return sql`${now}, ${origin?.requestId ?? null}, ${origin?.network ?? null}, ${actor}, ${action},
    coalesce(${workspaceId}, (SELECT id FROM workspaces WHERE name = ${workspace})),
    coalesce(${workspace}, (SELECT name FROM workspaces WHERE id = ${workspaceId})), ${subject}, ${detail}`;
}

function toValues({
  subject = null,
  detail = {},
  ...rest
}: AuditNote): NotedValues & { detail: string } {
  return { ...rest, subject, detail: JSON.stringify(detail) };
}

/** Notes what the statement before it did, if that changed anything: in a batch, right behind it. */
export function noteAudit(db: D1Database, note: AuditNote, author: Author): D1PreparedStatement {
  const values = valuesOf(toValues(note), author);
  return prepare(db, sql`INSERT INTO ${COLUMNS} SELECT ${values} WHERE changes() > 0`);
}

/** As noteAudit(), in a batch that may be sent again (`repeatable()`) and whose change takes effect then, too: the row that the
 * request left when the answer was lost is enough. */
export function noteOnce(db: D1Database, note: AuditNote, author: Author): D1PreparedStatement {
  const noted = toValues(note);
  const { now, origin } = author;
  return prepare(
    db,
    sql`INSERT INTO ${COLUMNS} SELECT ${valuesOf(noted, author)} WHERE changes() > 0 AND NOT EXISTS (
      SELECT 1 FROM audit WHERE at = ${now} AND request_id = ${origin?.requestId ?? null}
        AND action = ${noted.action} AND subject IS ${noted.subject} AND detail = ${noted.detail})`,
  );
}

/** Notes what the statement behind it does to each thing that `things`, a query of `subject` and `detail`, finds: in a
 * batch, right before it. */
export function noteEach(
  db: D1Database,
  note: Pick<AuditNote, "action" | "workspaceId">,
  things: Sql,
  author: Author,
): D1PreparedStatement {
  const values = valuesOf({ ...note, subject: sql`subject`, detail: sql`detail` }, author);
  return prepare(db, sql`INSERT INTO ${COLUMNS} SELECT ${values} FROM (${things})`);
}

/** Notes what changes nothing else: a login by a key, a refusal. */
export async function addAudit(db: D1Database, note: AuditNote, author: Author): Promise<void> {
  await prepare(db, sql`INSERT INTO ${COLUMNS} VALUES (${valuesOf(toValues(note), author)})`).run();
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
  const before = after ?? { at: to + 1, id: 0 };
  const [scanned, found] = await db.batch([
    prepare(
      db,
      sql`SELECT id, at, request_id AS requestId, network, actor, action, workspace, subject, detail,
          (${action} IS NULL OR action = ${action})
            AND (${workspaceId} IS NULL OR workspace_id = ${workspaceId}) AS fits
        FROM audit WHERE ${workspace === null ? sql`TRUE` : sql`workspace = ${workspace}`}
          AND at >= ${from} AND (at, id) < (${before.at}, ${before.id})
        ORDER BY at DESC, id DESC LIMIT ${scan}`,
    ),
    listObjects(db, { from, before }, objects),
  ]);
  const results = (scanned?.results ?? []) as ScannedRow[];
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

type ScannedRow = Omit<AuditRow, "detail"> & { detail: string; fits: number };

/** Forgets rows older than `before`, and says how many; of who caused them on a day what is two days older than `now`. */
export async function forgetAudit(
  db: D1Database,
  before: number,
  now: number,
  limit: number,
): Promise<number> {
  const [rows] = await db.batch([
    forgetOldest(db, AUDIT, before - 1, limit),
    prepare(
      db,
      sql`DELETE FROM audit_days WHERE (caller, workspace) IN (
        SELECT caller, workspace FROM audit_days WHERE day < ${Math.floor(now / 86_400_000) - 1} LIMIT ${limit})`,
    ),
  ]);
  return rows?.meta.changes ?? 0;
}

const AUDIT: AgingTable = { table: sql`audit`, key: sql`id`, age: sql`at` };
