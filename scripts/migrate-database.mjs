// Brings a database to the newest schema by `wrangler d1 execute`, which is the one way to a local and a deployed database.
// A file that it executes is one transaction (D1's import; locally a batch), so a migration is there with its row of
// schema_version or not at all, wherever it is ended; `wrangler d1 migrations apply` takes another way, which breaks on
// triggers (docs/decisions/033-migrations-are-ours.md).
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { planMigrations, readMigrations, transactionOf } from "./migrations.mjs";
import { run } from "./processes.mjs";
import { BIN, NODE, toolEnvironment } from "./project.mjs";

/** @typedef {import("./migrations.mjs").Found} Found */
/** @typedef {import("./migrations.mjs").Migration} Migration */

/**
 * A database: what tells wrangler which, how messages call it, and what to do with one that cannot be migrated.
 * @typedef {{ options: string[], name: string, instead: string }} Target
 */

/**
 * What came of it: the schemas before (0: none) and after, or why there is none, and the output that tells more.
 * @typedef {{ ok: true, from: number, to: number } | { ok: false, reason: string, output?: string }} Migrated
 */

/** How often one that is locked is tried again, and after how long. */
const LOCKED_TRIES = 20;
const LOCKED_PAUSE_MS = 500;
/** Another migrator, or a server, has the local database open. */
const LOCKED = /SQLITE_BUSY|database is locked/;

const TABLES = `SELECT name, sql FROM sqlite_schema
WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'`;
const APPLIED = "SELECT number, name, sha256 FROM schema_version ORDER BY number";

/**
 * The database of a local state folder.
 * @param {string} state
 * @returns {Target}
 */
export function localTarget(state) {
  return {
    options: ["--local", `--persist-to=${state}`],
    name: `the database in ${state}`,
    instead: `set STOWAGE_STATE to another folder, or delete ${state}`,
  };
}

/** @type {Target} The database that wrangler.toml names. */
export const REMOTE = {
  options: ["--remote"],
  name: "the deployed database",
  instead: "give it a new database (docs/upgrade.md)",
};

/**
 * Applies what a database lacks, one migration after the other. May be repeated, and run twice at once.
 * @param {Target} target
 * @param {string} [folder] of other migrations
 * @returns {Promise<Migrated>}
 */
export async function migrateDatabase(target, folder) {
  const migrations = readMigrations(folder);
  const to = migrations.length;
  let from = to;
  /** @type {{ missing: number, name: string, output: string } | null} how the last round ended */
  let failure = null;
  for (let tries = 1; ; tries += 1) {
    const found = await findSchema(target);
    const plan = planMigrations(found, migrations);
    if (!plan.ok) {
      const reason = `Cannot migrate ${target.name}: ${plan.reason}. Nothing was changed. To go on with this version, ${target.instead}`;
      return { ok: false, reason };
    }
    const missing = plan.due.length;
    from = Math.min(from, to - missing);
    const isOthers = failure === null || missing < failure.missing || LOCKED.test(failure.output);
    if (failure !== null && (!isOthers || tries > LOCKED_TRIES)) {
      const reason = `Cannot apply ${failure.name} to ${target.name}: nothing of it was changed, what came before it stays`;
      return { ok: false, reason, output: failure.output };
    }
    failure = await applyAll(target, plan.due);
    if (failure === null) {
      return { ok: true, from, to };
    }
    await delay(LOCKED_PAUSE_MS);
  }
}

/**
 * What was done, in a line.
 * @param {Target} target
 * @param {{ from: number, to: number }} migrated
 */
export function tellMigrated({ name }, { from, to }) {
  const what =
    from === to
      ? `${name} has schema ${to} already`
      : `Migrated ${name} from schema ${from} to ${to}`;
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}${from === 0 ? ", it was new" : ""}`;
}

/**
 * Applies migrations up to the first that fails, and gives that one.
 * @param {Target} target
 * @param {readonly Migration[]} due
 */
async function applyAll(target, due) {
  for (const [index, migration] of due.entries()) {
    const { code, output } = await executeFile(target, transactionOf(migration));
    if (code !== 0) {
      return { missing: due.length - index, name: migration.name, output };
    }
  }
  return null;
}

/**
 * @param {Target} target
 * @returns {Promise<Found>}
 */
async function findSchema(target) {
  /** @type {{ name: string, sql: string }[]} */
  const tables = await query(target, TABLES);
  const record = tables.find(({ name }) => name === "schema_version");
  const isOurs = record?.sql.includes("sha256") ?? false;
  return {
    tables: tables.map(({ name }) => name),
    applied: isOurs ? await query(target, APPLIED) : null,
  };
}

/**
 * The rows that a statement gives.
 * @param {Target} target
 * @param {string} statement
 */
export async function query(target, statement) {
  for (let tries = 1; ; tries += 1) {
    const { code, output } = await execute(target, "--json", `--command=${statement}`);
    if (code === 0) {
      const [{ results }] = JSON.parse(output.slice(output.search(/^\[$/m)));
      return results;
    }
    if (!LOCKED.test(output) || tries === LOCKED_TRIES) {
      throw new Error(`Cannot read ${target.name}:\n${output}`);
    }
    await delay(LOCKED_PAUSE_MS);
  }
}

/**
 * @param {Target} target
 * @param {readonly string[]} statements
 */
async function executeFile(target, statements) {
  const folder = mkdtempSync(join(tmpdir(), "stowage-migration-"));
  try {
    const file = join(folder, "transaction.sql");
    writeFileSync(file, statements.map((statement) => `${statement};\n`).join("\n"));
    return await execute(target, `--file=${file}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {Target} target
 * @param {string[]} what
 */
function execute({ options }, ...what) {
  const env = { ...toolEnvironment(), WRANGLER_LOG: "log" }; // the least at which it prints results
  return run(
    NODE,
    [join(BIN, "wrangler"), "d1", "execute", "DB", "--yes", ...options, ...what],
    env,
  );
}
