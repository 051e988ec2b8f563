// What the Worker, an upload object and the catalog say to each other about an upload.

import type { BodyDigest, BodyPromise } from "./body-promise.ts";
import type { Origin } from "./identity.ts";
import type { Uuid } from "./ids.ts";

/** A run of a blob's bytes in one R2 object, from `start` in it. */
export interface Extent {
  key: string;
  start: number;
  length: number;
}

/** Immutable bytes as the catalog will know them. */
export interface BlobFacts {
  size: number;
  sha512: string;
  sha256: string;
  crc32: string;
}

/** What an upload is to become. */
export type SealIntent = ArtifactIntent | ContentIntent;

/** The artifact that an upload is to become a version of. */
export interface ArtifactIntent {
  workspaceId: number;
  type: string;
  name: string;
  sourceUrl: string;
  shared: boolean;
  /** Who asked for it, for the events. */
  actor: string;
  /** And from where. */
  origin?: Origin | undefined;
  /** The workspace is not the caller's own but trusts it: the artifact may be made, never added to. */
  gift: boolean;
  /** The upload is an archive: its members are to be the files. */
  explode?: true;
  /** No member of it may be left out or become something else. */
  strict?: true;
  /** When the artifact is to end, in milliseconds, at the latest. */
  expiresAt?: number;
  /** The path of its file, where that is not the artifact's name. */
  path?: string;
  /** What the client says that its file is. */
  contentType?: string;
  /** Of an artifact that is made of a bundle: Debusine's category, and the JSON object that goes with it. */
  category?: string;
  data?: string;
}

/** What an upload under /files/ becomes by itself once all of it is there, decided when it was opened. */
export interface UploadPlan {
  protocol: "tus" | "ietf";
  /** `Upload-Metadata` as it was sent, or null. */
  metadata: string | null;
  /** `Upload-Concat` as it was sent, or null. */
  concat: string | null;
  /** Null: it is a part of another upload. */
  intent: ArtifactIntent | null;
  /** The bundle that it is a file of. */
  member?: BundleMember;
  /** It is a bundle, of these files in the order of its R2 objects. */
  files?: readonly BundledFile[];
  /** Digests that the whole must have. */
  digests: readonly BodyDigest[];
}

/** What an upload is to be in the artifact of a folder. */
interface BundleMember {
  bundle: string;
  path: string;
  /** As its client says. */
  contentType: string | null;
}

/** A file of a bundle: an upload that is all there, in so many R2 objects. */
export interface BundledFile extends BlobFacts, Omit<BundleMember, "bundle"> {
  upload: Uuid;
  objects: number;
}

/** A complete upload that is to be joined with others, at rest. */
export interface RestedPart extends Pick<JoinedPart, "extents"> {
  facts: BlobFacts;
  member: BundleMember | null;
}

/** An upload as /files/ shows it. Times in milliseconds. */
export interface UploadFacts {
  /** Bytes that it holds; null while its parts are joined. */
  offset: number | null;
  /** Bytes that it is to have; null: nobody said yet. */
  length: number | null;
  createdAt: number;
  lastAppendAt: number;
  /** Null: POST /upload opened it. */
  plan: UploadPlan | null;
  /** What it became, with its digests in hex; null: nothing yet. */
  became: ({ sha256: string; sha512: string } & SealResult) | null;
}

/** An upload to be joined, and the R2 objects that hold it. */
export interface JoinedPart {
  uuid: Uuid;
  extents: readonly { key: string; length: number }[];
}

/** The declared content whose bytes an upload brings to an incomplete version. */
export interface ContentIntent {
  workspaceId: number;
  /** The draft of the version. */
  draft: Uuid;
  sha256: string;
  size: number;
}

/** What a client says the content must be, or null where it says nothing. */
export interface SealGuard {
  size: number | null;
  sha512: string | null;
}

/** Which hosts a deployment fetches from. */
export interface HostRules {
  /** May they have private addresses and names? */
  allowPrivate: boolean;
  /** Names of hosts; one that begins with `*.` stands for all below a domain. Null is any. */
  hosts: readonly string[] | null;
}

/** A URL whose content is to become what `intent` says. The rules hold for its redirects, too. */
export interface FetchJob extends HostRules {
  url: string;
  intent: ArtifactIntent;
  /** Bytes that it may have. */
  maxBytes: number;
  /** When it is given up, in milliseconds. */
  deadline: number;
}

/** The artifact and version that an upload became. */
export interface SealResult {
  artifactUuid: Uuid;
  /** Null when another upload brings the version. */
  versionIndex: number | null;
}

/** All that the catalog needs to publish an upload whose bytes are in place. */
export interface SealedUpload<Intent extends SealIntent = SealIntent> {
  uuid: Uuid;
  intent: Intent;
  blob: BlobFacts;
  extents: readonly Extent[];
  /** Was it fetched? Then its artifact was made when the fetch began, and must still be there. */
  isFetch: boolean;
  /** The files of a bundle, of which `blob` says nothing. */
  files?: readonly BundledFile[];
}

/** An archive whose members are to be published, as the catalog needs it. */
export interface SealedArchive {
  uuid: Uuid;
  intent: ArtifactIntent;
  /** The R2 objects that hold it. */
  keys: readonly string[];
}

/** An archive that could not be exploded, for whoever brings the same bytes again. */
export interface RefusedArchive {
  /** The one that brought it, whoever the artifact was for. */
  workspaceId: number;
  sha512: string;
  message: string;
  /** Would it be taken where there is more room? */
  isForRoom: boolean;
}

/** How far an explosion has come. */
export interface ExplodeProgress {
  /** Unpacking a compressed archive, reading a tar, writing the catalog. */
  phase: "unpacking" | "reading" | "publishing";
  /** Bytes of the archive that are read, of how many. */
  bytes: number;
  totalBytes: number;
  /** Files found so far. */
  files: number;
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
  /** The upload is cut at `offset` first, if it ends here. */
  cutFrom?: number;
  /** Content-Length. */
  length: number | null;
  /** What the headers say of the body; absent where there are none, as it is the service's own. */
  promise?: BodyPromise;
}

/** An append under /files/: of a body without digests, what arrives is kept. */
export interface FilesTerms extends AppendTerms {
  promise: BodyPromise;
  /** How many bytes the upload is to have, where the request says so. */
  uploadLength: number | null;
  /** When all of the upload is there: at its length, with the end of this body, or not yet. */
  completes: "at length" | "now" | "later";
  /** Is it all or nothing whatever its headers say? */
  isWhole?: true;
  /** Does one byte too many end the upload? */
  endsWhenTooLong: boolean;
}

/** What became of an upload that the sweep asked about. */
export type ExpiryReply =
  | { kind: "expired" }
  | { kind: "unknown" }
  | { kind: "kept"; lastAppendAt: number };
