import type { Work } from "../archive/work.ts";
import type { Lease } from "../budget/budget.ts";
import { PACKING, UNPACKING } from "../budget/shares.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { ExplodeRefused } from "./explode-refused.ts";
import type { ExplodeRows, Explosion } from "./explode-rows.ts";
import {
  intentOf,
  report,
  requireExplosion,
  restWhenDue,
  resumeWork,
  sourceOf,
  withTree,
} from "./exploding.ts";
import { UploadGateway } from "./gateway.ts";
import type { NotedEntry } from "./read-entry.ts";
import { orThrow } from "./refuse-archive.ts";
import { PACK_REVISION, unpackAsTar } from "./unpack.ts";

type Pack = NonNullable<Explosion["pack"]>;

const ANY = { size: null, sha512: null };

/** Refusals of the pack that are the archive's fault, or its workspace's. */
const FINAL = new Set<ErrorCode>([
  "artifact_explode_folders",
  "artifact_explode_refused",
  "artifact_explode_unknown",
  "artifact_not_own",
  "catalog_full",
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
    await UNPACKING.run(
      LIMITS.unpackRead,
      context.owner,
      () => unpackAndHandOver(context, gateway, pack),
      payerOf(context),
    );
  }
  orThrow(await gateway.explode(pack.uuid, intent, ANY), FINAL);
}

function payerOf(context: UploadContext): string {
  return `workspace ${requireState(context).workspaceId}`;
}

async function unpackAndHandOver(
  context: UploadContext,
  gateway: UploadGateway,
  pack: Pack,
): Promise<void> {
  const { desk, ledger } = context;
  const { uuid, workspaceId } = requireState(context);
  const { room } = orThrow(await desk.openPack(pack.uuid, workspaceId), FINAL);
  const opened = orThrow(await gateway.open(pack.uuid, room), FINAL);
  // What other code wrote of a tar does not go on with what this one writes.
  const isOurs = pack.revision === PACK_REVISION || opened.size === 0;
  const { size } = isOurs ? opened : orThrow(await gateway.truncate(pack.uuid, 0), FINAL);
  ledger.explosion.notePack({ ...pack, revision: PACK_REVISION });
  await fillPack(context, gateway, pack, size);
  await withTree(context, async (tree) => {
    orThrow(await desk.checkMembers(intentOf(context), tree), FINAL);
  });
  if (!(await desk.handOver(uuid, pack.uuid, intentOf(context)))) {
    throw new ExplodeRefused("artifact_not_found", null);
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
  const work = resumeWork(context);
  work.allowFor(held);
  const note = (entry: NotedEntry) => notes.add(entry);
  const tar = unpackAsTar(source, pack.packing, { from: held, note, work });
  let reportAt = 0;
  const send = async (bytes: Uint8Array) => {
    const terms = { offset, length: bytes.length };
    const appended = await gateway.append(pack.uuid, bodyOf(bytes, work), terms);
    offset = orThrow(appended, FINAL).size;
    work.allowFor(bytes.length);
    notes.flush();
    explosion.noteWork(work.spent);
    if (Date.now() >= reportAt) {
      await report(context, "unpacking", position);
      reportAt = Date.now() + LIMITS.explodeReport;
    }
  };
  const turn = new Turn(context.owner, payerOf(context));
  try {
    await turn.begin();
    await sendInPieces(tar, { send, turn, rest: () => restWhenDue(context, work) });
  } finally {
    turn.end();
  }
  notes.flush();
  await report(context, "unpacking", size);
}

/** Bytes as a body that comes step by step: who reads what is in memory never waits, and would hash all of it at a stretch. */
function bodyOf(bytes: Uint8Array, work: Work): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await work.rest();
      controller.enqueue(bytes.subarray(at, at + LIMITS.bodyStep));
      at += LIMITS.bodyStep;
      if (at >= bytes.length) {
        controller.close();
      }
    },
  });
}

/** Notes members a few at a time. */
class MemberNotes {
  readonly #explosion: ExplodeRows;
  #held: NotedEntry[] = [];

  constructor(explosion: ExplodeRows) {
    this.#explosion = explosion;
  }

  add(entry: NotedEntry): void {
    this.#held.push(entry);
    if (this.#held.length >= LIMITS.membersAtOnce) {
      this.flush();
    }
  }

  flush(): void {
    this.#explosion.note(this.#held);
    this.#held = [];
  }
}

/** The memory for a piece, which others have in between when they wait for it. */
class Turn {
  readonly #owner: string;
  readonly #payer: string;
  #lease: Lease | null = null;
  #since = 0;

  constructor(owner: string, payer: string) {
    this.#owner = owner;
    this.#payer = payer;
  }

  /** Has it lasted, while others wait? */
  get isOver(): boolean {
    return PACKING.isContested && Date.now() - this.#since >= LIMITS.unpackTurn;
  }

  async begin(): Promise<void> {
    this.#lease = PACKING.open(LIMITS.unpackPiece, this.#owner, this.#payer);
    await PACKING.grow(this.#lease, LIMITS.unpackPiece);
    this.#since = Date.now();
  }

  end(): void {
    if (this.#lease !== null) {
      PACKING.end(this.#lease);
      this.#lease = null;
    }
  }
}

interface Sending {
  send: (bytes: Uint8Array) => Promise<void>;
  turn: Turn;
  /** Called where there is time for it. */
  rest: () => Promise<void>;
}

/** Sends bytes in pieces of `LIMITS.unpackPiece`, or fewer when the turn is over. Nothing of them is kept while others have theirs. */
async function sendInPieces(
  source: AsyncIterable<Uint8Array>,
  { send, turn, rest }: Sending,
): Promise<void> {
  let piece: Uint8Array | null = null;
  let filled = 0;
  const flush = async () => {
    if (piece !== null) {
      await send(piece.subarray(0, filled));
    }
    piece = null;
    filled = 0;
  };
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length;) {
      piece ??= new Uint8Array(LIMITS.unpackPiece);
      const taken = bytes.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled === piece.length) {
        await flush();
      }
    }
    await rest();
    if (turn.isOver) {
      await flush();
      turn.end();
      await turn.begin();
    }
  }
  await flush();
}
