// The extents of a file: in its block, or in a list of which a piece is read.

import type { FileExtent } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ManifestDamage } from "./damage.ts";
import type { FileEntry, Place } from "./entries.ts";
import { cutExtents, decodeListHead, decodeListPiece } from "./lists.ts";
import { readExactly } from "./open-manifest.ts";
import type { OpenManifest } from "./open-manifest.ts";

/** Pieces of a list that are read at a time: 16,384 extents. */
const PIECES_AT_ONCE = 64;

/** Bytes of a file: those from `start` up to, not including, `end`. */
interface ByteRange {
  start: number;
  end: number;
}

/** @yields The extents that hold some bytes of a file, some thousands at a time. */
export async function* readExtents(
  manifest: OpenManifest,
  { place, size }: FileEntry,
  range: ByteRange,
): AsyncGenerator<FileExtent[]> {
  if (place.kind === "none" || range.start >= range.end) {
    return;
  }
  if (place.kind === "object") {
    yield cutExtents([{ key: place.key, start: place.start, length: size }], 0, range);
    return;
  }
  yield* readList(manifest, place, { size, range });
}

async function* readList(
  { index, read }: OpenManifest,
  { offset, headLength, bodyLength }: Place & { kind: "list" },
  { size, range }: { size: number; range: ByteRange },
): AsyncGenerator<FileExtent[]> {
  const { lists } = index.sections;
  if (offset + headLength + bodyLength > lists.length) {
    throw new ManifestDamage("a list of extents is outside of the lists");
  }
  const start = lists.offset + offset;
  // All of a short list by one read.
  const isShort = headLength + bodyLength <= LIMITS.manifestInline;
  const first = await readExactly(read, start, headLength + (isShort ? bodyLength : 0));
  const { keys, pieces } = decodeListHead(first.subarray(0, headLength), size, bodyLength);
  const wanted = pieces.filter(
    ({ position, size: held }) => position < range.end && position + held > range.start,
  );
  for (let from = 0; from < wanted.length; from += PIECES_AT_ONCE) {
    const some = wanted.slice(from, from + PIECES_AT_ONCE);
    const bodyStart = some[0]?.offset ?? 0;
    const length = some.reduce((sum, piece) => sum + piece.length, 0);
    const body = isShort
      ? first.subarray(headLength + bodyStart)
      : await readExactly(read, start + headLength + bodyStart, length);
    const extents = some.flatMap((piece) => {
      const at = piece.offset - bodyStart;
      return decodeListPiece(body.subarray(at, at + piece.length), piece, keys);
    });
    yield cutExtents(extents, some[0]?.position ?? 0, range);
  }
}
