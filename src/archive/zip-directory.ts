// The central directory of a zip (APPNOTE.TXT 6.3.10, section 4.3.12), read piece by piece.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { viewOf } from "./little-endian.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";
import type { ArchiveSource, ZipDirectory } from "./zip-end.ts";
import { toZipEntry } from "./zip-entry.ts";
import type { ZipEntry } from "./zip-entry.ts";

const ENTRY_SIZE = 46;
const ENTRY_MARK = 0x02014b50;

/**
 * Reads the entries of a directory in their order, `LIMITS.zipWindow` bytes at a time.
 *
 * @yields Each entry.
 */
export async function* zipEntries(
  { read }: ArchiveSource,
  { offset, end, count, shift }: ZipDirectory,
  work: Work,
): AsyncGenerator<ZipEntry> {
  let window: Uint8Array = new Uint8Array();
  let position = offset;
  const need = async (length: number) => {
    if (length > window.length) {
      const left = end - position;
      if (length > left) {
        throw new ArchiveProblem(null, "the zip's directory ends inside an entry");
      }
      const wanted = Math.min(left, Math.max(length, LIMITS.zipWindow));
      work.spend(COST.read + wanted * COST.byte);
      window = await read(position, wanted);
    }
    return viewOf(window);
  };
  for (let index = 0; index < count; index += 1) {
    const fixed = await need(ENTRY_SIZE);
    if (fixed.getUint32(0, true) !== ENTRY_MARK) {
      throw new ArchiveProblem(null, `the zip's directory is damaged at byte ${position}`);
    }
    const [name, extra, comment] = [28, 30, 32].map((at) => fixed.getUint16(at, true));
    const length = ENTRY_SIZE + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
    await need(length);
    work.spend(COST.zipEntry + length * COST.byte);
    yield toZipEntry(window.subarray(0, length), offset, shift);
    window = window.subarray(length);
    position += length;
  }
  if (position !== end) {
    throw new ArchiveProblem(null, "the zip's directory has more than its entries");
  }
}
