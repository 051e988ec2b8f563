import { describe, expect, it } from "vitest";

import { cutSlices, slicesFor } from "../../../src/blobs/extents.ts";

const extents = [
  { key: "a", start: 0, length: 10 },
  { key: "b", start: 5, length: 1 },
  { key: "c", start: 100, length: 20 },
];

describe("slicesFor()", () => {
  it.each([
    ["all", 0, 31, ["a:0+10", "b:5+1", "c:100+20"]],
    ["inside one extent", 3, 5, ["a:3+2"]],
    ["over two borders", 9, 12, ["a:9+1", "b:5+1", "c:100+1"]],
    ["exactly one extent", 10, 11, ["b:5+1"]],
    ["from a border on", 11, 31, ["c:100+20"]],
    ["nothing", 7, 7, []],
  ])("finds %s", (_what, start, end, expected) => {
    const found = slicesFor(extents, start, end);
    expect(found.map(({ key, offset, length }) => `${key}:${offset}+${length}`)).toEqual(expected);
  });
});

describe("cutSlices()", () => {
  it("leaves no piece longer than asked and no gap", () => {
    const slices = [
      { key: "a", offset: 7, length: 25 },
      { key: "b", offset: 7, length: 10 },
    ];
    expect([...cutSlices(slices, 10)]).toEqual([
      { key: "a", offset: 7, length: 10 },
      { key: "a", offset: 17, length: 10 },
      { key: "a", offset: 27, length: 5 },
      { key: "b", offset: 7, length: 10 },
    ]);
  });
});
