import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";

import { makeTables, upgradeTables } from "../../src/object-tables.ts";
import type { ObjectTables } from "../../src/object-tables.ts";
import { newUuid } from "../../src/protocol/ids.ts";

const FIRST: ObjectTables = {
  home: "shelf",
  steps: [
    "CREATE TABLE shelf (format INTEGER NOT NULL, name TEXT); CREATE TABLE boxes (weight INTEGER)",
  ],
};
const SECOND: ObjectTables = {
  ...FIRST,
  steps: [
    ...FIRST.steps,
    "ALTER TABLE shelf ADD COLUMN weight INTEGER; UPDATE shelf SET weight = (SELECT sum(weight) FROM boxes)",
  ],
};
const THIRD: ObjectTables = {
  ...SECOND,
  steps: [
    ...SECOND.steps,
    "CREATE TRIGGER t AFTER INSERT ON boxes BEGIN UPDATE shelf SET weight = weight + NEW.weight; END",
  ],
};
const BROKEN: ObjectTables = {
  ...SECOND,
  steps: [...SECOND.steps, "INSERT INTO nowhere VALUES (1)"],
};
const OTHER: ObjectTables = { home: "labels", steps: ["CREATE TABLE labels (format INTEGER)"] };

/** Runs in an object that has the first tables. */
function inObject(test: (storage: DurableObjectStorage) => void): Promise<void> {
  return runInDurableObject(env.UPLOADS.getByName(newUuid()), (_object, { storage }) => {
    makeTables(storage.sql, FIRST);
    storage.sql.exec("INSERT INTO shelf VALUES (1, 'a'); INSERT INTO boxes VALUES (5), (7)");
    test(storage);
  });
}

function contentsOf({ sql }: DurableObjectStorage) {
  const parts = sql
    .exec<{ sql: string }>(
      "SELECT sql FROM sqlite_master WHERE name NOT GLOB '_cf_*' ORDER BY name",
    )
    .toArray();
  const rows = ["shelf", "boxes"].map((name) => sql.exec(`SELECT * FROM ${name}`).toArray());
  return { parts, rows };
}

describe("upgradeTables()", () => {
  it("takes the steps that are lacking, once, and keeps the rows", () =>
    inObject((storage) => {
      expect(upgradeTables(storage, [THIRD, OTHER])).toEqual(new Set(["shelf"]));
      const upgraded = contentsOf(storage);
      expect(upgraded.rows).toEqual([
        [{ format: 3, name: "a", weight: 12 }],
        [{ weight: 5 }, { weight: 7 }],
      ]);
      expect(upgradeTables(storage, [THIRD, OTHER])).toEqual(new Set(["shelf"]));
      expect(contentsOf(storage)).toEqual(upgraded);
    }));

  it("comes to what new tables are, whatever was left out between", () =>
    inObject((storage) => {
      upgradeTables(storage, [SECOND]);
      upgradeTables(storage, [THIRD]);
      const { parts } = contentsOf(storage);
      storage.sql.exec("DROP TABLE shelf; DROP TABLE boxes");
      makeTables(storage.sql, THIRD);
      expect(contentsOf(storage).parts).toEqual(parts);
    }));

  it("takes none of them when one fails", () =>
    inObject((storage) => {
      const before = contentsOf(storage);
      expect(() => upgradeTables(storage, [BROKEN])).toThrow("no such table: nowhere");
      expect(contentsOf(storage)).toEqual(before);
    }));

  it("gives null and changes nothing where newer code was, in any of the tables", () =>
    inObject((storage) => {
      upgradeTables(storage, [THIRD]);
      makeTables(storage.sql, OTHER);
      storage.sql.exec("INSERT INTO labels VALUES (1)");
      const before = contentsOf(storage);
      const grown = { ...OTHER, steps: [...OTHER.steps, "DROP TABLE labels"] } as const;
      expect(upgradeTables(storage, [SECOND, grown as ObjectTables])).toBeNull();
      expect(upgradeTables(storage, [THIRD, OTHER])).toEqual(new Set(["shelf", "labels"]));
      expect(contentsOf(storage)).toEqual(before);
    }));

  it("makes nothing in an object without tables, and writes no row where there is nothing to do", () =>
    runInDurableObject(env.UPLOADS.getByName(newUuid()), (_object, { storage }) => {
      const size = storage.sql.databaseSize;
      expect(upgradeTables(storage, [THIRD, OTHER])).toEqual(new Set());
      expect(storage.sql.databaseSize).toBe(size);
    }));
});
