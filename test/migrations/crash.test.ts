// `npm run migrate` that is killed wherever it stands, or runs twice at once, on real databases.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readMigrations, transactionOf } from "../../scripts/migrations.mjs";
import { killTree } from "../support/process-tree.ts";
import { catalogFile } from "./support/catalog-file.ts";
import { differencesOf, partsOf } from "./support/schema-parts.ts";

const EXAMPLE = "test/migrations/example";
const FIRST = "0001_shelves.sql";
const SECOND = "0002_weigh_shelves.sql";
const ENDLESS =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
const LIMIT_MS = 30_000;

let state: string;
/** The migrations that are applied. */
let folder: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "stowage-crash-"));
  folder = join(state, "migrations");
  cpSync(EXAMPLE, folder, { recursive: true });
});

afterEach(() => {
  rmSync(state, { recursive: true });
});

function startMigrator(): ChildProcess {
  return spawn(process.execPath, ["scripts/migrate.mjs", "--local", `--migrations=${folder}`], {
    env: { ...process.env, STOWAGE_STATE: state },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs it to its end. */
async function migrate(): Promise<{ code: number | null; output: string }> {
  const child = startMigrator();
  let output = "";
  child.stdout?.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr?.on("data", (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

function read<T>(use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(catalogFile(state));
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/** A database that had the first migrations of the example, in one go. */
function expected(count: number): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  const migrations = readMigrations(EXAMPLE).slice(0, count);
  migrations.flatMap(transactionOf).forEach((statement) => database.exec(statement));
  return database;
}

const ROWS = ["shelves", "boxes", "labels", "schema_version"];

/** All rows of the example, but for the times of its migrations. */
function rowsOf(database: DatabaseSync): unknown[] {
  const tables = partsOf(database);
  return ROWS.filter((name) => tables.has(`table ${name}`)).map((name) => [
    name,
    database
      .prepare(`SELECT * FROM ${name}`)
      .all()
      .map((row) => ({ ...row, applied_at: 0 })),
  ]);
}

/** What the database has otherwise than one with so many migrations. */
function expectSchema(count: number): void {
  const wanted = expected(count);
  read((database) => {
    expect(differencesOf(partsOf(database), partsOf(wanted))).toEqual([]);
    expect(rowsOf(database)).toEqual(rowsOf(wanted));
    expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  });
}

/** Is a transaction that writes under way? */
function isLocked(): boolean {
  return read((database) => {
    try {
      database.exec("BEGIN IMMEDIATE; ROLLBACK");
      return false;
    } catch (error) {
      if (String(error).includes("database is locked")) {
        return true;
      }
      throw error;
    }
  });
}

async function waitUntilLocked(): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!isLocked()) {
    if (Date.now() > end) {
      throw new Error("The migration has not begun");
    }
    await delay(20);
  }
}

/** Each runs wrangler many times, on a machine that may be busy. */
const timeout = 300_000;

describe("npm run migrate", { timeout }, () => {
  it("changes nothing when it is killed behind any statement, and does all of it when it runs again", async () => {
    const migrations = readMigrations(EXAMPLE);
    const statements = migrations[1]?.statements ?? [];
    expect(statements.length).toBe(7);
    rmSync(join(folder, SECOND));
    expect(await migrate()).toMatchObject({ code: 0 });
    for (let count = 0; count <= statements.length; count += 1) {
      const begun = [...statements.slice(0, count), ENDLESS];
      writeFileSync(join(folder, SECOND), begun.map((each) => `${each};\n`).join(""));
      const child = startMigrator();
      await waitUntilLocked();
      await delay(100); // the others take less
      await killTree(child);
      expectSchema(1);
    }
    cpSync(join(EXAMPLE, SECOND), join(folder, SECOND));
    const { code, output } = await migrate();
    expect([code, output]).toEqual([0, `Migrated the database in ${state} from schema 1 to 2\n`]);
    expectSchema(2);
    // As after a crash before anybody was told.
    const again = await migrate();
    expect(again).toEqual({ code: 0, output: `The database in ${state} has schema 2 already\n` });
    expectSchema(2);
  });

  it("applies each migration once when it runs twice at once", async () => {
    const both = await Promise.all([migrate(), migrate()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expectSchema(2);
  });

  it("keeps the migrations before one that fails, and nothing of that one", async () => {
    const text = readFileSync(join(EXAMPLE, SECOND), "utf8");
    writeFileSync(join(folder, SECOND), `${text}\nINSERT INTO shelves (name) VALUES (NULL);`);
    const { code, output } = await migrate();
    expect(code).toBe(1);
    expect(output).toContain(`Cannot apply ${SECOND} to the database in ${state}`);
    expect(output).toContain("NOT NULL constraint failed: shelves.name");
    expectSchema(1);
  });

  it("refuses a folder with a gap, and a migration that was changed, and changes nothing", async () => {
    expect(await migrate()).toMatchObject({ code: 0 });
    writeFileSync(join(folder, FIRST), `${readFileSync(join(folder, FIRST), "utf8")}\n`);
    const changed = await migrate();
    expect(changed).toMatchObject({ code: 1, output: expect.stringContaining("is never changed") });
    rmSync(join(folder, FIRST));
    const gap = await migrate();
    expect(gap).toMatchObject({ code: 1, output: expect.stringContaining("without a gap") });
    expect(gap.output).not.toContain("    at ");
    expectSchema(2);
  });
});

describe("the transaction of a migration", () => {
  const [first, second] = readMigrations(EXAMPLE);

  it.each([
    ["the first again", first, "already exists"],
    ["another again", second, "NOT NULL constraint failed: schema_version.name"],
    [
      "one too early",
      second && { ...second, number: 4 },
      "NOT NULL constraint failed: schema_version.name",
    ],
  ])("fails at its first statement when it is %s", (_, migration, message) => {
    const [statement = ""] = migration === undefined ? [] : transactionOf(migration);
    expect(() => expected(2).exec(statement)).toThrow(message);
  });
});
