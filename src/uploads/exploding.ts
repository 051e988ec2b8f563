// What the steps of an explosion share: what it is for, and how the bytes of its archive are read.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import { showName } from "../archive/member-path.ts";
import { Work } from "../archive/work.ts";
import type { ArchiveSource } from "../archive/zip-end.ts";
import { slicesFor } from "../blobs/extents.ts";
import { readPiece } from "../blobs/objects.ts";
import { WORK } from "../budget/shares.ts";
import type { LeftOut } from "../manifest/left-out.ts";
import { settleMembers } from "../manifest/settle.ts";
import { planTree } from "../manifest/tree.ts";
import type { Tree, TreeFault } from "../manifest/tree.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type {
  ArtifactIntent,
  ExplodeProgress,
  Extent,
  SealedArchive,
} from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { ExplodeRefused } from "./explode-refused.ts";
import type { Explosion } from "./explode-rows.ts";
import { offsetOf } from "./state.ts";

/** Up to `length` bytes of the upload, which is at rest. */
export async function readArchive(
  context: UploadContext,
  from: number,
  length: number,
): Promise<Uint8Array> {
  const slices = slicesFor(extentsOf(context), from, from + length);
  const pieces = await Promise.all(
    slices.map((slice) => readPiece(context.bucket, slice.key, slice.offset, slice.length)),
  );
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined
    ? only
    : new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** The upload as an archive that is read anywhere; what lies outside of it is the archive's fault. */
export function sourceOf(context: UploadContext): ArchiveSource {
  return {
    size: offsetOf(requireState(context)),
    async read(from, length) {
      const bytes = from < 0 ? new Uint8Array() : await readArchive(context, from, length);
      if (bytes.length !== length) {
        throw new ArchiveProblem(null, `the archive has no ${length} bytes at ${from}`);
      }
      return bytes;
    },
  };
}

/** The archive whose explosion goes on, without its members. */
export function describeArchive(context: UploadContext): SealedArchive {
  const keys = extentsOf(context).map(({ key }) => key);
  return { uuid: requireState(context).uuid, intent: intentOf(context), keys };
}

export function intentOf(context: UploadContext): ArtifactIntent {
  const state = requireState(context);
  if (state.phase !== "sealing" || !("explode" in state.intent)) {
    throw new Error(`Cannot explode an upload in phase ${state.phase}`);
  }
  return state.intent;
}

export function requireExplosion(context: UploadContext): Explosion {
  const explosion = context.ledger.explosion.read();
  if (explosion === null) {
    throw new Error("Cannot go on with an explosion that was never begun");
  }
  return explosion;
}

/** The work of an explosion, with what its earlier turns took. */
export function resumeWork(context: UploadContext): Work {
  return new Work(offsetOf(requireState(context)), requireExplosion(context).work);
}

/** Lets others in when it is their turn, and notes the work. */
export async function restWhenDue(context: UploadContext, work: Work): Promise<void> {
  if (!work.isDue) {
    return;
  }
  const { explosion } = context.ledger;
  if (work.spent - requireExplosion(context).work >= LIMITS.workNoted) {
    explosion.noteWork(work.spent);
  }
  await work.rest();
}

/** Units of work for the members that are looked at between two pauses, as they are put in order. */
const PLAN_WORK = 1_000_000;

/** Does something with the members as a tree; throws where they are none. Their memory is leased as long. */
export async function withTree<T>(
  context: UploadContext,
  use: (tree: Tree) => Promise<T>,
): Promise<T> {
  const { explosion } = context.ledger;
  return WORK.run(explosion.weight, context.owner, async () => {
    const pace = new Pace();
    const pause = () => pace.spendAndRest(PLAN_WORK);
    const settled = await settleMembers(explosion.members(extentsOf(context)), {
      lookups: LIMITS.linkLookups,
      bytes: explosion.linkBytes,
      pause,
    });
    if (settled === null) {
      throw new ArchiveProblem(null, "the archive's links lead through too many others");
    }
    const { members, order, linked } = settled;
    const leftOut = explosion.leftOut();
    settled.leftOut.forEach(({ path, reason }) => leftOut.add(path, reason));
    if (intentOf(context).strict === true) {
      requireAll(leftOut.all, linked);
    }
    const planned = await planTree(members, {
      order,
      leftOut: leftOut.all,
      folders: LIMITS.archiveFolders,
      faults: LIMITS.faultsCounted,
      pause,
    });
    if (!planned.ok) {
      throw toProblem(planned.faults);
    }
    return use(planned.tree);
  });
}

/** Refuses what is not kept as it is. */
function requireAll({ count, named }: LeftOut, linked: number): void {
  const [first] = named;
  if (count + linked > 0) {
    const example =
      first === undefined ? "" : `, '${showName(first.path)}' of them ${first.reason}`;
    const counted = `${count} would be left out${example}; ${linked} are links to files`;
    throw new ExplodeRefused("artifact_explode_strict", counted);
  }
}

function toProblem(faults: readonly TreeFault[]): Error {
  const [fault] = faults;
  if (fault?.kind !== "folder") {
    return new ExplodeRefused("artifact_explode_folders", `${LIMITS.archiveFolders} are taken`);
  }
  const others = faults.length - 1;
  const more = others === 0 ? "" : `, as ${others} other files are folders too`;
  return new ArchiveProblem(fault.path, `is also the folder of '${fault.below}'${more}`);
}

/** Tells whoever looks how far it has come: `bytes` of the archive are read. Nothing depends on it. */
export async function report(
  context: UploadContext,
  phase: ExplodeProgress["phase"],
  bytes: number,
): Promise<void> {
  const state = requireState(context);
  const { members: files } = requireExplosion(context);
  try {
    const totalBytes = offsetOf(state);
    await context.desk.reportExplode(state.uuid, { phase, bytes, totalBytes, files });
  } catch (error) {
    console.error("Cannot report how far an explosion has come", error);
  }
}

/** Where the bytes of the upload, which is at rest, are. */
export function extentsOf(context: UploadContext): Extent[] {
  return requireState(context).extents.map(({ key, length }) => ({ key, start: 0, length }));
}
