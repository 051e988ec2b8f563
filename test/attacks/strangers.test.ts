// Time of the processor and of the catalog that somebody without any credentials takes: guesses of keys and passwords,
// look-ups of what is not there, every operation of the API document (SECURITY.md, T8, T36). Locally the service believes which network they come from.

import { randomUUID } from "node:crypto";

import { describe, expect, it } from "vitest";

import { OPERATIONS, addressOf, bodyOf, makeThings } from "./support/operations.ts";
import type { Operation } from "./support/operations.ts";
import { send } from "./support/send.ts";
import { makeTenant, makeUser, service } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const ATTACK_MS = 5_000;
const GUESSERS = 8;
/** Requests at once for one operation. */
const STRANGERS = 12;

/** Asks as fast as answers come, from ever new networks; gives the statuses that are faults. */
async function flood(ask: (network: string, at: number) => Promise<Response>) {
  const faults = new Set<number>();
  const end = Date.now() + ATTACK_MS;
  const guess = async (guesser: number) => {
    for (let at = 0; Date.now() < end; at += 1) {
      const response = await ask(`198.51.${100 + guesser}.${at % 250}`, at);
      await response.arrayBuffer();
      if (response.status >= 500 && response.status !== 503) {
        faults.add(response.status);
      }
    }
  };
  await Promise.all(Array.from({ length: GUESSERS }, (_, guesser) => guess(guesser)));
  return [...faults];
}

function post(path: string, body: string, network: string, type = "application/json") {
  const headers = { "CF-Connecting-IP": network, "Content-Type": type };
  return fetch(service.origin + path, { method: "POST", headers, body, redirect: "manual" });
}

/** None, or some that nobody was given. */
function badCredentials(at: number): Record<string, string> {
  const kinds = [{}, { Token: randomUUID() }, { Authorization: `Bearer a.${randomUUID()}.b` }];
  return kinds[at % kinds.length] ?? {};
}

/** A fault, or a change that somebody unknown was let make: only a login's form is theirs. */
function isOdd({ isChange, path }: Operation, status: number): boolean {
  const isFault = status === 0 || (status >= 500 && status !== 503);
  return isFault || (isChange && status === 200 && !/^\/(?:login|logout)$/u.test(path));
}

describe("strangers", () => {
  it("who guess keys of a workspace of sixteen hold nobody up, its owner least of all", async () => {
    const { name, key, bearer } = await makeTenant();
    for (let at = 1; at < 16; at += 1) {
      const body = { key_name: `k${at}`, key: randomUUID() };
      await service.json("POST", `/auth/namespaces/${name}/keys`, body, bearer);
    }
    const seen = await watched("guesses of keys", () =>
      flood((network) =>
        post("/auth", JSON.stringify({ namespace: name, key: randomUUID() }), network),
      ),
    );
    expect([...harmOf(seen), ...seen.result]).toEqual([]);
    const own = await post("/auth", JSON.stringify({ namespace: name, key }), "192.0.2.200");
    expect(own.status).toBe(200);
  });

  it("who guess passwords hold nobody up", async () => {
    const { name } = await makeUser();
    const form = "application/x-www-form-urlencoded";
    const seen = await watched("guesses of passwords", () =>
      flood((network, at) =>
        post(
          "/login",
          `name=${at % 2 === 0 ? name : randomUUID()}&password=${randomUUID()}`,
          network,
          form,
        ),
      ),
    );
    expect([...harmOf(seen), ...seen.result]).toEqual([]);
  });

  it("who look for what is not there hold nobody up", async () => {
    const paths = [
      (at: number) => `/a/${1_000_000 + at}/`,
      (at: number) => `/a/1/${at}`,
      () => `/w/${randomUUID()}/`,
      (at: number) => `/a/${at}/?archive=zip`,
      () => `/artifacts/${randomUUID()}`,
      (at: number) => `/api/1.0/artifact/${at}/`,
    ];
    const seen = await watched("look-ups of nothing", () =>
      flood((network, at) => {
        const path = paths[at % paths.length]?.(at) ?? "/";
        return fetch(service.origin + path, {
          headers: { "CF-Connecting-IP": network },
          redirect: "manual",
        });
      }),
    );
    expect([...harmOf(seen), ...seen.result]).toEqual([]);
  });

  it("who ask for every operation, with no credentials or bad ones, hold nobody up and change nothing", async () => {
    const tenant = await makeTenant();
    const things = await makeThings(tenant);
    const ask = (operation: Operation, at: number) => {
      const body = bodyOf(operation, tenant, things);
      const type: Record<string, string> =
        body === null ? {} : { "Content-Type": operation.mediaType ?? "" };
      return send({
        method: operation.method,
        path: addressOf(operation, tenant, things),
        headers: { "CF-Connecting-IP": `203.0.113.${at}`, ...badCredentials(at), ...type },
        body,
      });
    };
    const seen = await watched("every operation, asked by strangers", async () => {
      const odd: string[] = [];
      for (const operation of OPERATIONS) {
        const statuses = await Promise.all(
          Array.from({ length: STRANGERS }, (_, at) => ask(operation, at)),
        );
        const bad = statuses.filter((status) => isOdd(operation, status));
        odd.push(...new Set(bad.map((status) => `${operation.name}: ${status}`)));
      }
      return odd;
    });
    expect([...harmOf(seen), ...seen.result]).toEqual([]);
  });

  it("with credentials that were never good hold nobody up", async () => {
    const seen = await watched("credentials that are none", () =>
      flood((network, at) => {
        const credentials: Record<string, string> =
          at % 2 === 0 ? { Token: randomUUID() } : { Authorization: `Bearer a.${randomUUID()}.b` };
        const headers = { "CF-Connecting-IP": network, ...credentials };
        return fetch(`${service.origin}/artifacts`, { headers });
      }),
    );
    expect([...harmOf(seen), ...seen.result]).toEqual([]);
  });
});
