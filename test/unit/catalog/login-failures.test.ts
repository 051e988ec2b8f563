import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import {
  beginAttempt,
  forgetLoginFailures,
  takeAttemptBack,
} from "../../../src/catalog/access/login-failures.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { applySchema } from "../support/catalog.ts";

const NOW = 1_800_000_000_000;
const SECOND = 1000;

beforeAll(applySchema);

function gate(subject: string, free = 3, longestWait = 10 * SECOND) {
  return { subject, free, longestWait };
}

/** Fails `count` times, each as soon as it may, and gives the waits before them and after the last, in seconds. */
async function waitsOf(subject: string, count: number): Promise<number[]> {
  const waits = [];
  let now = NOW;
  for (let attempt = 0; attempt < count; attempt += 1) {
    expect(await beginAttempt(env.DB, [gate(subject)], now)).toEqual({ closedUntil: null });
    const { closedUntil } = await beginAttempt(env.DB, [gate(subject)], now + 0.5 * SECOND);
    if (closedUntil === null) {
      await takeAttemptBack(env.DB, [], subject, now + 0.5 * SECOND); // the look itself
    }
    waits.push(closedUntil === null ? 0 : (closedUntil - now) / SECOND);
    now = closedUntil ?? now;
  }
  return waits;
}

describe("beginAttempt()", () => {
  it("has the next attempt wait after the free ones, twice as long each time, up to the longest wait", async () => {
    expect(await waitsOf("doubles", 8)).toEqual([0, 0, 1, 2, 4, 8, 10, 10]);
  });

  it("does not count what comes at a closed gate: after the wait it is open", async () => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await beginAttempt(env.DB, [gate("knocked")], NOW);
    }
    const until = NOW + SECOND;
    for (let knock = 0; knock < 20; knock += 1) {
      expect(await beginAttempt(env.DB, [gate("knocked")], until - 1)).toEqual({
        closedUntil: until,
      });
    }
    expect(await beginAttempt(env.DB, [gate("knocked")], until)).toEqual({ closedUntil: null });
  });

  it("lets no more through at once than one by one", async () => {
    const attempts = Array.from({ length: 12 }, () => beginAttempt(env.DB, [gate("crowd")], NOW));
    const through = (await Promise.all(attempts)).filter(({ closedUntil }) => closedUntil === null);
    expect(through).toHaveLength(3);
  });

  it("refuses when one of several gates is closed, until the last of them opens, and counts at none", async () => {
    const both = [gate("strict", 1), gate("mild", 5)];
    await beginAttempt(env.DB, both, NOW);
    const answer = { closedUntil: NOW + SECOND };
    expect(await beginAttempt(env.DB, both, NOW + 1)).toEqual(answer);
    expect(await beginAttempt(env.DB, [gate("other"), gate("strict", 1)], NOW + 1)).toEqual(answer);
    const { results } = await env.DB.prepare(
      "SELECT subject, failures FROM login_failures WHERE subject IN ('strict', 'mild', 'other') ORDER BY 1",
    ).all();
    expect(results).toEqual([
      { subject: "mild", failures: 1 },
      { subject: "strict", failures: 1 },
    ]);
  });

  it("begins anew when the last failure is long ago", async () => {
    await waitsOf("old", 6);
    const later = NOW + 60 * SECOND + LIMITS.loginMemory;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await beginAttempt(env.DB, [gate("old")], later)).toEqual({ closedUntil: null });
    }
    expect(await beginAttempt(env.DB, [gate("old")], later)).toEqual({
      closedUntil: later + SECOND,
    });
  });

  it("survives a count that no wait can be computed from", async () => {
    await env.DB.prepare("INSERT INTO login_failures VALUES ('vast', 1000000, ?1, 0)")
      .bind(NOW)
      .run();
    await beginAttempt(env.DB, [gate("vast")], NOW);
    expect(await beginAttempt(env.DB, [gate("vast")], NOW)).toEqual({
      closedUntil: NOW + 10 * SECOND,
    });
  });
});

describe("takeAttemptBack()", () => {
  it("forgets some subjects and takes one failure from another", async () => {
    const gates = [gate("person"), gate("office")];
    await beginAttempt(env.DB, gates, NOW);
    await beginAttempt(env.DB, gates, NOW);
    await beginAttempt(env.DB, gates, NOW);
    await takeAttemptBack(env.DB, ["person"], "office", NOW);
    expect(await beginAttempt(env.DB, [gate("person")], NOW)).toEqual({ closedUntil: null });
    expect(await beginAttempt(env.DB, [gate("office")], NOW)).toEqual({ closedUntil: null });
    expect(await beginAttempt(env.DB, [gate("office")], NOW)).toEqual({
      closedUntil: NOW + SECOND,
    });
  });
});

describe("an attempt that was taken back", () => {
  it("leaves no row where there was none, and those before it where there were", async () => {
    await beginAttempt(env.DB, [gate("failed before")], NOW);
    await beginAttempt(env.DB, [gate("failed before"), gate("never failed")], NOW);
    for (const subject of ["failed before", "never failed"]) {
      await takeAttemptBack(env.DB, [], subject, NOW);
    }
    const { results } = await env.DB.prepare(
      "SELECT subject, failures FROM login_failures WHERE subject GLOB '* failed' OR subject GLOB 'failed *'",
    ).all();
    expect(results).toEqual([{ subject: "failed before", failures: 1 }]);
  });
});

describe("takeAttemptBack(), where another attempt began later", () => {
  it("leaves the gate closed that the other closed", async () => {
    const shared = [gate("shared", 2)];
    await beginAttempt(env.DB, shared, NOW);
    await beginAttempt(env.DB, shared, NOW + 1);
    await takeAttemptBack(env.DB, [], "shared", NOW);
    expect(await beginAttempt(env.DB, shared, NOW + 2)).toEqual({ closedUntil: NOW + 1 + SECOND });
  });
});

describe("beginAttempt() with a right one", () => {
  it("counts nothing, and passes no closed gate", async () => {
    const busy = [gate("busy", 1)];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await beginAttempt(env.DB, busy, NOW, true)).toEqual({ closedUntil: null });
    }
    await beginAttempt(env.DB, busy, NOW);
    expect(await beginAttempt(env.DB, busy, NOW, true)).toEqual({ closedUntil: NOW + SECOND });
  });
});

describe("forgetLoginFailures()", () => {
  it("removes the oldest first and no more than asked", async () => {
    const age = 10 * 24 * 3_600_000;
    for (const [index, subject] of ["first", "second", "third"].entries()) {
      await beginAttempt(env.DB, [gate(subject)], NOW - age + index);
    }
    expect(await forgetLoginFailures(env.DB, NOW - age + 2, 2)).toBe(2);
    expect(await forgetLoginFailures(env.DB, NOW - age + 2, 2)).toBe(1);
    expect(await forgetLoginFailures(env.DB, NOW - age + 2, 2)).toBe(0);
  });
});
