// An append under /files/. Without digests, what arrives of its body is kept by the piece, each committed like an append of
// its own, so that neither a broken connection nor the death of the object costs more than a piece. With digests it is all
// or nothing. The request that brings the last byte is answered once the artifact exists.

import { BodyCheck } from "../http/body-check.ts";
import { BodyReader } from "../http/body-reader.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { FilesTerms } from "../protocol/uploads.ts";
import { append, appendPiece } from "./append.ts";
import type { Piece } from "./append.ts";
import { complete } from "./complete.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { finishExpiry } from "./expire.ts";
import { decideFilesAppend, refuseMore } from "./files-append.ts";
import { declareLength, finish } from "./standing-rows.ts";
import { offsetOf, partSizeOf } from "./state.ts";
import { truncate } from "./truncate.ts";

type Body = ReadableStream<Uint8Array> | null;

/** Appends a body as /files/ does, and completes the upload where that was the end of it. */
export async function appendUnderFiles(
  context: UploadContext,
  body: Body,
  terms: FilesTerms,
): Promise<Outcome<object>> {
  const begin = offsetOf(requireState(context));
  const taken = await take(context, body, terms);
  if (!taken.ok) {
    await body?.cancel().catch(() => {}); // it may have been read
    return taken.code === "upload_too_long" && terms.endsWhenTooLong
      ? endTooLong(context, taken)
      : taken;
  }
  const state = requireState(context);
  if (terms.completes === "now" && state.phase === "open") {
    if (state.length !== null && state.length !== offsetOf(state)) {
      // A body in chunks, of which nobody could say that before.
      return undo(context, begin, { ok: false, code: "upload_length_conflict" });
    }
    finish(context.ledger, offsetOf(state));
  }
  return complete(context, true);
}

async function take(
  context: UploadContext,
  body: Body,
  terms: FilesTerms,
): Promise<Outcome<object>> {
  const state = requireState(context);
  const decided = decideFilesAppend(state, terms);
  if (!decided.ok) {
    return decided;
  }
  if (decided.isRepeat) {
    return body === null || terms.length === 0 ? decided : requireEmpty(context, body, terms);
  }
  const { length } = decided;
  if (length !== null && length !== state.length) {
    declareLength(context.ledger, length);
  }
  const isWhole = terms.isWhole === true || terms.promise.digests.length > 0;
  return isWhole || body === null ? append(context, body, terms) : keep(context, body, terms);
}

/** A body in chunks of which none may come: clients that send in chunks ask so for what they have sent. */
async function requireEmpty(
  context: UploadContext,
  body: ReadableStream<Uint8Array>,
  terms: FilesTerms,
): Promise<Outcome<object>> {
  const reader = new BodyReader(body, context.contestedFloor);
  context.interrupt = () => reader.stop();
  try {
    const { count } = await reader.read(new Uint8Array(1), 0);
    return count === 0 ? { ok: true } : refuseMore(terms);
  } catch {
    return { ok: false, code: "upload_body_broken" };
  } finally {
    context.interrupt = null;
    reader.cancel();
  }
}

async function keep(
  context: UploadContext,
  body: ReadableStream<Uint8Array>,
  terms: FilesTerms,
): Promise<Outcome<object>> {
  const begin = offsetOf(requireState(context));
  const reader = new BodyReader(body, context.contestedFloor);
  const check = new BodyCheck({ boundary: terms.promise.boundary, digests: [] });
  let isSuperseded = false;
  context.interrupt = () => {
    isSuperseded = true;
    reader.stop();
  };
  try {
    const last = await keepPieces(context, reader, check, terms);
    const isShort = terms.length !== null && offsetOf(requireState(context)) < begin + terms.length;
    const ended = last.ok ? endOf(last.end !== "broken" && !isShort, check, isSuperseded) : last;
    if (!ended.ok) {
      reader.cancel();
    }
    return ended.ok || !VOID.has(ended.code) ? ended : await undo(context, begin, ended);
  } finally {
    context.interrupt = null;
  }
}

/** Keeps pieces until the body ends, or one is refused; gives the last. */
async function keepPieces(
  context: UploadContext,
  reader: BodyReader,
  check: BodyCheck,
  { length: all }: FilesTerms,
): Promise<Piece> {
  const begin = offsetOf(requireState(context));
  for (;;) {
    const state = requireState(context);
    const until = Date.now() + LIMITS.keptPieceTime;
    const length = all === null ? null : begin + all - offsetOf(state);
    // To the end of a part, so that no tail is written only to be read again.
    const most = LIMITS.keptParts * partSizeOf(state) - state.tailLength;
    const piece = await appendPiece(context, reader, { most, until, check, length });
    const isAll = all !== null && offsetOf(requireState(context)) === begin + all;
    if (!piece.ok || piece.end !== "none" || isAll) {
      return piece;
    }
  }
}

/** Refusals of bodies of which nothing counts, however much of them came. */
const VOID = new Set<ErrorCode>(["upload_too_long", "body_is_form"]);

function endOf(isWhole: boolean, check: BodyCheck, isSuperseded: boolean): Outcome<object> {
  const refusal = check.finish();
  if (refusal !== null) {
    return { ok: false, code: refusal };
  }
  const broken = isSuperseded ? "upload_superseded" : "upload_body_broken";
  return isWhole ? { ok: true } : { ok: false, code: broken };
}

async function undo(
  context: UploadContext,
  begin: number,
  refusal: Outcome<object> & { ok: false },
): Promise<Outcome<object>> {
  const undone = await truncate(context, begin);
  return undone.ok ? refusal : undone;
}

/** "The upload is invalid, no further interaction" (draft-ietf-httpbis-resumable-upload-12 §4.4). */
async function endTooLong(
  context: UploadContext,
  refusal: Outcome<object> & { ok: false },
): Promise<Outcome<object>> {
  if (requireState(context).phase === "open") {
    context.ledger.expire();
    await finishExpiry(context);
  }
  return refusal;
}
