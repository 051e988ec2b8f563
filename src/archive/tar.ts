// POSIX.1-2017, "pax Interchange Format": a ustar header for each member, preceded by an extended
// header only where ustar has no room for the path or the size. Every field comes from the entry
// or is fixed, so the same entries give the same bytes.

import type { EntryHead } from "./entry.ts";

const BLOCK = 512;
const NAME_SIZE = 100;
const PREFIX_SIZE = 155;
/** The first size that 11 octal digits cannot say: 8 GiB. */
const SIZE_LIMIT = 8 ** 11;
/** Names the extended header itself; seen only by readers that do not know pax. */
const PAX_NAME = "././@PaxHeader";

const encoder = new TextEncoder();

/** The end of every archive: two blocks of zeros. Shared: readers copy it. */
export const TAR_END = new Uint8Array(2 * BLOCK);

/** Counts the bytes that a member takes in the archive: headers, its own bytes, padding. */
export function tarEntryLength(path: string, size: number): number {
  const records = paxRecords(path, size).length;
  const extendedHeader = records > 0 ? BLOCK + toWholeBlocks(records) : 0;
  return extendedHeader + BLOCK + toWholeBlocks(size);
}

/** Counts the same for a path in UTF-8 that any header has room for; null where that depends on what the path is. */
export function plainTarEntryLength(path: Uint8Array, size: number): number | null {
  const isPlain =
    path.length <= NAME_SIZE &&
    size < SIZE_LIMIT &&
    path.every((byte) => byte >= 0x20 && byte < 0x7f);
  return isPlain ? BLOCK + toWholeBlocks(size) : null;
}

/** What the header of a member says that need not be a file. */
export interface TarHead extends Omit<EntryHead, "modifiedAt" | "type"> {
  /** Null: nothing is said. */
  modifiedAt: number | null;
  /** Absent: a file. */
  type?: "folder" | "link" | "device";
  /** Of a symbolic link. */
  target?: string;
}

const TYPES = { file: "0", link: "2", device: "3", folder: "5" } as const;

/** Makes what precedes a member's bytes: its header, after an extended one if it needs that. */
export function tarHeader(head: TarHead): Uint8Array {
  const { path, size, modifiedAt, type = "file", target = "", isExecutable = false } = head;
  const records = paxRecords(path, size, target);
  const common = { modifiedAt, mode: isExecutable || type === "folder" ? 0o755 : 0o644 };
  const member = ustarBlock({
    ...common,
    ...(splitPath(path) ?? { prefix: "", name: fallbackName(path) }),
    type: TYPES[type],
    size: size < SIZE_LIMIT ? size : 0, // overruled by the `size` record
    linkName: isShortTarget(target) ? target : "", // overruled as well
  });
  if (records.length === 0) {
    return member;
  }
  const extended = ustarBlock({
    prefix: "",
    name: PAX_NAME,
    type: "x",
    size: records.length,
    mode: 0o644,
    modifiedAt,
    linkName: "",
  });
  const header = new Uint8Array(BLOCK + toWholeBlocks(records.length) + BLOCK);
  header.set(extended);
  header.set(records, BLOCK);
  header.set(member, header.length - BLOCK);
  return header;
}

/** Makes the zeros that fill a member's last block; none if it is full. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(toWholeBlocks(size) - size);
}

/** Makes the records that say what the ustar header of a member cannot; empty if it says all. */
function paxRecords(path: string, size: number, target = ""): Uint8Array {
  const pathRecord = splitPath(path) === null ? paxRecord("path", path) : "";
  const sizeRecord = size < SIZE_LIMIT ? "" : paxRecord("size", String(size));
  const linkRecord = isShortTarget(target) ? "" : paxRecord("linkpath", target);
  return encoder.encode(pathRecord + sizeRecord + linkRecord);
}

/** May a target stand in the header? */
function isShortTarget(target: string): boolean {
  return target.length <= NAME_SIZE && /^[ -~]*$/u.test(target);
}

/** Makes one record, `<length> <key>=<value>\n`, whose length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restLength = encoder.encode(rest).length;
  let length = restLength + String(restLength).length;
  // The digits may carry the sum over a power of ten, and so need one digit more.
  length = restLength + String(length).length;
  return length + rest;
}

/**
 * Cuts a path at the first slash that lets both ends fit their field; null where there is none, or
 * where the path is not ASCII, the only encoding that ustar defines.
 */
function splitPath(path: string): { prefix: string; name: string } | null {
  if (!/^[ -~]*$/.test(path)) {
    return null;
  }
  if (path.length <= NAME_SIZE) {
    return { prefix: "", name: path };
  }
  const slash = path.indexOf("/", path.length - NAME_SIZE - 1);
  // The slash at the end of a folder leaves no name.
  return slash === -1 || slash > PREFIX_SIZE || slash === path.length - 1
    ? null
    : { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Names a member for readers that do not know pax: its base name, as far as ustar can say it. */
function fallbackName(path: string): string {
  return path
    .slice(path.lastIndexOf("/", path.length - 2) + 1)
    .replaceAll(/[^ -~]/gu, "_")
    .slice(0, NAME_SIZE);
}

interface UstarFields {
  prefix: string;
  name: string;
  type: string;
  size: number;
  mode: number;
  modifiedAt: number | null;
  linkName: string;
}

/** Makes one header block. Every string is ASCII and fits its field. */
function ustarBlock(fieldsOf: UstarFields): Uint8Array {
  const { prefix, name, type, size, mode, modifiedAt, linkName } = fieldsOf;
  const block = new Uint8Array(BLOCK);
  const fields = [
    name.padEnd(NAME_SIZE, "\0"),
    octal(mode, 8),
    octal(0, 8), // uid
    octal(0, 8), // gid
    octal(size, 12),
    modifiedAt === null ? "\0".repeat(12) : octal(toSeconds(modifiedAt), 12),
    " ".repeat(8), // the checksum counts itself as spaces
    type,
    linkName.padEnd(NAME_SIZE, "\0"),
    "ustar\x0000", // magic and version
    "\0".repeat(32 + 32), // names of owner and group
    octal(0, 8), // device, major
    octal(0, 8), // device, minor
    prefix.padEnd(PREFIX_SIZE, "\0"),
  ];
  encoder.encodeInto(fields.join(""), block);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  encoder.encodeInto(octal(checksum, 7), block.subarray(148));
  return block;
}

/** What ustar can say of a time: from 1970 to 2242. */
function toSeconds(modifiedAt: number): number {
  return Math.min(Math.max(Math.floor(modifiedAt / 1000), 0), SIZE_LIMIT - 1);
}

/** Writes a number into a field of `width` bytes, the last of them NUL. */
function octal(value: number, width: number): string {
  const digits = value.toString(8).padStart(width - 1, "0");
  if (!Number.isSafeInteger(value) || value < 0 || digits.length >= width) {
    throw new Error(`Cannot write a tar header: ${value} does not fit ${width - 1} octal digits`);
  }
  return `${digits}\0`;
}

function toWholeBlocks(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
