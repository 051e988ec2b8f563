// One entry of a zip's central directory, and the local header that repeats it before the entry's bytes
// (APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.12).

import { ArchiveProblem } from "./archive-problem.ts";
import { viewOf, wholeNumber } from "./little-endian.ts";
import { zipName } from "./zip-name.ts";
import { dosTimeOf, TIME_EXTRA, timeOf } from "./zip-time.ts";

/** What a zip has; a device, fifo or socket is special. */
export interface ZipEntry {
  kind: "file" | "folder" | "link" | "special";
  /** As text, with slashes; it need not follow the path rules. */
  name: string;
  /** As the zip has it, to be compared with the local header. */
  rawName: Uint8Array;
  method: "stored" | "deflated";
  size: number;
  packedSize: number;
  /** Lower-case hex. */
  crc32: string;
  /** Where the local header is; its length differs from the entry's. */
  offset: number;
  /** Sizes and checksum stand behind the bytes, not in the local header. */
  isStreamed: boolean;
  isExecutable: boolean;
  /** In milliseconds; null where nothing says it. */
  modifiedAt: number | null;
}

export const LOCAL_SIZE = 30;
const LOCAL_MARK = 0x04034b50;
const ENTRY_SIZE = 46;
const MAX_32 = 0xffffffff;
const ZIP64_EXTRA = 0x0001;
const PATH_EXTRA = 0x7075;
const EXTRAS = new Set([ZIP64_EXTRA, PATH_EXTRA, TIME_EXTRA]);

const METHOD = { stored: 0, deflated: 8 } as const;

const ENCRYPTED = 0x0001 | 0x0040 | 0x2000;
const PATCH = 0x0020;
const STREAMED = 0x0008;

/** Methods that are not unpacked, by what they are called (section 4.4.5). */
const METHODS = new Map([
  [1, "shrink"],
  [6, "implode"],
  [9, "Deflate64"],
  [12, "bzip2"],
  [14, "LZMA"],
  [93, "Zstandard"],
  [95, "xz"],
  [98, "PPMd"],
  [99, "AES"],
]);

/** Systems whose attributes have a Unix mode in their upper half: Unix, macOS, and FAT, as PKZIP for Unix says. */
const UNIX = new Set([3, 19, 0]);
/** The bits of a Unix mode that tell the kind of a file, and whether its owner may execute it. */
const KIND = 0o170000;
const OWNER_EXECUTES = 0o100;
const KINDS = new Map<number, ZipEntry["kind"]>([
  [0o040000, "folder"],
  [0o120000, "link"],
  [0o020000, "special"],
  [0o060000, "special"],
  [0o010000, "special"],
  [0o140000, "special"],
]);

/** Reads an entry, whose bytes have to end before the directory at `end`; all places are `shift` bytes later than it says. */
export function toZipEntry(bytes: Uint8Array, end: number, shift: number): ZipEntry {
  const view = viewOf(bytes);
  const nameEnd = ENTRY_SIZE + view.getUint16(28, true);
  const rawName = bytes.slice(ENTRY_SIZE, nameEnd);
  const host = view.getUint16(4, true) >>> 8;
  const extras = readExtras(bytes.subarray(nameEnd, nameEnd + view.getUint16(30, true)));
  if (extras === null) {
    throw new ArchiveProblem(zipName(rawName, null, host), "has a damaged extra field");
  }
  const name = zipName(rawName, extras.get(PATH_EXTRA) ?? null, host);
  const flags = view.getUint16(8, true);
  const place = readPlace(name, view, extras.get(ZIP64_EXTRA) ?? new Uint8Array());
  const mode = UNIX.has(host) ? view.getUint32(38, true) >>> 16 : 0;
  const kind = kindOf(name, mode, place.size);
  const method = methodOf(name, flags, view.getUint16(10, true));
  if (method === "stored" && place.size !== place.packedSize) {
    throw new ArchiveProblem(name, "is stored with two sizes");
  }
  const offset = place.offset + shift;
  if (offset + LOCAL_SIZE + rawName.length + place.packedSize > end) {
    throw new ArchiveProblem(name, "reaches past the zip's directory");
  }
  return {
    ...place,
    kind,
    name,
    rawName,
    method,
    offset,
    crc32: toHex32(view.getUint32(16, true)),
    isStreamed: (flags & STREAMED) !== 0,
    isExecutable: (mode & OWNER_EXECUTES) !== 0,
    modifiedAt: timeOf(extras.get(TIME_EXTRA) ?? null) ?? dosTimeOf(view.getUint32(12, true)),
  };
}

/** What came through a pipe has its mode, and bytes: it is a file. */
function kindOf(name: string, mode: number, size: number): ZipEntry["kind"] {
  const kind = name.endsWith("/") ? "folder" : (KINDS.get(mode & KIND) ?? "file");
  if (kind === "folder" && size > 0) {
    throw new ArchiveProblem(name, "has bytes although it is no file");
  }
  return kind === "special" && size > 0 ? "file" : kind;
}

function methodOf(name: string, flags: number, method: number): "stored" | "deflated" {
  if ((flags & ENCRYPTED) !== 0) {
    throw new ArchiveProblem(name, "is encrypted");
  }
  if ((flags & PATCH) !== 0 || (method !== 0 && method !== 8)) {
    const known = METHODS.get(method);
    const called = known === undefined ? "" : ` (${known})`;
    throw new ArchiveProblem(
      name,
      `is packed by method ${method}${called}; only 'store' and 'deflate' are unpacked`,
    );
  }
  return method === 0 ? "stored" : "deflated";
}

/** Sizes and offset, those at their 32-bit maximum from the zip64 extra field, in this order. */
function readPlace(name: string, view: DataView, extra: Uint8Array) {
  const wide = readWide(extra);
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
function readWide(field: Uint8Array): number[] {
  const view = viewOf(field);
  return Array.from({ length: Math.floor(field.length / 8) }, (_, n) =>
    wholeNumber(view.getBigUint64(n * 8, true)),
  );
}

/** The extra fields that matter, the first of each; null where they are damaged. */
function readExtras(extra: Uint8Array): Map<number, Uint8Array> | null {
  const view = viewOf(extra);
  const fields = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.length) {
      return null;
    }
    const id = view.getUint16(at, true);
    if (EXTRAS.has(id) && !fields.has(id)) {
      fields.set(id, extra.subarray(at + 4, end));
    }
  }
  return fields;
}

/** Checks the local header of an entry, LOCAL_SIZE and its name's bytes of it at least, and gives where the
 * entry's bytes begin. A header that says other than the directory would unpack differently elsewhere. */
export function checkLocalHeader(entry: ZipEntry, bytes: Uint8Array): number {
  // A zero where the bytes came before the sizes; the maximum where zip64 has the true one.
  const view = viewOf(bytes);
  const nameEnd = LOCAL_SIZE + view.getUint16(26, true);
  const isMethodSame = view.getUint16(8, true) === METHOD[entry.method];
  const localFlags = view.getUint16(6, true);
  const isUnsaid = entry.isStreamed || (localFlags & STREAMED) !== 0;
  const agrees = <T extends number | string>(local: T, central: T) =>
    local === central || local === MAX_32 || (isUnsaid && Number(local) === 0);
  const isNamedSame =
    nameEnd <= bytes.length && isEqual(bytes.subarray(LOCAL_SIZE, nameEnd), entry.rawName);
  const isSame =
    view.getUint32(0, true) === LOCAL_MARK &&
    isNamedSame &&
    isMethodSame &&
    (localFlags & (ENCRYPTED | PATCH)) === 0 &&
    agrees(toHex32(view.getUint32(14, true)), entry.crc32) &&
    agrees(view.getUint32(18, true), entry.packedSize) &&
    agrees(view.getUint32(22, true), entry.size);
  if (!isSame) {
    throw new ArchiveProblem(
      entry.name,
      "has a local header that differs from the zip's directory",
    );
  }
  return entry.offset + nameEnd + view.getUint16(28, true);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function toHex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
