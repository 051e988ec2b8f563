import { ArchiveProblem } from "../archive/archive-problem.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import { PACKING } from "../budget/shares.ts";
import { messageFor } from "../protocol/errors.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import type { ExplodeRows, Explosion } from "./explode-rows.ts";
import {
  describeArchive,
  intentOf,
  refuseConflict,
  report,
  requireExplosion,
  sourceOf,
  yieldToOthers,
} from "./exploding.ts";
import { expireUpload, UploadGateway } from "./gateway.ts";
import { unpackAsTar } from "./unpack.ts";

type Pack = NonNullable<Explosion["pack"]>;

const ANY = { size: null, sha512: null };

/** Refusals of the pack that are the archive's fault, or its workspace's. */
const FINAL = new Set<ErrorCode>([
  "artifact_explode_folders",
  "artifact_explode_unknown",
  "artifact_not_own",
  "fetches_too_many",
  "namespace_not_found",
  "quota_exceeded",
  "entries_exceeded",
  "upload_too_large",
]);

/** Unpacks the archive into its pack and hands the artifact over to that (unpack.ts has the steps). Throws an
 * ArchiveProblem where the archive cannot be unpacked, or what is in it not be taken. */
export async function explodePack(context: UploadContext, pack: Pack): Promise<void> {
  const { workspaceId } = requireState(context);
  const intent = intentOf(context);
  const gateway = new UploadGateway(context.uploads, workspaceId);
  if (!requireExplosion(context).isRead) {
    await PACKING.run(2 * LIMITS.explodePiece, context.owner, () =>
      unpackAndHandOver(context, gateway, pack),
    );
  }
  try {
    orThrow(await gateway.explode(pack.uuid, intent, ANY));
  } catch (error) {
    if (error instanceof ArchiveProblem) {
      await context.desk.failExplode(pack.uuid, intent, error.message);
    }
    throw error;
  }
}

/** Removes a pack that is of no use any more. What cannot be removed is an idle upload to the sweep. */
export async function dropPack(context: UploadContext, pack: Uuid, message: string): Promise<void> {
  try {
    const { kind } = await expireUpload(context.uploads, pack, Number.MAX_SAFE_INTEGER);
    if (kind !== "kept") {
      await context.desk.giveUp(pack, message);
    }
  } catch (error) {
    console.error("Cannot remove what an archive was unpacked into", error);
  }
}

async function unpackAndHandOver(
  context: UploadContext,
  gateway: UploadGateway,
  pack: Pack,
): Promise<void> {
  const { desk, ledger } = context;
  const { uuid, workspaceId } = requireState(context);
  const { room } = orThrow(await desk.openPack(pack.uuid, workspaceId));
  const { size } = orThrow(await gateway.open(pack.uuid, room));
  await fillPack(context, gateway, pack, size);
  refuseConflict(context);
  orThrow(await desk.checkMembers(describeArchive(context)));
  if (!(await desk.handOver(uuid, pack.uuid, intentOf(context)))) {
    throw new ArchiveProblem(null, messageFor("artifact_not_found", null));
  }
  ledger.explosion.handOver();
}

/** Goes on behind the `held` bytes that the pack has. */
async function fillPack(
  context: UploadContext,
  gateway: UploadGateway,
  pack: Pack,
  held: number,
): Promise<void> {
  const { explosion } = context.ledger;
  explosion.forgetNotes();
  const notes = new MemberNotes(explosion);
  const { size, read } = sourceOf(context);
  let position = 0;
  const source = {
    size,
    read: (from: number, length: number) => {
      position = from + length;
      return read(from, length);
    },
  };
  let offset = held;
  const tar = unpackAsTar(source, pack.packing, held, (member) => notes.add(member));
  let reportAt = 0;
  for await (const bytes of inPieces(tar)) {
    const terms = { offset, length: bytes.length };
    offset = orThrow(await gateway.append(pack.uuid, new Response(bytes).body, terms)).size;
    notes.flush();
    if (Date.now() >= reportAt) {
      await report(context, "unpacking", position);
      reportAt = Date.now() + LIMITS.explodeReport;
    }
    await yieldToOthers();
  }
  notes.flush();
  await report(context, "unpacking", size);
}

/** Notes members a few at a time. */
class MemberNotes {
  readonly #explosion: ExplodeRows;
  #held: Pick<TarMember, "path" | "size">[] = [];

  constructor(explosion: ExplodeRows) {
    this.#explosion = explosion;
  }

  add(member: Pick<TarMember, "path" | "size">): void {
    this.#held.push(member);
    if (this.#held.length >= LIMITS.memberPage) {
      this.flush();
    }
  }

  flush(): void {
    this.#explosion.note(this.#held);
    this.#held = [];
  }
}

function orThrow<T extends object>(outcome: Outcome<T>): { ok: true } & T {
  if (outcome.ok) {
    return outcome;
  }
  const message = messageFor(outcome.code, outcome.detail ?? null);
  throw FINAL.has(outcome.code) ? new ArchiveProblem(null, message) : new Error(message);
}

/** @yields The same bytes in pieces of `LIMITS.explodePiece`; others are answered on the way. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(LIMITS.explodePiece);
  let filled = 0;
  let sinceYield = 0;
  for await (const bytes of source) {
    sinceYield += bytes.length;
    if (sinceYield >= LIMITS.unpackedAtOnce) {
      sinceYield = 0;
      await yieldToOthers();
    }
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled === piece.length) {
        yield piece;
        piece = new Uint8Array(LIMITS.explodePiece);
        filled = 0;
      }
    }
  }
  if (filled > 0) {
    yield piece.subarray(0, filled);
  }
}
