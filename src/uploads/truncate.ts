// One truncate, to any length. Parts of an open multipart upload cannot be read: to cut inside one, the
// multipart upload is completed first, which changes nothing by itself; then at most one part's bytes are
// read back and become the tail, in one ledger transaction.

import type { RunningChecksums } from "../blobs/checksums.ts";
import { slicesFor } from "../blobs/extents.ts";
import { readPiece, StorageError } from "../blobs/objects.ts";
import { WORK } from "../budget/shares.ts";
import { isAppError } from "../protocol/errors.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { AppendTerms } from "../protocol/uploads.ts";
import { completeExtent, confirmOpenExtent, requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { withdraw } from "./standing-rows.ts";
import { offsetOf, planTruncate, tailStart } from "./state.ts";

/** Makes the upload end at `target`, at or before its offset. `isOurs`: its client knows nothing of the bytes that go. */
export async function truncate(
  context: UploadContext,
  target: number,
  isOurs = true,
): Promise<Outcome<object>> {
  const { ledger } = context;
  const boundary = ledger.boundaryBefore(target);
  const planned = planTruncate(requireState(context), target, boundary.offset);
  if (!planned.ok) {
    return planned;
  }
  const { plan } = planned;
  switch (plan.kind) {
    case "nothing":
      return { ok: true };
    case "tail":
      withdrawCut(context, isOurs);
      cut(context, boundary, ledger.tail.read(plan.keep));
      return { ok: true };
    case "back":
      try {
        await WORK.run(plan.piece, context.owner, async () => {
          withdrawCut(context, isOurs);
          cut(context, boundary, await readBack(context, plan.boundary, plan.piece));
        });
        return { ok: true };
      } catch (error) {
        if (isAppError(error)) {
          return { ok: false, code: error.code };
        }
        if (error instanceof StorageError) {
          context.openExtentConfirmed = false;
          return { ok: false, code: "storage_unavailable" };
        }
        throw error;
      }
  }
}

/** The same, when the upload still ends at `from`: somebody else may have added to it. */
export async function truncateFrom(
  context: UploadContext,
  from: number,
  target: number,
): Promise<Outcome<object>> {
  const offset = offsetOf(requireState(context));
  return offset === from
    ? truncate(context, target, false)
    : { ok: false, code: "upload_offset_conflict", detail: `at ${offset}, not ${from}` };
}

/** Cuts the upload where an append that asks for it is to begin; in the same turn as the append, so that
 * nobody sees the upload between the two. */
export async function cutFirst(
  context: UploadContext,
  { offset, cutFrom }: AppendTerms,
): Promise<Outcome<object>> {
  return cutFrom === undefined || offset === null
    ? { ok: true }
    : truncateFrom(context, cutFrom, offset);
}

/** An offset that a client of /files/ was told never falls. */
function withdrawCut({ ledger }: UploadContext, isOurs: boolean): void {
  if (!isOurs && (ledger.state?.plan ?? null) !== null) {
    withdraw(ledger);
  }
}

function cut(
  { ledger }: UploadContext,
  boundary: { offset: number; checksums: RunningChecksums },
  tail: Uint8Array,
): void {
  boundary.checksums.update(tail);
  ledger.cut(boundary.offset, tail, boundary.checksums.save());
}

/** The `length` bytes at `from`, which lie in the extents; makes them readable first where they are not. */
async function readBack(context: UploadContext, from: number, length: number): Promise<Uint8Array> {
  if (length === 0) {
    return new Uint8Array();
  }
  const open = await confirmOpenExtent(context);
  const openFrom = tailStart(requireState(context)) - (open?.length ?? 0);
  if (open !== null && from + length > openFrom) {
    await completeExtent(context, open);
  }
  const extents = requireState(context).extents.map(({ key, length: size }) => ({
    key,
    start: 0,
    length: size,
  }));
  const bytes = new Uint8Array(length);
  let filled = 0;
  for (const slice of slicesFor(extents, from, from + length)) {
    const piece = await readPiece(context.bucket, slice.key, slice.offset, slice.length);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}
