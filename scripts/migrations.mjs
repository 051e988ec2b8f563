// The files of migrations/, what a database says of those that it had, and what is to be done. Nothing here asks a database.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./project.mjs";
import { statementsOf } from "./sql-statements.mjs";

/**
 * A file of migrations/.
 * @typedef {object} Migration
 * @property {number} number 1, 2, … without a gap: the schema that it makes
 * @property {string} name the file's
 * @property {string} sha256 of the file, its lines ending in \n wherever it was checked out
 * @property {string[]} statements in order, without comments
 */

/**
 * A row of schema_version: a migration that a database had.
 * @typedef {Pick<Migration, "number" | "name" | "sha256">} Applied
 */

/**
 * What a database holds: the names of its tables, and its rows of schema_version in order; null: it has no such table, or
 * one that no migration made.
 * @typedef {{ tables: readonly string[], applied: readonly Applied[] | null }} Found
 */

/** @typedef {{ ok: true, due: Migration[] } | { ok: false, reason: string }} Plan */

/** Those of this version of Stowage. */
const MIGRATIONS = join(ROOT, "migrations");

const NAME = /^(?<number>\d{4})_[a-z0-9_]+\.sql$/;

/**
 * The migrations of a folder, in their order. Throws where one is missing, there twice or misnamed.
 * @param {string} [folder]
 * @returns {Migration[]}
 */
export function readMigrations(folder = MIGRATIONS) {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
  return names.map((name, index) => {
    const number = Number(NAME.exec(name)?.groups?.number);
    if (number !== index + 1) {
      throw new Error(
        `${join(folder, name)} should be migration ${index + 1}, named as in ${String(index + 1).padStart(4, "0")}_what_it_does.sql: migrations are numbered without a gap`,
      );
    }
    const text = readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n");
    const sha256 = createHash("sha256").update(text).digest("hex");
    return { number, name, sha256, statements: statementsOf(text) };
  });
}

/**
 * Which migrations a database is still to have, or why it gets none. Refuses whatever is not exactly the beginning of
 * these migrations.
 * @param {Found} found
 * @param {readonly Migration[]} migrations
 * @returns {Plan}
 */
export function planMigrations({ tables, applied }, migrations) {
  if (applied === null && tables.length === 0) {
    return { ok: true, due: [...migrations] };
  }
  if (applied === null || applied.length === 0) {
    return {
      ok: false,
      reason: `it has tables (${tables[0]}, …) and no number of its schema: a version of Stowage made it that was never released, and nothing can be made of it`,
    };
  }
  const gap = applied.findIndex(({ number }, index) => number !== index + 1);
  if (gap !== -1) {
    const has = applied.map(({ number }) => number).join(", ");
    return {
      ok: false,
      reason: `its schema_version lacks migration ${gap + 1}, it has ${has}: somebody changed it by hand`,
    };
  }
  if (applied.length > migrations.length) {
    return {
      ok: false,
      reason: `it has schema ${applied.length}, and this version of Stowage knows none above ${migrations.length}: serve it with the version that made it, or a newer one`,
    };
  }
  const changed = applied.find(({ sha256 }, index) => sha256 !== migrations[index]?.sha256);
  if (changed !== undefined) {
    const { number, name, sha256 } = changed;
    const file = migrations[number - 1];
    return {
      ok: false,
      reason: `it had migration ${number} as ${name} of sha256 ${sha256}, and ${file?.name} is ${file?.sha256}: a migration is never changed once a database had it`,
    };
  }
  return { ok: true, due: migrations.slice(applied.length) };
}

/**
 * What a migration is in the database: one transaction, which fails as a whole where the database does not have the schema
 * before it, or has this one already.
 * @param {Migration} migration
 */
export function transactionOf({ number, name, sha256, statements }) {
  // The first migration makes the table, so it fails by itself where that is there.
  const guard = `INSERT INTO schema_version (number, name, sha256, applied_at)
SELECT 0, NULL, '', 0 WHERE (SELECT max(number) FROM schema_version) IS NOT ${number - 1}`;
  const record = `INSERT INTO schema_version (number, name, sha256, applied_at)
VALUES (${number}, '${name}', '${sha256}', unixepoch() * 1000)`;
  return [...(number === 1 ? [] : [guard]), ...statements, record];
}
