import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseRange } from "../../../src/http/range.ts";

const SIZE = 1000;

/** `[[0, 10]]` for the slices [0, 10), or the kind of any other choice. */
function choose(header: string | null, size = SIZE) {
  const choice = parseRange(header, size);
  return choice.kind === "slices"
    ? choice.slices.map(({ start, end }) => [start, end])
    : choice.kind;
}

describe("parseRange() with one range (T18)", () => {
  it.each([
    ["bytes=0-0", [[0, 1]]],
    ["bytes=0-499", [[0, 500]]],
    ["bytes=500-", [[500, 1000]]],
    ["bytes=-200", [[800, 1000]]],
    ["bytes=999-", [[999, 1000]]],
    ["bytes=0-", [[0, 1000]]],
    ["bytes=0-999", [[0, 1000]]],
    ["bytes=007-008", [[7, 9]]],
    ["BYTES=0-1", [[0, 2]]],
    ["Bytes=0-1", [[0, 2]]],
    ["bytes= 0-1 ", [[0, 2]]],
    ["bytes=\t0-1", [[0, 2]]],
    ["bytes=,0-1,", [[0, 2]]],
  ])("selects the slice of %j", (header, expected) => {
    expect(choose(header)).toEqual(expected);
  });

  it.each([
    ["bytes=900-1000", [[900, 1000]]],
    ["bytes=900-99999", [[900, 1000]]],
    ["bytes=-1000", [[0, 1000]]],
    ["bytes=-5000", [[0, 1000]]],
    ["bytes=900-99999999999999999999", [[900, 1000]]],
    ["bytes=-99999999999999999999", [[0, 1000]]],
    [`bytes=0-${"9".repeat(400)}`, [[0, 1000]]],
    [`bytes=${"0".repeat(400)}1-2`, [[1, 3]]],
  ])("clamps %j to the size", (header, expected) => {
    expect(choose(header)).toEqual(expected);
  });

  it.each([
    "bytes=1000-",
    "bytes=1000-1000",
    "bytes=1000-2000",
    "bytes=-0",
    "bytes=99999999999999999999-",
    "bytes=99999999999999999998-99999999999999999999",
    "bytes=-00000000000000000000",
  ])("finds %j unsatisfiable", (header) => {
    expect(choose(header)).toBe("unsatisfiable");
  });

  it.each([
    null,
    "",
    "bytes",
    "bytes=",
    "bytes= ",
    "bytes=,",
    "bytes=-",
    "bytes=5-1",
    "bytes=99999999999999999999-99999999999999999998",
    "bytes=a-b",
    "bytes=0-b",
    "bytes=0",
    "bytes=--5",
    "bytes=0--5",
    "bytes=+0-5",
    "bytes=0-5-6",
    "bytes=0 - 5",
    "bytes=0-0x10",
    "bytes=1e2-",
    "bytes=1.0-2",
    "bytes=٠-٩",
    "bytes =0-5",
    " bytes=0-5",
    "bytes:0-5",
    "items=0-5",
    "none=0-5",
    "0-5",
  ])("takes %j for the whole", (header) => {
    expect(choose(header)).toBe("whole");
  });

  it.each(["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-9", "bytes=0-0,2-3"])(
    "finds %j unsatisfiable on an empty file",
    (header) => {
      expect(choose(header, 0)).toBe("unsatisfiable");
    },
  );

  it("takes a malformed header for the whole on an empty file", () => {
    expect(choose("bytes=5-1", 0)).toBe("whole");
  });

  it("selects beyond 4 GiB exactly", () => {
    const size = 5 * 2 ** 40;
    expect(choose("bytes=5497558138879-", size)).toEqual([[size - 1, size]]);
    expect(choose("bytes=4294967296-4294967297", size)).toEqual([[4294967296, 4294967298]]);
  });
});

describe("parseRange() with several ranges", () => {
  it.each([
    [
      "bytes=0-1,4-5",
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      "bytes=0-1 , 4-5",
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      "bytes=0-1,,4-5",
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      "bytes=4-5,0-1",
      [
        [4, 6],
        [0, 2],
      ],
    ],
    [
      "bytes=0-1,2-3",
      [
        [0, 2],
        [2, 4],
      ],
    ],
    [
      "bytes=-10,0-9",
      [
        [990, 1000],
        [0, 10],
      ],
    ],
    [
      "bytes=0-0,10-10,20-20,30-30,40-40",
      [
        [0, 1],
        [10, 11],
        [20, 21],
        [30, 31],
        [40, 41],
      ],
    ],
    [
      "bytes=0-1,4-5,1000-",
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      "bytes=0-499,501-999",
      [
        [0, 500],
        [501, 1000],
      ],
    ],
  ])("selects the slices of %j in the order asked", (header, expected) => {
    expect(choose(header)).toEqual(expected);
  });

  it.each([
    ["bytes=0-1,1000-", [[0, 2]]],
    ["bytes=2000-3000,-0,5-9", [[5, 10]]],
    ["bytes=0-999,1000-", [[0, 1000]]],
  ])("drops what is unsatisfiable from %j", (header, expected) => {
    expect(choose(header)).toEqual(expected);
  });

  it("finds ranges unsatisfiable when each of them is", () => {
    expect(choose("bytes=1000-,2000-3000,-0")).toBe("unsatisfiable");
  });

  it.each([
    ["bytes=0-0,2-2,4-4,6-6,8-8,10-10", "more than five"],
    ["bytes=0-10,10-20", "one byte in common"],
    ["bytes=10-20,0-10", "one byte in common, descending"],
    ["bytes=0-100,10-20", "one within another"],
    ["bytes=0-0,5-5,0-0", "the same twice"],
    ["bytes=500-,-500", "the same by two names"],
    ["bytes=0-499,500-999", "together the whole"],
    ["bytes=0-1,5-4", "one malformed"],
    ["bytes=0-1,x", "one malformed"],
    ["bytes=1000-,x", "one malformed, the other unsatisfiable"],
    ["bytes=0-1, bytes=2-3", "two header lines"],
    ["bytes=0-1;2-3", "another separator"],
  ])("takes %j for the whole: %s", (header) => {
    expect(choose(header)).toBe("whole");
  });
});

describe("parseRange() on any header", () => {
  const position = fc.option(fc.nat({ max: 40 }), { nil: "" });
  const spec = fc.tuple(position, position).map(([first, last]) => `${first}-${last}`);
  const headers = fc.array(spec, { maxLength: 7 }).map((specs) => `bytes=${specs.join(",")}`);

  it("selects only bytes that exist, none twice", () => {
    fc.assert(
      fc.property(headers, fc.nat({ max: 30 }), (header, size) => {
        const choice = parseRange(header, size);
        const slices = choice.kind === "slices" ? choice.slices : [];
        const positions = slices.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, index) => start + index),
        );
        expect(choice.kind === "slices").toBe(positions.length > 0);
        expect(new Set(positions).size).toBe(positions.length);
        expect(positions.every((at) => at >= 0 && at < size)).toBe(true);
      }),
    );
  });
});
