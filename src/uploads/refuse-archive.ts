// The end of an explosion that fails: (1) why is noted here; (2) the catalog is told, and remembers archives that need not be read
// again; (3) what was unpacked goes; (4) the upload is open again. A crash at any line goes on from there without reading.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import { messageFor } from "../protocol/errors.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { RefusedArchive } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { ExplodeRefused } from "./explode-refused.ts";
import type { ExplodeRefusal } from "./explode-rows.ts";
import { intentOf, requireExplosion } from "./exploding.ts";
import { expireUpload } from "./gateway.ts";

/** What an error says about the archive; null where it says nothing, and the explosion is to be tried again. */
export function toRefusal(error: unknown): ExplodeRefusal | null {
  if (error instanceof ExplodeRefused) {
    return error.refusal;
  }
  return error instanceof ArchiveProblem ? { message: error.message, again: "never" } : null;
}

/** Gives up an explosion. The upload may still become a plain artifact. */
export async function failExplosion(
  context: UploadContext,
  refusal: ExplodeRefusal,
): Promise<void> {
  context.ledger.explosion.refuse(refusal);
  await finishRefusal(context, refusal);
}

/** Goes on with giving up. */
export async function finishRefusal(
  context: UploadContext,
  refusal: ExplodeRefusal,
): Promise<void> {
  const { ledger, desk } = context;
  const { message } = refusal;
  const { uuid } = requireState(context);
  await desk.failExplode(uuid, intentOf(context), message, toRemember(context, refusal));
  const { pack } = requireExplosion(context);
  if (pack !== null) {
    await desk.failExplode(pack.uuid, intentOf(context), message, null);
    await dropPack(context, pack.uuid, message);
  }
  ledger.explosion.clear();
  ledger.reopen();
}

/** What did not fit into somebody else's workspace says nothing about the own one. */
function toRemember(
  context: UploadContext,
  { message, again }: ExplodeRefusal,
): RefusedArchive | null {
  if (again === "at once") {
    return null;
  }
  const archive = identityOf(context);
  const isForRoom = again === "with room";
  const isGift = archive.workspaceId !== intentOf(context).workspaceId;
  return isForRoom && isGift ? null : { ...archive, message, isForRoom };
}

/** By what an archive is known when it comes again. */
export function identityOf(context: UploadContext): Pick<RefusedArchive, "workspaceId" | "sha512"> {
  const { workspaceId } = requireState(context);
  return { workspaceId, sha512: context.ledger.checksums().digests().sha512 };
}

/** Throws what a refusal comes to: one of `final` ends the explosion, all others are for another time. */
export function orThrow<T extends object>(
  outcome: Outcome<T>,
  final: ReadonlySet<ErrorCode>,
): { ok: true } & T {
  if (outcome.ok) {
    return outcome;
  }
  const { code, detail = null } = outcome;
  throw final.has(code) ? new ExplodeRefused(code, detail) : new Error(messageFor(code, detail));
}

/** Removes a pack that is of no use any more. What cannot be removed is an idle upload to the sweep. */
async function dropPack(context: UploadContext, pack: Uuid, message: string): Promise<void> {
  try {
    const { kind } = await expireUpload(context.uploads, pack, Number.MAX_SAFE_INTEGER);
    if (kind !== "kept") {
      await context.desk.giveUp(pack, message);
    }
  } catch (error) {
    console.error("Cannot remove what an archive was unpacked into", error);
  }
}
