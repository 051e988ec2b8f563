import { describe, expect, it } from "vitest";

import { parseContentRange } from "../../../src/http/content-range.ts";

describe("parseContentRange()", () => {
  it.each([
    [null, { kind: "none" }],
    ["bytes 0-49/100", { kind: "piece", start: 0, end: 50, size: 100 }],
    ["bytes 99-99/100", { kind: "piece", start: 99, end: 100, size: 100 }],
    ["bytes 5-9/*", { kind: "piece", start: 5, end: 10, size: null }],
    ["bytes */100", { kind: "question", size: 100 }],
    ["bytes */*", { kind: "question", size: null }],
  ])("reads %s", (header, range) => {
    expect(parseContentRange(header)).toEqual(range);
  });

  it.each([
    "",
    "bytes",
    "bytes 0-49",
    "bytes=0-49/100",
    "bytes 50-49/100",
    "bytes 50-100/100",
    "bytes -49/100",
    "bytes 0-/100",
    "bytes 0-49/-1",
    "bytes 0x1-0x2/100",
    "bytes 0-9/1e3",
    "bytes 1-2/3, bytes 4-5/6",
    "lines 0-49/100",
    `bytes 0-9/${"9".repeat(16)}`,
  ])("finds %j malformed", (header) => {
    expect(parseContentRange(header)).toEqual({ kind: "malformed" });
  });
});
