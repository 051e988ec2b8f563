// T24: what a client sends as JSON takes bounded memory, and nothing is kept that cannot be read again.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isWithinBounds } from "../../../src/http/json-shape.ts";

const BOUNDS = { depth: 3, values: 6 };

/** Depth and members of a value, counted the plain way. */
function shapeOf(value: unknown): { depth: number; values: number } {
  if (typeof value !== "object" || value === null) {
    return { depth: 0, values: 0 };
  }
  const members = Object.values(value).map(shapeOf);
  const inner = members.reduce((sum, { values }) => sum + values, 0);
  return {
    depth: 1 + Math.max(0, ...members.map(({ depth }) => depth)),
    values: 1 + Math.max(0, members.length - 1) + inner,
  };
}

describe("isWithinBounds()", () => {
  it.each([
    ["a number", "1", true],
    ["as deep as allowed", '[{"a":[1]}]', true],
    ["deeper", '[{"a":[[]]}]', false],
    ["deeper and not closed", "[[[[", false],
    ["as many as allowed", "[1,2,3,4,5,6]", true],
    ["more", "[1,2,3,4,5,6,7]", false],
    ["many empty ones", "[[],[],[],[]]", false],
    ["brackets in a text", '"[[[[[[[["', true],
    ["brackets behind an escaped quote", '"\\"[[[[[[[["', true],
    ["brackets behind an escaped backslash", '["\\\\",[[[[', false],
    ["a text that does not end", '"[[[[', true],
    ["nothing", "", true],
  ])("decides over %s", (_what, text, expected) => {
    expect(isWithinBounds(text, BOUNDS)).toBe(expected);
  });

  it("counts in every JSON text what its value has", () => {
    const property = fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const shape = shapeOf(JSON.parse(text));
      const expected = shape.depth <= BOUNDS.depth && shape.values <= BOUNDS.values;
      expect(isWithinBounds(text, BOUNDS)).toBe(expected);
    });
    expect(() => fc.assert(property)).not.toThrow();
  });

  it("reads 4 MiB without delay", () => {
    for (const unit of ["[", '"', '\\"', '"\\\\",', '["a"],', "a", ",", "]"]) {
      const text = unit.repeat((4 * 1024 * 1024) / unit.length);
      const started = performance.now();
      isWithinBounds(text, { depth: Infinity, values: Infinity });
      const took = performance.now() - started;
      expect(took, `time for ${unit}`).toBeLessThan(1_000);
    }
  });
});
