import type { Difference } from "../../protocol/differences.ts";

/** Where a part of the check goes on: ids, names, keys. */
export type Position = readonly (string | number)[];

export interface CheckContext {
  env: Env;
  /** Milliseconds without a byte after which an upload is removed. */
  idleMs: number;
  /** Milliseconds for which rows of the audit are kept. */
  auditMs: number;
  now: number;
  /** Repair what is safe to repair? */
  repairs: boolean;
  /** How many of 100 files are read again. */
  percent: number;
}

/** What one bounded call looked at and found. */
export interface CheckedPage {
  /** Where to go on; null at the end of the part. */
  next: Position | null;
  /** Rows, and entries of versions. */
  rows: number;
  /** Objects of R2 that were listed. */
  objects: number;
  uploads: number;
  /** Bytes of files read again. */
  bytes: number;
  /** Objects that nothing names and that are too young to tell: an upload may be about to. */
  young: number;
  differences: Difference[];
}

/** One comparison, a page at a time from the position that its last page gave; `[]` is the beginning. It may run
 * while the service goes on. */
export type Check = (context: CheckContext, from: Position) => Promise<CheckedPage>;

/** A page with nothing in it but what is given. */
export function page(found: Partial<CheckedPage>): CheckedPage {
  const nothing = { next: null, rows: 0, objects: 0, uploads: 0, bytes: 0, young: 0 };
  return { ...nothing, differences: [], ...found };
}

/** The number at a place of a position. */
export function numberAt(from: Position, index: number, byDefault: number): number {
  return Number(from[index] ?? byDefault);
}

/** Where rows read up to a limit go on: after the last of them. */
export function following<T>(
  rows: readonly T[],
  limit: number,
  position: (last: T) => Position,
): Position | null {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? null : position(last);
}
