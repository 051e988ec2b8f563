// Sealed upload -> blob -> version, with the catalog asked before and after: a batch whose answer was lost
// is found by its conversion, and a batch that a constraint refused tells why by what is missing.

import {
  findConversion,
  isArtifactGone,
  isOverQuota,
  publishBlob,
  publishUpload,
} from "../catalog/publish.ts";
import { forgetUpload, noteAppend } from "../catalog/uploads.ts";
import { findWorkspaceById, usageOf } from "../catalog/workspaces.ts";
import { valueOf } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { BlobFacts, SealIntent } from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";

/** The catalog as upload objects need it. */
export function catalogDesk({ DB: db }: Pick<Env, "DB">): CatalogDesk {
  return {
    async publish(sealed) {
      const before = await findConversion(db, sealed.uuid);
      if (before !== null) {
        return { ok: true, result: before };
      }
      try {
        await publishUpload(db, sealed, Date.now());
      } catch (error) {
        const committed = await findConversion(db, sealed.uuid);
        if (committed !== null) {
          return { ok: true, result: committed };
        }
        return await refusalFor(db, sealed.intent.workspaceId, error);
      }
      const result = await findConversion(db, sealed.uuid);
      if (result === null) {
        throw new Error(`Cannot find what upload ${sealed.uuid} was published as`);
      }
      return { ok: true, result };
    },
    reportAppend: (uuid, at) => noteAppend(db, uuid, at),
    giveUp: (uuid, message) => forgetUpload(db, uuid, message),
  };
}

/** Makes a blob that the catalog has a version, or refuses. */
export async function publishKnownBlob(
  db: Env["DB"],
  intent: SealIntent,
  blob: BlobFacts,
): Promise<Uuid> {
  try {
    return await publishBlob(db, intent, blob, Date.now());
  } catch (error) {
    return valueOf<never>(await refusalFor(db, intent.workspaceId, error));
  }
}

/** Why a batch was refused; what is no refusal is thrown on. */
async function refusalFor(
  db: Env["DB"],
  workspaceId: number,
  error: unknown,
): Promise<{ ok: false; code: ErrorCode; detail?: string }> {
  const workspace = await findWorkspaceById(db, workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (isOverQuota(error)) {
    return { ok: false, code: "quota_exceeded", detail: usageOf(workspace) };
  }
  if (isArtifactGone(error)) {
    return { ok: false, code: "artifact_not_found" };
  }
  throw error;
}
