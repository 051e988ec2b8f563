// An upload that is made of others. It takes their R2 objects as its own, so nothing is copied: (1) each of them has its bytes
// at rest; (2) they are read once, by the window, for the checksums of the whole, and each window is noted; (3) noted is that
// they are being taken over; (4) each gives its objects away, and keeps that in mind for a repeat; (5) the objects are the
// upload's own, in one transaction; (6) it is sealed like any other. Until (3) the parts are untouched.

import { readPiece } from "../blobs/objects.ts";
import { WORK } from "../budget/shares.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { JoinedPart } from "../protocol/uploads.ts";
import { complete } from "./complete.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { finishExpiry } from "./expire.ts";
import { UploadGateway } from "./gateway.ts";
import { bringToRest } from "./seal.ts";
import { adopt, giveAway, noteJoining } from "./standing-rows.ts";
import type { JoiningState } from "./state.ts";
import { offsetOf } from "./state.ts";

/** Brings a complete part to rest, and gives the objects that hold it. */
export async function restPart(
  context: UploadContext,
): Promise<Outcome<Pick<JoinedPart, "extents"> & { length: number }>> {
  const state = requireState(context);
  const { plan, length, phase, standing } = state;
  if (phase !== "open" || standing.isWithdrawn) {
    return { ok: false, code: "upload_not_found" };
  }
  if (plan?.concat !== "partial") {
    return { ok: false, code: "upload_not_partial" };
  }
  if (length !== offsetOf(state)) {
    const detail = `${offsetOf(state)} of ${length ?? "unknown"} bytes are there`;
    return { ok: false, code: "upload_part_unfinished", detail };
  }
  await bringToRest(context);
  const { extents } = requireState(context);
  return {
    ok: true,
    length,
    extents: extents.map(({ key, length: size }) => ({ key, length: size })),
  };
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
  if (joining !== null) {
    await takeParts(context, joining);
  }
  if (context.ledger.state?.phase === "open") {
    await complete(context, false);
  }
  return false;
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

async function takeParts(context: UploadContext, { parts }: JoiningState): Promise<void> {
  const { ledger, desk, uploads } = context;
  const { uuid, workspaceId } = requireState(context);
  const gateway = new UploadGateway(uploads, workspaceId);
  const taken: JoinedPart[] = [];
  for (const part of parts) {
    const isTwice = taken.some((other) => other.uuid === part.uuid);
    const given = isTwice ? { ok: true as const } : await gateway.take(part, uuid);
    if (!given.ok && given.code !== "upload_part_gone") {
      throw new Error(`Cannot take upload ${part.uuid} over: ${given.code}`);
    }
    if (!given.ok) {
      return endWith(context, taken);
    }
    taken.push(part);
  }
  adopt(
    ledger,
    parts.flatMap(({ extents }) => extents),
  );
  // What a crash leaves of these goes with the sweep.
  for (const part of new Set(parts.map((each) => each.uuid))) {
    await desk.giveUp(part, "joined");
  }
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
