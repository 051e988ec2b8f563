// POST /artifacts/upload/<name>: an upload or a blob becomes a version of an artifact.

import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { publishClaim } from "../artifacts/publish.ts";
import { readerFor, requireWorkspaceKey } from "../auth/access.ts";
import { requesterOf } from "../auth/author.ts";
import { SYSTEM } from "../catalog/access/workspaces.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { ConvertRequest } from "../protocol/requests.ts";
import type { ArtifactIntent } from "../protocol/uploads.ts";
import { UploadGateway } from "../uploads/gateway.ts";
import { requireBlob, showArtifact } from "./artifact-lookup.ts";
import { readJson } from "./json-body.ts";
import { pathName } from "./path-name.ts";
import { requireTarget } from "./target.ts";
import { requireUploadUuid } from "./upload-uuid.ts";

const TYPES = new Set(["image", "snapshot", "label", "other"]);

/** Conversions. */
export const convert = new Routes().post("/:name", async (c) => {
  const key = requireWorkspaceKey(c.var.identity);
  const name = pathName(c.req.url, 2);
  const request = await readJson(c.req.raw, ConvertRequest);
  const source = await readSource(c, request.upload_uuid, request.blob_uuid);
  const intent = await planArtifact(c, key, name, request);
  const { size, sha512 } = request;
  if (source.kind === "upload") {
    const gateway = new UploadGateway(c.env.UPLOADS, key.workspaceId);
    const guard = { size, sha512 };
    if (request.explode) {
      const strict = request.strict ? { strict: true as const } : {};
      const exploded: ArtifactIntent = { ...intent, explode: true, ...strict };
      const { artifactUuid } = valueOf(await gateway.explode(source.uuid, exploded, guard));
      return c.json(await showArtifact(c.env.DB, key, artifactUuid));
    }
    const { result } = valueOf(await gateway.seal(source.uuid, intent, guard));
    return c.json(await showArtifact(c.env.DB, key, result.artifactUuid));
  }
  if (request.explode) {
    throw new AppError("artifact_explode_blob");
  }
  const blob = await requireBlob(c.env.DB, key, source.uuid);
  if ((size ?? blob.size) !== blob.size || (sha512 ?? blob.sha512) !== blob.sha512) {
    throw new AppError("upload_content_mismatch", `size ${blob.size}, sha512 ${blob.sha512}`);
  }
  const claim = { blob, maxVersions: null };
  const { uuid } = valueOf(await publishClaim(c.env, readerFor(key), intent, claim));
  return c.json(await showArtifact(c.env.DB, key, uuid));
});

async function readSource(
  c: Context<AppEnv>,
  upload: string | null,
  blob: string | null,
): Promise<{ kind: "upload" | "blob"; uuid: Uuid }> {
  if (upload !== null && blob !== null) {
    throw new AppError("artifact_source_ambiguous");
  }
  if (upload !== null) {
    return { kind: "upload", uuid: await requireUploadUuid(c, upload) };
  }
  if (blob === null) {
    throw new AppError("artifact_source_missing");
  }
  const uuid = parseUuid(blob);
  if (uuid === null) {
    throw new AppError("blob_not_found");
  }
  return { kind: "blob", uuid };
}

/** What the request asks to make, once nothing is left to refuse: no artifact is begun that cannot be. */
async function planArtifact(
  c: Context<AppEnv>,
  key: Identity & { kind: "workspace" },
  name: string,
  request: {
    namespace: string | null;
    source_url: string | null;
    shared: boolean;
    artifact_type: string;
  },
): Promise<ArtifactIntent> {
  if (!TYPES.has(request.artifact_type)) {
    throw new AppError("artifact_type_invalid", `'${request.artifact_type}'`);
  }
  const target = await requireTarget(c.env.DB, key, request.namespace);
  if (request.shared && !(key.isSystem && target.name === SYSTEM)) {
    throw new AppError("artifact_shared_outside_system");
  }
  return {
    workspaceId: target.id,
    type: request.artifact_type,
    name,
    sourceUrl: request.source_url ?? `sf://upload/${key.name}/${name}`,
    shared: request.shared,
    ...requesterOf(c),
    gift: target.isGift,
  };
}
