// POST /auth with wrong keys: they close the network that sends them, never a workspace, and cost no scrypt for each key that
// is stored (decision 17).

import { createHmac, randomBytes, scryptSync } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { LIMITS } from "../../src/protocol/limits.ts";
import { refusalOf, valueOf } from "../support/answers.ts";
import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const CHOSEN = "key of ci";
const GUESSER = "198.51.100.9";
const TOO_OFTEN = [429, "too many wrong keys"];

let service: RunningService;
let system: string;
let drawn: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  await service.makeWorkspace("ci");
  const path = "/auth/namespaces/ci/keys";
  ({ key: drawn } = await service.json<{ key: string }>(
    "POST",
    path,
    { key_name: "drawn" },
    system,
  ));
});

beforeEach(async () => {
  await service.env.DB.exec("DELETE FROM login_failures");
  await service.env.DB.exec("DELETE FROM known_networks");
});

afterAll(() => service[Symbol.asyncDispose]());

function auth(key: string, network: string, namespace = "ci"): Promise<Response> {
  return service.fetch("/auth", {
    method: "POST",
    headers: { "CF-Connecting-IP": network },
    body: JSON.stringify({ namespace, key }),
  });
}

async function statusOf(key: string, network: string): Promise<number> {
  return (await auth(key, network)).status;
}

/** Fails once, then has the failure counted so many times and the gate closed for some minutes. */
async function close(network: string, failures = 1_000): Promise<void> {
  expect((await auth("a wrong key", network, "ci")).status).toBe(401);
  const { meta } = await service.env.DB.prepare(
    `UPDATE login_failures SET failures = ?1, blocked_until = ?2
     WHERE last_at = (SELECT max(last_at) FROM login_failures)`,
  )
    .bind(failures, Date.now() + 600_000)
    .run();
  expect(meta.changes).toBe(1);
}

describe("wrong keys of a network (T8)", () => {
  it("have it wait after the free ones, and no other network, whatever the workspace", async () => {
    const { free } = LIMITS.wrongKeysOfNetwork;
    expect(await statusOf("a wrong key", GUESSER)).toBe(401);
    await service.env.DB.exec(
      `UPDATE login_failures SET failures = ${free - 1}, last_at = last_at - 1`,
    );
    expect(await statusOf("a wrong key", GUESSER)).toBe(401);
    await service.env.DB.exec("UPDATE login_failures SET blocked_until = blocked_until + 60000");
    for (const namespace of ["ci", "nowhere"]) {
      const refused = await auth("a wrong key", GUESSER, namespace);
      expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(50);
      expect(await refusalOf(refused)).toEqual(TOO_OFTEN);
    }
    expect(await statusOf(CHOSEN, "192.0.2.1")).toBe(200);
    expect(await statusOf("a wrong key", "192.0.2.1")).toBe(401);
  });

  it("do not keep out a drawn key, nor the system's", async () => {
    await close(GUESSER);
    expect(await statusOf(drawn, GUESSER)).toBe(200);
    expect((await auth(TEST_SECRETS.SYSTEM_KEY, GUESSER, "system")).status).toBe(200);
  });

  it("do not keep out a chosen key that is as long as nobody guesses, and one that is shorter", async () => {
    const long = randomBytes(16).toString("hex");
    const keys = { long, short: long.slice(1) };
    for (const [name, key] of Object.entries(keys)) {
      const body = { namespace: `${name}-key`, key_name: "ci", key };
      await service.json("POST", "/auth/namespaces", body, system);
    }
    await close(GUESSER);
    expect((await auth(keys.long, GUESSER, "long-key")).status).toBe(200);
    expect(await refusalOf(auth(keys.short, GUESSER, "short-key"))).toEqual(TOO_OFTEN);
  });

  it("do not keep out a chosen key that was used from there before, and one that was not", async () => {
    expect(await statusOf(CHOSEN, GUESSER)).toBe(200);
    const other = { namespace: "other", key_name: "ci", key: CHOSEN };
    await service.json("POST", "/auth/namespaces", other, system);
    await close(GUESSER);
    expect(await statusOf(CHOSEN, GUESSER)).toBe(200);
    expect(await refusalOf(auth(CHOSEN, GUESSER, "other"))).toEqual(TOO_OFTEN);
  });

  it("tell nothing while it waits: a right key that was not used from there is refused alike", async () => {
    await close(GUESSER);
    const texts = await Promise.all(
      [CHOSEN, "a wrong key"].map(async (key) => refusalOf(auth(key, GUESSER))),
    );
    expect(texts).toEqual([TOO_OFTEN, TOO_OFTEN]);
  });

  it("of one workspace close it there for keys in use too, once they are very many", async () => {
    expect(await statusOf(CHOSEN, GUESSER)).toBe(200);
    await close(GUESSER);
    const before = await service.env.DB.prepare("SELECT subject FROM login_failures").all();
    expect(await statusOf("a wrong key", GUESSER)).toBe(429); // counts for the pair
    const { meta } = await service.env.DB.prepare(
      "UPDATE login_failures SET failures = ?1, blocked_until = ?2 WHERE subject <> ?3",
    )
      .bind(
        LIMITS.wrongKeysOfPair.free,
        Date.now() + 30_000,
        before.results[0]?.["subject"] ?? null,
      )
      .run();
    expect(meta.changes).toBe(1);
    expect(await statusOf(CHOSEN, GUESSER)).toBe(429);
    expect(await statusOf(drawn, GUESSER)).toBe(200);
    expect(await statusOf(CHOSEN, "192.0.2.1")).toBe(200);
  });

  it("are forgotten by the key that is set anew: it was used nowhere yet", async () => {
    const renewed = { namespace: "renewed", key_name: "ci", key: "the first key" };
    await service.json("POST", "/auth/namespaces", renewed, system);
    expect((await auth("the first key", GUESSER, "renewed")).status).toBe(200);
    const path = "/auth/namespaces/renewed/keys/ci";
    await service.json("PUT", path, { key: "the second key" }, system);
    await close(GUESSER);
    expect(await refusalOf(auth("the second key", GUESSER, "renewed"))).toEqual(TOO_OFTEN);
  });

  it("lets no burst of guesses through at once that one by one would have to wait", async () => {
    const guesses = Array.from({ length: LIMITS.wrongKeysOfNetwork.free + 20 }, (_, n) =>
      statusOf(`guess ${n}`, GUESSER),
    );
    const answers = await Promise.all(guesses);
    const looked = answers.filter((status) => status === 401);
    expect(looked.length).toBeLessThanOrEqual(LIMITS.wrongKeysOfNetwork.free + 5);
    expect(answers.filter((status) => status !== 401 && status !== 429)).toEqual([]);
  });
});

describe("a key without a lookup (T9)", () => {
  /** Stores a key as the service did before, or with another TOKEN_SECRET. */
  async function store(name: string, secret: string, lookup: string | null): Promise<void> {
    const salt = randomBytes(16);
    const hash = scryptSync(secret, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
    await service.env.DB.prepare(
      `INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at, lookup)
       SELECT id, ?1, ?2, hex(randomblob(16)), 0, ?3 FROM workspaces WHERE name = 'old'`,
    )
      .bind(name, `scrypt$16384$8$1$${salt.toString("base64")}$${hash.toString("base64")}`, lookup)
      .run();
  }

  async function lookupOf(name: string): Promise<string | null> {
    return service.env.DB.prepare("SELECT lookup FROM workspace_keys WHERE name = ?1")
      .bind(name)
      .first("lookup");
  }

  beforeAll(async () => {
    await service.json("POST", "/auth/namespaces", { namespace: "old" }, system);
    await store("stored", "short", null);
    await store("foreign", "of another secret", `0123456789abcdef$${"0".repeat(64)}`);
  });

  it.each([
    ["stored", "short"],
    ["foreign", "of another secret"],
  ])("is still good, however short, and gets one: %s", async (name, secret) => {
    const before = await lookupOf(name);
    expect((await auth(secret, "192.0.2.7", "old")).status).toBe(200);
    const after = await lookupOf(name);
    expect(after).toMatch(/^[0-9a-f]{16}\$[0-9a-f]{64}$/u);
    expect(after).not.toBe(before);
    expect((await auth(secret, "192.0.2.8", "old")).status).toBe(200);
    expect(await lookupOf(name)).toBe(after);
  });

  it("keeps a keyed hash, which is not one of the secret alone, nor the same in another workspace", async () => {
    const lookups = [];
    for (const namespace of ["equal-1", "equal-2"]) {
      const made = { namespace, key_name: namespace, key: "equal secrets" };
      await service.json("POST", "/auth/namespaces", made, system);
      lookups.push(await lookupOf(namespace));
    }
    const [one = "", other = ""] = lookups.map((text) => text?.split("$")[1] ?? "");
    expect(one).not.toBe(other);
    const plain = createHmac("sha256", TEST_SECRETS.TOKEN_SECRET).update("equal secrets");
    expect(one).not.toBe(plain.digest("hex"));
  });
});

describe("what a wrong key costs (T10, T36)", () => {
  it("no more with sixteen keys than with none, and the same for a workspace that is not there", async () => {
    const path = "/auth/namespaces/crowd/keys";
    await service.json("POST", "/auth/namespaces", { namespace: "crowd" }, system);
    for (let n = 0; n < LIMITS.keysOfWorkspace; n += 1) {
      await valueOf(
        service.send("POST", path, { key_name: `k${n}`, key: `chosen ${n} key` }, system),
      );
    }
    await service.json("POST", "/auth/namespaces", { namespace: "empty" }, system);
    const fastest: Record<string, number> = {};
    for (let round = 0; round < 8; round += 1) {
      for (const namespace of ["crowd", "empty", "nowhere"]) {
        const begun = performance.now();
        await (await auth(`wrong ${round}`, `192.0.3.${round}`, namespace)).text();
        fastest[namespace] = Math.min(fastest[namespace] ?? Infinity, performance.now() - begun);
      }
    }
    // Sixteen times scrypt would take 640 ms and more.
    expect((fastest["crowd"] ?? 0) - (fastest["empty"] ?? 0)).toBeLessThan(150);
    expect((fastest["crowd"] ?? 0) - (fastest["nowhere"] ?? 0)).toBeLessThan(150);
  });
});
