import { describe, expect, it } from "vitest";

import { decidePreconditions, mayUseRange } from "../../../src/http/preconditions.ts";

const current = { etag: '"b,c"', lastModified: Date.UTC(2026, 9, 21, 7, 28, 0, 789) };
const BEFORE = "Wed, 21 Oct 2026 07:27:59 GMT";
const SAME = "Wed, 21 Oct 2026 07:28:00 GMT";
const AFTER = "Wed, 21 Oct 2026 07:28:01 GMT";

function decide(headers: Record<string, string>, method = "GET") {
  return decidePreconditions(new Headers(headers), method, current);
}

describe("decidePreconditions()", () => {
  it("proceeds without conditions", () => {
    expect(decide({})).toBe("proceed");
  });

  it.each([
    ["*", "proceed"],
    ['"b,c"', "proceed"],
    ['"a", "b,c"', "proceed"],
    ['"a","b,c" ,"d"', "proceed"],
    [', ,"b,c",', "proceed"],
    ['W/"b,c"', "failed"],
    ['W/"b,c", "b,c"', "proceed"],
    ['"a"', "failed"],
    ['"b", "c"', "failed"],
    ['"B,C"', "failed"],
    ['""', "failed"],
  ])("compares If-Match strongly: %s", (value, expected) => {
    expect(decide({ "If-Match": value })).toBe(expected);
    expect(decide({ "If-Match": value }, "PUT")).toBe(expected);
  });

  it.each([
    ["*", "not-modified"],
    ['"b,c"', "not-modified"],
    ['W/"b,c"', "not-modified"],
    ['"a", W/"b,c"', "not-modified"],
    ['"a"', "proceed"],
    ['"b", "c"', "proceed"],
    ['W/"b"', "proceed"],
    ['""', "proceed"],
  ])("compares If-None-Match weakly: %s", (value, expected) => {
    expect(decide({ "If-None-Match": value })).toBe(expected);
    expect(decide({ "If-None-Match": value }, "HEAD")).toBe(expected);
  });

  it.each(["*", '"b,c"', 'W/"b,c"'])("fails If-None-Match: %s on a write", (value) => {
    expect(decide({ "If-None-Match": value }, "PUT")).toBe("failed");
    expect(decide({ "If-None-Match": value }, "DELETE")).toBe("failed");
  });

  it.each([
    [BEFORE, "failed"],
    [SAME, "proceed"],
    [AFTER, "proceed"],
  ])("compares If-Unmodified-Since: %s in whole seconds", (value, expected) => {
    expect(decide({ "If-Unmodified-Since": value })).toBe(expected);
    expect(decide({ "If-Unmodified-Since": value }, "PUT")).toBe(expected);
  });

  it.each([
    [BEFORE, "proceed"],
    [SAME, "not-modified"],
    [AFTER, "not-modified"],
  ])("compares If-Modified-Since: %s in whole seconds", (value, expected) => {
    expect(decide({ "If-Modified-Since": value })).toBe(expected);
    expect(decide({ "If-Modified-Since": value }, "HEAD")).toBe(expected);
  });

  it("ignores If-Modified-Since on a write", () => {
    expect(decide({ "If-Modified-Since": AFTER }, "PUT")).toBe("proceed");
  });

  it.each([
    [{ "If-Match": "*", "If-Unmodified-Since": BEFORE }, "proceed"],
    [{ "If-Match": '"a"', "If-Unmodified-Since": AFTER }, "failed"],
    [{ "If-None-Match": '"a"', "If-Modified-Since": AFTER }, "proceed"],
    [{ "If-None-Match": '"b,c"', "If-Modified-Since": BEFORE }, "not-modified"],
    [{ "If-None-Match": "junk", "If-Modified-Since": AFTER }, "proceed"],
    [{ "If-Match": "junk", "If-Unmodified-Since": BEFORE }, "proceed"],
    [{ "If-Match": '"a"', "If-None-Match": '"b,c"' }, "failed"],
    [{ "If-Match": '"b,c"', "If-None-Match": '"b,c"' }, "not-modified"],
    [{ "If-Unmodified-Since": BEFORE, "If-None-Match": '"b,c"' }, "failed"],
    [{ "If-Unmodified-Since": AFTER, "If-Modified-Since": AFTER }, "not-modified"],
  ])("reads the conditions %o in their order: %s", (headers, expected) => {
    expect(decide(headers)).toBe(expected);
  });

  it.each([
    "",
    "junk",
    "b,c",
    "'b,c'",
    '"b,c',
    'b,c"',
    '"a" "b,c"',
    '"a";"b,c"',
    'w/"b,c"',
    'W/ "b,c"',
    "W/",
    '*, "b,c"',
    "**",
    ",",
  ])("ignores the malformed entity tags %j", (value) => {
    expect(decide({ "If-Match": value })).toBe("proceed");
    expect(decide({ "If-None-Match": value })).toBe("proceed");
  });

  it.each(["", "junk", "2026-10-21T07:28:00Z", `${SAME}, ${SAME}`, "0"])(
    "ignores the malformed date %j",
    (value) => {
      expect(decide({ "If-Unmodified-Since": value })).toBe("proceed");
      expect(decide({ "If-Modified-Since": value })).toBe("proceed");
    },
  );
});

describe("mayUseRange()", () => {
  it.each([
    [null, true],
    ['"b,c"', true],
    [SAME, true],
    ["Wednesday, 21-Oct-26 07:28:00 GMT", true],
    ['W/"b,c"', false],
    ['"a"', false],
    ['"b,c", "a"', false],
    ["*", false],
    [BEFORE, false],
    [AFTER, false],
    ["", false],
    ["b,c", false],
    ["junk", false],
  ])("answers for If-Range: %s with %s", (value, expected) => {
    expect(mayUseRange(value, current)).toBe(expected);
  });
});
