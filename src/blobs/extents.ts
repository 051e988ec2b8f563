import type { Extent } from "../protocol/uploads.ts";

/** A piece of one R2 object to read. */
export interface Slice {
  key: string;
  offset: number;
  length: number;
}

/** Finds the slices that hold a blob's bytes from `start` up to, not including, `end`. */
export function slicesFor(extents: readonly Extent[], start: number, end: number): Slice[] {
  const slices: Slice[] = [];
  let position = 0;
  for (const extent of extents) {
    const from = Math.max(start, position);
    const to = Math.min(end, position + extent.length);
    if (from < to) {
      slices.push({ key: extent.key, offset: extent.start + from - position, length: to - from });
    }
    position += extent.length;
  }
  return slices;
}

/**
 * Cuts slices into slices of at most `most` bytes.
 *
 * @yields One at a time: there may be a million.
 */
export function* cutSlices(slices: readonly Slice[], most: number): Generator<Slice> {
  for (const { key, offset, length } of slices) {
    for (let from = 0; from < length; from += most) {
      yield { key, offset: offset + from, length: Math.min(most, length - from) };
    }
  }
}
