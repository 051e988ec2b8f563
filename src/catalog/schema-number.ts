// A database that another version of schema.sql made would fail requests one by one, each in its own way, so none is
// served from it.

import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { openDatabase } from "./database.ts";
import { prepare, sql } from "./sql.ts";

/** The schema that this code reads and writes, as schema.sql numbers it. */
const SCHEMA_NUMBER = 1;

/** What this isolate found: another schema is looked for again after `until`, as it may be applied meanwhile. */
let found: { number: number | null; until: number } | null = null;

/** Refuses to go on with a database of another schema. An isolate asks until it finds its own, once. */
export async function requireSchema(db: D1Database, now: number): Promise<void> {
  if (found === null || found.until <= now) {
    const number = await findNumber(openDatabase(db));
    const until = number === SCHEMA_NUMBER ? Infinity : now + LIMITS.schemaMemory;
    found = { number, until };
  }
  if (found.number !== SCHEMA_NUMBER) {
    const has = found.number === null ? "no schema that has a number" : `schema ${found.number}`;
    throw new AppError("schema_outdated", `it has ${has}, this service needs ${SCHEMA_NUMBER}`);
  }
}

/** Null where there is none: the database is new, or older than these numbers. */
async function findNumber(db: D1Database): Promise<number | null> {
  try {
    return await prepare(db, sql`SELECT number FROM schema_version`).first<number>("number");
  } catch (error) {
    if (String(error).includes("no such table: schema_version")) {
      return null;
    }
    throw error;
  }
}
