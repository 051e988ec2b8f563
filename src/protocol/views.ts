// The objects of the Shaken Fist API (docs/conformance.md, Shaken Fist). Times are seconds, as floats.

import type { Uuid } from "./ids.ts";
import type { Metadata } from "./metadata.ts";
import type { ExplodeProgress } from "./uploads.ts";

/** Shaken Fist names the node that holds a thing; here that is the whole service. */
const NODE = "stowage";

function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}

/** An upload; `size` in bytes received and `expires_at` are ours. */
export interface UploadReply {
  uuid: Uuid;
  state: "created";
  metadata: Record<string, never>;
  version: 3;
  node: string;
  created_at: number;
  size: number;
  expires_at: number;
}

/** Times in milliseconds. */
export function toUploadReply(
  uuid: Uuid,
  upload: { size: number; createdAt: number; lastAppendAt: number },
  idleMs: number,
): UploadReply {
  return {
    uuid,
    state: "created",
    metadata: {},
    version: 3,
    node: NODE,
    created_at: seconds(upload.createdAt),
    size: upload.size,
    expires_at: seconds(upload.lastAppendAt + idleMs),
  };
}

/** A blob as its reader may see it. */
export interface BlobReply {
  uuid: Uuid;
  state: "created";
  metadata: Metadata;
  version: 6;
  size: number;
  modified: number;
  fetched_at: number;
  depends_on: null;
  transcodes: Record<string, never>;
  locations: string[];
  reference_count: number;
  sha512: string;
  sha256: string;
  crc32: string;
  last_used: null;
  instances: never[];
}

interface BlobShown {
  uuid: Uuid;
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
  /** Milliseconds. */
  firstSeenAt: number;
  references: number;
  metadata: Metadata;
}

export function toBlobReply(blob: BlobShown): BlobReply {
  const at = seconds(blob.firstSeenAt);
  return {
    uuid: blob.uuid,
    state: "created",
    metadata: blob.metadata,
    version: 6,
    size: blob.size,
    modified: at,
    fetched_at: at,
    depends_on: null,
    transcodes: {},
    locations: [NODE],
    reference_count: blob.references,
    sha512: blob.sha512,
    sha256: blob.sha256,
    crc32: blob.crc32,
    last_used: null,
    instances: [],
  };
}

/** A blob in an artifact's list of versions. */
interface IndexedBlob {
  uuid: Uuid;
  size: number;
  reference_count: number;
  depends_on: null;
  instances: never[];
}

/** `initial` while a URL is fetched, or an archive exploded, into it for the first time; `error` when that failed. */
export type ArtifactState = "initial" | "created" | "error";

/** An artifact with the blobs of its versions by their index; `blob_uuid` is the newest's. */
export interface ArtifactReply {
  uuid: Uuid;
  state: ArtifactState | "deleted";
  /** Why the last fetch of its URL, or the last explosion of an archive, failed. */
  error_message: string | null;
  /** How far the explosion under way has come; null without one, and before its first report. */
  progress: ProgressReply | null;
  metadata: Record<string, unknown>;
  version: 6;
  artifact_type: string;
  source_url: string;
  name: string;
  id: number;
  max_versions: number;
  namespace: string;
  shared: boolean;
  created_at: number;
  index: number;
  blob_uuid?: Uuid;
  blobs: Record<string, IndexedBlob>;
}

interface ArtifactShown {
  id: number;
  uuid: Uuid;
  workspace: string;
  type: string;
  name: string;
  sourceUrl: string;
  shared: boolean;
  maxVersions: number;
  /** Milliseconds. */
  createdAt: number;
  deletedAt: number | null;
  metadata: Record<string, unknown>;
  state: ArtifactState;
  errorMessage: string | null;
  progress: ExplodeProgress | null;
}

interface ProgressReply {
  phase: ExplodeProgress["phase"];
  bytes: number;
  total_bytes: number;
  files: number;
}

function toProgressReply(progress: ExplodeProgress): ProgressReply {
  const { phase, bytes, totalBytes, files } = progress;
  return { phase, bytes, total_bytes: totalBytes, files };
}

/** `versions` in order of index. */
export function toArtifactReply(
  artifact: ArtifactShown,
  versions: readonly (Pick<BlobShown, "uuid" | "size" | "references"> & { index: number })[],
): ArtifactReply {
  const newest = versions.at(-1);
  const blobs = versions.map(({ index, uuid, size, references }): [string, IndexedBlob] => [
    String(index),
    { uuid, size, reference_count: references, depends_on: null, instances: [] },
  ]);
  return {
    uuid: artifact.uuid,
    state: artifact.deletedAt === null ? artifact.state : "deleted",
    error_message: artifact.errorMessage,
    progress: artifact.progress && toProgressReply(artifact.progress),
    metadata: artifact.metadata,
    version: 6,
    artifact_type: artifact.type,
    source_url: artifact.sourceUrl,
    name: artifact.name,
    id: artifact.id,
    max_versions: artifact.maxVersions,
    namespace: artifact.workspace,
    shared: artifact.shared,
    created_at: seconds(artifact.createdAt),
    index: newest?.index ?? 0,
    ...(newest === undefined ? {} : { blob_uuid: newest.uuid }),
    blobs: Object.fromEntries(blobs),
  };
}

/** Something that happened to an artifact. */
export interface EventReply {
  timestamp: number;
  fqdn: string;
  duration: null;
  message: string;
  extra: Record<string, unknown>;
  type: string;
}

interface EventShown {
  /** Milliseconds. */
  at: number;
  type: string;
  message: string;
  actor: string;
  extra: Record<string, unknown>;
}

/** A row of the audit. */
export interface AuditRow {
  id: number;
  /** Milliseconds. */
  at: number;
  requestId: string | null;
  network: string | null;
  actor: string;
  action: string;
  workspace: string | null;
  subject: string | null;
  detail: Record<string, unknown>;
}

/** `isWhole` is for `system`: from where its administrators come is no tenant's business. */
export function toAuditReply(row: AuditRow, isWhole: boolean) {
  const { at, requestId, actor, action, workspace, subject, detail } = row;
  const network = isWhole || !actor.startsWith("system/") ? row.network : null;
  const from = { network, request_id: requestId };
  return { at: new Date(at).toISOString(), actor, action, workspace, subject, detail, ...from };
}

/** `showActor` is for those who may write: key and user names are no reader's business. */
export function toEventReply(event: EventShown, showActor: boolean): EventReply {
  return {
    timestamp: seconds(event.at),
    fqdn: NODE,
    duration: null,
    message: event.message,
    extra: showActor ? { ...event.extra, actor: event.actor } : event.extra,
    type: event.type,
  };
}
