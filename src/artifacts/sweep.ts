// The cron's work. Each step is bounded, may be cut off at any line and repeated, and may run beside another
// sweep; one that fails does not stop the others. What is left over is for the next run.

import { removeObjects } from "../blobs/objects.ts";
import { forgetAudit } from "../catalog/audit.ts";
import { openDatabase } from "../catalog/database.ts";
import {
  deleteAbandonedVersions,
  deleteExpiredArtifacts,
  forgetArtifacts,
  forgetConversions,
  forgetGarbage,
  listGarbage,
  removeDeletedFiles,
} from "../catalog/garbage.ts";
import { forgetNetworks } from "../catalog/known-networks.ts";
import { forgetLoginFailures } from "../catalog/login-failures.ts";
import { forgetRefused } from "../catalog/refused-archives.ts";
import { refillReserve, releaseReserve } from "../catalog/reserve.ts";
import { forgetSessions } from "../catalog/sessions.ts";
import { isCatalogFull } from "../catalog/size.ts";
import { noteSweepBegun, noteSweepEnded } from "../catalog/sweeps.ts";
import type { SweepReport } from "../catalog/sweeps.ts";
import { forgetUpload, listIdleUploads, noteAppend } from "../catalog/uploads.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { expireUpload } from "../uploads/gateway.ts";
import { expireObjects, moveAudit } from "./audit/move.ts";

/** Removes idle uploads, incomplete and expired artifacts, deleted versions and the R2 objects that nothing names. */
export async function sweep(
  env: Env,
  idleMs: number,
  now: number,
  auditMs: number = LIMITS.auditKept,
): Promise<SweepReport> {
  const db = openDatabase(env.DB);
  const before = now - LIMITS.garbageGrace;
  const report = { uploadsExpired: 0, filesRemoved: 0, objectsDeleted: 0, failures: 0 };
  const run = (step: () => Promise<void>) => attempt(report, () => withReserve(db, step));
  const steps = [
    () => expireIdleUploads({ ...env, DB: db }, now - idleMs, run, report),
    // After the uploads: those that are not idle have just said so.
    () => deleteAbandonedVersions(db, now - idleMs, now, LIMITS.sweepBatch),
    () => deleteExpiredArtifacts(db, now, LIMITS.sweepBatch),
    () =>
      repeat(async () => {
        const removed = await removeDeletedFiles(db, before, now, LIMITS.sweepBatch);
        report.filesRemoved += removed;
        return removed;
      }),
    // What is too old for the audit is not moved first.
    () => repeat(() => forgetAudit(db, now - auditMs, now, LIMITS.sweepBatch)),
    () => repeat(() => expireObjects(db, now - auditMs, now)),
    () => moveAudit({ DB: db, BUCKET: env.BUCKET }, now),
    () =>
      repeat(async () => {
        const keys = await listGarbage(db, before, LIMITS.sweepBatch);
        // Objects first: a crash in between leaves keys that are deleted once more.
        await removeObjects(env.BUCKET, keys);
        await forgetGarbage(db, keys);
        report.objectsDeleted += keys.length;
        return keys.length;
      }),
    () => repeat(() => forgetConversions(db, now - LIMITS.conversionMemory, LIMITS.sweepBatch)),
    () => repeat(() => forgetArtifacts(db, now - LIMITS.tombstoneMemory, LIMITS.sweepBatch)),
    () => repeat(() => forgetRefused(db, now - LIMITS.refusalMemory, LIMITS.sweepBatch)),
    () => repeat(() => forgetSessions(db, now - LIMITS.sessionIdle, LIMITS.sweepBatch)),
    () => forgetFailures(db, now - LIMITS.loginMemory),
    () => repeat(() => forgetNetworks(db, now - LIMITS.networkMemory, LIMITS.sweepBatch)),
  ];
  await run(() => noteSweepBegun(db, now));
  for (const step of steps) {
    await run(step);
  }
  await attempt(report, () => refillReserve(db));
  await run(() => noteSweepEnded(db, report, Date.now()));
  return report;
}

/** Runs a step; a failure is logged and counted, and what follows goes on. */
async function attempt(report: SweepReport, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    report.failures += 1;
    console.error("Cannot finish a step of the sweep", error);
  }
}

/** Runs a step; one for which the database has no page left is repeated with those of the reserve. */
async function withReserve(db: Env["DB"], step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isCatalogFull(error)) {
      throw error;
    }
    await releaseReserve(db);
    await step();
  }
}

/** Repeats a step while it finds a whole batch to do. */
async function repeat(
  step: () => Promise<number>,
  batch: number = LIMITS.sweepBatch,
): Promise<void> {
  for (let round = 0; round < LIMITS.sweepRounds; round += 1) {
    if ((await step()) < batch) {
      return;
    }
  }
}

/** Asks uploads that look idle one by one: what fails for one does not stop the others. */
async function expireIdleUploads(
  env: Env,
  before: number,
  run: (step: () => Promise<void>) => Promise<void>,
  report: SweepReport,
): Promise<void> {
  for (const uuid of await listIdleUploads(env.DB, before, LIMITS.sweepBatch)) {
    await run(() => expireIdle(env, uuid, before, report));
  }
}

function forgetFailures(db: Env["DB"], before: number): Promise<void> {
  const batch = LIMITS.sweepFailures;
  return repeat(() => forgetLoginFailures(db, before, batch), batch);
}

/** The catalog knows which uploads look idle; each object decides for itself. */
async function expireIdle(
  env: Env,
  uuid: Uuid,
  before: number,
  report: SweepReport,
): Promise<void> {
  const reply = await expireUpload(env.UPLOADS, uuid, before);
  if (reply.kind === "kept") {
    await noteAppend(env.DB, uuid, reply.lastAppendAt);
  } else {
    await forgetUpload(env.DB, uuid, "the fetch stood still for too long", before);
    report.uploadsExpired += 1;
  }
}
