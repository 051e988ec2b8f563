// Bytes against their checksums (docs/storage.md, "Checking"): a blob may be larger than what one call reads, so
// the state of the hashes travels in the position.

import { RunningChecksums } from "../../blobs/checksums.ts";
import { cutSlices, slicesFor } from "../../blobs/extents.ts";
import { readPiece, StorageError } from "../../blobs/objects.ts";
import { drawBlobs } from "../../catalog/check-rows.ts";
import type { HashedBlob } from "../../catalog/check-rows.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { AppError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { numberAt, page } from "./part.ts";
import type { Check, Position } from "./part.ts";

const BLOBS = 50;

/** Position: the next blob; in the middle of one its id, the offset and the state there. */
export const checkContent: Check = async ({ env, percent }, from) => {
  const first = numberAt(from, 0, 0);
  const blobs = await drawBlobs(env.DB, { from: first, percent, limit: BLOBS });
  const differences: Difference[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    const begun = blob.id === first ? from : [];
    // Of the first only the rest is read, or nothing when it is where the last call ended.
    if (blob.id === first && from.length === 1) {
      continue;
    }
    const read = await readOn(env.BUCKET, blob, begun, LIMITS.fsckBytes - bytes);
    bytes += read.bytes;
    differences.push(...read.differences);
    if (read.next !== null || bytes >= LIMITS.fsckBytes) {
      return page({ next: read.next ?? [blob.id], rows: 1, bytes, differences });
    }
  }
  const last = blobs.at(-1);
  const next = last === undefined || blobs.length < BLOBS ? null : [last.id];
  return page({ next, rows: blobs.length, bytes, differences });
};

async function readOn(
  bucket: Env["BUCKET"],
  blob: HashedBlob,
  begun: Position,
  most: number,
): Promise<{ next: Position | null; bytes: number; differences: Difference[] }> {
  const start = numberAt(begun, 1, 0);
  const end = Math.min(blob.size, start + most);
  const checksums = stateOf(begun);
  try {
    for (const slice of cutSlices(slicesFor(blob.extents, start, end), LIMITS.readWindow)) {
      checksums.update(await readPiece(bucket, slice.key, slice.offset, slice.length));
    }
  } catch (error) {
    if (!(error instanceof StorageError)) {
      throw error;
    }
    const unreadable = difference("content_unreadable", blob.uuid, error.message);
    return { next: null, bytes: end - start, differences: [unreadable] };
  }
  if (end < blob.size) {
    const next = [blob.id, end, checksums.save().toBase64()];
    return { next, bytes: end - start, differences: [] };
  }
  return { next: null, bytes: end - start, differences: compareDigests(blob, checksums) };
}

function compareDigests(blob: HashedBlob, checksums: RunningChecksums): Difference[] {
  const digests = checksums.digests();
  const wrong = (["sha512", "sha256", "crc32"] as const).filter(
    (name) => digests[name] !== blob[name],
  );
  const detail = `${blob.size} bytes have ${wrong.map((name) => `${name} ${digests[name]}`).join(", ")}`;
  return wrong.length === 0 ? [] : [difference("content_damaged", blob.uuid, detail)];
}

function stateOf(begun: Position): RunningChecksums {
  const [, , state] = begun;
  if (state === undefined) {
    return new RunningChecksums();
  }
  try {
    return RunningChecksums.load(Uint8Array.fromBase64(String(state)));
  } catch {
    throw new AppError("request_malformed", "cursor: its hash state cannot be read");
  }
}
