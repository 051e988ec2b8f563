import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { publishKnownBlob } from "../artifacts/publish.ts";
import { readerFor, requireSomebody, requireWorkspaceKey } from "../auth/access.ts";
import { findArtifactByUuid, findArtifactsByName } from "../catalog/artifacts.ts";
import type { Artifact } from "../catalog/artifacts.ts";
import { findSeenBlob, listVersionBlobs } from "../catalog/blobs.ts";
import { beginFetch } from "../catalog/fetches.ts";
import type { Reader } from "../catalog/reader.ts";
import { requireWorkspace, roomOf, SYSTEM, usageOf } from "../catalog/workspaces.ts";
import type { Workspace } from "../catalog/workspaces.ts";
import { checkRemoteUrl, remoteName } from "../http/remote-url.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { newUuid, parseUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ConvertRequest, FetchRequest } from "../protocol/requests.ts";
import type { SealIntent } from "../protocol/uploads.ts";
import { toArtifactReply, toBlobReply } from "../protocol/views.ts";
import type { ArtifactReply } from "../protocol/views.ts";
import { UploadGateway } from "../uploads/gateway.ts";
import { readJson } from "./json-body.ts";
import { isUsableName, pathName } from "./path-name.ts";

const TYPES = new Set(["image", "snapshot", "label", "other"]);

/** Artifacts: URLs are fetched into them, uploads become versions of them, and their versions are looked up. */
export const artifacts = new Hono<AppEnv>()
  .post("/", async (c) => {
    const key = requireWorkspaceKey(c.var.identity);
    const request = await readJson(c.req.raw, FetchRequest);
    const { fetchAllowPrivate: allowPrivate, fetchMaxBytes: maxBytes, fetchMaxMs } = c.var.settings;
    const { url } = valueOf(checkRemoteUrl(request.url, allowPrivate));
    const workspace = await requireTarget(c.env.DB, key, request);
    const room = roomOf(workspace);
    if (room === 0) {
      throw new AppError("quota_exceeded", usageOf(workspace));
    }
    const [now, workspaceId] = [Date.now(), workspace.id];
    const name = isUsableName(remoteName(url)) ? remoteName(url) : url.hostname;
    const { shared, url: sourceUrl } = request;
    const intent = { workspaceId, type: "image", name, sourceUrl, shared };
    const begun = valueOf(await beginFetch(c.env.DB, newUuid(), intent, now));
    // As it is before anything is fetched.
    const reply = await showArtifact(c.env.DB, c.var.identity, begun.artifactUuid);
    const job = { url: url.href, intent, maxBytes, deadline: now + fetchMaxMs, allowPrivate };
    valueOf(await new UploadGateway(c.env.UPLOADS, workspaceId).fetch(begun.uploadUuid, room, job));
    return c.json(reply);
  })
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
    const uuid = await publishKnownBlob(c.env.DB, intent, blob);
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
): Promise<SealIntent> {
  if (!TYPES.has(request.artifact_type)) {
    throw new AppError("artifact_type_invalid", `'${request.artifact_type}'`);
  }
  const { id: workspaceId } = await requireTarget(db, key, request);
  return {
    workspaceId,
    type: request.artifact_type,
    name,
    sourceUrl: request.source_url ?? `sf://upload/${key.name}/${name}`,
    shared: request.shared,
  };
}

/** The workspace that the request wants an artifact in. */
async function requireTarget(
  db: Env["DB"],
  key: Identity & { kind: "workspace" },
  request: { namespace: string | null; shared: boolean },
): Promise<Workspace> {
  const target = request.namespace ?? key.name;
  if (!key.isSystem && target !== key.name) {
    throw new AppError("namespace_not_found", `'${target}'`);
  }
  if (request.shared && target !== SYSTEM) {
    throw new AppError("artifact_shared_outside_system");
  }
  return requireWorkspace(db, target);
}

async function requireBlob(db: Env["DB"], reader: Reader, uuid: Uuid) {
  const blob = await findSeenBlob(db, reader, { uuid }, Date.now());
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
