import type { FileExtent } from "../protocol/entries.ts";

/** A piece of one R2 object to read; of none (`Key` null) where it is zeros. */
export interface Slice<Key extends string | null = string> {
  key: Key;
  offset: number;
  length: number;
}

/** Finds the slices that hold a blob's bytes from `start` up to, not including, `end`. */
export function slicesFor<Key extends string | null>(
  extents: readonly (FileExtent & { key: Key })[],
  start: number,
  end: number,
): Slice<Key>[] {
  const slices: Slice<Key>[] = [];
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
export function* cutSlices<Key extends string | null>(
  slices: readonly Slice<Key>[],
  most: number,
): Generator<Slice<Key>> {
  for (const { key, offset, length } of slices) {
    for (let from = 0; from < length; from += most) {
      yield { key, offset: offset + from, length: Math.min(most, length - from) };
    }
  }
}
