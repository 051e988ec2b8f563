// Stores of earlier schemas, taken over by this version.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readMigrations, transactionOf } from "../../scripts/migrations.mjs";
import { catalogFile } from "./support/catalog-file.ts";
import { differencesOf, partsOf } from "./support/schema-parts.ts";
import {
  findMissingStores,
  findStores,
  serveStore,
  storeFile,
  STORES,
  unpackStore,
} from "./support/store-fixture.ts";

/** Each starts a server or two, on a machine that may be busy. */
const timeout = 180_000;

const PRESENT = readMigrations().length;
const KEPT = existsSync(STORES) ? findStores(STORES) : [];

/** Tables without a row in a store that was just filled: what they hold goes at once, or comes after a week. */
const UNFILLED = new Set(["explosions", "audit_objects"]);

/** A migration that nobody needs: a column that the rows fill, triggers that keep it. */
const NEXT = `
CREATE TABLE example_counts (name TEXT PRIMARY KEY, workspaces INTEGER NOT NULL);
INSERT INTO example_counts SELECT 'all', count(*) FROM workspaces;
ALTER TABLE workspaces ADD COLUMN example INTEGER NOT NULL DEFAULT 0;
UPDATE workspaces SET example = CASE name WHEN 'system' THEN 1 ELSE 2 END;
CREATE TRIGGER example_counts_grow AFTER INSERT ON workspaces
BEGIN
  UPDATE example_counts SET workspaces = workspaces + 1; -- it's one more;
END;
`;

/** Runs the migrator on an unpacked store; gives what it printed. */
function migrate(state: string, folder: string): string {
  const command = ["scripts/migrate.mjs", "--local", `--migrations=${folder}`];
  const env = { ...process.env, STOWAGE_STATE: state };
  return execFileSync(process.execPath, command, { env, encoding: "utf8" });
}

function read<T>(state: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(catalogFile(state));
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/** What the migrations of a folder make of nothing. */
function made(folder?: string): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  readMigrations(folder)
    .flatMap(transactionOf)
    .forEach((statement) => database.exec(statement));
  return database;
}

/** A catalog that is otherwise than one made anew, or breaks its own rules: how. */
function faultsOf(state: string, folder?: string): unknown[] {
  return read(state, (database) => [
    ...differencesOf(partsOf(database), partsOf(made(folder))),
    ...database.prepare("PRAGMA foreign_key_check").all(),
    ...database
      .prepare("PRAGMA integrity_check")
      .all()
      .filter((row) => row["integrity_check"] !== "ok"),
  ]);
}

describe("every schema that a migration changes", () => {
  it("has a store in test/fixtures/stores (npm run fixture:schema, before the migration is written)", () => {
    expect(findMissingStores(PRESENT, KEPT)).toEqual([]);
  });

  it.each([
    ["the first migration", 1, [], []],
    ["a second one without a store of the first", 2, [], [1]],
    ["a fourth one", 4, [1, 3], [2]],
    ["stores of all", 3, [1, 2, 3], []],
  ])("is told by their numbers: %s", (_, migrations, stores, missing) => {
    expect(findMissingStores(migrations, stores)).toEqual(missing);
  });
});

async function expectTakenOver(file: string, from: number): Promise<void> {
  const state = unpackStore(file);
  try {
    const { printed, wrong } = await serveStore(state);
    expect(wrong).toEqual([]);
    const line = `Migrated the database in ${state} from schema ${from} to ${PRESENT}`;
    expect(printed.includes(line)).toBe(from !== PRESENT);
    expect(faultsOf(state)).toEqual([]);
  } finally {
    rmSync(state, { recursive: true });
  }
}

describe.each(KEPT)("the store of schema %i", { timeout }, (number) => {
  it("is taken over by npm start: clients find what they left, and nothing stored is amiss", () =>
    expectTakenOver(storeFile(STORES, number), number));
});

describe("a store that is made now", { timeout }, () => {
  let folder: string;
  let file: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-stores-"));
    file = storeFile(folder, PRESENT);
    execFileSync(process.execPath, ["test/migrations/support/make-fixture.ts", folder]);
  }, timeout);

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("is found by its number, and not made again", () => {
    expect(findStores(folder)).toEqual([PRESENT]);
    const again = () =>
      execFileSync(process.execPath, ["test/migrations/support/make-fixture.ts", folder], {
        stdio: "pipe",
      });
    expect(again).toThrow("is there already");
  });

  it("is served as it is", () => expectTakenOver(file, PRESENT));

  it("holds something of nearly every kind", () => {
    const state = unpackStore(file);
    try {
      const tables = Object.entries(read(state, rowsOf));
      const empty = tables.filter(([, rows]) => rows.length === 0).map(([name]) => name);
      expect(empty.filter((name) => !UNFILLED.has(name))).toEqual([]);
    } finally {
      rmSync(state, { recursive: true });
    }
  });

  it("tells of content that is lost, and of content that is another", async () => {
    const state = unpackStore(file);
    try {
      const missing = { id: 999_999, path: "x", text: "" };
      const contents = { "/a/999999/x": "some sum", "/openapi.json": "another" };
      writeFileSync(join(state, "expected.json"), JSON.stringify({ contents, missing }));
      const { wrong } = await serveStore(state);
      expect(wrong.map((line) => line.slice(0, 14))).toEqual([
        "/a/999999/x is",
        "/openapi.json ",
        "PUT of x: 404 ",
      ]);
    } finally {
      rmSync(state, { recursive: true });
    }
  });

  it("gets a migration that comes next, with all of its rows", () => {
    const migrations = join(folder, "migrations");
    cpSync("migrations", migrations, { recursive: true });
    const next = String(PRESENT + 1).padStart(4, "0");
    writeFileSync(join(migrations, `${next}_example.sql`), NEXT);
    const state = unpackStore(file);
    try {
      const before = read(state, rowsOf);
      expect(migrate(state, migrations)).toBe(
        `Migrated the database in ${state} from schema ${PRESENT} to ${PRESENT + 1}\n`,
      );
      expect(faultsOf(state, migrations)).toEqual([]);
      const {
        workspaces = [],
        schema_version: record,
        example_counts: counts,
        ...rest
      } = read(state, rowsOf);
      const { workspaces: old = [], schema_version: _, ...others } = before;
      expect(rest).toEqual(others);
      expect(record).toHaveLength(PRESENT + 1);
      expect(counts).toEqual([{ name: "all", workspaces: old.length }]);
      expect(workspaces).toEqual(
        old.map((row) => ({ ...row, example: row["name"] === "system" ? 1 : 2 })),
      );
    } finally {
      rmSync(state, { recursive: true });
    }
  });
});

/** All rows of a catalog, by table. */
function rowsOf(database: DatabaseSync): Record<string, Record<string, unknown>[]> {
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'",
    )
    .all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => [
      name,
      database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => ({ ...row })),
    ]),
  );
}
