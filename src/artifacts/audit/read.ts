// A page of the audit, from the catalog and from its objects in R2. Objects hold what is between two places each, so
// they are read from the newest on until the page is full or its bounds are reached. A row that came too late for the
// objects of its time is in the catalog and is put where it belongs.

import { StorageError } from "../../blobs/objects.ts";
import { listAudit } from "../../catalog/audit/audit.ts";
import type { AuditPlace, AuditQuery } from "../../catalog/audit/audit.ts";
import type { AuditObject } from "../../catalog/audit/objects.ts";
import { AppError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { AuditRow } from "../../protocol/views.ts";
import { readObject, withObject } from "./object.ts";

/** Rows of a query, the newest first, and where to go on; `next` null is the end. What is looked at is bounded, so a page
 * may hold few rows, or none, and go on all the same. */
export async function readAudit(
  { DB: db, BUCKET: bucket }: Pick<Env, "DB" | "BUCKET">,
  query: AuditQuery,
): Promise<{ rows: AuditRow[]; next: AuditPlace | null }> {
  const { auditListed: limit, auditScanned: scan, auditObjectsRead } = LIMITS;
  // One more of each than a page has: it tells that there are more.
  const bounds = { limit: limit + 1, scan, objects: auditObjectsRead + 1 };
  const { rows: found, end, objects } = await listAudit(db, query, bounds);
  const { floor, isCut } = await addObjects(bucket, query, { found, end, objects });
  const seen = found.filter((row) => floor === null || !isBefore(row, floor));
  const rows = seen.slice(0, limit);
  const last = rows[limit - 1];
  const isOver = !isCut && floor === null && seen.length <= limit;
  return { rows, next: last === undefined || isOver ? floor : { at: last.at, id: last.id } };
}

/** Adds rows of objects to those that were found. All that is not before `floor` was seen then, where it is null
 * everything, but for objects older than a full page: `isCut`. */
async function addObjects(
  bucket: Env["BUCKET"],
  query: AuditQuery,
  listed: { found: AuditRow[]; end: AuditPlace | null; objects: readonly AuditObject[] },
): Promise<{ floor: AuditPlace | null; isCut: boolean }> {
  const { found, end, objects } = listed;
  let scanned = 0;
  for (const [index, object] of objects.entries()) {
    const top = { at: object.lastAt, id: object.lastId };
    const places = [found[LIMITS.auditListed - 1], end];
    if (places.some((place) => place && isBefore(top, place))) {
      return { floor: end, isCut: true };
    }
    scanned += object.rows;
    // The first one is always read, so that every page gets on.
    if (index === LIMITS.auditObjectsRead || (index > 0 && scanned > LIMITS.auditScanned)) {
      return { floor: { at: top.at, id: top.id + 1 }, isCut: true };
    }
    found.push(...(await withObject(() => selectRows(bucket, object, query))));
    found.sort((one, other) => other.at - one.at || other.id - one.id);
  }
  return { floor: end, isCut: false };
}

function isBefore(one: AuditPlace, other: AuditPlace): boolean {
  return one.at < other.at || (one.at === other.at && one.id < other.id);
}

/** A line of an object. */
interface StoredRow extends Omit<AuditRow, "requestId"> {
  request_id: string | null;
  workspace_id: number | null;
}

/** The newest rows of an object that a query asks for, one more than a page has. */
async function selectRows(
  bucket: Env["BUCKET"],
  object: AuditObject,
  query: AuditQuery,
): Promise<AuditRow[]> {
  const selected: AuditRow[] = [];
  for (const line of (await requireLines(bucket, object)).toReversed()) {
    const row = JSON.parse(line) as StoredRow;
    if (row.at < query.from || selected.length > LIMITS.auditListed) {
      break;
    }
    if (fits(row, query)) {
      selected.push({ ...row, requestId: row.request_id });
    }
  }
  return selected;
}

/** The same that `listAudit()` asks the catalog for. */
function fits(row: StoredRow, { workspace, workspaceId, action, to, after }: AuditQuery): boolean {
  return (
    isBefore(row, after ?? { at: to + 1, id: 0 }) &&
    (workspace === null || row.workspace === workspace) &&
    (workspaceId === null || row.workspace_id === workspaceId) &&
    (action === null || row.action === action)
  );
}

/** Refuses where an object is missing, altered or cannot be read just now. */
async function requireLines(bucket: Env["BUCKET"], object: AuditObject): Promise<string[]> {
  const read = await readObject(bucket, object).catch((error: unknown) => {
    if (error instanceof StorageError) {
      return { ok: false as const, why: error.message };
    }
    throw error;
  });
  if (!read.ok) {
    console.error(`Cannot read the audit's object ${object.key}: ${read.why}`);
    throw new AppError("storage_unavailable");
  }
  return read.lines;
}
