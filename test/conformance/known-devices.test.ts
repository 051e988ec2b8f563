// Nobody keeps a person out: a device or a network that they logged in from before passes the gates that others closed, and
// gives a thief no more guesses than a gate of its own (decision 17).

import { randomBytes, scryptSync } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { LIMITS } from "../../src/protocol/limits.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const PASSWORD = "right password";
const HOME = "192.0.2.1";
const AWAY = "192.0.2.2";

let service: RunningService;

beforeAll(async () => {
  service = await startService();
  const salt = randomBytes(16);
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
  const stored = `scrypt$16384$8$1$${salt.toString("base64")}$${hash.toString("base64")}`;
  for (const name of ["ann", "bob", "cat", "dan", "eve", "fay"]) {
    await service.env.DB.prepare(
      "INSERT INTO users (name, password_hash, created_at) VALUES (?1, ?2, 0)",
    )
      .bind(name, stored)
      .run();
  }
});

beforeEach(async () => {
  await service.env.DB.exec("DELETE FROM login_failures");
  await service.env.DB.exec("DELETE FROM known_networks");
});

afterAll(() => service[Symbol.asyncDispose]());

interface Options {
  password?: string;
  address?: string;
  cookie?: string;
}

function logIn(name: string, options: Options = {}): Promise<Response> {
  const { password = PASSWORD, address = HOME, cookie = "" } = options;
  return service.fetch("/login", {
    method: "POST",
    headers: {
      "Sec-Fetch-Site": "same-origin",
      Accept: "application/json",
      "CF-Connecting-IP": address,
      Cookie: cookie,
    },
    body: new URLSearchParams({ name, password }),
  });
}

async function statusOf(name: string, options: Options = {}): Promise<number> {
  return (await logIn(name, options)).status;
}

/** The device's cookie after a login, as the browser sends it. */
async function deviceOf(name: string, options: Options = {}): Promise<string> {
  const reply = await logIn(name, options);
  expect(reply.status).toBe(303);
  return (reply.headers.getSetCookie()[1] ?? "").replace(/;.*/su, "");
}

/** Others fail with a name until its gate, and each of their own, is closed for some minutes. */
async function attack(name: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    expect(await statusOf(name, { password: "wrong", address })).toBe(401);
  }
  await service.env.DB.prepare(
    "UPDATE login_failures SET failures = 1000, blocked_until = ?1 WHERE failures > 0",
  )
    .bind(Date.now() + 600_000)
    .run();
}

describe("a network that a user logged in from", () => {
  it("passes the name's gate, and no other network does", async () => {
    expect(await statusOf("ann")).toBe(303);
    await attack("ann", ["198.51.100.1", "198.51.100.2"]);
    expect(await statusOf("ann", { address: AWAY })).toBe(429);
    expect(await statusOf("ann")).toBe(303);
    expect(await statusOf("bob", { address: AWAY })).toBe(303);
  });

  it("does not pass its own gates: a neighbour who guesses there waits", async () => {
    expect(await statusOf("bob")).toBe(303);
    await attack("bob", [HOME]);
    expect(await statusOf("bob")).toBe(429);
    expect(await statusOf("bob", { password: "wrong" })).toBe(429);
  });

  it("leaves the name's gate closed to others when its user logs in", async () => {
    expect(await statusOf("cat")).toBe(303);
    await attack("cat", ["198.51.100.3"]);
    expect(await statusOf("cat")).toBe(303);
    expect(await statusOf("cat", { address: "198.51.100.4" })).toBe(429);
  });

  it("is one of the last so many, kept as hashes for a while", async () => {
    const networks = LIMITS.networksKnown + 2;
    for (let n = 0; n < networks; n += 1) {
      expect(await statusOf("dan", { address: `203.0.113.${n}` })).toBe(303);
    }
    const { results } = await service.env.DB.prepare("SELECT * FROM known_networks").all();
    expect(results).toHaveLength(LIMITS.networksKnown);
    expect(JSON.stringify(results)).not.toContain("203.0.113");
    await attack("dan", ["198.51.100.5"]);
    expect(await statusOf("dan", { address: "203.0.113.0" })).toBe(429);
    expect(await statusOf("dan", { address: `203.0.113.${networks - 1}` })).toBe(303);
    await service.env.DB.prepare("UPDATE known_networks SET last_at = last_at - ?1")
      .bind(LIMITS.networkMemory)
      .run();
    await service.worker.scheduled({ cron: "*/10 * * * *" });
    expect(await service.env.DB.prepare("SELECT * FROM known_networks").first()).toBeNull();
  });

  it("is forgotten with the user", async () => {
    expect(await statusOf("eve")).toBe(303);
    const system = await service.loginAsSystem();
    await service.json("DELETE", "/auth/users/eve", undefined, system);
    expect(await service.env.DB.prepare("SELECT * FROM known_networks").first()).toBeNull();
  });
});

describe("a device that a user logged in with (T7, T8)", () => {
  it("passes all gates that others closed, wherever it is", async () => {
    const cookie = await deviceOf("ann");
    await attack("ann", ["198.51.100.1", AWAY, HOME]);
    for (const address of [HOME, AWAY]) {
      expect(await statusOf("ann", { address })).toBe(429);
      expect(await statusOf("ann", { address, cookie })).toBe(303);
    }
  });

  it("has a gate of its own, on which alone its failures count", async () => {
    const cookie = await deviceOf("ann");
    const statuses = [];
    for (let n = 0; n < LIMITS.loginOfDevice.free; n += 1) {
      statuses.push(
        await statusOf("ann", { cookie, password: "wrong", address: `203.0.113.${n}` }),
      );
    }
    expect(new Set(statuses)).toEqual(new Set([401]));
    await service.env.DB.exec(
      "UPDATE login_failures SET blocked_until = blocked_until + 60000 WHERE failures > 1",
    );
    // A copy of it elsewhere is the same device.
    expect(await statusOf("ann", { cookie, address: "203.0.113.99" })).toBe(429);
    expect(await statusOf("ann", { cookie: "", address: "203.0.113.99" })).toBe(303);
    await service.env.DB.exec("UPDATE login_failures SET blocked_until = 0");
    expect(await statusOf("ann", { cookie })).toBe(303);
    const { results } = await service.env.DB.prepare("SELECT * FROM login_failures").all();
    expect(results.filter(({ failures }) => Number(failures) >= 5)).toEqual([]);
  });

  it("is nothing to another user, nor changed by a byte, nor when it is too old", async () => {
    const cookie = await deviceOf("ann");
    await attack("bob", ["198.51.100.6"]);
    expect(await statusOf("bob", { cookie, address: AWAY })).toBe(429);
    await service.env.DB.exec("DELETE FROM login_failures");
    await attack("ann", ["198.51.100.7"]);
    await service.env.DB.exec("DELETE FROM known_networks");
    const [name = "", value = ""] = cookie.split("=");
    const [id = "", ...rest] = value.split(".");
    const forged = [
      `${name}=${Number(id) + 1}.${rest.join(".")}`,
      cookie.replace(/.$/u, (digit) => (digit === "0" ? "1" : "0")),
      `${name}=${[id, rest[0], Number(rest[1]) + 1, rest[2]].join(".")}`,
      `${name}=${[id, rest[0], rest[1]].join(".")}`,
      `${name}=~~~~${value}`,
      `${name}=`,
      cookie.replace("stowage-device", "__Host-stowage-device"),
    ];
    for (const each of forged) {
      expect([each, await statusOf("ann", { cookie: each, address: AWAY })]).toEqual([each, 429]);
    }
    expect(await statusOf("ann", { cookie, address: AWAY })).toBe(303);
  });

  it("keeps its id and those of other users of it, so many", async () => {
    const idsIn = (cookie: string) =>
      (cookie.split("=")[1] ?? "").split("~").map((mark) => mark.split(".").slice(0, 2).join("."));
    let cookie = await deviceOf("ann");
    const [first] = idsIn(cookie);
    for (const name of ["bob", "cat"]) {
      cookie = await deviceOf(name, { cookie });
    }
    expect(idsIn(cookie)).toHaveLength(3);
    cookie = await deviceOf("ann", { cookie });
    expect(idsIn(cookie)[0]).toBe(first);
    for (const name of ["dan", "fay"]) {
      cookie = await deviceOf(name, { cookie });
    }
    expect(idsIn(cookie)).toHaveLength(LIMITS.usersOfDevice);
    expect(idsIn(cookie)).toContain(first);
  });

  it("is no session, and outlives a logout and a changed password", async () => {
    const cookie = await deviceOf("fay");
    const home = await service.fetch("/logout", {
      headers: { Cookie: cookie, Accept: "text/html" },
    });
    expect(await home.text()).not.toContain("You are logged in");
    const system = await service.loginAsSystem();
    const password = "another password";
    await service.json("PATCH", "/auth/users/fay", { password }, system);
    await attack("fay", ["198.51.100.8"]);
    expect(await statusOf("fay", { cookie, password, address: AWAY })).toBe(303);
    const logout = await service.fetch("/logout", {
      method: "POST",
      headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin" },
    });
    expect(logout.headers.getSetCookie().filter((each) => each.includes("device"))).toEqual([]);
  });
});

describe("the device's cookie", () => {
  it("is bound to its host and to https, hidden from scripts, and from every other site", async () => {
    const reply = (await service.worker.fetch("https://s.example/login", {
      method: "POST",
      redirect: "manual",
      headers: { "Sec-Fetch-Site": "same-origin", "CF-Connecting-IP": HOME },
      body: new URLSearchParams({ name: "ann", password: PASSWORD }),
    } as never)) as unknown as Response;
    expect(reply.headers.getSetCookie()[1]).toMatch(
      /^__Host-stowage-device=\d+\.[0-9a-f]{32}\.\d+\.[0-9a-f]{64}; Max-Age=34560000; Path=\/; HttpOnly; Secure; SameSite=Strict$/u,
    );
  });
});
