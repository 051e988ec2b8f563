// Where the central directory of a zip is, found from the archive's end (APPNOTE.TXT 6.3.10, 4.3.14 to
// 4.3.16). Bytes before the archive are passed over, and so are those behind the record where they can be no other one. What two
// readers could see in two ways is refused: counts or sizes that differ, parts on other disks.

import { ArchiveProblem } from "./archive-problem.ts";
import { viewOf, wholeNumber } from "./little-endian.ts";

/** Reads exactly `length` bytes at `offset` of the archive. */
type RangedRead = (offset: number, length: number) => Promise<Uint8Array>;

/** An archive that is at rest. */
export interface ArchiveSource {
  size: number;
  read: RangedRead;
}

/** Where the directory is, and how many entries it has. */
export interface ZipDirectory {
  offset: number;
  end: number;
  count: number;
  /** By how many bytes all of it lies behind where it says. */
  shift: number;
}

const END_SIZE = 22;
const END_MARK = 0x06054b50;
const LOCATOR_SIZE = 20;
const LOCATOR_MARK = 0x07064b50;
const END64_SIZE = 56;
const END64_MARK = 0x06064b50;
/** A comment has at most 65,535 bytes; what is behind it, as some writers pad to 10,240 bytes, half as many. */
const MAX_PADDING = 0x8000;
const MAX_END = END_SIZE + 0xffff + MAX_PADDING;

/** Does an archive end as a zip does? */
export async function endsAsZip({ size, read }: ArchiveSource): Promise<boolean> {
  const length = Math.min(size, MAX_END);
  return findEnd(viewOf(await read(size - length, length))) !== null;
}

/** Finds the directory by the record at the archive's end. */
export async function findZipDirectory({ size, read }: ArchiveSource): Promise<ZipDirectory> {
  const length = Math.min(size, MAX_END + LOCATOR_SIZE);
  const last = viewOf(await read(size - length, length));
  const at = findEnd(last);
  if (at === null) {
    throw new ArchiveProblem(null, "the zip has no directory at its end");
  }
  const end = readEnd(last, at);
  const locator = at - LOCATOR_SIZE;
  const is64 = locator >= 0 && last.getUint32(locator, true) === LOCATOR_MARK;
  const endOffset = size - length + at;
  const directory = is64
    ? await readEnd64(read, { locator: last.getBigUint64(locator + 8, true), endOffset, end })
    : { ...end, end: endOffset, shift: null };
  const shift = directory.end - directory.offset - directory.size;
  if (shift < 0 || (directory.shift ?? shift) !== shift) {
    throw new ArchiveProblem(null, "the zip's directory is not where its end says");
  }
  const { end: directoryEnd, count } = directory;
  return { offset: directory.offset + shift, end: directoryEnd, count, shift };
}

/** The last end record whose comment reaches to the last byte, or to NULs and a line's end behind it. */
function findEnd(view: DataView): number | null {
  // From here on is nothing but padding.
  let padding = view.byteLength;
  while (padding > 0 && PADDING.has(view.getUint8(padding - 1))) {
    padding -= 1;
  }
  const most = view.byteLength - MAX_PADDING;
  for (let at = view.byteLength - END_SIZE; at >= 0; at -= 1) {
    if (view.getUint32(at, true) === END_MARK) {
      const end = at + END_SIZE + view.getUint16(at + 20, true);
      if (end <= view.byteLength && end >= Math.min(padding, view.byteLength) && end >= most) {
        return at;
      }
    }
  }
  return null;
}

/** What may stand behind the end: NULs, and the end of a line. */
const PADDING = new Set([0x00, 0x0a, 0x0d]);

interface EndRecord {
  count: number;
  size: number;
  offset: number;
}

function readEnd(view: DataView, at: number): EndRecord {
  const count = view.getUint16(at + 10, true);
  const isOneDisk = [4, 6].every((field) => [0, 0xffff].includes(view.getUint16(at + field, true)));
  if (!isOneDisk || view.getUint16(at + 8, true) !== count) {
    throw new ArchiveProblem(null, "the zip is one part of several");
  }
  return {
    count,
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
}

/** The zip64 end record, which lies right before its locator, `shift` bytes behind where that says; fields of the plain one that are not at
 * their maximum have to agree. */
async function readEnd64(
  read: RangedRead,
  { locator, endOffset, end }: { locator: bigint; endOffset: number; end: EndRecord },
): Promise<EndRecord & { end: number; shift: number }> {
  const at = endOffset - LOCATOR_SIZE - END64_SIZE;
  const view = at < 0 ? null : viewOf(await read(at, END64_SIZE));
  const isHere = locator <= BigInt(at) && view?.getBigUint64(4, true) === BigInt(END64_SIZE - 12);
  if (view === null || !isHere || view.getUint32(0, true) !== END64_MARK) {
    throw new ArchiveProblem(null, "the zip's zip64 end is not where its locator says");
  }
  const wide = {
    count: wholeNumber(view.getBigUint64(32, true)),
    size: wholeNumber(view.getBigUint64(40, true)),
    offset: wholeNumber(view.getBigUint64(48, true)),
  };
  const disks = [view.getUint32(16, true), view.getUint32(20, true)];
  const isWhole =
    disks.every((disk) => disk === 0) && view.getBigUint64(24, true) === BigInt(wide.count);
  if (!isWhole || !agrees(end, wide)) {
    throw new ArchiveProblem(null, "the zip's two end records do not agree");
  }
  return { ...wide, end: at, shift: at - Number(locator) };
}

function agrees(end: EndRecord, wide: EndRecord): boolean {
  return (
    [wide.count, 0xffff].includes(end.count) &&
    [wide.size, 0xffffffff].includes(end.size) &&
    [wide.offset, 0xffffffff].includes(end.offset)
  );
}
