import { describe, expect, it } from "vitest";

import { checksumLine } from "../../../src/archive/checksum-line.ts";

describe("checksumLine()", () => {
  it.each([
    ["a b/ç.txt", "00ff  a b/ç.txt\n"],
    ["a\\b", "\\00ff  a\\\\b\n"],
    ["a\nb\rc", "\\00ff  a\\nb\\rc\n"],
    ["*star", "00ff  *star\n"],
  ])("writes %j as GNU coreutils reads it", (path, line) => {
    expect(checksumLine("00ff", path)).toBe(line);
  });
});
