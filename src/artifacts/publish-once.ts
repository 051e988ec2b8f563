// One publication, with the catalog asked before and after: a batch whose answer was lost is found by its conversion, and one
// that was refused says why.

import { entriesOf, findWorkspaceById, usageOf } from "../catalog/access/workspaces.ts";
import { findConversion } from "../catalog/publish/conversions.ts";
import { refusalIn } from "../catalog/refusals.ts";
import type { Contention } from "../catalog/refusals.ts";
import { hasRoom, isCatalogFull } from "../catalog/size.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArtifactIntent, SealResult } from "../protocol/uploads.ts";

type Published = Outcome<{ result: SealResult }>;
type Refused = Published & { ok: false };

/** Publishes an upload unless it was before; a repeat gives the result of the first. */
export async function publishOnce(
  db: Env["DB"],
  uuid: Uuid,
  intent: ArtifactIntent,
  write: () => Promise<SealResult | Refused | null>,
): Promise<Published> {
  const before = await findConversion(db, uuid);
  if (before !== null) {
    return { ok: true, result: before };
  }
  if (!(await hasRoom(db))) {
    return { ok: false, code: "catalog_full" };
  }
  return tryAgain(db, intent, async () => {
    try {
      const written = await write();
      if (written === null) {
        throw new Error(`Cannot find what upload ${uuid} was published as`);
      }
      return "ok" in written ? written : { ok: true, result: written };
    } catch (error) {
      const committed = await findConversion(db, uuid);
      if (committed !== null) {
        return { ok: true, result: committed };
      }
      throw error;
    }
  });
}

/** Runs what publishes, again where somebody else was faster; what the catalog refuses is an outcome. */
export async function tryAgain<T extends object>(
  db: Env["DB"],
  intent: ArtifactIntent,
  run: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  for (let round = 1; ; round += 1) {
    try {
      return await run();
    } catch (error) {
      const code = isCatalogFull(error) ? "catalog_full" : refusalIn(error);
      if (code === null || (isContention(code) && round === LIMITS.storageAttempts)) {
        throw error;
      }
      if (!isContention(code)) {
        return explain(db, intent.workspaceId, code);
      }
    }
  }
}

function isContention(code: ErrorCode | Contention): code is Contention {
  return code === "artifact_renamed" || code === "object_gone";
}

/** A refusal with what its workspace has of room; one that is gone is the reason for everything. */
async function explain(
  db: Env["DB"],
  workspaceId: number,
  code: ErrorCode,
): Promise<Outcome<never>> {
  const workspace = await findWorkspaceById(db, workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (code === "quota_exceeded") {
    return { ok: false, code, detail: usageOf(workspace) };
  }
  return code === "entries_exceeded"
    ? { ok: false, code, detail: entriesOf(workspace) }
    : { ok: false, code };
}
