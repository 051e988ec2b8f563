// One header block of a tar as POSIX.1-2017 (ustar and pax), GNU tar and the tar of Unix V7 write it. Only what decides on
// path, size, kind and attributes is read.

import { ArchiveProblem } from "./archive-problem.ts";
import { showName } from "./member-path.ts";

export const BLOCK = 512;

/** Where a block has its fields. */
const NAME = [0, 100] as const;
const MODE = [100, 108] as const;
const SIZE = [124, 136] as const;
const TIME = [136, 148] as const;
const CHECKSUM = [148, 156] as const;
const TYPE = 156;
const LINK = [157, 257] as const;
const MAGIC = [257, 263] as const;
const PREFIX = [345, 500] as const;

/** A header as it stands in its block. */
export interface TarHeader {
  /** The name, with its prefix; raw, as a pax record may replace it. */
  name: Uint8Array;
  size: number;
  /** One character; "0" for a file of Unix V7 too. */
  type: string;
  /** The target of a link, raw. */
  linkName: Uint8Array;
  /** May its owner execute it? */
  isExecutable: boolean;
  /** In milliseconds; null where the field says nothing. */
  modifiedAt: number | null;
}

const OWNER_EXECUTES = 0o100;

/** Reads a block; null when it is all zeros. `at` is its place in the tar, for messages. */
export function readTarHeader(block: Uint8Array, at: number): TarHeader | null {
  if (isZero(block)) {
    return null;
  }
  if (!hasChecksum(block)) {
    throw new ArchiveProblem(null, `the tar has no valid header at byte ${at}`);
  }
  const name = fullName(block);
  const size = readNumber(block.subarray(...SIZE));
  if (size === null) {
    throw new ArchiveProblem(showName(name), "has a size that cannot be read");
  }
  const type = String.fromCharCode(block[TYPE] ?? 0);
  return {
    name,
    size,
    type: type === "\0" ? "0" : type,
    linkName: untilNul(block.subarray(...LINK)),
    isExecutable: ((readNumber(block.subarray(...MODE)) ?? 0) & OWNER_EXECUTES) !== 0,
    modifiedAt: readTime(block.subarray(...TIME)),
  };
}

/** Seconds as milliseconds; null where nothing is written, or no time. */
function readTime(field: Uint8Array): number | null {
  const isBlank = field.every((byte) => byte === 0x20 || byte === 0);
  const seconds = isBlank ? null : readNumber(field);
  return seconds === null ? null : seconds * 1_000;
}

/** May a tar begin with this block? The tar of Unix V7 has no other mark than a checksum that is right. */
export function isTarHeader(block: Uint8Array): boolean {
  return block.length === BLOCK && hasChecksum(block);
}

function isZero(block: Uint8Array): boolean {
  for (const byte of block) {
    if (byte !== 0) {
      return false;
    }
  }
  return true;
}

/** The sum of all bytes, the field itself counted as spaces; old tars summed them as signed. */
function hasChecksum(block: Uint8Array): boolean {
  const expected = readNumber(block.subarray(...CHECKSUM));
  let unsigned = 8 * 0x20;
  let negative = 0;
  for (let at = 0; at < block.length; at += 1) {
    const byte = at >= CHECKSUM[0] && at < CHECKSUM[1] ? 0 : (block[at] ?? 0);
    unsigned += byte;
    negative += byte > 127 ? 256 : 0;
  }
  return expected === unsigned || expected === unsigned - negative;
}

function fullName(block: Uint8Array): Uint8Array {
  const name = untilNul(block.subarray(...NAME));
  // GNU's magic is "ustar" and two spaces: it keeps times where the prefix would be.
  const isUstar = text(block.subarray(...MAGIC)) === "ustar\0";
  const prefix = isUstar ? untilNul(block.subarray(...PREFIX)) : new Uint8Array();
  if (prefix.length === 0) {
    return name;
  }
  const joined = new Uint8Array(prefix.length + 1 + name.length);
  joined.set(prefix);
  joined[prefix.length] = 0x2f;
  joined.set(name, prefix.length + 1);
  return joined;
}

/** Octal digits, or GNU's base-256 with the first bit set; null for anything else, and past 2^53 - 1. */
export function readNumber(field: Uint8Array): number | null {
  if ((field[0] ?? 0) >= 0x80) {
    return readBase256(field);
  }
  let at = 0;
  while (field[at] === 0x20) {
    at += 1;
  }
  let value = 0;
  for (; at < field.length; at += 1) {
    const digit = (field[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) {
      // A space or a NUL ends it.
      return field[at] === 0x20 || field[at] === 0 ? safe(value) : null;
    }
    value = value * 8 + digit;
  }
  return safe(value);
}

function readBase256(field: Uint8Array): number | null {
  const [first, ...rest] = field;
  // 0x80 alone is the mark; the bit after it is the sign.
  const start = (first ?? 0) & 0x7f;
  return start >= 0x40 ? null : safe(rest.reduce((sum, byte) => sum * 256 + byte, start));
}

function safe(value: number): number | null {
  return Number.isSafeInteger(value) ? value : null;
}

/** The bytes before the first NUL. */
export function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Each byte of a few as one character: for what is ASCII where it is right. */
export function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** `size` with the padding that fills its last block. */
export function toWholeBlocks(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
