import { ArchiveProblem } from "../archive/archive-problem.ts";
import type { ArchiveSource } from "../archive/zip-end.ts";
import { messageFor } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArtifactIntent } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import type { Explosion } from "./explode-rows.ts";
import { UploadGateway } from "./gateway.ts";
import { unpackAsTar } from "./unpack.ts";

const ANY = { size: null, sha512: null };

/** Refusals of the pack that are the archive's fault, or its workspace's. */
const FINAL = new Set<ErrorCode>([
  "artifact_explode_unknown",
  "artifact_not_own",
  "fetches_too_many",
  "namespace_not_found",
  "quota_exceeded",
  "upload_too_large",
]);

/** Unpacks the archive into its pack and hands the artifact over to that (unpack.ts has the steps). Throws an
 * ArchiveProblem where the archive cannot be unpacked. */
export async function explodePack(
  context: UploadContext,
  source: ArchiveSource,
  intent: ArtifactIntent,
  pack: NonNullable<Explosion["pack"]>,
): Promise<void> {
  const { uuid, workspaceId } = requireState(context);
  const gateway = new UploadGateway(context.uploads, workspaceId);
  const { room } = orThrow(await context.desk.openPack(pack.uuid, workspaceId));
  const { size } = orThrow(await gateway.open(pack.uuid, room));
  let held = size;
  for await (const bytes of inPieces(unpackAsTar(source, pack.packing, held))) {
    const terms = { offset: held, length: bytes.length, digest: null };
    held = orThrow(await gateway.append(pack.uuid, new Response(bytes).body, terms)).size;
  }
  if (!(await context.desk.handOver(uuid, pack.uuid, intent))) {
    throw new ArchiveProblem(null, messageFor("artifact_not_found", null));
  }
  orThrow(await gateway.explode(pack.uuid, intent, ANY));
}

function orThrow<T extends object>(
  outcome: ({ ok: true } & T) | { ok: false; code: ErrorCode; detail?: string },
): T {
  if (outcome.ok) {
    return outcome;
  }
  const message = messageFor(outcome.code, outcome.detail ?? null);
  throw FINAL.has(outcome.code) ? new ArchiveProblem(null, message) : new Error(message);
}

/** @yields The same bytes in pieces of `LIMITS.explodePiece`. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(LIMITS.explodePiece);
  let filled = 0;
  for await (const bytes of source) {
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
