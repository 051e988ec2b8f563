// One seal: the upload becomes a version of an artifact. Its steps, each of which may be repeated after a
// crash at any line: (1) phase `sealing` with what it is for; (2) the bytes come to rest in R2; (3) one
// catalog batch publishes them; (4) phase `sealed` with the result. Nothing is hashed or copied here, so the
// time does not depend on the size: at most one part is sent and one multipart upload completed.

import { completeMultipart, putObject, putPart } from "../blobs/objects.ts";
import { WORK } from "../budget/shares.ts";
import type { Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { SealGuard, SealIntent, SealResult, SealedUpload } from "../protocol/uploads.ts";
import { completeExtent, confirmOpenExtent, requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { decideSeal, offsetOf } from "./state.ts";
import type { UploadExtent } from "./state.ts";

type Sealed = Outcome<{ result: SealResult }>;

/** Makes the upload what `intent` says; a repeat gives the same result. */
export async function seal(
  context: UploadContext,
  intent: SealIntent,
  guard: SealGuard,
): Promise<Sealed> {
  const { ledger } = context;
  const state = requireState(context);
  const { sha512, sha256 } = ledger.checksums().digests();
  const isContent = "draft" in intent;
  if (isContent && (offsetOf(state) !== intent.size || sha256 !== intent.sha256)) {
    return { ok: false, code: "upload_content_mismatch", detail: `sha256 ${sha256}` };
  }
  const decided = decideSeal(state, intent, guard, sha512);
  if (!decided.ok) {
    return decided;
  }
  const { decision } = decided;
  if (decision.kind === "done") {
    return { ok: true, result: decision.result };
  }
  if (decision.kind === "begin") {
    ledger.beginSeal(intent, Date.now());
  }
  return finishSeal(context);
}

/** Goes on with a seal that has begun: for the request, its repeat, and the alarm. */
export async function finishSeal(context: UploadContext): Promise<Sealed> {
  const { ledger, desk } = context;
  try {
    await bringToRest(context);
    const published = await desk.publish(describe(context));
    if (published.ok) {
      ledger.seal(published.result, Date.now());
    } else {
      ledger.reopen();
    }
    return published;
  } catch (error) {
    // R2 or the catalog did not answer, or the answer was lost: the repeat looks at what is there.
    context.openExtentConfirmed = false;
    console.error("Cannot finish a seal yet", error);
    return { ok: false, code: "upload_sealing" };
  }
}

/** Moves every byte into completed R2 objects. */
export async function bringToRest(context: UploadContext): Promise<void> {
  const { ledger } = context;
  const open = await confirmOpenExtent(context);
  if (open !== null && open.length > 0) {
    if (ledger.parts.numbersTaken(open.n) + LIMITS.storageAttempts <= LIMITS.partNumbers) {
      await completeWithTail(context, open);
    } else {
      await completeExtent(context, open);
    }
  }
  const { tailLength } = requireState(context);
  if (tailLength > 0) {
    await WORK.run(tailLength, context.owner, () => putTail(context));
  }
  ledger.dropEmptyExtents({ openToo: true });
}

async function completeWithTail(context: UploadContext, extent: UploadExtent): Promise<void> {
  const { ledger, bucket } = context;
  const { tailLength } = requireState(context);
  const parts = ledger.parts.list(extent.n);
  const multipart = { key: extent.key, id: extent.multipart?.id ?? "" };
  if (tailLength > 0) {
    const first = ledger.parts.takeNumbers(extent.n, LIMITS.storageAttempts);
    const tail = await WORK.run(tailLength, context.owner, () =>
      putPart(bucket, multipart, first, ledger.tail.read(tailLength)),
    );
    parts.push(tail);
  }
  context.openExtentConfirmed = false;
  await completeMultipart(bucket, multipart, parts, extent.length + tailLength);
  ledger.absorbTail(extent.n);
}

/** Stores the tail as an object of its own, which R2 verifies: the whole of a small upload. */
async function putTail(context: UploadContext): Promise<void> {
  const { ledger, bucket } = context;
  const { extents, tailLength } = requireState(context);
  const tail = ledger.tail.read(tailLength);
  const isWhole = extents.every(({ length }) => length === 0);
  // For a whole upload this proves our own checksums against R2's.
  const sha512 = isWhole
    ? ledger.checksums().digests().sha512
    : new Uint8Array(await crypto.subtle.digest("SHA-512", tail)).toHex();
  const { n, key } = ledger.takeExtentNumber();
  ledger.addExtent({ n, key, partSize: LIMITS.partSize, length: 0, multipart: null });
  await putObject(bucket, key, tail, sha512);
  ledger.absorbTail(n);
}

function describe({ ledger, ...rest }: UploadContext): SealedUpload {
  const state = requireState({ ledger, ...rest });
  if (state.phase !== "sealing") {
    throw new Error(`Cannot publish an upload in phase ${state.phase}`);
  }
  const { uuid, intent, extents, fetch, plan } = state;
  return {
    ...(plan?.files && { files: plan.files }),
    uuid,
    intent,
    blob: { size: offsetOf(state), ...ledger.checksums().digests() },
    extents: extents.map(({ key, length }) => ({ key, start: 0, length })),
    isFetch: fetch !== null,
  };
}
