// An upload that is an archive becomes an artifact of its members. It is sealed first, as any upload, but for
// the catalog: (1) phase `sealing` with what it is for; (2) the bytes come to rest in R2; (3) the artifact is
// noted in the catalog; (4) the explosion is noted here, and the client gets its answer. Then the alarm goes on:
// (5) the archive is read by the piece, each one committed with the members that ended in it; (6) noted is that
// the catalog may name our R2 objects; (7) the manifest goes into R2, and one batch publishes the members, which are parts of
// our objects: nothing is copied; (8) phase `sealed`. Each step may be repeated. Until (6) a fault of the archive opens the upload again, after it
// a refusal leaves the R2 objects to the catalog.

import { TarWalk } from "../archive/tar-walk.ts";
import type { Work } from "../archive/work.ts";
import { WORK } from "../budget/shares.ts";
import type { Tree } from "../manifest/tree.ts";
import { messageFor } from "../protocol/errors.ts";
import type { Outcome } from "../protocol/errors.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArtifactIntent, SealedArchive, SealGuard } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { ExplodeRefused } from "./explode-refused.ts";
import type { Explosion } from "./explode-rows.ts";
import {
  describeArchive,
  extentsOf,
  intentOf,
  readArchive,
  report,
  requireExplosion,
  restWhenDue,
  resumeWork,
  withTree,
} from "./exploding.ts";
import { findPacking } from "./find-packing.ts";
import { MemberSink } from "./member-sink.ts";
import { explodePack } from "./pack.ts";
import { failExplosion, finishRefusal, identityOf, toRefusal } from "./refuse-archive.ts";
import { bringToRest } from "./seal.ts";
import { decideSeal, offsetOf } from "./state.ts";

type Begun = Outcome<{ artifactUuid: Uuid }>;

/** Begins to make the upload's members what `intent` says, and gives the artifact; so does a repeat. */
export async function explode(
  context: UploadContext,
  intent: ArtifactIntent,
  guard: SealGuard,
): Promise<Begun> {
  const { ledger } = context;
  const { sha512 } = ledger.checksums().digests();
  const decided = decideSeal(requireState(context), intent, guard, sha512);
  if (!decided.ok) {
    return decided;
  }
  const { decision } = decided;
  if (decision.kind === "done") {
    return { ok: true, artifactUuid: decision.result.artifactUuid };
  }
  if (decision.kind === "begin") {
    ledger.beginSeal(intent, Date.now());
  }
  return begin(context);
}

/** Goes on with an explosion for a bounded time; says whether there is more to do at once. */
export async function continueExplode(context: UploadContext): Promise<boolean> {
  if (!(await begin(context)).ok) {
    return false;
  }
  const { pack, refusal } = requireExplosion(context);
  if (refusal !== null) {
    await finishRefusal(context, refusal);
    return false;
  }
  try {
    if (pack !== null) {
      await unpack(context, pack);
      return false;
    }
    if (!(await readMembers(context))) {
      return true;
    }
    await publishRead(context);
    return false;
  } catch (error) {
    const refused = toRefusal(error);
    if (refused === null) {
      throw error;
    }
    await failExplosion(context, refused);
    return false;
  }
}

function publishRead(context: UploadContext): Promise<void> {
  return withTree(context, async (tree) => {
    const { desk, ledger } = context;
    const { explosion } = ledger;
    const archive = describeArchive(context);
    if (!requireExplosion(context).isPublished) {
      const checked = await desk.checkMembers(archive.intent, tree);
      if (!checked.ok) {
        throw new ExplodeRefused(checked.code, checked.detail ?? null);
      }
      explosion.publish();
      await report(context, "publishing", offsetOf(requireState(context)));
    }
    await publish(context, archive, tree);
  });
}

async function begin(context: UploadContext): Promise<Begun> {
  const { ledger, desk } = context;
  const { explosion } = ledger;
  const begun = explosion.read();
  if (begun !== null) {
    return { ok: true, artifactUuid: begun.artifactUuid };
  }
  try {
    await bringToRest(context);
    const found = await findPacking(context);
    const { packing } = found;
    const made =
      packing === null
        ? ({ ok: false, code: "artifact_explode_unknown", ...found.known } as const)
        : await desk.beginExplode(
            requireState(context).uuid,
            intentOf(context),
            identityOf(context),
          );
    if (made.ok) {
      const isPacked = packing === "gzip" || packing === "zip";
      explosion.begin(made.artifactUuid, isPacked ? { uuid: newUuid(), packing } : null);
      ledger.setAlarm(Date.now());
    } else {
      ledger.reopen();
    }
    return made;
  } catch (error) {
    // As in finishSeal(): the repeat, or the alarm, looks at what is there.
    context.openExtentConfirmed = false;
    console.error("Cannot begin to explode yet", error);
    return { ok: false, code: "upload_sealing" };
  }
}

/** Reads on until all members are known (true), or its time is over. */
async function readMembers(context: UploadContext): Promise<boolean> {
  const end = Date.now() + LIMITS.explodeSlice;
  const work = resumeWork(context);
  let current = requireExplosion(context);
  if (!current.isRead) {
    await report(context, "reading", current.mark.position);
  }
  // A piece in each turn, whatever the clock says.
  for (let isOver = false; !current.isRead && !isOver; isOver = Date.now() >= end) {
    const from = current;
    await WORK.run(LIMITS.explodePiece, context.owner, () => readPiece(context, from, work));
    current = requireExplosion(context);
  }
  return current.isRead;
}

async function readPiece(
  context: UploadContext,
  { mark, checksums }: Pick<Explosion, "mark" | "checksums">,
  work: Work,
): Promise<void> {
  const { explosion } = context.ledger;
  const bytes = await readArchive(context, mark.position, LIMITS.explodePiece);
  const sink = new MemberSink(mark.member, checksums);
  const walk = new TarWalk(sink, work, mark);
  const archive = extentsOf(context);
  const commit = (isRead: boolean) => {
    const entries = sink.takeEntries();
    const { checksums: saved } = sink;
    explosion.advance({ mark: walk.mark, checksums: saved, entries, isRead, archive });
  };
  for (let at = 0; at < bytes.length && !walk.isAtEnd; at += LIMITS.walkStep) {
    for (const _ of walk.steps(bytes.subarray(at, at + LIMITS.walkStep))) {
      await restWhenDue(context, work);
    }
    if (sink.found >= LIMITS.membersAtOnce) {
      commit(false);
    }
    await restWhenDue(context, work);
  }
  const isRead = walk.isAtEnd || bytes.length < LIMITS.explodePiece;
  if (isRead) {
    walk.finish();
  }
  commit(isRead);
  explosion.noteWork(work.spent);
}

/** Lets a pack go on with the artifact, and ends this upload. */
async function unpack(context: UploadContext, pack: NonNullable<Explosion["pack"]>): Promise<void> {
  const { ledger, desk } = context;
  const { uuid } = requireState(context);
  const { artifactUuid } = requireExplosion(context);
  await explodePack(context, pack);
  await desk.giveUp(uuid, "");
  ledger.explosion.clear();
  ledger.seal({ artifactUuid, versionIndex: null }, Date.now());
}

async function publish(context: UploadContext, archive: SealedArchive, tree: Tree): Promise<void> {
  const { ledger, desk } = context;
  const published = await desk.publishMembers(archive, tree);
  if (published.ok) {
    context.ledger.explosion.clear();
    ledger.seal(published.result, Date.now());
    return;
  }
  const message = messageFor(published.code, published.detail ?? null);
  if (published.code === "catalog_full") {
    throw new Error(message); // for another time
  }
  await desk.abandonMembers(archive, message);
  // The R2 objects are the catalog's now.
  await ledger.clear();
}
