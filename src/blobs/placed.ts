// Bytes by the places that they have in R2, as pieces to be sent.

import type { FileExtent } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Piece } from "./join-pieces.ts";

/** Bytes whose place is told some thousands of extents at a time. */
export interface Placed {
  /** @yields The extents that hold the bytes from `start` up to, not including, `end`. */
  extents(start: number, end: number): AsyncIterable<readonly FileExtent[]>;
}

/** What zeros are written from. */
const ZEROS = new Uint8Array(LIMITS.smallSlice);

/** @yields The pieces of extents, one at a time: zeros may be many. */
export function* piecesOfExtents(extents: readonly FileExtent[]): Generator<Piece> {
  for (const { key, start, length } of extents) {
    if (key !== null) {
      yield { kind: "slice", slice: { key, offset: start, length } };
      continue;
    }
    for (let left = length; left > 0; left -= ZEROS.length) {
      yield { kind: "bytes", bytes: ZEROS.subarray(0, left) };
    }
  }
}
