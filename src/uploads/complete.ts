// The end of an upload of /files/: once all of it is there it becomes what it was opened for, in the same turn. What the
// catalog refuses for good is an open upload with all its bytes again, that tells of the refusal until it is offered again.

import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { UploadFacts, UploadPlan } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { explode } from "./explode.ts";
import { finishSeal, seal } from "./seal.ts";
import { noteStanding } from "./standing-rows.ts";
import { isAllThere, offsetOf } from "./state.ts";
import type { UploadBasis } from "./state.ts";
import { truncate } from "./truncate.ts";

const ANY = { size: null, sha512: null };

/** Refusals that say nothing of the upload. */
const PASSING = new Set<ErrorCode>([
  "upload_sealing",
  "storage_unavailable",
  "service_busy",
  "catalog_full",
]);

/** Makes the upload what it is for, when all of it is there; else there is nothing to do. `isAsked`: after a refusal, too. */
export async function complete(context: UploadContext, isAsked: boolean): Promise<Outcome<object>> {
  const state = requireState(context);
  if (state.phase === "sealing") {
    return "explode" in state.intent ? { ok: true } : finishSeal(context);
  }
  if (state.phase !== "open" || state.plan === null || !isDue(state)) {
    return { ok: true };
  }
  const { refusal } = state.standing;
  if (refusal !== null && !isAsked && Date.now() < refusal.at + LIMITS.refusalPause) {
    return { ok: false, ...refusal };
  }
  return isWhole(context, state.plan) ? publish(context, state.plan) : dropAll(context);
}

/** Is all of it there that becomes an artifact, or a file of a bundle? */
function isDue(state: UploadBasis): boolean {
  const isMember = state.plan?.member !== undefined && state.joining === null;
  return isAllThere(state) || (isMember && state.length === offsetOf(state));
}

async function publish(context: UploadContext, { intent }: UploadPlan): Promise<Outcome<object>> {
  if (intent === null) {
    return { ok: true };
  }
  const made = intent.explode === true ? explode : seal;
  const sealed: Outcome<object> = await made(context, intent, ANY);
  if (!sealed.ok && !PASSING.has(sealed.code)) {
    const { ok: _, ...told } = sealed;
    noteStanding(context.ledger, { refusal: { ...told, at: Date.now() } });
  }
  return sealed;
}

/** Has it the digests that its client said when it was opened? */
function isWhole({ ledger }: UploadContext, { digests }: UploadPlan): boolean {
  const found: Record<string, string> = { ...ledger.checksums().digests() };
  return digests.every(({ algorithm, hex }) => found[algorithm] === hex);
}

/** The bytes are not those that were meant: all of them go, as nobody knows which are wrong. */
async function dropAll(context: UploadContext): Promise<Outcome<object>> {
  noteStanding(context.ledger, { isFinished: false });
  const truncated = await truncate(context, 0);
  return truncated.ok ? { ok: false, code: "upload_whole_mismatch" } : truncated;
}

/** What /files/ shows of an upload. */
export function factsOf(context: UploadContext): UploadFacts {
  const { ledger } = context;
  const state = requireState(context);
  const { length, createdAt, lastAppendAt, plan, joining } = state;
  const offset = joining === null ? offsetOf(state) : null;
  return { offset, length, createdAt, lastAppendAt, plan, became: became(context) };

  function became({ ledger: { explosion } }: UploadContext): UploadFacts["became"] {
    const { sha256, sha512 } = ledger.checksums().digests();
    if (state.phase === "sealed") {
      return { sha256, sha512, ...state.result };
    }
    const under = state.phase === "sealing" ? explosion.read() : null;
    return under && { sha256, sha512, artifactUuid: under.artifactUuid, versionIndex: null };
  }
}
