// SECURITY.md's table of threats tells the truth: the tests that it names are there, and name the threat themselves.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The rows of the table: id, threat, control, where it is shown. */
const ROWS = read("SECURITY.md")
  .split("\n")
  .filter((line) => /^\| T\d+ /u.test(line))
  .map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| | \|$/gu, "").trim()));

describe("the table of threats", () => {
  it("has every threat once, in order", () => {
    const ids = ROWS.map(([id]) => id);
    expect(ids).toEqual(Array.from({ length: 41 }, (_, at) => `T${at + 1}`));
  });

  it.each(ROWS)("shows %s: %s", (id = "", _threat, _control, shown = "") => {
    const files = [...shown.matchAll(/`(test\/[^`]+)`/gu)].map(([, file = ""]) => file);
    const isExplained = shown.startsWith("Documented");
    expect(files.length > 0 || isExplained).toBe(true);
    const silent = files.filter(
      (file) => !existsSync(join(ROOT, file)) || !new RegExp(`\\b${id}\\b`, "u").test(read(file)),
    );
    expect(silent).toEqual([]);
  });
});
