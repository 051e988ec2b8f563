import type { TarMember } from "../archive/tar-reader.ts";
import { slicesFor } from "../blobs/extents.ts";
import type { FileExtent } from "../protocol/entries.ts";
import type { Extent } from "../protocol/uploads.ts";

/** @yields Where the bytes of a member of `archive` are; the holes of a sparse one are runs of zeros, which nothing stores. */
export function* memberExtents(
  { size, offset, sparse }: Pick<TarMember, "size" | "offset" | "sparse">,
  archive: readonly Extent[],
): Generator<FileExtent> {
  let [from, passed] = [offset, 0];
  for (const [start, length] of sparse?.runs ?? [[0, size] as const]) {
    yield* zeros(start - passed);
    for (const slice of slicesFor(archive, from, from + length)) {
      yield { key: slice.key, start: slice.offset, length: slice.length };
    }
    from += length;
    passed = start + length;
  }
  yield* zeros(size - passed);
}

function* zeros(length: number): Generator<FileExtent> {
  if (length > 0) {
    yield { key: null, start: 0, length };
  }
}
