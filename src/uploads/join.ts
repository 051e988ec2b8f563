// An upload that is made of others. It takes their R2 objects as its own, so nothing is copied: (1) each of them has its bytes
// at rest; (2) they are read once, by the window, for the checksums of the whole, and each window is noted; (3) noted is that
// they are being taken over; (4) each gives its objects away, and keeps that in mind for a repeat; (5) the objects are the
// upload's own, in one transaction; (6) it is sealed like any other. Until (3) the parts are untouched.

import { readPiece } from "../blobs/objects.ts";
import { WORK } from "../budget/shares.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { JoinedPart, RestedPart, UploadPlan } from "../protocol/uploads.ts";
import { complete } from "./complete.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { finishExpiry } from "./expire.ts";
import { UploadGateway } from "./gateway.ts";
import { bringToRest } from "./seal.ts";
import { adopt, giveAway, noteJoining } from "./standing-rows.ts";
import type { JoiningState, UploadState } from "./state.ts";
import { offsetOf } from "./state.ts";

/** Brings a complete upload to rest, and gives the objects that hold it: a part, or a file of `bundle` where that is not null. */
export async function restPart(
  context: UploadContext,
  bundle: string | null,
): Promise<Outcome<RestedPart>> {
  const refusal = refusePart(requireState(context), bundle);
  if (refusal !== null) {
    return refusal;
  }
  await bringToRest(context);
  const state = requireState(context);
  return {
    ok: true,
    extents: state.extents.map(({ key, length }) => ({ key, length })),
    facts: { size: offsetOf(state), ...context.ledger.checksums().digests() },
    member: state.plan?.member ?? null,
  };
}

function refusePart(
  state: UploadState,
  bundle: string | null,
): (Outcome<object> & { ok: false }) | null {
  const { plan, length, joining } = state;
  if (state.phase !== "open" || state.standing.isWithdrawn) {
    return { ok: false, code: "upload_not_found" };
  }
  if (!isFor(plan, bundle)) {
    return { ok: false, code: bundle === null ? "upload_not_partial" : "upload_not_bundled" };
  }
  if (length === offsetOf(state) && joining === null) {
    return null;
  }
  const detail = `${offsetOf(state)} of ${length ?? "unknown"} bytes are there`;
  return { ok: false, code: "upload_part_unfinished", detail };
}

/** Was it opened as a file of that bundle, or where that is null as a part? */
function isFor(plan: UploadPlan | null, bundle: string | null): boolean {
  return bundle === null ? plan?.concat === "partial" : plan?.member?.bundle === bundle;
}

/** Gives the objects of a part away, when they are those that the taker read; a repeat is fine. */
export function givePart(
  context: UploadContext,
  taker: Uuid,
  { extents }: Pick<JoinedPart, "extents">,
): Outcome<object> {
  const state = requireState(context);
  if (state.standing.taker?.uuid === taker) {
    return { ok: true };
  }
  const now = state.extents.map(({ key, length }) => ({ key, length }));
  const isSame = JSON.stringify(now) === JSON.stringify(extents) && state.tailLength === 0;
  if (state.phase !== "open" || !isSame) {
    return { ok: false, code: "upload_part_gone" };
  }
  giveAway(context.ledger, taker);
  return { ok: true };
}

/** Goes on until `until`; says whether there is more to do at once. */
export async function continueJoin(context: UploadContext, until: number): Promise<boolean> {
  let joining = joiningOf(context);
  while (joining !== null && !joining.isTaking) {
    if (Date.now() >= until) {
      return true;
    }
    await readWindow(context, joining);
    joining = joiningOf(context);
  }
  if (joining === null || (await takeParts(context, joining))) {
    await complete(context, false);
  }
  return false;
}

/** Goes on with a bundle, whose files need not be read: they have their checksums. */
export async function finishBundle(context: UploadContext): Promise<Outcome<object>> {
  const joining = joiningOf(context);
  return joining === null || (await takeParts(context, joining))
    ? complete(context, true)
    : { ok: false, code: "upload_part_gone" };
}

/** Reads the next bytes; behind the last one, notes that the parts are being taken over. */
async function readWindow(context: UploadContext, joining: JoiningState): Promise<void> {
  const { ledger, bucket, owner } = context;
  const checksums = ledger.checksums();
  const slice = nextSlice(joining);
  if (slice === null) {
    noteJoining(ledger, { ...joining, isTaking: true }, checksums.save());
    return;
  }
  const { key, start, length } = slice;
  await WORK.run(length, owner, async () => {
    checksums.update(await readPiece(bucket, key, start, length));
  });
  noteJoining(ledger, { ...joining, position: joining.position + length }, checksums.save());
}

function nextSlice({ parts, position }: JoiningState) {
  let begin = 0;
  for (const { key, length } of parts.flatMap(({ extents }) => extents)) {
    if (position < begin + length) {
      const start = position - begin;
      return { key, start, length: Math.min(LIMITS.readWindow, length - start) };
    }
    begin += length;
  }
  return null;
}

/** Takes the objects of all parts over; false when one of them is gone, with which the upload ends. */
async function takeParts(context: UploadContext, { parts }: JoiningState): Promise<boolean> {
  const { ledger, desk, uploads } = context;
  const { uuid, workspaceId, plan } = requireState(context);
  const gateway = new UploadGateway(uploads, workspaceId);
  const once = [...new Map(parts.map((part) => [part.uuid, part])).values()];
  const taken: JoinedPart[] = [];
  for (let at = 0; at < once.length; at += LIMITS.askedAtOnce) {
    const some = once.slice(at, at + LIMITS.askedAtOnce);
    const given = await Promise.all(some.map((part) => gateway.take(part, uuid)));
    const refused = given.find((each) => !each.ok && each.code !== "upload_part_gone");
    if (refused?.ok === false) {
      throw new Error(`Cannot take uploads over: ${refused.code}`);
    }
    taken.push(...some.filter((_, index) => given[index]?.ok === true));
    if (given.some(({ ok }) => !ok)) {
      await endWith(context, taken);
      return false;
    }
  }
  adopt(
    ledger,
    parts.flatMap(({ extents }) => extents),
  );
  // What a crash leaves of these goes with the sweep; those of a bundle end with the batch that publishes it.
  for (const part of plan?.files === undefined ? once : []) {
    await desk.giveUp(part.uuid, "joined");
  }
  return true;
}

/** A part is gone, or is another: the upload ends, with the objects that were taken. */
async function endWith(context: UploadContext, taken: readonly JoinedPart[]): Promise<void> {
  adopt(
    context.ledger,
    taken.flatMap(({ extents }) => extents),
  );
  context.ledger.expire();
  await finishExpiry(context);
}

function joiningOf(context: UploadContext): JoiningState | null {
  return requireState(context).joining;
}
