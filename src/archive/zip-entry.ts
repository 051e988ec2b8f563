// One entry of a zip's central directory, and the local header that repeats it before the entry's bytes
// (APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.12).

import { ArchiveProblem } from "./archive-problem.ts";
import { viewOf, wholeNumber } from "./little-endian.ts";
import { decodeName, memberPath } from "./member-path.ts";

/** A file of a zip. */
export interface ZipEntry {
  path: string;
  /** As the zip has it, to be compared with the local header. */
  name: string;
  method: "stored" | "deflated";
  size: number;
  packedSize: number;
  /** Lower-case hex. */
  crc32: string;
  /** Where the local header is; its length differs from the entry's. */
  offset: number;
  /** Sizes and checksum stand behind the bytes, not in the local header. */
  isStreamed: boolean;
}

export const LOCAL_SIZE = 30;
const LOCAL_MARK = 0x04034b50;
const ENTRY_SIZE = 46;
const MAX_32 = 0xffffffff;
const ZIP64_EXTRA = 0x0001;

const ENCRYPTED = 0x0001 | 0x0040 | 0x2000;
const PATCH = 0x0020;
const STREAMED = 0x0008;

/** The bits of a Unix mode that tell the kind of a file. */
const KIND = 0o170000;
const KINDS = new Map([
  [0, "file"],
  [0o100000, "file"],
  [0o040000, "folder"],
  [0o120000, "is a symbolic link"],
  [0o020000, "is a device"],
  [0o060000, "is a device"],
  [0o010000, "is a fifo"],
  [0o140000, "is a socket"],
]);

/** Reads an entry, whose bytes have to end before the directory at `end`; null for a folder. */
export function toZipEntry(bytes: Uint8Array, end: number): ZipEntry | null {
  const view = viewOf(bytes);
  const nameEnd = ENTRY_SIZE + view.getUint16(28, true);
  const name = decodeName(bytes.subarray(ENTRY_SIZE, nameEnd));
  const extra = bytes.subarray(nameEnd, nameEnd + view.getUint16(30, true));
  const isFolder = isFolderEntry(name, view.getUint32(38, true));
  const path = memberPath(name, isFolder ? "folder" : "file");
  const flags = view.getUint16(8, true);
  const place = readPlace(name, view, extra);
  if (isFolder || path === null) {
    if (place.size > 0) {
      throw new ArchiveProblem(name, "has bytes although it is no file");
    }
    return null;
  }
  const method = methodOf(name, flags, view.getUint16(10, true));
  if (method === "stored" && place.size !== place.packedSize) {
    throw new ArchiveProblem(name, "is stored with two sizes");
  }
  if (place.offset + LOCAL_SIZE + (nameEnd - ENTRY_SIZE) + place.packedSize > end) {
    throw new ArchiveProblem(name, "reaches past the zip's directory");
  }
  const crc32 = toHex32(view.getUint32(16, true));
  return { path, name, method, crc32, isStreamed: (flags & STREAMED) !== 0, ...place };
}

/** Which system wrote the attributes does not matter: no other one has these bits set. */
function isFolderEntry(name: string, attributes: number): boolean {
  const kind = KINDS.get((attributes >>> 16) & KIND);
  if (kind !== "file" && kind !== "folder") {
    throw new ArchiveProblem(name, kind ?? "is of an unknown kind");
  }
  return kind === "folder" || name.endsWith("/");
}

function methodOf(name: string, flags: number, method: number): "stored" | "deflated" {
  if ((flags & ENCRYPTED) !== 0) {
    throw new ArchiveProblem(name, "is encrypted");
  }
  if ((flags & PATCH) !== 0 || (method !== 0 && method !== 8)) {
    throw new ArchiveProblem(
      name,
      `is packed by method ${method}; only 'store' and 'deflate' are unpacked`,
    );
  }
  return method === 0 ? "stored" : "deflated";
}

/** Sizes and offset, those at their 32-bit maximum from the zip64 extra field, in this order. */
function readPlace(name: string, view: DataView, extra: Uint8Array) {
  const wide = readWide(name, extra);
  const take = (value: number) => (value === MAX_32 ? (wide.shift() ?? null) : value);
  const size = take(view.getUint32(24, true));
  const packedSize = take(view.getUint32(20, true));
  const offset = take(view.getUint32(42, true));
  const disk = view.getUint16(34, true);
  if (size === null || packedSize === null || offset === null || (disk !== 0 && disk !== 0xffff)) {
    throw new ArchiveProblem(name, "has sizes that cannot be read");
  }
  return { size, packedSize, offset };
}

/** The 64-bit numbers of the zip64 extra field. */
function readWide(name: string, extra: Uint8Array): number[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extra.length) {
      throw new ArchiveProblem(name, "has a damaged extra field");
    }
    if (view.getUint16(at, true) === ZIP64_EXTRA) {
      const count = Math.floor(length / 8);
      return Array.from({ length: count }, (_, n) =>
        wholeNumber(view.getBigUint64(at + 4 + n * 8, true)),
      );
    }
  }
  return [];
}

/** Checks the local header of an entry, LOCAL_SIZE and its name's bytes of it at least, and gives where the
 * entry's bytes begin. A header that says other than the directory would unpack differently elsewhere. */
export function checkLocalHeader(entry: ZipEntry, bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const nameEnd = LOCAL_SIZE + view.getUint16(26, true);
  const method = entry.method === "stored" ? 0 : 8;
  const isSame =
    view.getUint32(0, true) === LOCAL_MARK &&
    nameEnd <= bytes.length &&
    decodeName(bytes.subarray(LOCAL_SIZE, nameEnd)) === entry.name &&
    view.getUint16(8, true) === method &&
    (view.getUint16(6, true) & (ENCRYPTED | PATCH)) === 0 &&
    agrees(entry, toHex32(view.getUint32(14, true)), entry.crc32) &&
    agrees(entry, view.getUint32(18, true), entry.packedSize) &&
    agrees(entry, view.getUint32(22, true), entry.size);
  if (!isSame) {
    throw new ArchiveProblem(
      entry.name,
      "has a local header that differs from the zip's directory",
    );
  }
  return entry.offset + nameEnd + view.getUint16(28, true);
}

/** Zero where the bytes came before the sizes; the maximum where zip64 has the true one. */
function agrees<T extends number | string>(entry: ZipEntry, local: T, central: T): boolean {
  const isUnsaid = entry.isStreamed && Number(local) === 0;
  return local === central || local === MAX_32 || isUnsaid;
}

function toHex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
