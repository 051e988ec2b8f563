// Rows of the audit go from the catalog to R2 once their day is over for LIMITS.auditInCatalog. In this order: (1) the
// rows are read, with the hash of the last object; (2) the key of the new one is listed in `garbage`; (3) one `put`,
// verified by R2; (4) one batch names the object, deletes the very rows that it holds and takes the key off
// `garbage`. A crash at any line leaves the rows where they are and a key in `garbage`, which the sweep removes; of two
// sweeps at once one names its object, and the other's goes the same way. Objects expire by a batch that forgets
// them and makes their keys garbage.

import { putObject } from "../../blobs/objects.ts";
import {
  expectObject,
  forgetObjects,
  listMovable,
  noteObject,
} from "../../catalog/audit/objects.ts";
import type { AuditLine } from "../../catalog/audit/objects.ts";
import { repeatable } from "../../catalog/database.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { DAY, dayOf, digestOf, encodeObject, newAuditKey, withObject } from "./object.ts";

/** The time before which rows are in R2: the beginning of a day. */
export function endOfMoved(now: number): number {
  return startOfDay(now - LIMITS.auditInCatalog);
}

function startOfDay(at: number): number {
  return Math.floor(at / DAY) * DAY;
}

/** Moves rows, an object at a time, up to so many objects; the next sweep goes on. */
export async function moveAudit(env: Pick<Env, "DB" | "BUCKET">, now: number): Promise<void> {
  for (let round = 0; round < LIMITS.sweepRounds; round += 1) {
    if (!(await withObject(() => moveSome(env, now)))) {
      return;
    }
  }
}

/** Moves the oldest rows, all of one day; says whether there were any. */
async function moveSome(
  { DB: db, BUCKET: bucket }: Pick<Env, "DB" | "BUCKET">,
  now: number,
): Promise<boolean> {
  const bounds = { rows: LIMITS.auditObjectRows, text: LIMITS.auditObjectText };
  const { lines: listed, previous } = await listMovable(db, endOfMoved(now), bounds);
  const lines = ofOneDay(listed);
  const [first, last] = [lines[0], lines.at(-1)];
  if (first === undefined || last === undefined) {
    return false;
  }
  const bytes = await encodeObject(lines, previous);
  const key = newAuditKey(first.at);
  await expectObject(repeatable(db), key, now);
  await putObject(bucket, key, bytes, await digestOf("SHA-512", bytes));
  const ids = lines.map(({ id }) => id);
  const object = {
    key,
    size: bytes.length,
    sha256: await digestOf("SHA-256", bytes),
    previous,
    rows: lines.length,
    firstAt: first.at,
    firstId: first.id,
    lastAt: last.at,
    lastId: last.id,
    highestId: Math.max(...ids),
  };
  await noteObject(repeatable(db), object, ids);
  return true;
}

function ofOneDay(lines: readonly AuditLine[]): AuditLine[] {
  const day = lines[0] && dayOf(lines[0].at);
  return lines.filter(({ at }) => dayOf(at) === day);
}

/** Forgets objects of whole days that are older than `before`, and says how many. Their bytes go at once: nobody downloads
 * them. */
export function expireObjects(db: Env["DB"], before: number, now: number): Promise<number> {
  const since = now - LIMITS.garbageGrace - 1;
  return forgetObjects(db, startOfDay(before), since, LIMITS.sweepBatch);
}
