// SECURITY.md's tables tell the truth: the tests that they name are there, and name the threat, or the requirement of ASVS,
// themselves.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The rows of a table by what their first cell begins with. */
function rowsOf(first: RegExp): string[][] {
  return read("SECURITY.md")
    .split("\n")
    .filter((line) => first.test(line))
    .map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| | \|$/gu, "").trim()));
}

/** The files of the repository that a cell names. */
function filesIn(cell: string): string[] {
  return [...cell.matchAll(/`((?:test|src|docs)\/[^`]+)`/gu)].map(([, file = ""]) => file);
}

function testsIn(cell: string): string[] {
  return filesIn(cell).filter((file) => file.startsWith("test/"));
}

/** Which of these tests are missing, or say nothing of what they are to show. */
function silentOf(tests: readonly string[], names: readonly string[]): string[] {
  const named = new RegExp(`\\b(?:${names.map(RegExp.escape).join("|")})\\b`, "u");
  return tests.filter((file) => !existsSync(join(ROOT, file)) || !named.test(read(file)));
}

/** Each threat, its control and where it is shown. */
const THREATS = rowsOf(/^\| T\d+ /u);
/** Those that tests show. */
const SHOWN = new Set(
  THREATS.flatMap(([id = "", , , shown = ""]) => (testsIn(shown).length > 0 ? [id] : [])),
);
/** Sections of ASVS, with what of them is met. */
const SECTIONS = rowsOf(/^\| V\d+\.\d+/u);

describe("the table of threats", () => {
  it("has every threat once, in order", () => {
    const ids = THREATS.map(([id]) => id);
    expect(ids).toEqual(Array.from({ length: 41 }, (_, at) => `T${at + 1}`));
  });

  it.each(THREATS)("shows %s: %s", (id = "", _threat, _control, shown = "") => {
    const tests = testsIn(shown);
    expect(tests.length > 0 || shown.startsWith("Documented")).toBe(true);
    expect(silentOf(tests, [id])).toEqual([]);
  });
});

describe("the table of ASVS", () => {
  it("has sections", () => {
    expect(SECTIONS.length).toBeGreaterThan(30);
  });

  it.each(SECTIONS)("names what shows that of %s is met: %s", (_section, met = "") => {
    const threats = [...met.matchAll(/\bT\d+\b/gu)].map(([id]) => id);
    const requirements = [...met.matchAll(/\b\d+\.\d+\.\d+\b/gu)].map(([number]) => number);
    const tests = testsIn(met);
    expect(threats.length + tests.length).toBeGreaterThan(0);
    expect(threats.filter((id) => !SHOWN.has(id))).toEqual([]);
    expect(silentOf(tests, requirements)).toEqual([]);
    expect(filesIn(met).filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});
