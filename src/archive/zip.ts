// PKWARE's APPNOTE 6.3.10: members stored as they are, so that every length follows from path and size.

const LOCAL_HEADER = 30;
const DIRECTORY_HEADER = 46;
/** "Extended timestamp" of Info-ZIP: DOS times have neither odd seconds nor a zone. */
const TIME_EXTRA = 9;
/** In a local header: both sizes. */
const LOCAL_ZIP64_EXTRA = 20;

/** The first size that four bytes cannot say; the value itself says "see the zip64 extra". */
const LIMIT_32 = 0xffff_ffff;

const encoder = new TextEncoder();

/** Counts the bytes that a member takes before the directory: its local header and its own bytes. */
export function zipEntryLength(path: string, size: number): number {
  const zip64 = size < LIMIT_32 ? 0 : LOCAL_ZIP64_EXTRA;
  return LOCAL_HEADER + encoder.encode(path).length + zip64 + TIME_EXTRA + size;
}

/** Counts the bytes that a member takes in the directory of an archive without zip64. */
export function zipDirectoryEntryLength(path: string): number {
  return DIRECTORY_HEADER + encoder.encode(path).length + TIME_EXTRA;
}
