// T23: numbers and ids in URLs and headers are digits, and nothing that merely looks like a number.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseCount, parseUuid } from "../../../src/protocol/ids.ts";

describe("parseCount()", () => {
  it.each([
    "",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1e3",
    "0x10",
    "1.0",
    "1_000",
    "NaN",
    "Infinity",
    "٣",
    "１",
    "9007199254740992",
    "9".repeat(400),
  ])("refuses '%s'", (text) => {
    expect(parseCount(text)).toBeNull();
  });

  it("reads every count, and no other text", () => {
    const counts = fc.property(fc.nat(), (count) => parseCount(String(count)) === count);
    const texts = fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
      const count = parseCount(text);
      return count === null || (/^[0-9]+$/u.test(text) && Number.isSafeInteger(count));
    });
    expect(parseCount("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => fc.assert(counts)).not.toThrow();
    expect(() => fc.assert(texts)).not.toThrow();
  });
});

describe("parseUuid()", () => {
  it.each([
    "",
    "0".repeat(32),
    "{00000000-0000-4000-8000-000000000000}",
    "00000000-0000-4000-8000-00000000000g",
    "00000000-0000-4000-8000-000000000000\n",
  ])("refuses '%s'", (text) => {
    expect(parseUuid(text)).toBeNull();
  });
});
