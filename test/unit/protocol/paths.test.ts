import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  comparePaths,
  countFolders,
  findPathConflicts,
  findPathFault,
} from "../../../src/protocol/paths.ts";
import { numberEntries } from "../../support/numbering.ts";

/** Segments that are hostile as often as not. */
const segment = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "...",
    "a",
    "b",
    "a.b",
    ".a",
    "a\\b",
    "a\0",
    "\u0085",
    "ü",
    "🎉",
    "\ud800",
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const deep = fc
  .array(fc.constantFrom("a", "b", "a-", "b.c"), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"));

/** The rules of docs/conformance.md, one by one. */
function isAllowed(text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  return (
    bytes.length >= 1 &&
    bytes.length <= 1_000 &&
    new TextDecoder().decode(bytes) === text &&
    text.split("/").every((part) => part !== "" && part !== "." && part !== "..") &&
    !Array.from(text).some((character) => character === "\\" || /\p{Cc}/u.test(character))
  );
}

describe("findPathFault() (T3)", () => {
  it("finds a fault in just those paths that a rule forbids", () => {
    fc.assert(
      fc.property(path, (text) => {
        expect(findPathFault(text) === null).toBe(isAllowed(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["a".repeat(1_000), true],
    ["a".repeat(1_001), false],
    [`${"ü".repeat(499)}ab`, true],
    ["ü".repeat(501), false],
    ["🎉".repeat(250), true],
    ["🎉".repeat(251), false],
  ])("counts bytes of UTF-8 (%#)", (text, isFine) => {
    expect(findPathFault(text) === null).toBe(isFine);
  });
});

describe("findPathConflicts()", () => {
  it("finds what is there twice, what is a folder too, and the number of folders", () => {
    fc.assert(
      fc.property(fc.array(deep, { maxLength: 12 }), (paths) => {
        const sorted = paths.toSorted(comparePaths).map((text) => ({ path: text }));
        const found: string[] = [];
        const conflicts = findPathConflicts(sorted, 1_000);
        let next = conflicts.next();
        for (; !next.done; next = conflicts.next()) {
          found.push(next.value?.path ?? "");
        }
        const bad = paths.filter(
          (text, at) =>
            paths.indexOf(text) !== at || paths.some((other) => other.startsWith(`${text}/`)),
        );
        expect(new Set(found)).toEqual(new Set(bad));
        if (bad.length === 0) {
          const files = sorted.map((file) => ({ ...file, size: 1 }));
          const folders = [...numberEntries(files)].filter(({ kind }) => kind === "folder");
          expect(next.value).toBe(folders.length - 1);
          expect(countFolders(sorted)).toBe(folders.length - 1);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("gives up behind the most folders that it may count", () => {
    const sorted = [{ path: "a/b/c/d/e" }];
    expect(findPathConflicts(sorted, 2).next()).toEqual({ done: true, value: 3 });
  });
});
