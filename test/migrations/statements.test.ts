// Where a statement of SQL ends: asked of SQLite itself, and of wrangler, which splits what it executes locally.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unstable_splitSqlQuery } from "wrangler";

import { statementsOf } from "../../scripts/sql-statements.mjs";

const FILES = ["schema.sql", "bench/bare/schema.sql"].concat(
  readdirSync("migrations").map((name) => join("migrations", name)),
);

describe("statementsOf()", () => {
  it.each([
    ["what is between semicolons", "SELECT 1;\n;SELECT 2 ; ", ["SELECT 1", "SELECT 2"]],
    ["no semicolon at the end", "SELECT 1", ["SELECT 1"]],
    ["nothing", " -- no\n/* ; */", []],
    [
      "texts and names with semicolons",
      `SELECT ';''', ";""", [;], \`;\`;a`,
      [`SELECT ';''', ";""", [;], \`;\``, "a"],
    ],
    ["no comments", "SELECT 1 -- it's; one\n + /* ;' */ 2;", ["SELECT 1\n +   2"]],
    ["what looks like a comment", "SELECT '--', '/*' /**/;", ["SELECT '--', '/*'"]],
    [
      "triggers whole",
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; SELECT 3;",
      ["CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END", "SELECT 3"],
    ],
    [
      "triggers with a CASE, in any case",
      "create temp trigger t after insert on a begin select case 1 when 2 then 3 end; end; SELECT 3;",
      [
        "create temp trigger t after insert on a begin select case 1 when 2 then 3 end; end",
        "SELECT 3",
      ],
    ],
    [
      "tables and columns with the names of keywords",
      'CREATE TABLE "trigger" (end INTEGER, begin INTEGER); SELECT end FROM "trigger"; SELECT 2',
      [
        'CREATE TABLE "trigger" (end INTEGER, begin INTEGER)',
        'SELECT end FROM "trigger"',
        "SELECT 2",
      ],
    ],
  ])("gives %s", (_, sql, statements) => {
    expect(statementsOf(sql)).toEqual(statements);
  });

  it.each([
    ["a text that is not closed", "SELECT 'a; SELECT 1;", /' is not closed/u],
    [
      "a trigger that is not",
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;",
      /trigger has no end/u,
    ],
  ])("refuses %s", (_, sql, message) => {
    expect(() => statementsOf(sql)).toThrow(message);
  });

  it.each(FILES)("splits %s as SQLite and wrangler do", (file) => {
    const statements = statementsOf(readFileSync(file, "utf8"));
    const database = new DatabaseSync(":memory:");
    // A text of two statements would have its second one ignored.
    statements.forEach((statement) => database.prepare(statement).run());
    expect(unstable_splitSqlQuery(statements.join(";\n"))).toEqual(statements);
  });

  it("finds again the statements that a text was made of", () => {
    const statement = fc.constantFrom(
      "SELECT ';'",
      "SELECT end FROM t",
      'CREATE TABLE "create" (trigger INTEGER)',
      "CREATE TRIGGER t AFTER INSERT ON a WHEN NEW.x <> 'END;'\nBEGIN\n  SELECT CASE WHEN 1 THEN 2 END;\n  DELETE FROM a;\nEND",
      "CREATE INDEX i ON a (b)",
    );
    const gap = fc.constantFrom(";", " ;\n\n", ";-- it's; END\n", "/* ' ; */;", ";;");
    fc.assert(
      fc.property(fc.array(fc.tuple(statement, gap), { maxLength: 6 }), (pieces) => {
        expect(statementsOf(pieces.flat().join(""))).toEqual(pieces.map(([text]) => text));
      }),
    );
  });
});
