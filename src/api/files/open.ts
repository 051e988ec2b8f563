import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { findWorkspaceById, roomOf, usageOf } from "../../catalog/access/workspaces.ts";
import { forgetUpload, insertUpload } from "../../catalog/publish/uploads.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { ErrorCode, Outcome } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { uploadLimit } from "../../protocol/tus.ts";
import type { UploadFacts } from "../../protocol/uploads.ts";
import type { UploadGateway } from "../../uploads/gateway.ts";

/** Notes a new upload of so many bytes, if they are known; gives the room that it has. Refused where there is not enough, before
 * anything is noted. */
export async function noteUpload(
  c: Context<AppEnv>,
  uuid: Uuid,
  workspaceId: number,
  length: number | null,
): Promise<number | null> {
  if (length !== null && length > LIMITS.uploadSize) {
    throw new AppError("upload_too_large", `${length}`);
  }
  const workspace = length === null ? null : await findWorkspaceById(c.env.DB, workspaceId);
  if (workspace !== null && length !== null && length > roomOf(workspace)) {
    // So much it would take.
    const { maxAppendBytes } = c.var.settings;
    c.header("Upload-Limit", uploadLimit(maxAppendBytes, null, roomOf(workspace)));
    throw new AppError("quota_exceeded", usageOf(workspace));
  }
  const inserted = await insertUpload(c.env.DB, uuid, workspaceId, Date.now());
  if (!inserted.ok && inserted.code === "namespace_not_found") {
    throw new AppError("token_invalid"); // deleted a moment ago
  }
  return valueOf(inserted).room;
}

/** Refusals after which the upload may still become what it is for. */
const PENDING = new Set<ErrorCode>(["upload_sealing", "upload_answer_lost"]);

/** What became of the bytes that came with a new upload. Where they are refused it ends: nobody was told of it, so there is
 * nothing to go on from. */
export async function requireTaken(
  c: Context<AppEnv>,
  gateway: UploadGateway,
  uuid: Uuid,
  taken: Outcome<UploadFacts>,
): Promise<UploadFacts> {
  if (!taken.ok && !PENDING.has(taken.code)) {
    await gateway.terminate(uuid);
    await forgetUpload(c.env.DB, uuid, "its bytes were refused", { now: Date.now() });
  }
  return valueOf(taken);
}
