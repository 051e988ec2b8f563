// schema.sql is what all migrations come to.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "vitest";

import { readMigrations, transactionOf } from "../../scripts/migrations.mjs";
import { statementsOf } from "../../scripts/sql-statements.mjs";
import { differencesOf, partsOf } from "./support/schema-parts.ts";

const SCHEMA = statementsOf(readFileSync("schema.sql", "utf8"));

function make(statements: readonly string[]): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  statements.forEach((statement) => database.exec(statement));
  return database;
}

function rowCounts(database: DatabaseSync): Record<string, unknown> {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
    .all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => [name, database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()]),
  );
}

describe("all migrations, from an empty database on", () => {
  const migrations = readMigrations();
  const migrated = make(migrations.flatMap(transactionOf));

  it("make the tables, indexes and triggers of schema.sql", () => {
    const written = partsOf(make(SCHEMA));
    expect(written.size).toBeGreaterThan(60);
    expect(differencesOf(partsOf(migrated), written)).toEqual([]);
  });

  it("leave the rows of schema.sql, and one for each of them", () => {
    const { schema_version: record, ...rows } = rowCounts(migrated);
    expect(record).toEqual({ n: migrations.length });
    expect(rows).toEqual({ ...rowCounts(make(SCHEMA)), schema_version: undefined });
  });

  it("end at the newest schema that the service reads", () => {
    const source = readFileSync("src/catalog/schema-number.ts", "utf8");
    const [, oldest, newest] = /oldest: (\d+),\s+newest: (\d+)/u.exec(source) ?? [];
    expect(Number(newest)).toBe(migrations.length);
    expect(Number(oldest)).toBeLessThanOrEqual(Number(newest));
  });
});

describe("two databases", () => {
  const tables = [
    "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'x  y'))",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET name = 'b' WHERE id = NEW.id; END",
  ];
  const parts = partsOf(make(tables));

  it("are the same whatever the white space, and however they came to it", () => {
    const [table = "", trigger = ""] = tables;
    const other = [
      table.replace("name TEXT CHECK", "name  TEXT\n CHECK"),
      trigger.replaceAll(" ", "\n  "),
    ];
    expect(differencesOf(parts, partsOf(make(other)))).toEqual([]);
    const grown = [
      "CREATE TABLE a (id INTEGER PRIMARY KEY)",
      "ALTER TABLE a ADD COLUMN name TEXT CHECK (name <> 'x  y')",
    ];
    expect(differencesOf(parts, partsOf(make([...grown, trigger])))).toEqual([]);
    const rebuilt = [table.replace(" a ", " b "), "ALTER TABLE b RENAME TO a", trigger];
    expect(differencesOf(parts, partsOf(make(rebuilt)))).toEqual([]);
  });

  it.each([
    ["a table", /^table a: /u, [tables[0]?.replace("'x  y'", "'x y'"), tables[1]]],
    ["a trigger", /^trigger t: /u, [tables[0], tables[1]?.replace("'b'", "'c'")]],
    ["a missing trigger", /^trigger t: missing <> CREATE TRIGGER/u, [tables[0]]],
    ["an index more", /^index i: CREATE INDEX/u, [...tables, "CREATE INDEX i ON a (name)"]],
  ])("differ in %s, which is named", (_, name, statements) => {
    const [line, ...rest] = differencesOf(
      partsOf(make(statements.filter((each) => each !== undefined))),
      parts,
    );
    expect(line).toMatch(name);
    expect(rest).toEqual([]);
  });
});
