// Time of credentials: what ended a moment ago changes nothing, at any operation of the API document, although an isolate
// still remembers that it was good (decision 16).
// SECURITY.md: T40.

import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { mayRecall } from "../../src/auth/recall.ts";
import { buildDocument } from "../../src/openapi/document.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const REFUSAL = /invalid JWT in Authorization header|token is unknown, expired or disabled/iu;
const UUID = "00000000-0000-4000-8000-000000000000";

/** What stands in paths; nothing that is there, so that nothing is spent. */
const PLACES: Record<string, string> = {
  namespace: "ci",
  key: "none",
  id: "999999",
  offset: "0",
  index: "1",
};

/** All operations that change something and take credentials. */
const CHANGES = Object.entries(buildDocument().paths)
  .flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => PLACES[name] ?? UUID),
      security: security as readonly object[],
    })),
  )
  .filter(({ method, path, security }) => !mayRecall(method, path) && security.length > 0);

type Credentials = Record<string, string>;

let service: RunningService;
let reader: string;

beforeAll(async () => {
  service = await startService();
  const bearer = await service.makeWorkspace("ci");
  await makeUserToken(service, "ann", { ci: "owner" });
  const { uuid } = await service.upload("thing", Buffer.from("thing"), bearer);
  reader = `/artifacts/${uuid}`;
});

afterAll(() => service[Symbol.asyncDispose]());

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** So many secrets of which SQL then makes keys or tokens, by their hashes. */
function drawSecrets(count: number): { secrets: string[]; hashes: string } {
  const secrets = Array.from({ length: count }, () => randomBytes(32).toString("hex"));
  return { secrets, hashes: JSON.stringify(secrets.map(sha256)) };
}

async function makeTokens(kind: "user" | "worker", count: number): Promise<Credentials[]> {
  const { secrets, hashes } = drawSecrets(count);
  await service.env.DB.prepare(
    `INSERT INTO tokens (kind, user_id, token_hash, label, created_at)
     SELECT ?1, iif(?1 = 'user', (SELECT id FROM users), NULL), value, '', 0 FROM json_each(?2)`,
  )
    .bind(kind, hashes)
    .run();
  return secrets.map((secret) => ({ Token: secret }));
}

async function makeKeys(count: number): Promise<Credentials[]> {
  const { secrets, hashes } = drawSecrets(count);
  await service.env.DB.prepare(
    `INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at)
     SELECT w.id, 'key ' || e.value, 'sha256$' || e.value, e.value, 0
     FROM workspaces w, json_each(?1) e WHERE w.name = 'ci'`,
  )
    .bind(hashes)
    .run();
  const bearers = await Promise.all(secrets.map((secret) => service.login("ci", secret)));
  return bearers.map((bearer) => ({ Authorization: `Bearer ${bearer}` }));
}

async function reads(headers: Credentials): Promise<number> {
  return (await service.fetch(reader, { headers })).status;
}

/** Is a change refused because the credentials do not hold? */
async function isRefused(
  { method, path }: { method: string; path: string },
  headers: Credentials,
): Promise<boolean> {
  // POST to an upload of /files/ means nothing without.
  const own = { ...headers, "X-HTTP-Method-Override": "DELETE" };
  const sent = /^\/files\/./u.test(path) ? own : headers;
  const response = await service.fetch(path, { method, headers: sent, body: "{}" });
  return REFUSAL.test(await response.text()) && response.status === 401;
}

const KINDS: [string, (count: number) => Promise<Credentials[]>, string][] = [
  ["a key", makeKeys, "DELETE FROM workspace_keys WHERE name GLOB 'key *'"],
  ["a user's token", (count) => makeTokens("user", count), "UPDATE tokens SET enabled = 0"],
  ["a worker's token", (count) => makeTokens("worker", count), "UPDATE tokens SET enabled = 0"],
];

describe.each(KINDS)("%s that just ended (T7)", (_, make, end) => {
  it("is refused by every operation that changes something", async () => {
    expect(CHANGES.length).toBeGreaterThan(35);
    const held = await make(CHANGES.length);
    const spare = await make(1);
    const before = await Promise.all(
      CHANGES.map(async (asked) => [asked.path, await isRefused(asked, spare[0] ?? {})]),
    );
    expect(before.filter(([, refused]) => refused === true)).toEqual([]);
    // The isolate has just seen that each is good; then they end as in another one.
    const seen = await Promise.all(held.map(reads));
    expect(new Set(seen)).toEqual(new Set([200]));
    await service.env.DB.exec(end);
    const accepted = await Promise.all(
      CHANGES.map(async (asked, at) => ((await isRefused(asked, held[at] ?? {})) ? null : asked)),
    );
    expect(accepted.filter((asked) => asked !== null)).toEqual([]);
  });

  it("reads for a moment at the most", async () => {
    const [held = {}] = await make(1);
    expect(await reads(held)).toBe(200);
    await service.env.DB.exec(end);
    await expect.poll(() => reads(held), { timeout: 30_000, interval: 500 }).toBe(401);
  });
});

describe("what ends a credential at once", () => {
  const ENDINGS: [string, string, string][] = [
    ["a key", "a new secret", "UPDATE workspace_keys SET nonce = 'new'"],
    ["a user's token", "its time", "UPDATE tokens SET expires_at = 1 WHERE kind = 'user'"],
    ["a user's token", "its deletion", "DELETE FROM tokens WHERE kind = 'user'"],
    ["a user's token", "its user's end", "DELETE FROM users"],
    ["a worker's token", "its deletion", "DELETE FROM tokens WHERE kind = 'worker'"],
  ];

  it.each(ENDINGS)("is, of %s, %s", async (kind, _, end) => {
    const [, make = makeKeys] = KINDS.find(([name]) => name === kind) ?? [];
    await service.env.DB.exec("DELETE FROM workspace_keys WHERE name GLOB 'key *'");
    const [held = {}] = await make(1);
    expect(await reads(held)).toBe(200);
    await service.env.DB.exec(end);
    expect(await isRefused({ method: "POST", path: "/upload" }, held)).toBe(true);
  });

  it("is, of a worker's token, its disabling by who may do so, in this isolate for reads too", async () => {
    const { id, token } = await makeWorkerToken(service);
    expect(await reads({ Token: token })).toBe(200);
    const system = await service.loginAsSystem();
    await service.json("PATCH", `/auth/tokens/${id}`, { enabled: false }, system);
    expect(await reads({ Token: token })).toBe(401);
  });
});

describe("a credential that ends while a body comes", () => {
  /** Sends a body in two pieces, the second when `between` is done; gives the answer. */
  function sendSlowly(
    headers: Credentials,
    { method, path, body }: { method: string; path: string; body: object },
    between: () => Promise<unknown>,
  ): Promise<{ status: number; text: string }> {
    const bytes = Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const asked = request(service.origin + path, {
        method,
        headers: { ...headers, "Content-Length": bytes.length },
      });
      asked.on("error", reject);
      asked.on("response", (response) => {
        response
          .toArray()
          .then(
            (chunks: Buffer[]) =>
              resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
            reject,
          );
      });
      asked.write(bytes.subarray(0, 1));
      setTimeout(() => {
        between().then(() => asked.end(bytes.subarray(1)), reject);
      }, LIMITS.bodyMoment + 500);
    });
  }

  const trust = {
    method: "POST",
    path: "/auth/namespaces/ci/trust",
    body: { external_namespace: "other" },
  };

  it("changes nothing, and one that goes on does", async () => {
    await service.makeWorkspace("other");
    const [held = {}, going = {}] = await makeKeys(2);
    const trusts = () => service.env.DB.prepare("SELECT * FROM trusts").all();
    const { status, text } = await sendSlowly(held, trust, () =>
      service.env.DB.exec("DELETE FROM workspace_keys WHERE name GLOB 'key *'"),
    );
    expect([status, REFUSAL.test(text)]).toEqual([401, true]);
    expect((await trusts()).results).toEqual([]);
    expect(await isRefused({ method: "POST", path: "/upload" }, going)).toBe(true);
    const [living = {}] = await makeKeys(1);
    expect((await sendSlowly(living, trust, () => Promise.resolve())).status).toBe(200);
    expect((await trusts()).results).toHaveLength(1);
  });
});
