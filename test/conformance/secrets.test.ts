// Secrets: what of them is kept and printed (SECURITY.md), and that the service does not start
// with bad ones.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";

import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

/** Every table of the catalog as text. */
async function dump({ env }: RunningService): Promise<Record<string, string>> {
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' ORDER BY name",
  ).all<{ name: string }>();
  const dumped: Record<string, string> = {};
  for (const { name } of tables) {
    const { results } = await env.DB.prepare(`SELECT * FROM "${name}"`).all();
    dumped[name] = JSON.stringify(results);
  }
  return dumped;
}

describe("the catalog (T9, T12)", () => {
  let service: RunningService;
  let system: string;

  beforeAll(async () => {
    service = await startService();
    system = await service.loginAsSystem();
  });

  afterAll(() => service[Symbol.asyncDispose]());

  it("holds no key, password or token in clear", async () => {
    const bearer = await service.makeWorkspace("ci");
    const drawn = await service.json<{ key: string }>(
      "POST",
      "/auth/namespaces/ci/keys",
      { key_name: "drawn" },
      system,
    );
    const person = { name: "ann", password: "correct horse battery" };
    await service.json("POST", "/auth/users", person, system);
    const tokens = [];
    for (const body of [{ kind: "user", user: "ann" }, { kind: "worker" }]) {
      tokens.push(await service.json<{ token: string }>("POST", "/auth/tokens", body, system));
    }
    await service.upload("artifact", Buffer.from("bytes"), bearer);

    const tables = await dump(service);
    // What is looked through is really there.
    expect(tables["workspace_keys"]).toContain("scrypt$16384$8$1$");
    expect(tables["workspace_keys"]).toContain("sha256$");
    expect(tables["users"]).toContain("scrypt$16384$8$1$");
    expect(tables["tokens"]).toContain("token_hash");
    expect(tables["artifacts"]).toContain('"name":"artifact"');
    const secrets = [
      ...Object.values(TEST_SECRETS),
      "key of ci",
      drawn.key,
      person.password,
      ...tokens.map(({ token }) => token),
      bearer,
      system,
    ];
    // The last part of a JWT is its signature: nothing of it is kept either.
    const parts = [bearer, system].map((jwt) => jwt.split(".")[2] ?? "");
    for (const secret of [...secrets, ...parts]) {
      const holders = Object.keys(tables).filter((name) => tables[name]?.includes(secret));
      expect([secret, holders]).toEqual([secret, []]);
    }
    await usePlaces([...secrets, ...parts]);
    const log = service.log();
    expect(log.filter((line) => line.startsWith('{"event":"request"')).length).toBeGreaterThan(20);
    for (const secret of [...secrets, ...parts]) {
      expect([secret, log.filter((line) => line.includes(secret))]).toEqual([secret, []]);
    }
  });

  /** Sends secrets wherever a request may hold them, rightly or by mistake; one request fails with an error. */
  async function usePlaces(secrets: readonly string[]): Promise<void> {
    const last = await Promise.all(
      secrets.map(async (secret) => {
        const text = encodeURIComponent(secret);
        await Promise.all([
          service.fetch(`/no/such/${text}?token=${text}`),
          service.fetch(`/a/1/?token=${text}`, { headers: { Cookie: `__Host-stowage=${text}` } }),
          service.fetch("/artifacts", { headers: { Token: secret } }),
          service.fetch("/artifacts", { bearer: secret }),
          service.send("POST", "/auth", { namespace: secret, key: secret }),
          service.send("POST", "/auth/users", { name: secret, password: secret }, system),
        ]);
        return service.fetch("/login", {
          method: "POST",
          headers: {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
          },
          body: `name=${text}&password=${text}`,
        });
      }),
    );
    await service.env.DB.exec("ALTER TABLE tokens RENAME TO away");
    last.push(await service.fetch("/artifacts", { headers: { Token: secrets[0] ?? "" } }));
    await service.env.DB.exec("ALTER TABLE away RENAME TO tokens");
    const ids = last.map(({ headers }) => headers.get("X-Request-Id") ?? "none");
    const isPrinted = (id: string) => service.log().some((line) => line.includes(id));
    await expect.poll(() => ids.every(isPrinted)).toBe(true);
  }

  it("holds equal passwords and keys as unequal hashes", async () => {
    for (const name of ["one", "two"]) {
      await service.json("POST", "/auth/users", { name, password: "the same" }, system);
      const workspace = { namespace: name, key_name: "ci", key: "the same" };
      await service.json("POST", "/auth/namespaces", workspace, system);
    }
    const { results } = await service.env.DB.prepare(
      `SELECT password_hash AS hash FROM users WHERE name IN ('one', 'two')
       UNION SELECT k.secret_hash FROM workspace_keys k JOIN workspaces w ON w.id = k.workspace_id
       WHERE w.name IN ('one', 'two')`,
    ).all<{ hash: string }>();
    expect(results).toHaveLength(4);
  });
});

describe("a service without good secrets (T30)", () => {
  let harness: ReturnType<typeof createTestHarness> | null = null;

  afterEach(async () => {
    await harness?.close();
    harness = null;
  });

  it.each([
    ["a SYSTEM_KEY of 31 characters", "SYSTEM_KEY", "k".repeat(31)],
    ["an empty SYSTEM_KEY", "SYSTEM_KEY", ""],
    ["a TOKEN_SECRET of 11 characters", "TOKEN_SECRET", "tiny-secret"],
  ])("answers 500 to everything with %s", async (_, name, value) => {
    const secrets = { ...TEST_SECRETS, [name]: value };
    harness = createTestHarness({ workers: [{ configPath: "./wrangler.toml", secrets }] });
    const { url } = await harness.listen();
    const login = { namespace: "system", key: secrets.SYSTEM_KEY };
    const asks: [string, string, BodyInit | null][] = [
      ["GET", "/", null],
      ["POST", "/auth", JSON.stringify(login)],
      ["POST", "/upload", null],
      ["GET", "/artifacts/name", null],
      ["GET", "/a/1/", null],
      ["GET", "/no/such/endpoint", null],
      ["PUT", "/upload", null],
    ];
    for (const [method, path, body] of asks) {
      const response = await fetch(url.origin + path, { method, body });
      const text = await response.text();
      expect([path, response.status]).toEqual([path, 500]);
      expect(text).toContain("service is not configured");
      expect(text).toContain(name);
      // The value itself is not shown.
      expect(value !== "" && text.includes(value)).toBe(false);
    }
    const outcome = await harness.getWorker().scheduled({ cron: "*/10 * * * *" });
    expect(outcome).toMatchObject({ outcome: "exception" });
  });
});
