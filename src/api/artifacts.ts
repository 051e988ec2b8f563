import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { publishBlob } from "../artifacts/publish.ts";
import { readerFor, requireSomebody, requireWorkspaceKey } from "../auth/access.ts";
import { findArtifactByUuid, findArtifactsByName } from "../catalog/artifacts.ts";
import type { Artifact } from "../catalog/artifacts.ts";
import { findSeenBlob, listVersionBlobs } from "../catalog/blobs.ts";
import type { Reader } from "../catalog/reader.ts";
import { requireWorkspace, SYSTEM } from "../catalog/workspaces.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ConvertRequest } from "../protocol/requests.ts";
import type { ArtifactIntent } from "../protocol/uploads.ts";
import { toArtifactReply, toBlobReply } from "../protocol/views.ts";
import type { ArtifactReply } from "../protocol/views.ts";
import { UploadGateway } from "../uploads/gateway.ts";
import { readJson } from "./json-body.ts";
import { pathName } from "./path-name.ts";

const TYPES = new Set(["image", "snapshot", "label", "other"]);

/** Artifacts: uploads become versions of them, and their versions are looked up. */
export const artifacts = new Hono<AppEnv>()
  // Before /:ref/<verb>: artifacts named 'share' or 'versions' must upload.
  .post("/upload/:name", async (c) => {
    const key = requireWorkspaceKey(c.var.identity);
    const name = pathName(c.req.url, 2);
    const request = await readJson(c.req.raw, ConvertRequest);
    const source = readSource(request.upload_uuid, request.blob_uuid);
    const intent = await planArtifact(c.env.DB, key, name, request);
    const { size, sha512 } = request;
    if (source.kind === "upload") {
      const gateway = new UploadGateway(c.env.UPLOADS, key.workspaceId);
      const { result } = valueOf(await gateway.seal(source.uuid, intent, { size, sha512 }));
      return c.json(await showArtifact(c.env.DB, c.var.identity, result.artifactUuid));
    }
    const blob = await requireBlob(c.env.DB, readerFor(key), source.uuid);
    if ((size ?? blob.size) !== blob.size || (sha512 ?? blob.sha512) !== blob.sha512) {
      throw new AppError("upload_content_mismatch", `size ${blob.size}, sha512 ${blob.sha512}`);
    }
    const uuid = await publishBlob(c.env.DB, intent, blob, Date.now());
    return c.json(await showArtifact(c.env.DB, c.var.identity, uuid));
  })
  .get("/:ref", async (c) => {
    requireSomebody(c.var.identity);
    const artifact = await requireArtifact(c.env.DB, c.var.identity, pathName(c.req.url, 1));
    return c.json(await describe(c.env.DB, readerFor(c.var.identity), artifact));
  })
  .get("/:ref/versions", async (c) => {
    requireSomebody(c.var.identity);
    const artifact = await requireArtifact(c.env.DB, c.var.identity, pathName(c.req.url, 1));
    const versions = await versionsOf(c.env.DB, readerFor(c.var.identity), artifact);
    return c.json(versions.map((blob) => ({ ...toBlobReply(blob), index: blob.index })));
  });

function readSource(
  upload: string | null,
  blob: string | null,
): { kind: "upload" | "blob"; uuid: Uuid } {
  if (upload !== null && blob !== null) {
    throw new AppError("artifact_source_ambiguous");
  }
  const text = upload ?? blob;
  if (text === null) {
    throw new AppError("artifact_source_missing");
  }
  const uuid = parseUuid(text);
  if (uuid === null) {
    throw new AppError(upload === null ? "blob_not_found" : "upload_not_found");
  }
  return { kind: upload === null ? "blob" : "upload", uuid };
}

/** What the request asks to make, once nothing is left to refuse: no artifact is begun that cannot be. */
async function planArtifact(
  db: Env["DB"],
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
  const target = request.namespace ?? key.name;
  if (!key.isSystem && target !== key.name) {
    throw new AppError("namespace_not_found", `'${target}'`);
  }
  if (request.shared && target !== SYSTEM) {
    throw new AppError("artifact_shared_outside_system");
  }
  const { id: workspaceId } = await requireWorkspace(db, target);
  return {
    workspaceId,
    type: request.artifact_type,
    name,
    sourceUrl: request.source_url ?? `sf://upload/${key.name}/${name}`,
    shared: request.shared,
  };
}

async function requireBlob(db: Env["DB"], reader: Reader, uuid: Uuid) {
  const blob = await findSeenBlob(db, reader, uuid, Date.now());
  if (blob === null) {
    throw new AppError("blob_not_found");
  }
  return blob;
}

/** The artifact of a uuid, or of a name among those that the caller may read. */
async function requireArtifact(
  db: Env["DB"],
  identity: Identity,
  reference: string,
): Promise<Artifact> {
  const reader = readerFor(identity);
  const uuid = parseUuid(reference);
  const byUuid = uuid && (await findArtifactByUuid(db, reader, uuid));
  if (byUuid) {
    return byUuid;
  }
  const [artifact, other] = await findArtifactsByName(db, reader, reference, Date.now());
  if (artifact === undefined) {
    throw new AppError("artifact_not_found");
  }
  if (other !== undefined) {
    const workspace = identity.kind === "workspace" ? identity.name : "";
    throw new AppError("artifact_ambiguous", `"${reference}" in namespace "${workspace}"`);
  }
  return artifact;
}

function versionsOf(db: Env["DB"], reader: Reader, artifact: Artifact) {
  const limits = { now: Date.now(), limit: LIMITS.versionsListed };
  return listVersionBlobs(db, reader, artifact, limits);
}

async function describe(db: Env["DB"], reader: Reader, artifact: Artifact): Promise<ArtifactReply> {
  return toArtifactReply(artifact, await versionsOf(db, reader, artifact));
}

async function showArtifact(db: Env["DB"], identity: Identity, uuid: Uuid): Promise<ArtifactReply> {
  return describe(db, readerFor(identity), await requireArtifact(db, identity, uuid));
}
