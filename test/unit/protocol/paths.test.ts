import { describe, expect, it } from "vitest";

import { findPathFault } from "../../../src/protocol/paths.ts";

describe("findPathFault()", () => {
  it.each([
    "a",
    "a/b/c.txt",
    'with space/100%/#1?/"q"\'',
    "...",
    "a/..b/.c",
    "naïve/📦",
    "C:",
    "é".repeat(500),
  ])("finds nothing wrong with %j", (path) => {
    expect(findPathFault(path)).toBeNull();
  });

  it.each([
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "a/.",
    "a/../b",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\u0085b",
    "a\u007fb",
    "\ud83d",
    `${"é".repeat(500)}x`,
  ])("finds something wrong with %j", (path) => {
    expect(findPathFault(path)).not.toBeNull();
  });
});
