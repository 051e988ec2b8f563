// D1 is one thread for everybody. Whatever a stranger, somebody with wrong credentials or a caller asks for, of every
// operation of the API document, makes a bounded number of its calls, and each is on the right account.
// SECURITY.md: T17, T20.

import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import { Account } from "../../../src/catalog/accounts.ts";
import { forgetLookups } from "../../../src/catalog/lookups.ts";
import { buildDocument } from "../../../src/openapi/document.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { request } from "../support/watched-worker.ts";

const { callsOfGuess, callsReported, rateHold } = LIMITS;

const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
);
const READS = OPERATIONS.filter(([method]) => method === "GET");

/** Calls of D1 of one request that has no body: identity, look-up, page, refusal noted. An archive reads pages of files. */
const MOST = 8;

let open: Client;
let shown = { id: 0, uuid: "", blob_uuid: "" };
let number = 0;
/** Calls of D1 of all requests of the tables. */
let asked = 0;

beforeAll(async () => {
  await applySchema();
  open = await Client.make("open");
  await env.DB.prepare("UPDATE workspaces SET public = 1 WHERE name = 'open'").run();
  shown = await open.publish("shown", bytes(100, 1));
  // From now on every call is reported by itself.
  Object.assign(LIMITS, { callsReported: 1 });
});

beforeEach(() => {
  calls.charges.clear();
  forgetLookups();
});

/** An address of the operation: of something that anybody may read, or of nothing. */
function addressOf(path: string, exists: boolean): string {
  const values: Record<string, string> = exists
    ? { id: String(shown.id), uuid: shown.blob_uuid, ref: shown.uuid, name: "open", path: "shown" }
    : {};
  return path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => values[name] ?? "7");
}

/** Another network for each request, so that none reaches its limit. */
function nextNetwork(): string {
  number += 1;
  return `192.0.${Math.floor(number / 250) + 2}.${number % 250}`;
}

/** Asks, reads the answer, and gives how many calls it made. */
async function callsOf(method: string, path: string, headers: Record<string, string>) {
  const init = { method, headers: { "Sec-Fetch-Site": "same-origin", ...headers } };
  const { d1Calls } = await calls.costOf(async () => {
    const response = await request(path, init);
    await response.arrayBuffer();
    expect([path, response.status]).not.toContain(429);
  });
  asked += d1Calls;
  return d1Calls;
}

const charged = () => Object.fromEntries(calls.charges);
const only = (entries: Record<string, number>) =>
  Object.fromEntries(Object.entries(entries).filter(([, units]) => units > 0));

describe.each([true, false])("a request for something that exists: %s", (exists) => {
  it.each(OPERATIONS)("of nobody is paid for by its network: %s %s", async (method, path) => {
    const network = nextNetwork();
    const made = await callsOf(method, addressOf(path, exists), { "CF-Connecting-IP": network });
    expect(made).toBeLessThanOrEqual(MOST);
    expect(charged()).toEqual(only({ [`network ${network}`]: made }));
  });

  it.each(OPERATIONS)(
    "with a wrong token is paid for by its network, the guess besides: %s %s",
    async (method, path) => {
      const network = nextNetwork();
      const headers = { "CF-Connecting-IP": network, Token: `wrong ${network}` };
      const made = await callsOf(method, addressOf(path, exists), headers);
      expect(made).toBeLessThanOrEqual(MOST);
      expect(charged()).toEqual(
        only({ [`network ${network}`]: made, [`guesses from ${network}`]: callsOfGuess }),
      );
    },
  );

  it.each(OPERATIONS)(
    "with a forged bearer token asks nothing about it: %s %s",
    async (method, path) => {
      const network = nextNetwork();
      const headers = { "CF-Connecting-IP": network, Authorization: "Bearer a.b.c" };
      const made = await callsOf(method, addressOf(path, exists), headers);
      expect(made).toBeLessThanOrEqual(MOST);
      expect(charged()).toEqual(only({ [`network ${network}`]: made }));
    },
  );
});

describe("a request of a caller", () => {
  it.each(OPERATIONS)("is paid for by the caller alone: %s %s", async (method, path) => {
    number += 1;
    const { bearer, workspace } = await Client.make(`caller-${number}`);
    const headers = { "CF-Connecting-IP": nextNetwork(), Authorization: `Bearer ${bearer}` };
    calls.charges.clear();
    const made = await callsOf(method, addressOf(path, true), headers);
    expect(made).toBeLessThanOrEqual(MOST);
    expect(charged()).toEqual(only({ [`${workspace}/`]: made }));
  });

  it("is its workspace, whichever of its keys is used", async () => {
    const { bearer, workspace } = await Client.make("keyholder");
    const headers = { "Content-Type": "application/json" };
    const [path, body] = [
      `/auth/namespaces/${workspace}/keys`,
      { key_name: "b", key: "second key" },
    ];
    const init = { method: "POST", bearer, headers, body: JSON.stringify(body) };
    expect((await request(path, init)).status).toBe(200);
    const login = JSON.stringify({ namespace: workspace, key: body.key });
    const answer = await request("/auth", { method: "POST", headers, body: login });
    const { access_token: other } = await answer.json<{ access_token: string }>();
    calls.charges.clear();
    const made = await callsOf("GET", "/artifacts", { Authorization: `Bearer ${bearer}` });
    const more = await callsOf("GET", "/artifacts", { Authorization: `Bearer ${other}` });
    expect(charged()).toEqual({ [`${workspace}/`]: made + more });
  });

  it("pays for what an upload's object asks; appends, and bytes of files, cost nothing", async () => {
    const client = await Client.make("uploader");
    await client.openUpload(); // its key is known
    calls.charges.clear();
    const uuid = await client.openUpload();
    const opened = calls.charges.get("uploader/") ?? 0;
    expect(opened).toBe(2); // whether its key still holds, and the upload's row
    await client.append(uuid, bytes(5_000, 2));
    expect(calls.charges.get("uploader/")).toBe(opened);
    const { d1Calls } = await calls.costOf(() => client.convert(uuid, "name"));
    expect(calls.charges.get("uploader/")).toBe(opened + d1Calls);
    expect(d1Calls).toBeLessThanOrEqual(MOST);
  });

  it("pays one call for a pack of files", async () => {
    const client = await Client.make("packer");
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [String(n), bytes(50, 100 + n)]),
    );
    const { id } = await (await client.declare(files)).json<{ id: number }>();
    const put = (path: string) =>
      client.send("PUT", `/api/1.0/artifact/${id}/files/${path}/`, files[path]);
    // One stays away: with the last the version is sealed, which nobody pays for.
    const [first = "", , ...others] = Object.keys(files);
    await put(first); // the artifact is one that takes files from this caller
    calls.charges.clear();
    const { r2A } = await calls.costOf(() => Promise.all(others.map(put)));
    expect(r2A).toBeLessThan(20);
    expect(calls.charges.get("packer/")).toBe(r2A);
  });
});

describe("credentials that hold no more", () => {
  const again = async (headers: Record<string, string>) => {
    const first = await callsOf("GET", "/artifacts", headers);
    return [first, await callsOf("GET", "/artifacts", headers)];
  };

  it("are asked about once in a while, however often they come: a changed key, an unknown token", async () => {
    const network = nextNetwork();
    const { bearer, workspaceId } = await Client.make("changed");
    await env.DB.prepare("UPDATE workspace_keys SET nonce = 'new' WHERE workspace_id = ?1")
      .bind(workspaceId)
      .run();
    const origin = { "CF-Connecting-IP": network };
    expect(await again({ ...origin, Authorization: `Bearer ${bearer}` })).toEqual([1, 0]);
    expect(await again({ ...origin, Token: "unknown" })).toEqual([1, 0]);
    expect(charged()).toEqual({
      [`network ${network}`]: 2,
      [`guesses from ${network}`]: callsOfGuess,
    });
  });
});

describe("what a stranger looked up a moment ago", () => {
  it.each(READS.filter(([, path]) => /^\/(?:a\/|w\/|$)/u.test(path)))(
    "is not asked again, there or not: %s %s",
    async (method, path) => {
      for (const exists of [true, false]) {
        const address = addressOf(path, exists);
        const headers = { "CF-Connecting-IP": nextNetwork() };
        await callsOf(method, address, headers);
        expect([address, await callsOf(method, address, headers)]).toEqual([address, 0]);
      }
    },
  );

  it("is asked again after a change through the same isolate, and by whoever has credentials", async () => {
    const path = `/a/${shown.id}/shown`;
    const headers = { "CF-Connecting-IP": nextNetwork() };
    const status = async () => (await request(path, { headers })).status;
    expect([await status(), await callsOf("GET", path, headers)]).toEqual([200, 0]);
    const credentials = { Authorization: `Bearer ${open.bearer}` };
    expect(await callsOf("GET", path, credentials)).toBeGreaterThan(0);
    const { uuid } = await open.publish("gone", bytes(10, 5));
    const { id } = await open.json<{ id: number }>("GET", `/artifacts/${uuid}`);
    const gone = async () => (await request(`/a/${id}/gone`, { headers })).status;
    expect(await gone()).toBe(200);
    await open.send("DELETE", `/artifacts/${uuid}`);
    expect(await gone()).toBe(404);
  });

  it("is not remembered past its expiry, nor longer than some seconds", async () => {
    const { uuid } = await open.publish("brief", bytes(10, 6));
    const { id } = await open.json<{ id: number }>("GET", `/artifacts/${uuid}`);
    const headers = { "CF-Connecting-IP": nextNetwork() };
    const status = async () => (await request(`/a/${id}/brief`, { headers })).status;
    const clock = vi.spyOn(Date, "now");
    const now = Date.now();
    await env.DB.prepare("UPDATE artifacts SET expires_at = ?2 WHERE id = ?1")
      .bind(id, now + 1_000)
      .run();
    clock.mockReturnValue(now);
    expect(await status()).toBe(200);
    clock.mockReturnValue(now + 1_000);
    expect(await status()).toBe(404);
    // Behind the service's back: seen once the memory ends.
    await env.DB.prepare("UPDATE artifacts SET expires_at = NULL WHERE id = ?1").bind(id).run();
    expect(await status()).toBe(404);
    clock.mockReturnValue(now + 1_000 + LIMITS.lookupMemory);
    expect(await status()).toBe(200);
    clock.mockRestore();
  });
});

describe("an account", () => {
  it("is charged for something: most operations ask the catalog", () => {
    expect(asked).toBeGreaterThan(100);
  });

  it("reports in steps, and is held for a while once its limit says so", async () => {
    Object.assign(LIMITS, { callsReported });
    const limit = 60; // of RATE_REFUSALS, in wrangler.toml; a minute may begin in between
    const account = new Account(env.RATE_REFUSALS, "somebody");
    account.charge(limit * callsReported);
    await scheduler.wait(100);
    expect(account.isHeld(Date.now())).toBe(false);
    account.charge(callsReported - 1);
    await scheduler.wait(100);
    expect(account.isHeld(Date.now())).toBe(false);
    account.charge(1 + limit * callsReported);
    await vi.waitUntil(() => account.isHeld(Date.now()));
    expect(account.isHeld(Date.now() + rateHold)).toBe(false);
  });
});
