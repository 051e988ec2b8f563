// An upload that fetches its bytes itself, in the turns of its alarm. What it has done is in the ledger at each
// step, so that after a crash the next alarm goes on: (1) a request is noted before it is sent; (2) the ETag
// of its content before the first byte of it counts; (3) bytes by the piece; (4) that all are there; (5) the
// seal; or (4) why it is given up, (5) the same in the catalog, (6) the end of the upload with its R2 data.

import { contestedFloor } from "../budget/shares.ts";
import { BodyCheck } from "../http/body-check.ts";
import { BodyReader } from "../http/body-reader.ts";
import { messageFor } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { appendPiece } from "./append.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { finishExpiry } from "./expire.ts";
import { openRemote } from "./remote.ts";
import type { Reason, Remote } from "./remote.ts";
import { seal } from "./seal.ts";
import { beginAttempt, endAttempt, offsetOf, refuseSize } from "./state.ts";
import type { FetchState } from "./state.ts";
import { truncate } from "./truncate.ts";

const ANY = { size: null, sha512: null };

/** Refusals of a piece that say nothing of the content. */
const PASSING = new Set<ErrorCode>(["storage_unavailable", "service_busy"]);

/** Goes on with a fetch: at most one request, then the seal, or the end of a fetch that failed. */
export async function continueFetch(context: UploadContext): Promise<void> {
  const { ledger } = context;
  const fetch = fetchOf(context);
  if (!fetch.isComplete && fetch.failure === null) {
    await attempt(context, fetch);
  }
  if (fetchOf(context).isComplete) {
    const sealed = await seal(context, fetch.intent, ANY);
    if (!sealed.ok && sealed.code !== "upload_sealing") {
      ledger.noteFetch({ ...fetchOf(context), failure: messageFor(sealed.code, null) });
    }
  }
  if (fetchOf(context).failure !== null) {
    await giveUp(context);
  }
}

async function attempt(context: UploadContext, fetch: FetchState): Promise<void> {
  const { ledger } = context;
  ledger.noteFetch(beginAttempt(fetch, Date.now()));
  const before = offsetOf(requireState(context));
  const reason = await transfer(context);
  const now = Date.now();
  if (reason === null) {
    ledger.noteFetch({ ...fetchOf(context), isComplete: true, nextAt: now + LIMITS.alarmRetry });
  } else {
    const gained = offsetOf(requireState(context)) - before;
    ledger.noteFetch(endAttempt(fetchOf(context), gained, reason, now));
  }
}

/** Asks for what is missing and appends it; null when all is there, else why not. */
async function transfer(context: UploadContext): Promise<Reason | null> {
  const fetch = fetchOf(context);
  const { etag, total } = fetch;
  const offset = etag === null ? 0 : offsetOf(requireState(context));
  const remote = await openRemote(fetch, { offset, etag, total });
  switch (remote.kind) {
    case "refused":
      return remote.reason;
    case "whole":
      return refuseAltered(context, null);
    case "restart":
      return (
        (await startOver(context, { etag: null, total: null, digests: [] })) ??
        retry("the content changed")
      );
    case "body": {
      const refusal = refuseTotal(context, remote.total);
      const reason = refusal ?? (remote.start === 0 ? await startOver(context, remote) : null);
      if (reason !== null) {
        await remote.body.cancel();
        return reason;
      }
      return readAll(context, remote);
    }
  }
}

/** Drops what is there, then notes of which content the next bytes are. */
async function startOver(
  context: UploadContext,
  { etag, total, digests }: Pick<FetchState, "etag" | "total" | "digests">,
): Promise<Reason | null> {
  const truncated = await truncate(context, 0);
  if (!truncated.ok) {
    return retry(messageFor(truncated.code, null));
  }
  context.ledger.noteFetch({ ...fetchOf(context), etag, total, digests });
  return null;
}

async function readAll(
  context: UploadContext,
  { body, total, digests }: Remote & { kind: "body" },
): Promise<Reason | null> {
  const check = new BodyCheck({ boundary: null, digests });
  const sliceEnd = Math.min(Date.now() + LIMITS.fetchSlice, fetchOf(context).deadline);
  // A server that stands still then is left, as if another request waited for this one to end.
  const floor = () => Math.max(contestedFloor(), Date.now() >= sliceEnd ? LIMITS.bodyProgress : 0);
  const reader = new BodyReader(body, floor);
  while (Date.now() < sliceEnd) {
    const until = Math.min(Date.now() + LIMITS.fetchPieceTime, sliceEnd);
    const piece = await appendPiece(context, reader, { most: LIMITS.fetchPiece, until, check });
    const offset = offsetOf(requireState(context));
    const refusal = piece.ok
      ? refuseTotal(context, offset)
      : { message: messageFor(piece.code, null), isFinal: !PASSING.has(piece.code) };
    if (refusal !== null || !piece.ok) {
      reader.cancel();
      return refusal;
    }
    if (piece.end === "clean" && (total === null || offset === total)) {
      return refuseAltered(context, check);
    }
    if (piece.end !== "none") {
      return retry(`the server broke off after ${offset} of ${total ?? "unknown"} bytes`);
    }
  }
  reader.cancel();
  return retry("the server took too long");
}

/** Why the bytes are not those that the server says, or null; `check` has seen those of the last reply. The same
 * would come the next time: what alters bytes on the way breaks a connection off. */
function refuseAltered(context: UploadContext, check: BodyCheck | null): Reason | null {
  const found: Record<string, string> = { ...context.ledger.checksums().digests() };
  const isSame = fetchOf(context).digests.every(
    ({ algorithm, hex }) => (found[algorithm] ?? hex) === hex,
  );
  return isSame && (check?.finish() ?? null) === null
    ? null
    : { message: "the content does not have the digest that the server gives", isFinal: true };
}

/** Why a content of that size is not taken, or null when it is. */
function refuseTotal(context: UploadContext, total: number | null): Reason | null {
  const { maxBytes } = fetchOf(context);
  if (total !== null && total > maxBytes) {
    return { message: `the content is larger than ${maxBytes} bytes`, isFinal: true };
  }
  const refusal = refuseSize(requireState(context), total ?? 0);
  return refusal && { message: messageFor(refusal.code, null), isFinal: true };
}

/** Tells the catalog, then ends the upload. */
async function giveUp(context: UploadContext): Promise<void> {
  const { ledger, desk } = context;
  await desk.giveUp(requireState(context).uuid, fetchOf(context).failure ?? "");
  ledger.expire();
  await finishExpiry(context);
}

function retry(message: string): Reason {
  return { message, isFinal: false };
}

function fetchOf(context: UploadContext): FetchState {
  const { fetch } = requireState(context);
  if (fetch === null) {
    throw new Error("Cannot go on with a fetch that was never begun");
  }
  return fetch;
}
