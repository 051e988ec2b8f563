// SECURITY.md: T20.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bytesCaching, pageCaching } from "../../../src/http/caching.ts";

describe("bytesCaching()", () => {
  it("lets nobody keep what may change, ends or is private beyond that", () => {
    const freshness = fc.record({
      isPublic: fc.boolean(),
      isFixed: fc.boolean(),
      expiresAt: fc.option(fc.integer({ min: 0, max: 1e13 })),
    });
    const property = fc.property(freshness, fc.nat(1e9), fc.nat(1e13), (of, maxAge, now) => {
      const text = bytesCaching(of, maxAge, now);
      const age = Number(/max-age=(\d+)/u.exec(text)?.[1] ?? 0);
      expect(text).not.toContain("immutable");
      expect(text).toContain("no-transform");
      expect(age).toBeLessThanOrEqual(maxAge);
      expect(text.startsWith("private")).toBe(!of.isPublic);
      expect(age === 0).toBe(text.includes("no-cache"));
      expect(age > 0 && !(of.isPublic && of.isFixed)).toBe(false);
      expect(age > 0 && of.expiresAt !== null && now + age * 1000 > of.expiresAt).toBe(false);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});

describe("pageCaching()", () => {
  it("lets a private page be kept nowhere", () => {
    expect([pageCaching(true), pageCaching(false)]).toEqual(["no-cache", "no-store"]);
  });
});
