// What the Worker, an upload object and the catalog say to each other about an upload.

import type { Uuid } from "./ids.ts";

/** A run of a blob's bytes in one R2 object, from `start` in it. */
export interface Extent {
  key: string;
  start: number;
  length: number;
}

/** Immutable bytes as the catalog will know them. */
export interface BlobFacts {
  uuid: Uuid;
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
}

/** The artifact that an upload is to become a version of. */
export interface SealIntent {
  workspaceId: number;
  type: string;
  name: string;
  sourceUrl: string;
  shared: boolean;
  /** Who asked for it, for the events. */
  actor: string;
  /** The workspace is not the caller's own but trusts it: the artifact may be made, never added to. */
  gift: boolean;
}

/** What a client says the content must be, or null where it says nothing. */
export interface SealGuard {
  size: number | null;
  sha512: string | null;
}

/** The artifact and version that an upload became. */
export interface SealResult {
  artifactUuid: Uuid;
  versionIndex: number;
}

/** All that the catalog needs to publish an upload whose bytes are in place. */
export interface SealedUpload {
  uuid: Uuid;
  intent: SealIntent;
  blob: BlobFacts;
  extents: readonly Extent[];
}

/** An upload as its owner sees it; times in milliseconds, `size` in bytes received so far. */
export interface UploadView {
  size: number;
  createdAt: number;
  lastAppendAt: number;
}

/** An append: what the client promised of it, each null where it promised nothing. */
export interface AppendTerms {
  /** Where the bytes belong: refused when the upload is elsewhere. */
  offset: number | null;
  /** Content-Length. */
  length: number | null;
  digest: { algorithm: "sha256" | "sha512"; bytes: Uint8Array } | null;
}

/** What became of an upload that the sweep asked about. */
export type ExpiryReply =
  | { kind: "expired" }
  | { kind: "unknown" }
  | { kind: "kept"; lastAppendAt: number };
