// A database of a schema that this code does not know would fail requests one by one, each in its own way, so none is
// served from it.

import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { openDatabase } from "./database.ts";
import { prepare, sql } from "./sql.ts";

/** The schemas that this code reads and writes: numbers of migrations/, from the oldest to the newest. More than one while a
 * change is under way that leaves the former code running (docs/upgrade.md). */
export const SCHEMAS: { readonly oldest: number; readonly newest: number } = {
  oldest: 1,
  newest: 1,
};

/** What this isolate found: a schema that is not served is looked for again after `until`, as a migration may come. */
let found: { number: number | null; until: number } | null = null;

/** Refuses to go on with a database of another schema. An isolate asks until it finds one of its own, once. */
export async function requireSchema(db: D1Database, now: number): Promise<void> {
  if (found === null || found.until <= now) {
    const number = await findNumber(openDatabase(db));
    found = { number, until: isServed(number) ? Infinity : now + LIMITS.schemaMemory };
  }
  if (!isServed(found.number)) {
    throw new AppError("schema_outdated", describeMismatch(found.number));
  }
}

function isServed(number: number | null): boolean {
  return number !== null && SCHEMAS.oldest <= number && number <= SCHEMAS.newest;
}

function describeMismatch(number: number | null): string {
  const { oldest, newest } = SCHEMAS;
  const has = number === null ? "no schema that has a number" : `schema ${number}`;
  const wants = oldest === newest ? String(newest) : `${oldest} to ${newest}`;
  return `it has ${has}, this service needs ${wants}`;
}

/** The last migration that the database had; null where it had none: it is new, or older than their numbers. */
async function findNumber(db: D1Database): Promise<number | null> {
  try {
    return await prepare(
      db,
      sql`SELECT number FROM schema_version WHERE sha256 <> '' ORDER BY number DESC LIMIT 1`,
    ).first<number>("number");
  } catch (error) {
    if (/no such (?:table: schema_version|column: sha256)/u.test(String(error))) {
      return null;
    }
    throw error;
  }
}
