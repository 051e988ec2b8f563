// The cron's work. Each step is bounded, may be cut off at any line and repeated, and may run beside another
// sweep; one that fails does not stop the others. What is left over is for the next run.

import { removeObjects } from "../blobs/objects.ts";
import { forgetNetworks } from "../catalog/access/known-networks.ts";
import { forgetLoginFailures } from "../catalog/access/login-failures.ts";
import { forgetSessions } from "../catalog/access/sessions.ts";
import { forgetAudit } from "../catalog/audit/audit.ts";
import { openDatabase } from "../catalog/database.ts";
import { forgetRefused } from "../catalog/publish/refused-archives.ts";
import { forgetUpload, listIdleUploads, noteAppend } from "../catalog/publish/uploads.ts";
import { isCatalogFull } from "../catalog/size.ts";
import { refillReserve, releaseReserve } from "../catalog/upkeep/reserve.ts";
import {
  deleteAbandonedVersion,
  deleteExpiredArtifacts,
  forgetArtifacts,
  forgetConversions,
  forgetGarbage,
  listGarbage,
  listIdleDrafts,
  noteProgress,
  pickDoomed,
  removeDoomed,
} from "../catalog/upkeep/sweep-steps.ts";
import type { IdleDraft } from "../catalog/upkeep/sweep-steps.ts";
import { noteSweepBegun, noteSweepEnded } from "../catalog/upkeep/sweep-totals.ts";
import type { SweepReport } from "../catalog/upkeep/sweep-totals.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { expireUpload } from "../uploads/gateway.ts";
import { expireObjects, moveAudit } from "./audit/move.ts";

/** What a sweep works on. */
interface Sweep {
  env: Env;
  now: number;
  /** The time before which an upload or draft must have got its last byte to be idle. */
  idleBefore: number;
  /** The time before which rows of the audit are too old. */
  auditBefore: number;
  report: SweepReport;
}

/** Does a bounded piece of work, and says whether there is more. */
type Step = (sweep: Sweep) => Promise<boolean>;

const BATCH = LIMITS.sweepBatch;

/** In this order, by what they do. */
const STEPS: Record<string, Step> = {
  "expire idle uploads": expireIdleUploads,
  // After the uploads: those that are not idle have just said so.
  "expire idle drafts": expireIdleDrafts,
  "delete expired artifacts": async ({ env, now }) => {
    await deleteExpiredArtifacts(env.DB, now, BATCH);
    return false;
  },
  "remove deleted versions": removeVersions,
  // What is too old for the audit is not moved first.
  "forget the audit": ({ env, auditBefore, now }) =>
    isWhole(forgetAudit(env.DB, auditBefore, now, BATCH)),
  "expire objects of the audit": ({ env, auditBefore, now }) =>
    isWhole(expireObjects(env.DB, auditBefore, now)),
  "move the audit": async ({ env, now }) => {
    await moveAudit(env, now);
    return false;
  },
  "delete garbage": deleteGarbage,
  "forget conversions": ({ env, now }) =>
    isWhole(forgetConversions(env.DB, now - LIMITS.conversionMemory, BATCH)),
  "forget artifacts": ({ env, now }) =>
    isWhole(forgetArtifacts(env.DB, now - LIMITS.tombstoneMemory, BATCH)),
  "forget refused archives": ({ env, now }) =>
    isWhole(forgetRefused(env.DB, now - LIMITS.refusalMemory, BATCH)),
  "forget sessions": ({ env, now }) =>
    isWhole(forgetSessions(env.DB, now - LIMITS.sessionIdle, BATCH)),
  "forget failed logins": ({ env, now }) =>
    isWhole(
      forgetLoginFailures(env.DB, now - LIMITS.loginMemory, LIMITS.sweepFailures),
      LIMITS.sweepFailures,
    ),
  "forget networks": ({ env, now }) =>
    isWhole(forgetNetworks(env.DB, now - LIMITS.networkMemory, BATCH)),
};

/** Removes idle uploads, incomplete and expired artifacts, deleted versions and the R2 objects that nothing names. */
export async function sweep(
  env: Env,
  idleMs: number,
  now: number,
  auditMs: number = LIMITS.auditKept,
): Promise<SweepReport> {
  const db = openDatabase(env.DB);
  const report = { uploadsExpired: 0, versionsRemoved: 0, objectsDeleted: 0, failures: 0 };
  const [idleBefore, auditBefore] = [now - idleMs, now - auditMs];
  const work: Sweep = { env: { ...env, DB: db }, now, idleBefore, auditBefore, report };
  const end = Date.now() + LIMITS.sweepTime;
  await attempt(work, "note that a sweep begins", () => noteSweepBegun(db, now));
  for (const [name, step] of Object.entries(STEPS)) {
    await attempt(work, name, () => repeat(work, step, end));
  }
  await attempt(work, "refill the reserve", () => refillReserve(db));
  await attempt(work, "note that a sweep ends", () => noteSweepEnded(db, report, Date.now()));
  return report;
}

/** Does something for which the database may have no page left, then with those of the reserve. A failure is logged and
 * counted, and what follows goes on; says whether it was done. */
async function attempt(
  { env, report }: Sweep,
  what: string,
  action: () => Promise<void>,
): Promise<boolean> {
  try {
    await action().catch(async (error: unknown) => {
      if (!isCatalogFull(error)) {
        throw error;
      }
      await releaseReserve(env.DB);
      await action();
    });
    return true;
  } catch (error) {
    report.failures += 1;
    console.error(`The sweep cannot ${what}`, error);
    return false;
  }
}

/** Repeats a step while there is more to do and time for it. */
async function repeat(work: Sweep, step: Step, end: number): Promise<void> {
  for (let round = 1; round <= LIMITS.sweepRounds; round += 1) {
    const hasMore = await step(work);
    if (!hasMore || Date.now() >= end) {
      return;
    }
  }
}

/** Was it a whole batch, so that there may be more? */
async function isWhole(count: Promise<number>, batch: number = BATCH): Promise<boolean> {
  return (await count) >= batch;
}

/** Asks uploads that look idle one by one: what fails for one does not stop the others. */
async function expireIdleUploads(work: Sweep): Promise<boolean> {
  for (const uuid of await listIdleUploads(work.env.DB, work.idleBefore, BATCH)) {
    await attempt(work, `expire upload ${uuid}`, () => expireIdleUpload(work, uuid));
  }
  return false;
}

/** The catalog knows which uploads look idle; each object decides for itself. */
async function expireIdleUpload(
  { env, idleBefore, now, report }: Sweep,
  uuid: Uuid,
): Promise<void> {
  const reply = await expireUpload(env.UPLOADS, uuid, idleBefore);
  if (reply.kind === "kept") {
    await noteAppend(env.DB, uuid, reply.lastAppendAt);
  } else {
    await forgetUpload(env.DB, uuid, "the fetch stood still for too long", { now, idleBefore });
    report.uploadsExpired += 1;
  }
}

/** Asks drafts likewise. */
async function expireIdleDrafts(work: Sweep): Promise<boolean> {
  for (const idle of await listIdleDrafts(work.env.DB, work.idleBefore, BATCH)) {
    await attempt(work, `expire draft ${idle.draft}`, () => expireIdleDraft(work, idle));
  }
  return false;
}

async function expireIdleDraft(
  { env, idleBefore, now }: Sweep,
  { versionId, draft }: IdleDraft,
): Promise<void> {
  const reply = await env.DRAFTS.getByName(draft).expire(idleBefore);
  if (reply.kind === "kept") {
    await noteProgress(env.DB, versionId, reply.lastAppendAt);
  } else {
    await deleteAbandonedVersion(env.DB, versionId, now);
  }
}

/** A draft that does not answer keeps its version until the next run. */
async function removeVersions(work: Sweep): Promise<boolean> {
  const { env, now, report } = work;
  const before = now - LIMITS.garbageGrace;
  const limits = { limit: LIMITS.sweepRefs, drafts: BATCH };
  const { ids, refs, drafts, isCut } = await pickDoomed(env.DB, before, limits);
  const kept = new Set<number>();
  for (const { versionId, draft } of drafts) {
    const isDropped = await attempt(work, `drop draft ${draft}`, () =>
      env.DRAFTS.getByName(draft).drop(),
    );
    if (!isDropped) {
      kept.add(versionId);
    }
  }
  const doomed = {
    ids: ids.filter((id) => !kept.has(id)),
    refs: refs.filter(({ versionId }) => !kept.has(versionId)),
  };
  if (doomed.ids.length === 0) {
    return false;
  }
  report.versionsRemoved += await removeDoomed(env.DB, doomed, now);
  return isCut;
}

async function deleteGarbage({ env, now, report }: Sweep): Promise<boolean> {
  const keys = await listGarbage(env.DB, now - LIMITS.garbageGrace, LIMITS.sweepKeys);
  // Objects first: a crash in between leaves keys that are deleted once more.
  await removeObjects(env.BUCKET, keys);
  await forgetGarbage(env.DB, keys);
  report.objectsDeleted += keys.length;
  return keys.length >= LIMITS.sweepKeys;
}
