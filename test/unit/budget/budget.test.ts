// SECURITY.md: T36.

import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";

import { Budget } from "../../../src/budget/budget.ts";
import type { Lease } from "../../../src/budget/budget.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A lease of all that it claims. */
function hold(budget: Budget, bytes: number): Lease {
  const lease = budget.open(bytes, "test");
  if (!budget.tryGrow(lease, bytes)) {
    throw new Error(`No ${bytes} bytes are free`);
  }
  return lease;
}

/** Waits for a lease; `order` gets its name once it is granted. */
function wait(budget: Budget, bytes: number, order: string[], name: string): Lease {
  const lease = budget.open(bytes, "test");
  void budget.grow(lease, bytes).then(
    () => order.push(name),
    () => order.push(`${name} refused`),
  );
  return lease;
}

const settled = () => scheduler.wait(5 * LIMITS.memoryPoll);

describe("Budget", () => {
  it("grants at once what is free, and is told when somebody waits", async () => {
    const budget = new Budget(10);
    const first = hold(budget, 6);
    expect([budget.held, budget.isContested]).toEqual([6, false]);
    const order: string[] = [];
    wait(budget, 5, order, "second");
    expect(budget.isContested).toBe(true);
    budget.end(first);
    await settled();
    expect([order, budget.held, budget.isContested]).toEqual([["second"], 5, false]);
  });

  it("serves in the order of asking: what would fit does not overtake", async () => {
    const budget = new Budget(10);
    const [one, other] = [hold(budget, 4), hold(budget, 4)];
    const order: string[] = [];
    const large = wait(budget, 9, order, "large");
    const small = wait(budget, 2, order, "small");
    const late = budget.open(1, "test");
    expect(budget.tryGrow(late, 1)).toBe(false);
    await settled();
    expect(order).toEqual([]);
    budget.end(one);
    budget.end(other);
    await settled();
    expect(order).toEqual(["large"]);
    budget.end(large);
    await settled();
    expect(order).toEqual(["large", "small"]);
    budget.end(small);
    expect(budget.tryGrow(late, 1)).toBe(true);
  });

  it("lets one of each payer begin where it is told to, and those of others pass the one that waits", async () => {
    const budget = new Budget(20, null, { isOnePerPayer: true });
    const order: string[] = [];
    const ask = (payer: string, name: string) => {
      const lease = budget.open(5, name, payer);
      void budget.grow(lease, 5).then(() => order.push(name));
      return lease;
    };
    const first = ask("one", "first of one");
    ask("one", "second of one");
    ask("other", "first of other");
    await settled();
    expect(order).toEqual(["first of one", "first of other"]);
    budget.end(first);
    await settled();
    expect(order).toEqual(["first of one", "first of other", "second of one"]);
  });

  it("runs alone what claims more than there is", async () => {
    const budget = new Budget(10);
    const first = hold(budget, 1);
    const order: string[] = [];
    const alone = wait(budget, 96, order, "alone");
    wait(budget, 1, order, "next");
    await settled();
    budget.end(first);
    await settled();
    expect([order, budget.held]).toEqual([["alone"], 10]);
    budget.end(alone);
    await settled();
    expect(order).toEqual(["alone", "next"]);
  });

  it("refuses who waited as long as one may, and goes on with those behind", async () => {
    vi.useFakeTimers();
    const budget = new Budget(10);
    hold(budget, 5);
    const order: string[] = [];
    wait(budget, 10, order, "large");
    await vi.advanceTimersByTimeAsync(LIMITS.memoryPatience / 2);
    wait(budget, 5, order, "small");
    await vi.advanceTimersByTimeAsync(LIMITS.memoryPatience / 2 - 1);
    expect(order).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(order.toSorted()).toEqual(["large refused", "small"]);
  });

  it("takes back what an earlier life of an object held, and what nobody has shown a sign of life for", async () => {
    vi.useFakeTimers();
    const budget = new Budget(10);
    const lost = budget.open(6, "object");
    expect(budget.tryGrow(lost, 6)).toBe(true);
    budget.forget("another");
    expect(budget.held).toBe(6);
    budget.forget("object");
    expect(budget.held).toBe(0);
    const alive = hold(budget, 4);
    const dead = hold(budget, 6);
    clearInterval(dead.pulse); // as the end of its request does
    await vi.advanceTimersByTimeAsync(LIMITS.leaseLost + LIMITS.leasePulse);
    const next = budget.open(6, "test");
    await budget.grow(next, 6);
    expect(budget.held).toBe(10);
    budget.end(alive);
    budget.end(dead);
    expect(budget.held).toBe(6);
  });

  it("lets nobody grow past what the others need to end", async () => {
    const budget = new Budget(10);
    const [one, other] = [budget.open(8, "test"), budget.open(8, "test")];
    expect(budget.tryGrow(one, 5)).toBe(true);
    expect(budget.tryGrow(other, 2)).toBe(true);
    // With 3 more `one` ends; without them neither could.
    expect(budget.tryGrow(other, 3)).toBe(false);
    expect(budget.tryGrow(one, 8)).toBe(true);
    const order: string[] = [];
    void budget.grow(other, 8).then(() => order.push("other"));
    await settled();
    expect(order).toEqual([]);
    budget.end(one);
    await settled();
    expect(order).toEqual(["other"]);
  });

  it("counts no tiny claims, and lets small ones wait for none but each other", async () => {
    const budget = new Budget(100, { uncounted: 1, small: 10, lane: 20 });
    const large = hold(budget, 1_000);
    expect(large.held).toBe(80);
    const order: string[] = [];
    const next = wait(budget, 80, order, "large");
    const [one, other] = [hold(budget, 10), hold(budget, 10)];
    const tiny = hold(budget, 1);
    const late = wait(budget, 10, order, "small");
    await settled();
    expect([order, budget.held, budget.isContested]).toEqual([[], 100, true]);
    budget.end(one);
    await settled();
    expect(order).toEqual(["small"]);
    [other, late, tiny, large].forEach((lease) => budget.end(lease));
    await settled();
    expect(order).toEqual(["small", "large"]);
    budget.end(next);
    expect([budget.held, budget.isContested]).toEqual([0, false]);
    hold(budget, 10);
    budget.forget("test");
    expect(budget.held).toBe(0);
  });

  it("serves those of one payer in turns with those of another, however many wait", async () => {
    const budget = new Budget(10);
    const order: string[] = [];
    const ask = (payer: string, bytes: number) => {
      const lease = budget.open(bytes, "test", payer);
      void budget.grow(lease, bytes).then(() => order.push(payer));
      return lease;
    };
    const crowd = Array.from({ length: 6 }, () => ask("crowd", 5));
    const single = ask("single", 5);
    await settled();
    expect(order).toEqual(["crowd", "crowd"]);
    budget.end(crowd[0] ?? single);
    await settled();
    expect(order).toEqual(["crowd", "crowd", "single"]);
    [...crowd, single].forEach((lease) => budget.end(lease));
  });

  it("does so where one is served at a time", async () => {
    const budget = new Budget(10);
    const order: string[] = [];
    const live = async (payer: string) => {
      const lease = budget.open(10, "test", payer);
      await budget.grow(lease, 10);
      order.push(payer);
      await scheduler.wait(LIMITS.memoryPoll);
      budget.end(lease);
    };
    const crowd = Array.from({ length: 5 }, () => live("crowd"));
    await scheduler.wait(3 * LIMITS.memoryPoll);
    await Promise.all([...crowd, live("single"), live("single")]);
    const last = order.lastIndexOf("crowd");
    expect(order.slice(0, last).filter((payer) => payer === "single")).toHaveLength(2);
  });

  it("never holds more than it has, and all who ask get their claim: none waits for ever (model)", async () => {
    const SIZE = 64;
    const someone = fc.record({
      claim: fc.integer({ min: 1, max: 96 }),
      payer: fc.constantFrom("one", "other", "third"),
      steps: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
      leaves: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(someone, { minLength: 1, maxLength: 12 }),
        fc.scheduler(),
        async (people, scheduling) => {
          const budget = new Budget(SIZE, { uncounted: 2, small: 6, lane: 12 });
          let most = 0;
          const live = async ({ claim, payer, steps, leaves }: (typeof people)[number]) => {
            const lease = budget.open(claim, "test", payer);
            try {
              for (const step of leaves ? steps.slice(0, -1) : [...steps, 96]) {
                await scheduling.schedule(Promise.resolve());
                await budget.grow(lease, lease.held + step);
                most = Math.max(most, budget.held);
              }
              expect(lease.held).toBeLessThanOrEqual(Math.min(claim, SIZE));
              await scheduling.schedule(Promise.resolve());
            } finally {
              budget.end(lease);
            }
          };
          // Whoever is refused for having waited too long rejects this.
          const all = Promise.all(people.map((each) => live(each)));
          await scheduling.waitFor(all);
          expect(most).toBeLessThanOrEqual(SIZE);
          expect([budget.held, budget.isContested]).toEqual([0, false]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
