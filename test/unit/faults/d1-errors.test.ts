// What D1 says when it cannot take a call, said of each call of each job in turn (fault-jobs.ts): the client is told what it can do,
// and nothing is left behind.
// SECURITY.md: ASVS 2.3.3, 16.5.3.

import { describe, expect, it } from "vitest";

import { calls, D1_ERRORS } from "../support/calls.ts";
import type { FaultPlan } from "../support/calls.ts";
import { expectNothingLeft } from "../support/invariants.ts";
import { BY_WORKER, client, failEach, JOBS } from "./fault-jobs.ts";

const ERRORS_OF_D1 = [...D1_ERRORS.passing, ...D1_ERRORS.overloaded];

describe.each(Object.entries(JOBS).filter(([, { kinds }]) => kinds === undefined))(
  "%s",
  (_name, { prepare }) => {
    it.each(BY_WORKER)(
      "is never a bug when D1 cannot take a call: %s",
      async (mode) => {
        client.statuses.clear();
        const plan: Omit<FaultPlan, "from"> = { mode, lasting: false, only: ["d1"] };
        await failEach(prepare, plan, ERRORS_OF_D1);
        expect([...client.statuses]).not.toContain(500);
      },
      60_000,
    );
  },
);

describe.each(Object.entries(JOBS).filter(([, { kinds }]) => kinds === undefined))(
  "%s",
  (_name, { prepare }) => {
    it("is refused and harms nothing when the database has no free page for one call", async () => {
      client.statuses.clear();
      const plan: Omit<FaultPlan, "from"> = { mode: "before", lasting: false, only: ["d1"] };
      await failEach(prepare, plan, ["D1_ERROR: database or disk is full: SQLITE_FULL"]);
      expect([...client.statuses]).not.toContain(500);
    }, 60_000);
  },
);

describe("after all of these", () => {
  it("nothing is left behind", async () => {
    await expectNothingLeft();
  });

  it("D1 has failed in every way", () => {
    expect([...calls.injected.keys()].toSorted()).toEqual(["after d1", "before d1"]);
    expect([...calls.injected.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(250);
  });
});
