// How large the catalog is. D1 says so with each of its answers, so that nobody asks for it: an isolate remembers what it
// last heard. From LIMITS.catalogContent on no new content is taken, so that what lessens it has room to work.

import { isAppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { prepare, sql } from "./sql.ts";

/** Bytes without free pages, as this isolate last heard; null before D1 answered it. */
let heard: number | null = null;

/** Remembers what answers of D1 say of the size; the last one counts. */
export function noteSize(answers: readonly D1Result[]): void {
  heard = answers.at(-1)?.meta.size_after ?? heard;
}

/** The size as it was last heard, in bytes; null before that. */
export function lastSize(): number | null {
  return heard;
}

/** Was it last heard to be too large for new content? */
export function isFull(): boolean {
  return heard !== null && heard >= LIMITS.catalogContent;
}

/** May new content come in? Costs a call where it may not: others may have made room since this isolate last heard. `db` is
 * one of openDatabase(). */
export async function hasRoom(db: D1Database): Promise<boolean> {
  if (isFull()) {
    await prepare(db, sql`SELECT 1`).all();
  }
  return !isFull();
}

/** Was a call refused because the database has no free page? */
export function isCatalogFull(error: unknown): boolean {
  return isAppError(error) && error.code === "catalog_full";
}

/** Does an error of D1 say that the database has no free page and may get none? A batch that failed so changed nothing. */
export function isOutOfPages(error: unknown): boolean {
  return /SQLITE_FULL|database or disk is full|Exceeded maximum DB size/u.test(String(error));
}
