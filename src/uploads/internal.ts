// How the Worker and an upload object speak: JSON bodies and, beside a body of bytes, headers.

import type { Uuid } from "../protocol/ids.ts";
import type {
  AppendTerms,
  ArtifactIntent,
  FetchJob,
  JoinedPart,
  SealGuard,
  SealIntent,
  UploadPlan,
} from "../protocol/uploads.ts";
import type { UploadState } from "./state.ts";

/** Names the caller's workspace: the owner of an upload that it opens, checked from then on. */
export const WORKSPACE_HEADER = "x-workspace-id";
const TERMS_HEADER = "x-append-terms";

export interface OpenRequest {
  uuid: Uuid;
  /** Bytes that it may hold; null is no limit but the service's. */
  room: number | null;
  /** What it becomes by itself; null: what a conversion says. */
  plan: UploadPlan | null;
  /** Bytes that it is to have, or null where that is not known yet. */
  length: number | null;
}

/** Opens an upload that fetches its bytes itself; one that is open stays as it is. */
export interface FetchRequest extends Pick<OpenRequest, "uuid" | "room"> {
  job: FetchJob;
}

/** Opens an upload that is made of others. */
export interface JoinRequest extends Omit<OpenRequest, "length"> {
  plan: UploadPlan;
  parts: readonly JoinedPart[];
}

/** Brings an upload to rest that is to be joined: a file of `bundle`, or where that is null a part. */
export interface RestRequest {
  bundle: string | null;
}

/** Publishes a bundle; null: the one that is there goes on. */
export interface BundleCall {
  join: JoinRequest | null;
}

/** Takes the R2 objects of a part over, when they are these. */
export interface TakeRequest extends JoinedPart {
  /** The upload that takes them. */
  taker: Uuid;
}

export interface SealRequest {
  intent: SealIntent;
  guard: SealGuard;
}

export interface ExplodeRequest {
  intent: ArtifactIntent;
  guard: SealGuard;
}

export interface ExpireRequest {
  idleBefore: number;
}

/** What an upload object holds, for who compares it with the catalog and R2. `objects` are those that are complete; the
 * open one takes parts, and nobody can look at it. */
export interface Inspection {
  phase: UploadState["phase"];
  workspaceId: number;
  size: number;
  createdAt: number;
  lastAppendAt: number;
  objects: { key: string; length: number }[];
  openKey: string | null;
  /** Keys that the object still has to delete, 1,000 at most. */
  leftovers: string[];
}

/** The headers that go with an append. */
export function appendHeaders(workspaceId: number, terms: AppendTerms): Headers {
  return new Headers({
    [WORKSPACE_HEADER]: String(workspaceId),
    [TERMS_HEADER]: JSON.stringify(terms),
  });
}

/** What appendHeaders wrote. */
export function readAppendTerms(headers: Headers): AppendTerms {
  return JSON.parse(headers.get(TERMS_HEADER) ?? "") as AppendTerms;
}

/** Refuses another workspace than the upload's, to which it does not exist. Nothing that is under way ends or hurries because a
 * stranger asks: already an operation that waits for its turn would do that. */
export function refuseStranger(
  headers: Headers,
  state: Pick<UploadState, "workspaceId"> | null,
): "upload_not_found" | null {
  const asker = headers.get(WORKSPACE_HEADER);
  const isStranger = asker !== null && state !== null && Number(asker) !== state.workspaceId;
  return isStranger ? "upload_not_found" : null;
}
