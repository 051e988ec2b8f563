// What is done with a database, by what it says that it had; and which folders of migrations are none.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { planMigrations, readMigrations } from "../../scripts/migrations.mjs";

const MIGRATIONS = [1, 2, 3].map((number) => ({
  number,
  name: `000${number}_x.sql`,
  sha256: `sha256 of ${number}`,
  statements: [],
}));

function had(...numbers: number[]) {
  const applied = numbers.map((number) => ({ number, name: "x", sha256: `sha256 of ${number}` }));
  return { tables: ["schema_version", "workspaces"], applied };
}

describe("planMigrations()", () => {
  it.each([
    ["all to an empty database", { tables: [], applied: null }, [1, 2, 3]],
    ["what one lacks", had(1), [2, 3]],
    ["nothing to one that has all", had(1, 2, 3), []],
  ])("gives %s", (_, found, due) => {
    expect(planMigrations(found, MIGRATIONS)).toMatchObject({
      due: due.map((number) => ({ number })),
    });
  });

  it.each([
    ["that has tables and no record", { tables: ["workspaces"], applied: null }, "never released"],
    ["whose record has no row", had(), "never released"],
    ["that lacks one between others", had(1, 3), "lacks migration 2, it has 1, 3"],
    [
      "that had a newer one",
      had(1, 2, 3, 4),
      "has schema 4, and this version of Stowage knows none above 3",
    ],
  ])("refuses a database %s", (_, found, reason) => {
    expect(planMigrations(found, MIGRATIONS)).toEqual({
      ok: false,
      reason: expect.stringContaining(reason),
    });
  });

  it("refuses a migration that was changed after a database had it, and names both sums", () => {
    const changed = MIGRATIONS.map((each) =>
      each.number === 2 ? { ...each, sha256: "another" } : each,
    );
    const plan = planMigrations(had(1, 2), changed);
    expect(plan).toEqual({
      ok: false,
      reason: expect.stringMatching(/migration 2 .* sha256 of 2, .* another/u),
    });
  });
});

describe("readMigrations()", () => {
  function read(...names: string[]) {
    const folder = mkdtempSync(join(tmpdir(), "stowage-plan-"));
    try {
      names.forEach((name) => writeFileSync(join(folder, name), "SELECT 1;\r\nSELECT 2;\r\n"));
      return readMigrations(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it("gives them in order, each with the sum that it has wherever it is checked out", () => {
    const [first, second] = read("0002_b.sql", "0001_a.sql", "README.md");
    expect([first?.name, second?.name]).toEqual(["0001_a.sql", "0002_b.sql"]);
    expect(first?.statements).toEqual(["SELECT 1", "SELECT 2"]);
    // printf 'SELECT 1;\nSELECT 2;\n' | sha256sum
    expect(first?.sha256).toBe("82efb67f3010c6eb7ead02e4f6d9550633dbc1407f99aa487468e7b2567aebbc");
  });

  it.each([
    ["a gap", ["0001_a.sql", "0003_c.sql"]],
    ["a number twice", ["0001_a.sql", "0001_b.sql"]],
    ["no first one", ["0002_b.sql"]],
    ["a name without a number", ["0001_a.sql", "fix.sql"]],
  ])("refuses %s, and names the file", (_, names) => {
    expect(() => read(...names)).toThrow(names.at(-1));
  });
});
