// SECURITY.md: T28.

import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import { openDatabase, repeatable } from "../../../src/catalog/database.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { calls, D1_ERRORS, watch } from "../support/calls.ts";
import type { FaultMode } from "../support/calls.ts";

const { DB } = watch(env);
const BUG = "D1_ERROR: no such column: nothing: SQLITE_ERROR";

let paid = 0;
const db = openDatabase(DB, {
  charge() {
    paid += 1;
  },
});

beforeAll(async () => {
  await env.DB.prepare("CREATE TABLE notes (word TEXT PRIMARY KEY, times INTEGER)").run();
  vi.spyOn(console, "error").mockImplementation(() => {});
});

beforeEach(async () => {
  await env.DB.prepare("DELETE FROM notes").run();
  paid = 0;
});

const NOTE = "INSERT INTO notes VALUES (?1, 1) ON CONFLICT DO UPDATE SET times = 1 RETURNING times";

/** Calls, each of which gives `[1]` once it is done, and whether they may be sent again. */
const CALLS = {
  "a read's row": [true, async () => [await db.prepare("SELECT 1 AS one").first("one")]],
  "a read's rows": [
    true,
    async () => {
      const { results } = await db.prepare("WITH n AS (SELECT 1 AS one) SELECT one FROM n").all();
      return results.map(({ one }) => one);
    },
  ],
  "a batch of reads": [
    true,
    async () => {
      const [one, two] = await db.batch([db.prepare("SELECT 1"), db.prepare("SELECT 2 WHERE 0")]);
      return [(one?.results.length ?? 0) + (two?.results.length ?? 0)];
    },
  ],
  "a write": [false, async () => [await db.prepare(NOTE).bind("w").first("times")]],
  "a read and a write": [
    false,
    async () => {
      const batch = [db.prepare("SELECT 1"), db.prepare(NOTE).bind("b")];
      return [(await db.batch(batch))[1]?.results.length];
    },
  ],
  "a write that may be repeated": [
    true,
    async () => {
      const { results } = await repeatable(db).prepare(NOTE).bind("r").run<{ times: number }>();
      return results.map(({ times }) => times);
    },
  ],
  "a batch that may be repeated": [
    true,
    async () => {
      const [noted] = await repeatable(db).batch<{ times: number }>([db.prepare(NOTE).bind("x")]);
      return noted?.results.map(({ times }) => times);
    },
  ],
} as const;

const REFUSED = { code: "storage_unavailable" };

describe.each(Object.entries(CALLS))("%s", (_name, [mayRepeat, call]) => {
  it.each(D1_ERRORS.passing)("is sent again where it may be: %s", async (error) => {
    for (const mode of ["before", "after"] satisfies FaultMode[]) {
      calls.arm({ from: 1, mode, lasting: false, error });
      if (mayRepeat) {
        expect(await call()).toEqual([1]);
      } else {
        await expect(call()).rejects.toMatchObject(REFUSED);
      }
      expect(calls.heal()).toBe(1);
    }
    expect(paid).toBe(2);
  });

  it("is given up after some attempts", async () => {
    calls.arm({ from: 1, mode: "before", lasting: true });
    await expect(call()).rejects.toMatchObject(REFUSED);
    expect(calls.heal()).toBe(mayRepeat ? LIMITS.storageAttempts : 1);
    expect(paid).toBe(1);
  });

  it.each(D1_ERRORS.overloaded)("is not sent again at once: %s", async (error) => {
    calls.arm({ from: 1, mode: "before", lasting: false, error });
    await expect(call()).rejects.toMatchObject(REFUSED);
    expect(calls.heal()).toBe(1);
  });

  it("fails as it is where the call itself is wrong", async () => {
    calls.arm({ from: 1, mode: "before", lasting: false, error: BUG });
    await expect(call()).rejects.toThrow(BUG);
    expect(calls.heal()).toBe(1);
  });
});

describe("openDatabase()", () => {
  it("makes no call that its payer may not make", async () => {
    const refusal = new Error("not now");
    const held = openDatabase(DB, {
      charge() {
        throw refusal;
      },
    });
    const cost = await calls.costOf(async () => {
      await expect(held.prepare("SELECT 1").first()).rejects.toBe(refusal);
      await expect(held.batch([held.prepare("SELECT 1")])).rejects.toBe(refusal);
    });
    expect(cost.d1Statements).toBe(0);
  });
});
