// Time of credentials: one that ended changes nothing any more, and leaves no other behind that does (SECURITY.md, T7, T40).

import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { filesHeaders } from "../support/files-headers.ts";
import { OPERATIONS, addressOf, bodyOf, makeThings } from "./support/operations.ts";
import type { Operation, Things } from "./support/operations.ts";
import { makeTenant, makeUser, service, system } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";

/** All that change something: none of them may go by an isolate's memory, but those that add bytes to what is there. */
const CHANGES = OPERATIONS.filter(
  ({ name, isChange, mediaType, path }) =>
    isChange &&
    mediaType !== "application/octet-stream" &&
    name !== "PATCH /files/{upload}" &&
    !/^\/(?:auth|login|logout)$/u.test(path),
);

function sendAs(
  headers: Record<string, string>,
  operation: Operation,
  tenant: Tenant,
  things: Things,
) {
  const body = bodyOf(operation, tenant, things);
  const type = body === null ? {} : { "Content-Type": operation.mediaType ?? "" };
  const path = addressOf(operation, tenant, things);
  const { method } = operation;
  return fetch(service.origin + path, {
    method,
    headers: { ...type, ...filesHeaders(method, path), ...headers },
    body,
  });
}

/** The operations that are not refused as to somebody unknown. */
async function openTo(headers: Record<string, string>, tenant: Tenant, things: Things) {
  const tried = await Promise.all(
    CHANGES.map(async (operation) => {
      const response = await sendAs(headers, operation, tenant, things);
      await response.arrayBuffer();
      return response.status === 401 ? [] : [`${operation.name}: ${response.status}`];
    }),
  );
  return tried.flat();
}

describe("a key that was deleted", () => {
  it("changes nothing, from the moment that its deletion is answered", async () => {
    const tenant = await makeTenant();
    const things = await makeThings(tenant);
    const path = `/auth/namespaces/${tenant.name}/keys`;
    const stolen = { key_name: "stolen", key: "x".repeat(32) };
    await service.json("POST", path, stolen, tenant.bearer);
    const thief = await service.login(tenant.name, stolen.key);
    const headers = { Authorization: `Bearer ${thief}` };
    await service.json("GET", path, undefined, thief); // now it is remembered
    await service.json("DELETE", `${path}/stolen`, undefined, tenant.bearer);
    expect(await openTo(headers, tenant, things)).toEqual([]);
    expect(
      (await service.send("POST", "/auth", { namespace: tenant.name, key: tenant.key })).status,
    ).toBe(200);
  });
});

describe("a user's token", () => {
  const made = async (headers: Record<string, string>, body: object) => {
    const init = { method: "POST", headers: { ...headers, "Content-Type": "application/json" } };
    const response = await fetch(`${service.origin}/auth/tokens`, {
      ...init,
      body: JSON.stringify(body),
    });
    return (await response.json()) as { id?: number; token?: string; expires_at?: number | null };
  };

  it("changes nothing once it is disabled", async () => {
    const { name, token } = await makeUser();
    const tenant = await makeTenant();
    const things = await makeThings(tenant);
    const member = `/auth/namespaces/${tenant.name}/members/${name}`;
    await service.json("PUT", member, { role: "owner" }, system);
    const own = await made({ Token: token }, { kind: "user", label: "probe" });
    expect(own.token).toBeTypeOf("string");
    const probe = { Token: own.token ?? "" };
    expect((await fetch(`${service.origin}/api/1.0/whoami`, { headers: probe })).status).toBe(200);
    await service.json("PATCH", `/auth/tokens/${own.id}`, { enabled: false }, system);
    expect(await openTo(probe, tenant, things)).toEqual([]);
  });

  it("that expires makes none that outlives it, or that is good once it is disabled", async () => {
    const { name } = await makeUser();
    const end = Date.now() + 60_000;
    const body = { kind: "user", user: name, expires_at: end };
    const parent = await service.json<{ id: number; token: string }>(
      "POST",
      "/auth/tokens",
      body,
      system,
    );
    const headers = { Token: parent.token };
    const children = await Promise.all([
      made(headers, { kind: "user", label: "for ever" }),
      made(headers, { kind: "user", label: "later", expires_at: end + 86_400_000 }),
      made(headers, { kind: "user", label: "as long", expires_at: end }),
    ]);
    const live = children.filter(({ token }) => token !== undefined);
    expect(
      live.filter(({ expires_at: at }) => at === null || at === undefined || at > end),
    ).toEqual([]);
    await service.json("PATCH", `/auth/tokens/${parent.id}`, { enabled: false }, system);
    await delay(11_000); // by then no isolate remembers it
    for (const { token = "" } of live) {
      const response = await fetch(`${service.origin}/api/1.0/whoami`, {
        headers: { Token: token },
      });
      expect(response.status).toBe(401);
    }
  });
});
