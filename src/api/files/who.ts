// Who may use /files/: a workspace's key for its own uploads, and users for those of workspaces that they may add to. An
// address alone opens nothing: uuids stand in logs.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { requireSomebody } from "../../auth/access.ts";
import { findHomeOfUpload, findUploadHome } from "../../catalog/publish/upload-homes.ts";
import { AppError } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { UploadGateway } from "../../uploads/gateway.ts";
import { requireUploadUuid } from "../upload-uuid.ts";

/** The workspace that a new upload is for; `asked` is what its metadata says. */
export async function requireHome(
  c: Context<AppEnv>,
  asked: string | null,
): Promise<{ id: number; name: string }> {
  const { identity } = c.var;
  requireUploader(c);
  if (identity.kind === "workspace") {
    if (asked !== null && asked !== identity.name) {
      throw new AppError("contributor_needed", `'${asked}'`);
    }
    return { id: identity.workspaceId, name: identity.name };
  }
  if (asked === null || identity.kind !== "user") {
    throw new AppError("upload_metadata_refused", "it names no workspace");
  }
  const home = await findUploadHome(c.env.DB, asked, identity.userId);
  if (home === null) {
    throw new AppError("namespace_not_found", `'${asked}'`);
  }
  if (!home.adds) {
    throw new AppError("contributor_needed", `'${asked}'`);
  }
  return home;
}

/** The upload that a request is about and the gateway to it, for who may use it; to all others it does not exist. */
export async function requireUpload(
  c: Context<AppEnv>,
  text: string,
): Promise<{ uuid: Uuid; gateway: UploadGateway }> {
  const { identity } = c.var;
  requireUploader(c);
  const uuid = await requireUploadUuid(c, text);
  const workspaceId =
    identity.kind === "user"
      ? await findHomeOfUpload(c.env.DB, uuid, identity.userId)
      : identity.kind === "workspace" && identity.workspaceId;
  if (workspaceId === null || workspaceId === false) {
    throw new AppError("upload_not_found");
  }
  return { uuid, gateway: new UploadGateway(c.env.UPLOADS, workspaceId) };
}

/** Refuses who may add to no workspace whatever it is called. */
export function requireUploader(c: Context<AppEnv>): void {
  requireSomebody(c.var.identity);
  if (c.var.identity.kind === "worker") {
    throw new AppError("contributor_needed");
  }
}
