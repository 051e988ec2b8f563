import { describe, expect, it } from "vitest";

import { Groups } from "../../../src/drafts/groups.ts";

describe("Groups", () => {
  const size = (item: number) => item;

  it("runs the first at once and alone, and those that come meanwhile together, within bounds", async () => {
    const runs: number[][] = [];
    const gate = Promise.withResolvers<undefined>();
    const groups = new Groups<number, number>(
      async (items) => {
        runs.push(items);
        await gate.promise;
        return items.map((item) => -item);
      },
      { count: 3, total: 10, size, pause: 1 },
    );
    const results = [1, 2, 3, 4, 5, 6, 50, 7].map((item) => groups.add(item));
    expect(runs).toEqual([[1]]);
    gate.resolve(undefined);
    expect(await Promise.all(results)).toEqual([-1, -2, -3, -4, -5, -6, -50, -7]);
    expect(runs).toEqual([[1], [2, 3, 4], [5], [6], [50], [7]]);
  });

  it("fails all of a group that throws, and goes on with the next", async () => {
    let round = 0;
    const groups = new Groups<number, number>(
      async (items) => {
        round += 1;
        await Promise.resolve();
        if (round === 2) {
          throw new Error("broken");
        }
        return items;
      },
      { count: 10, total: 10, size, pause: 1 },
    );
    const settled = await Promise.allSettled([1, 2, 3].map((item) => groups.add(item)));
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(await groups.add(4)).toBe(4);
  });
});
