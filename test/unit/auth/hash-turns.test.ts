import { describe, expect, it } from "vitest";

import { requireTurnAtHashing, waitForTurn } from "../../../src/auth/hash-turns.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";

/** When each of so many callers got its turn, in milliseconds from now; null where it got none. */
async function turnsOf(
  line: "known" | "strangers",
  callers: readonly string[],
): Promise<(number | null)[]> {
  const begun = Date.now();
  return Promise.all(
    callers.map(async (caller) => ((await waitForTurn(line, caller)) ? Date.now() - begun : null)),
  );
}

const many = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

describe("waitForTurn() (T36)", () => {
  it("gives turns in order, with a pause between them, and no more than can wait", async () => {
    const inLine = Math.floor(LIMITS.hashWait / LIMITS.hashPause) + 1;
    const turns = await turnsOf("strangers", many(inLine + 10, "network"));
    const given = turns.filter((at) => at !== null);
    expect(given.length).toBeLessThanOrEqual(inLine + 1);
    expect(given).toEqual(given.toSorted((one, other) => one - other));
    expect(given.at(-1) ?? 0).toBeGreaterThanOrEqual((given.length - 2) * LIMITS.hashPause);
    expect(turns.slice(given.length)).toEqual(turns.slice(given.length).map(() => null));
  });

  it("lets one caller wait for so many at once, so that others get in between", async () => {
    const flood = Array.from({ length: 50 }, () => "flood");
    const turns = await turnsOf("known", [...flood, "other"]);
    const ofFlood = turns.slice(0, -1).filter((at) => at !== null);
    expect(ofFlood.length).toBeLessThanOrEqual(LIMITS.hashesOfCaller + 1);
    expect(turns.at(-1)).not.toBeNull();
    expect(await waitForTurn("known", "flood")).toBe(true);
  });

  it("has a line for who is known that strangers do not fill", async () => {
    const strangers = turnsOf("strangers", many(100, "stranger"));
    const [known] = await turnsOf("known", ["somebody"]);
    expect(known).toBeLessThan(1_000);
    await strangers;
  });
});

describe("requireTurnAtHashing()", () => {
  it("refuses a workspace that asks for too many at once, by whatever keys", async () => {
    const ci = {
      kind: "workspace",
      workspaceId: 2,
      name: "ci",
      nonce: "",
      isSystem: false,
    } as const;
    const asked = Array.from({ length: LIMITS.hashesOfCaller + 3 }, (_, n) =>
      requireTurnAtHashing({ ...ci, keyName: `key ${n}` }),
    );
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: { code: "secrets_busy" } });
  });

  it("does not count those of `system`", async () => {
    const system = { kind: "workspace", workspaceId: 1, name: "system", nonce: "" } as const;
    const asked = Array.from({ length: LIMITS.hashesOfCaller + 3 }, () =>
      requireTurnAtHashing({ ...system, keyName: "system", isSystem: true }),
    );
    await expect(Promise.all(asked)).resolves.toHaveLength(asked.length);
  });
});
