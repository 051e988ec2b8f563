// The life of one upload as plain data and pure functions: open -> sealing -> sealed, or open -> expired. The
// upload object stores this state and moves the bytes; nothing here does I/O.
//
// The bytes of an upload are its extents, one after the other, then the tail. At most the last extent is
// open: a multipart upload to which whole parts are still added. At the end of every part, and so where the
// tail begins, there is a boundary: a saved hash state from which any later offset can be reached.

import type { BodyDigest } from "../protocol/body-promise.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type {
  AppendTerms,
  FetchJob,
  SealGuard,
  JoinedPart,
  SealIntent,
  SealResult,
  UploadPlan,
} from "../protocol/uploads.ts";

/** A run of the upload's bytes in one R2 object. The object may hold more behind it, which is not read. */
export interface UploadExtent {
  n: number;
  key: string;
  partSize: number;
  length: number;
  /** The open multipart upload, or null once it is completed. */
  multipart: { id: string; begunAt: number } | null;
}

/** What every living upload has. Times in milliseconds. */
export interface UploadBasis {
  uuid: Uuid;
  /** The workspace that opened it; to all others it does not exist. */
  workspaceId: number;
  /** What its workspace had room for when it was opened; null: no limit. */
  room: number | null;
  createdAt: number;
  lastAppendAt: number;
  /** When the catalog last heard of an append. */
  reportedAt: number;
  extents: readonly UploadExtent[];
  tailLength: number;
  /** Where its bytes come from when no client sends them. */
  fetch: FetchState | null;
  /** What it becomes by itself; null: what a conversion says. */
  plan: UploadPlan | null;
  /** Bytes that it is to have; null: nobody said yet. */
  length: number | null;
  /** How it stands with /files/. */
  standing: Standing;
  /** The uploads that it is made of, while they are joined. */
  joining: JoiningState | null;
}

/** How an upload stands with /files/, beside its bytes. */
export interface Standing {
  /** Did its client say that all of it is there? */
  isFinished: boolean;
  /** Was it cut from elsewhere? An offset that was told never falls, so it is no upload of /files/ any more. */
  isWithdrawn: boolean;
  /** The upload that it became a part of, and the R2 objects that are that one's now. */
  taker: { uuid: Uuid; objects: readonly { key: string; length: number }[] } | null;
  /** Why the catalog did not take it, and when. */
  refusal: { code: ErrorCode; detail?: string; at: number } | null;
}

/** Uploads on their way to be one. */
export interface JoiningState {
  parts: readonly JoinedPart[];
  /** Bytes of them that are hashed. */
  position: number;
  /** Whether their R2 objects are being taken over: then there is no way back. */
  isTaking: boolean;
}

/** A fetch and how far it has come. */
export interface FetchState extends FetchJob {
  /** Requests sent. */
  attempts: number;
  /** Requests in a row that brought next to nothing. */
  failures: number;
  /** When the next is due. */
  nextAt: number;
  /** The strong ETag of the content that the bytes are of; null: none can be added to them. */
  etag: string | null;
  /** What the server says of that content: its size, null where it does not, and its digests. */
  total: number | null;
  digests: readonly BodyDigest[];
  /** Are all bytes there? */
  isComplete: boolean;
  /** Why it is given up. */
  failure: string | null;
}

/** Where an upload stands. */
export type UploadState =
  | (UploadBasis & { phase: "open" })
  | (UploadBasis & { phase: "sealing"; intent: SealIntent; sealingSince: number })
  | (UploadBasis & { phase: "sealed"; intent: SealIntent; result: SealResult; sealedAt: number })
  /** Its bytes are going or gone; nothing leads back. */
  | (UploadBasis & { phase: "expired" });

/** The offset at which the tail begins: the bytes that are in R2. */
export function tailStart(state: UploadBasis): number {
  return state.extents.reduce((sum, extent) => sum + extent.length, 0);
}

/** Bytes received. */
export function offsetOf(state: UploadBasis): number {
  return tailStart(state) + state.tailLength;
}

/** The extent that still takes parts. */
export function openExtent(state: UploadBasis): UploadExtent | null {
  const last = state.extents.at(-1);
  return last !== undefined && last.multipart !== null ? last : null;
}

/** The size of the next part: an open extent keeps the one that it began with. Of what is known to become large there
 * are fewer and larger ones. */
export function partSizeOf(state: UploadBasis): number {
  const isLarge = (state.length ?? 0) >= LIMITS.largeUpload;
  return openExtent(state)?.partSize ?? (isLarge ? LIMITS.largePartSize : LIMITS.partSize);
}

/** May this append begin? Gives the offset at which it does. */
export function decideAppend(
  state: UploadState,
  terms: Pick<AppendTerms, "offset" | "length">,
): Outcome<{ offset: number }> {
  const open = requireOpen(state);
  if (!open.ok) {
    return open;
  }
  const offset = offsetOf(state);
  if (terms.offset !== null && terms.offset !== offset) {
    return {
      ok: false,
      code: "upload_offset_conflict",
      detail: `at ${offset}, not ${terms.offset}`,
    };
  }
  const refusal = refuseSize(state, offset + (terms.length ?? 0));
  return refusal ?? { ok: true, offset };
}

/** Why the upload cannot be of that size, or null when it can. */
export function refuseSize(
  state: UploadBasis,
  size: number,
): { ok: false; code: ErrorCode; detail?: string } | null {
  if (state.length !== null && size > state.length) {
    return { ok: false, code: "upload_too_long" };
  }
  if (size > LIMITS.uploadSize) {
    return { ok: false, code: "upload_too_large" };
  }
  if (state.room !== null && size > state.room) {
    const detail = `the upload may hold ${state.room} bytes, not ${size}`;
    return { ok: false, code: "quota_exceeded", detail };
  }
  return null;
}

/** How a truncate is done. */
export type TruncatePlan =
  | { kind: "nothing" }
  /** Keeps the first `keep` bytes of the tail. */
  | { kind: "tail"; keep: number }
  /** Drops all from `boundary` on but `piece` bytes there, which are read back and become the tail. */
  | { kind: "back"; boundary: number; piece: number };

/** Plans a truncate to `target`; `boundary` is the last boundary at or before it. */
export function planTruncate(
  state: UploadState,
  target: number,
  boundary: number,
): Outcome<{ plan: TruncatePlan }> {
  const open = requireOpen(state);
  if (!open.ok) {
    return open;
  }
  const offset = offsetOf(state);
  if (target > offset) {
    return {
      ok: false,
      code: "truncate_beyond_end",
      detail: `it ends at ${offset}, not ${target}`,
    };
  }
  if (target === offset) {
    return { ok: true, plan: { kind: "nothing" } };
  }
  const start = tailStart(state);
  if (target >= start) {
    return { ok: true, plan: { kind: "tail", keep: target - start } };
  }
  return { ok: true, plan: { kind: "back", boundary, piece: target - boundary } };
}

/** An extent after a cut, and how many of its parts stay. */
export interface ClippedExtent {
  extent: UploadExtent;
  parts: number;
}

/** Cuts the extents at `end`, a boundary: those that stay, shortened, and those that are dropped. */
export function clipExtents(
  extents: readonly UploadExtent[],
  end: number,
): { kept: ClippedExtent[]; dropped: UploadExtent[] } {
  const kept: ClippedExtent[] = [];
  const dropped: UploadExtent[] = [];
  let position = 0;
  for (const extent of extents) {
    const length = Math.min(extent.length, Math.max(0, end - position));
    if (length > 0) {
      kept.push({ extent: { ...extent, length }, parts: Math.ceil(length / extent.partSize) });
    } else {
      dropped.push(extent);
    }
    position += extent.length;
  }
  return { kept, dropped };
}

/** What a request to seal leads to. */
export type SealDecision =
  | { kind: "begin" }
  | { kind: "continue" }
  | { kind: "done"; result: SealResult };

/** May this upload become what `intent` says? A repeat goes on, or gets the answer of the first. */
export function decideSeal(
  state: UploadState,
  intent: SealIntent,
  guard: SealGuard,
  sha512: string,
): Outcome<{ decision: SealDecision }> {
  const mismatch = findMismatch(offsetOf(state), sha512, guard);
  if (mismatch !== null) {
    return { ok: false, code: "upload_content_mismatch", detail: mismatch };
  }
  if (state.phase === "open" || state.phase === "expired") {
    const open = requireOpen(state);
    return open.ok ? { ok: true, decision: { kind: "begin" } } : open;
  }
  if (!isSameIntent(state.intent, intent)) {
    const became = "name" in state.intent ? `'${state.intent.name}'` : "a file of an artifact";
    return { ok: false, code: "upload_converted", detail: became };
  }
  const decision: SealDecision =
    state.phase === "sealed" ? { kind: "done", result: state.result } : { kind: "continue" };
  return { ok: true, decision };
}

/** What of the content is not as the client says it, or null. */
function findMismatch(size: number, sha512: string, guard: SealGuard): string | null {
  if (guard.size !== null && guard.size !== size) {
    return `size ${size}, not ${guard.size}`;
  }
  return guard.sha512 !== null && guard.sha512 !== sha512 ? `sha512 ${sha512}` : null;
}

/** May an upload go that got no byte since `idleBefore`? One that is being sealed or is sealed may not. */
export function isExpired(state: UploadState, idleBefore: number): boolean {
  return state.phase === "expired" || (state.phase === "open" && state.lastAppendAt < idleBefore);
}

/** Has a seal been tried in vain for so long that it is given up? Not where the catalog may have forgotten it. */
export function isHopeless(state: UploadState, now: number): boolean {
  const age = state.phase === "sealing" ? now - state.sealingSince : 0;
  return age >= LIMITS.sealPatience && age < LIMITS.conversionMemory;
}

/** A fetch that has not begun. */
export function newFetch(job: FetchJob, now: number): FetchState {
  const nothing = { attempts: 0, failures: 0, etag: null, isComplete: false, failure: null };
  return { ...job, ...nothing, total: null, digests: [], nextAt: now };
}

/** A fetch as it is while a request runs: due again when that one must have ended, should it die. */
export function beginAttempt(fetch: FetchState, now: number): FetchState {
  return { ...fetch, attempts: fetch.attempts + 1, nextAt: now + LIMITS.fetchSlice + 90_000 };
}

/** A fetch after a request that brought `gained` bytes and not the end: due again soon, or given up. */
export function endAttempt(
  fetch: FetchState,
  gained: number,
  why: { message: string; isFinal: boolean },
  now: number,
): FetchState {
  const failures = gained >= LIMITS.fetchProgress ? 0 : fetch.failures + 1;
  const nextAt = now + LIMITS.fetchRetry * 4 ** Math.max(0, failures - 1);
  const isOver =
    why.isFinal ||
    failures >= LIMITS.fetchFailures ||
    fetch.attempts >= LIMITS.fetchAttempts ||
    nextAt >= fetch.deadline;
  return isOver
    ? { ...fetch, failure: why.message, nextAt: now + LIMITS.alarmRetry }
    : { ...fetch, failures, nextAt };
}

/** When the object must wake up by itself, or null: to finish a seal or an expiry, to complete a multipart
 * upload before R2 drops it, or to forget what a sealed upload was. What was due already is due again soon. */
export function nextAlarm(state: UploadState, now: number): number | null {
  const soon = now + LIMITS.alarmRetry;
  switch (state.phase) {
    case "sealing":
      // The longer it takes, the rarer the attempts.
      return Math.max(soon, now + (now - state.sealingSince) / 8);
    case "sealed":
      return Math.max(soon, state.sealedAt + LIMITS.sealedMemory);
    case "expired":
      // Whoever took its objects may have to ask again.
      return state.standing.taker === null
        ? soon
        : Math.max(soon, state.lastAppendAt + LIMITS.sealPatience);
    case "open":
      return openAlarm(state, now);
  }
}

function openAlarm(state: UploadBasis, now: number): number | null {
  const soon = now + LIMITS.alarmRetry;
  if (state.fetch !== null) {
    return Math.max(now, state.fetch.nextAt);
  }
  if (state.standing.refusal === null && (state.joining !== null || isAllThere(state))) {
    return soon;
  }
  const begunAt = openExtent(state)?.multipart?.begunAt;
  return begunAt === undefined ? null : Math.max(soon, begunAt + LIMITS.multipartAge);
}

/** Is all of it there that is to become an artifact? */
export function isAllThere(state: UploadBasis): boolean {
  const { plan, length, standing, joining } = state;
  const isWhole = plan?.protocol === "tus" && joining === null && length === offsetOf(state);
  return plan !== null && plan.intent !== null && (isWhole || standing.isFinished);
}

function requireOpen(state: UploadState): Outcome<object> {
  switch (state.phase) {
    case "open":
      return state.joining === null ? { ok: true } : { ok: false, code: "upload_sealing" };
    case "sealing":
      return { ok: false, code: "upload_sealing" };
    case "sealed":
    case "expired":
      return { ok: false, code: "upload_not_found" };
  }
}

/** Do two intents make the same of an upload, whoever asks? */
function isSameIntent(one: SealIntent, other: SealIntent): boolean {
  return JSON.stringify(essenceOf(one)) === JSON.stringify(essenceOf(other));
}

/** What an intent is about, whoever asked. */
function essenceOf(intent: SealIntent) {
  if ("draft" in intent) {
    return [intent.draft, intent.sha256, intent.size];
  }
  const { workspaceId, type, name, sourceUrl, shared, explode = false, strict = false } = intent;
  return [workspaceId, type, name, sourceUrl, shared, explode, strict];
}
