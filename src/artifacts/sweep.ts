// The cron's work. Each step is bounded by LIMITS.sweepBatch, may be cut off at any line and repeated, and
// may run beside another sweep. What is left over is for the next run.

import { removeObjects } from "../blobs/objects.ts";
import {
  deleteExpiredArtifacts,
  forgetConversions,
  forgetGarbage,
  listGarbage,
  removeDeletedFiles,
} from "../catalog/garbage.ts";
import { forgetUpload, listIdleUploads, noteAppend } from "../catalog/uploads.ts";
import { LIMITS } from "../protocol/limits.ts";
import { expireUpload } from "../uploads/gateway.ts";

/** What a sweep did, for the log. */
export interface SweepReport {
  uploadsExpired: number;
  filesRemoved: number;
  objectsDeleted: number;
}

/** Removes idle uploads, expired artifacts, deleted versions and the R2 objects that nothing names. */
export async function sweep(env: Env, idleMs: number, now: number): Promise<SweepReport> {
  const uploadsExpired = await expireIdleUploads(env, now - idleMs);
  await deleteExpiredArtifacts(env.DB, now, LIMITS.sweepBatch);
  const before = now - LIMITS.garbageGrace;
  const filesRemoved = await removeDeletedFiles(env.DB, before, now, LIMITS.sweepBatch);
  const keys = await listGarbage(env.DB, before, LIMITS.sweepBatch);
  // Objects first: a crash in between leaves keys that are deleted once more.
  await removeObjects(env.BUCKET, keys);
  await forgetGarbage(env.DB, keys);
  await forgetConversions(env.DB, now - LIMITS.sealedMemory, LIMITS.sweepBatch);
  return { uploadsExpired, filesRemoved, objectsDeleted: keys.length };
}

/** The catalog knows which uploads look idle; each object decides for itself, in its turn. */
async function expireIdleUploads(
  { DB: db, UPLOADS: uploads }: Env,
  before: number,
): Promise<number> {
  let expired = 0;
  for (const uuid of await listIdleUploads(db, before, LIMITS.sweepBatch)) {
    const reply = await expireUpload(uploads, uuid, before);
    if (reply.kind === "kept") {
      await noteAppend(db, uuid, reply.lastAppendAt);
    } else {
      await forgetUpload(db, uuid);
      expired += 1;
    }
  }
  return expired;
}
