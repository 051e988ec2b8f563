// The records of a pax header (POSIX.1-2017, "pax Extended Header"), `<length> <key>=<value>\n` each. Only those that decide on
// a member's path, size, kind and time are kept: a header may have very many others.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { text } from "./tar-header.ts";

const SPACE = 0x20;
const EQUALS = 0x3d;
const LINE_FEED = 0x0a;
/** The most digits that a length can have: a header has fewer bytes. */
const DIGITS = 7;

/** The records that only make sense for one member; all of them are kept. */
const KEPT = new Set(["path", "linkpath", "size", "mtime"]);
const SPARSE = "GNU.sparse.";
const LONGEST_KEY = 64;
/** Version 0.0 of sparse files has a record for each number, in turn. They are kept as one, as 0.1 has
 * them, by a key that no record can have. */
const PAIR = ["GNU.sparse.offset", "GNU.sparse.numbytes"] as const;
export const SPARSE_PAIRS = "GNU.sparse.=pairs";
const LONGEST_NUMBER = 17;

/** What the records of a header say that matters, and how many there are. */
export interface PaxRecords {
  /** A later record of the same key counts. */
  values: Map<string, Uint8Array>;
  count: number;
}

/** Reads the records, no further than one more than `LIMITS.tarRecords`; null when they are not that. */
export function readPaxRecords(bytes: Uint8Array): PaxRecords | null {
  const values = new Map<string, Uint8Array>();
  const pairs: string[] = [];
  let count = 0;
  for (let from = 0; from < bytes.length && count <= LIMITS.tarRecords;) {
    const record = findRecord(bytes, from);
    count += 1;
    if (record === null) {
      return null;
    }
    const key = keyOf(bytes.subarray(record.space + 1, record.equals));
    const value = bytes.subarray(record.equals + 1, record.end - 1);
    if (key === PAIR[0] || key === PAIR[1]) {
      if (key !== PAIR[pairs.length % 2]) {
        return null;
      }
      pairs.push(text(value.subarray(0, LONGEST_NUMBER)));
    } else if (key !== null) {
      values.set(key, value);
    }
    from = record.end;
  }
  if (pairs.length > 0) {
    values.set(SPARSE_PAIRS, new TextEncoder().encode(pairs.join(",")));
  }
  return { values, count };
}

/** Does this record make the member a sparse file? */
export function isSparseKey(key: string): boolean {
  return key.startsWith(SPARSE);
}

function findRecord(bytes: Uint8Array, from: number) {
  const { length, space } = readLength(bytes, from);
  const end = from + length;
  if (length === 0 || end > bytes.length || bytes[end - 1] !== LINE_FEED) {
    return null;
  }
  const equals = bytes.subarray(0, end).indexOf(EQUALS, space);
  return equals <= space + 1 ? null : { space, equals, end };
}

/** The digits before a space; 0 where they are no length. */
function readLength(bytes: Uint8Array, from: number): { length: number; space: number } {
  let length = 0;
  let space = from;
  for (; space < from + DIGITS && bytes[space] !== SPACE; space += 1) {
    const digit = (bytes[space] ?? 0) - 0x30;
    if (digit < 0 || digit > 9 || (digit === 0 && space === from)) {
      return { length: 0, space };
    }
    length = length * 10 + digit;
  }
  return bytes[space] === SPACE ? { length, space } : { length: 0, space };
}

/** The key if it is one of those that are kept. */
function keyOf(bytes: Uint8Array): string | null {
  if (bytes.length > LONGEST_KEY) {
    return null;
  }
  const key = text(bytes);
  return KEPT.has(key) || isSparseKey(key) ? key : null;
}

/** The size that a record gives a member. */
export function sizeIn(name: string, record: Uint8Array): number {
  const digits = text(record.subarray(0, LONGEST_NUMBER));
  if (!/^\d{1,16}$/u.test(digits) || !Number.isSafeInteger(Number(digits))) {
    throw new ArchiveProblem(name, "has a size that cannot be read");
  }
  return Number(digits);
}
