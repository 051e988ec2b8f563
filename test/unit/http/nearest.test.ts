import { describe, expect, it } from "vitest";

import { nearestOf } from "../../../src/http/nearest.ts";

describe("nearestOf()", () => {
  it.each([
    ["key_nam", ["namespace", "key_name", "key"], "key_name"],
    ["kye", ["key_name", "key"], "key"],
    ["Limit", ["offset", "limit"], "limit"],
    ["", ["offset", "key"], "key"],
    ["ofset".repeat(100_000), ["offset"], "offset"],
    ["anything", [], null],
  ])("finds for %s among %j: %s", (word, known, nearest) => {
    expect(nearestOf(word, known)).toBe(nearest);
  });
});
