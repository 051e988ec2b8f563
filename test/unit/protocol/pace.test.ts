// Work that takes long goes in short stretches (T36).

import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { Pace } from "../../../src/protocol/pace.ts";
import { sortInSteps } from "../../../src/protocol/sort-in-steps.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Pace", () => {
  it("is due after a slice of work though the clock stands still, and after a while whatever was done", async () => {
    const now = vi.spyOn(Date, "now").mockReturnValue(1_000);
    const pace = new Pace();
    pace.spend(LIMITS.workSlice - 1);
    expect(pace.isDue).toBe(false);
    pace.spend(1);
    expect(pace.isDue).toBe(true);
    await pace.rest();
    expect(pace.isDue).toBe(false);
    now.mockReturnValue(1_000 + LIMITS.workSliceTime);
    expect(pace.isDue).toBe(true);
    expect(pace.longest).toBe(LIMITS.workSlice);
  });

  it("lets timers of others in between the stretches of several that work at once", async () => {
    const order: string[] = [];
    const work = async (name: string) => {
      const pace = new Pace();
      for (let stretch = 0; stretch < 5; stretch += 1) {
        order.push(name);
        await pace.rest();
      }
    };
    const timer = setInterval(() => order.push("other"), 0);
    await Promise.all(["a", "b", "c", "d"].map(work));
    clearInterval(timer);
    // After the first of each, which begin together, no two stretches follow each other at once.
    const later = order.slice(4);
    const pairs = later.slice(1).filter((name, n) => name !== "other" && later[n] !== "other");
    expect(pairs).toEqual([]);
    expect(["a", "b", "c", "d"].map((name) => order.filter((one) => one === name).length)).toEqual([
      5, 5, 5, 5,
    ]);
  });
});

describe("sortInSteps()", () => {
  it("sorts as toSorted() does, equal ones in their order", async () => {
    const pairs = fc.array(fc.tuple(fc.nat(50), fc.nat()), {
      minLength: 0,
      maxLength: 3_500,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(pairs, async (items) => {
        const compare = ([one]: [number, number], [other]: [number, number]) => one - other;
        const sorted = await sortInSteps(items, compare, new Pace());
        expect(sorted).toEqual(items.toSorted(compare));
      }),
      { numRuns: 20 },
    );
  });
});
