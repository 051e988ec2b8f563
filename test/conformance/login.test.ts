// Sessions of people: logging in and out, what a cookie may do, and what other sites may not
// (docs/conformance.md, `/a/` and Sessions).

import { createHash, randomBytes, scryptSync } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../src/protocol/limits.ts";
import { refusalOf, valueOf } from "../support/answers.ts";
import { ELSEWHERE } from "../support/elsewhere.ts";
import { makeArtifact } from "../support/make-artifact.ts";
import type { MadeArtifact } from "../support/make-artifact.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import type { Role } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const PASSWORD = "right password";
const MINUTE = 60_000;
const FILES = [
  { path: "doc/readme.txt", bytes: Buffer.from("read me") },
  { path: "run.sh", bytes: Buffer.from("exit 0\n") },
];
const PLACES = ["", "doc/", "run.sh", "?archive=tar.gz"];
const SAME_ORIGIN = { "Sec-Fetch-Site": "same-origin" };

let service: RunningService;
let system: string;
let hidden: MadeArtifact;
let open: MadeArtifact;
let addresses = 0;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  const bearer = await service.makeWorkspace("hidden");
  const openBearer = await service.makeWorkspace("open", { public: true });
  hidden = await makeArtifact(service, { workspace: "hidden", bearer }, "hidden", FILES);
  open = await makeArtifact(service, { workspace: "open", bearer: openBearer }, "open", FILES);
});

afterAll(() => service[Symbol.asyncDispose]());

/** One hash for all: scrypt takes its time, and POST /auth/users has tests of its own. */
const PASSWORD_HASH = (() => {
  const salt = randomBytes(16);
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
  return `scrypt$16384$8$1$${salt.toString("base64")}$${hash.toString("base64")}`;
})();

async function makeUser(name: string, roles: Record<string, Role> = {}): Promise<void> {
  const { DB } = service.env;
  const insert = "INSERT INTO users (name, password_hash, created_at) VALUES (?1, ?2, 0)";
  await DB.prepare(insert).bind(name, PASSWORD_HASH).run();
  for (const [workspace, role] of Object.entries(roles)) {
    await service.json("PUT", `/auth/namespaces/${workspace}/members/${name}`, { role }, system);
  }
}

/** An address that nothing was sent from so far. */
function newAddress(): string {
  addresses += 1;
  return `203.0.${addresses >> 8}.${addresses & 255}`;
}

interface LoginOptions {
  password?: string;
  next?: string;
  address?: string;
  headers?: Record<string, string>;
}

/** Sends the login form as a browser does. */
function logIn(name: string, options: LoginOptions = {}): Promise<Response> {
  const { password = PASSWORD, next = "/", address = newAddress(), headers = {} } = options;
  return service.fetch("/login", {
    method: "POST",
    headers: { ...SAME_ORIGIN, Accept: "text/html", "CF-Connecting-IP": address, ...headers },
    body: new URLSearchParams({ next, name, password }),
  });
}

/** Logs in and gives the Cookie header of the browser. */
async function cookieOf(name: string, options: LoginOptions = {}): Promise<string> {
  const response = await logIn(name, options);
  expect(response.status).toBe(303);
  return (response.headers.get("Set-Cookie") ?? "").replace(/;.*/su, "");
}

/** A session that began and was last used so long ago. */
async function makeSession(name: string, age = 0, idle = 0): Promise<string> {
  const id = randomBytes(32).toString("hex");
  const now = Date.now();
  await service.env.DB.prepare(
    "INSERT INTO sessions SELECT ?1, id, ?2, ?3 FROM users WHERE name = ?4",
  )
    .bind(sha256(id), now - age, now - idle, name)
    .run();
  return `stowage=${id}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function idIn(cookie: string): string {
  return cookie.slice(cookie.indexOf("=") + 1);
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return service.fetch(path, { headers });
}

async function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await get(path, headers);
  await response.body?.cancel();
  return response.status;
}

/** Does a cookie open the private artifact? */
async function isGood(cookie: string): Promise<boolean> {
  const status = await statusOf(`/a/${hidden.id}/run.sh`, { Cookie: cookie });
  expect([200, 307]).toContain(status);
  return status === 200;
}

function sessionsOf(name: string): Promise<{ results: Record<string, unknown>[] }> {
  return service.env.DB.prepare(
    `SELECT s.* FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.name = ?1
     ORDER BY s.last_used_at`,
  )
    .bind(name)
    .all();
}

describe("who may read with a cookie", () => {
  const cookies: Record<string, string> = {};
  let stranger: string;

  beforeAll(async () => {
    for (const role of ["owner", "contributor", "viewer"] as const) {
      await makeUser(role, { hidden: role });
      cookies[role] = await cookieOf(role);
    }
    stranger = (await makeUserToken(service, "stranger", { open: "owner" })).token;
    cookies["stranger"] = await makeSession("stranger");
    cookies["no session"] = `stowage=${"0".repeat(64)}`;
    cookies["junk"] = "stowage=' OR 1=1; stowage";
  });

  it.each([
    ["an owner", "owner", 200],
    ["a contributor", "contributor", 200],
    ["a viewer", "viewer", 200],
    ["a user who is no member", "stranger", 403],
    ["a cookie of no session", "no session", 307],
    ["a cookie that is none", "junk", 307],
  ])("answers %s with one status everywhere, and on a public one 200", async (_, who, status) => {
    const headers = { Cookie: cookies[who] ?? "" };
    for (const place of PLACES) {
      expect([place, await statusOf(`/a/${hidden.id}/${place}`, headers)]).toEqual([place, status]);
      expect([place, await statusOf(`/a/${open.id}/${place}`, headers)]).toEqual([place, 200]);
    }
    const unknown = status === 200 ? 404 : status;
    expect(await statusOf(`/a/${hidden.id}/no/such/file`, headers)).toBe(unknown);
  });

  it("lets a token win over a cookie, whatever each is worth", async () => {
    const worker = (await makeWorkerToken(service)).token;
    const rows: [Record<string, string>, string, number][] = [
      [{ Token: worker }, "stranger", 200],
      [{ Token: worker }, "no session", 200],
      [{ Token: stranger }, "owner", 403],
      [{ Token: "f".repeat(64) }, "owner", 401],
      [{ Token: "" }, "owner", 401],
      [{ Authorization: "Bearer not.a.token" }, "owner", 401],
      [{ Authorization: "Basic b3duZXI6cGFzc3dvcmQ=" }, "owner", 401],
      [{ Authorization: `Bearer ${system}` }, "stranger", 200],
    ];
    for (const [headers, who, status] of rows) {
      const all = { ...headers, Cookie: cookies[who] ?? "" };
      expect([headers, await statusOf(`/a/${hidden.id}/run.sh`, all)]).toEqual([headers, status]);
      expect(await statusOf(`/a/${open.id}/run.sh`, all)).toBe(200);
    }
  });

  it.each([
    ["GET", "/auth/tokens"],
    ["POST", "/auth/tokens"],
    ["GET", "/auth/users"],
    ["POST", "/upload"],
    ["GET", "/artifacts/hidden"],
    ["DELETE", "/auth/users/owner"],
  ])("does not count on the JSON API: %s %s", async (method, path) => {
    const headers = { ...SAME_ORIGIN, Cookie: cookies["owner"] ?? "" };
    expect((await refusalOf(service.fetch(path, { method, headers })))[0]).toBe(401);
  });

  it("says of every answer that it depends on credentials", async () => {
    const asks: [string, Record<string, string>, number][] = [
      [`/a/${hidden.id}/`, { Cookie: cookies["owner"] ?? "" }, 200],
      [`/a/${hidden.id}/`, { Cookie: cookies["stranger"] ?? "" }, 403],
      [`/a/${hidden.id}/`, { Cookie: cookies["junk"] ?? "" }, 307],
      ["/login", {}, 200],
      ["/login", { Cookie: cookies["owner"] ?? "" }, 303],
      ["/logout", { Cookie: cookies["owner"] ?? "" }, 200],
      ["/", { Cookie: cookies["owner"] ?? "" }, 200],
    ];
    for (const [path, headers, status] of asks) {
      const reply = await get(path, headers);
      expect([path, reply.status]).toEqual([path, status]);
      expect(reply.headers.get("Vary")).toMatch(/^Cookie, Token, Authorization/u);
    }
  });

  it("leaves no page of a session in a cache, and names who is logged in on it", async () => {
    for (const artifact of [hidden, open]) {
      const headers = { Cookie: cookies["owner"] ?? "", Accept: "text/html" };
      const reply = await get(`/a/${artifact.id}/`, headers);
      expect(reply.headers.get("Cache-Control")).toBe("private, no-store");
      expect(await reply.text()).toContain('<form class="account" method="post" action="/logout">');
    }
    const reply = await get(`/a/${open.id}/doc/?page=1`, { Accept: "text/html" });
    expect(await reply.text()).toContain(
      `href="/login?next=${encodeURIComponent(`/a/${open.id}/doc/?page=1`)}"`,
    );
  });
});

describe("the cookie", () => {
  const ID = "[0-9a-f]{64}";

  beforeAll(() => makeUser("cora", { hidden: "viewer" }));

  /** A request to the Worker as if it had come to another address. */
  function at(url: string, init: RequestInit = {}): Promise<Response> {
    return service.worker.fetch(url, { redirect: "manual", ...init } as never) as never;
  }

  function loginAt(origin: string): Promise<Response> {
    const headers = { ...SAME_ORIGIN, "CF-Connecting-IP": newAddress() };
    const body = new URLSearchParams({ name: "cora", password: PASSWORD });
    return at(`${origin}/login`, { method: "POST", headers, body });
  }

  it("is bound to its host and to https, hidden from scripts and kept from other sites", async () => {
    const reply = await loginAt("https://s.example");
    expect(reply.status).toBe(303);
    const [cookie = ""] = reply.headers.getSetCookie();
    expect(cookie).toMatch(
      new RegExp(`^__Host-stowage=${ID}; Path=/; HttpOnly; Secure; SameSite=Lax$`, "u"),
    );
    const headers = { Cookie: cookie.replace(/;.*/su, "") };
    const path = `/a/${hidden.id}/run.sh`;
    expect((await at(`https://s.example${path}`, { headers })).status).toBe(200);
    const renamed = { Cookie: headers.Cookie.replace("__Host-", "") };
    expect((await at(`https://s.example${path}`, { headers: renamed })).status).toBe(307);
    expect((await at(`http://s.example${path}`, { headers })).status).toBe(307);
  });

  it("has another name on this machine without https, where browsers refuse the first", async () => {
    const reply = await logIn("cora");
    expect(reply.headers.getSetCookie()[0]).toMatch(
      new RegExp(`^stowage=${ID}; Path=/; HttpOnly; SameSite=Lax$`, "u"),
    );
  });

  it("is not given over plain http from another machine, nor is a password asked for there", async () => {
    const reply = await loginAt("http://s.example");
    expect([reply.status, reply.headers.get("Set-Cookie")]).toEqual([403, null]);
    const page = await at("http://s.example/login", { headers: { Accept: "text/html" } });
    expect([page.status, (await page.text()).includes('type="password"')]).toEqual([403, false]);
  });
});

describe("GET /login (T25)", () => {
  it("shows a form that no page may frame, and no browser keeps", async () => {
    const reply = await get("/login?next=%2Fa%2F1%2F%3Fpage%3D2", { Accept: "text/html" });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("Cache-Control")).toBe("no-store");
    expect(reply.headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
    const html = await reply.text();
    expect(html).toContain('<form class="login" method="post" action="/login">');
    expect(html).toContain('name="next" value="/a/1/?page=2"');
  });

  it("answers 401 to a program that asked for JSON", async () => {
    const reply = get("/login?next=%2Fa%2F1%2F", { Accept: "application/json" });
    expect((await refusalOf(reply))[0]).toBe(401);
  });

  it("leads who is logged in on, to this site only", async () => {
    await makeUser("nora");
    const headers = { Cookie: await makeSession("nora") };
    const goes = async (next: string) => {
      const reply = await get(`/login?next=${encodeURIComponent(next)}`, headers);
      expect(reply.status).toBe(303);
      return reply.headers.get("Location");
    };
    expect(await goes("/a/1/a%20b?version=1")).toBe("/a/1/a%20b?version=1");
    for (const [, next] of ELSEWHERE) {
      expect([next, await goes(next)]).toEqual([next, "/"]);
      const page = await get(`/login?next=${encodeURIComponent(next)}`, { Accept: "text/html" });
      expect([next, (await page.text()).includes('name="next" value="/"/>')]).toEqual([next, true]);
    }
    expect((await get("/login", headers)).headers.get("Location")).toBe("/");
  });
});

describe("POST /login (T5, T10)", () => {
  beforeAll(() => makeUser("lena", { hidden: "viewer" }));

  it("leads through the redirect of a private artifact to it", async () => {
    const path = `/a/${hidden.id}/doc/?page=1`;
    const redirect = await get(path, { Accept: "text/html" });
    const login = new URL(redirect.headers.get("Location") ?? "", service.origin);
    const reply = await logIn("lena", { next: login.searchParams.get("next") ?? "" });
    expect([reply.status, reply.headers.get("Location")]).toEqual([303, path]);
    expect(reply.headers.get("Cache-Control")).toBe("no-store");
    const cookie = (reply.headers.get("Set-Cookie") ?? "").replace(/;.*/su, "");
    expect(await statusOf(path, { Cookie: cookie })).toBe(200);
  });

  it.each(["//evil.example", "/\\evil.example", "https://evil.example/", "/a/..//evil.example"])(
    "does not lead to %s",
    async (next) => {
      expect((await logIn("lena", { next })).headers.get("Location")).toBe("/");
    },
  );

  it("tells a wrong name and a wrong password apart by nothing but the name that was typed", async () => {
    const texts = [];
    for (const name of ["lena", "nemo"]) {
      const reply = await logIn(name, { password: "wrong password" });
      expect([name, reply.status]).toEqual([name, 401]);
      expect(reply.headers.get("Set-Cookie")).toBeNull();
      const html = await reply.text();
      expect(html).not.toContain("wrong password");
      const headers = [...reply.headers.keys()];
      const json = await logIn(name, {
        password: "wrong password",
        headers: { Accept: "application/json" },
      });
      const { request_id: _, ...body } = (await json.json()) as Record<string, unknown>;
      texts.push({ html: html.replaceAll(name, "NAME"), headers, body, status: json.status });
    }
    expect(texts[0]?.html).toContain("Name or password is wrong");
    expect(texts[1]).toEqual(texts[0]);
  });

  it("takes as long for a wrong name as for a wrong password", async () => {
    const fastest = { lena: Infinity, nemo: Infinity };
    for (let round = 0; round < 4; round += 1) {
      for (const name of ["lena", "nemo"] as const) {
        const begun = performance.now();
        await (await logIn(name, { password: "wrong password" })).text();
        fastest[name] = Math.min(fastest[name], performance.now() - begun);
      }
    }
    const { lena: known, nemo: unknown } = fastest;
    // Without the work for an unknown name it takes a fifth of the time.
    expect(Math.abs(known - unknown) / Math.max(known, unknown)).toBeLessThan(0.5);
  });

  it.each([
    ["JSON", { "Content-Type": "application/json" }, '{"name":"lena","password":"x"}'],
    ["plain text", { "Content-Type": "text/plain" }, "name=lena&password=x"],
    ["no password", { "Content-Type": "application/x-www-form-urlencoded" }, "name=lena"],
    ["nothing", {}, null],
    [
      "a form of 65 KiB",
      { "Content-Type": "application/x-www-form-urlencoded" },
      `name=lena&password=${"x".repeat(65 * 1024)}`,
    ],
  ])("answers 400 to %s", async (_what, headers, body) => {
    const reply = await service.fetch("/login", {
      method: "POST",
      headers: { ...SAME_ORIGIN, ...(headers as Record<string, string>) },
      body,
    });
    expect(reply.status).toBe(400);
    expect(await reply.text()).not.toContain("lena");
  });

  it("takes a multipart form too, and next from the query", async () => {
    const body = new FormData();
    body.set("name", "lena");
    body.set("password", PASSWORD);
    const headers = { ...SAME_ORIGIN, "CF-Connecting-IP": newAddress() };
    const path = "/login?next=%2Fa%2F1%2F";
    const reply = await service.fetch(path, { method: "POST", headers, body });
    expect([reply.status, reply.headers.get("Location")]).toEqual([303, "/a/1/"]);
  });

  it("refuses names that nobody can have like any other", async () => {
    for (const name of ["", "'; DROP TABLE users; --", "a\u0000b", "é".repeat(5000), "LENA"]) {
      expect([name.slice(0, 9), (await logIn(name)).status]).toEqual([name.slice(0, 9), 401]);
    }
  });
});

describe("repeated failures (T8)", () => {
  beforeAll(async () => {
    await makeUser("fred", { hidden: "viewer" });
    await makeUser("gina");
  });

  async function fail(name: string, address: string, times: number): Promise<number[]> {
    const statuses = [];
    for (let attempt = 0; attempt < times; attempt += 1) {
      statuses.push((await logIn(name, { address, password: "wrong" })).status);
    }
    return statuses;
  }

  /** Lets time pass for all who wait. */
  async function pass(milliseconds: number): Promise<void> {
    await service.env.DB.prepare(
      "UPDATE login_failures SET blocked_until = blocked_until - ?1, last_at = last_at - ?1",
    )
      .bind(milliseconds)
      .run();
  }

  /** Puts the failures that some attempts have in common at a number. */
  async function setCommon(attempts: [string, string][], failures: number): Promise<void> {
    const { DB } = service.env;
    await DB.prepare("DELETE FROM login_failures").run();
    for (const [name, address] of attempts) {
      await logIn(name, { address, password: "wrong" });
    }
    const { meta } = await DB.prepare("UPDATE login_failures SET failures = ?1 WHERE failures = ?2")
      .bind(failures, attempts.length)
      .run();
    expect(meta.changes).toBe(1);
  }

  it("have the next attempt wait, even with the right password, which is good after the wait", async () => {
    const address = newAddress();
    expect(await fail("fred", address, 5)).toEqual([401, 401, 401, 401, 401]);
    await pass(-60_000);
    for (const headers of [{ Accept: "text/html" }, { Accept: "application/json" }]) {
      const reply = await logIn("fred", { address, headers });
      expect(reply.status).toBe(429);
      expect(Number(reply.headers.get("Retry-After"))).toBeGreaterThan(50);
      expect(reply.headers.get("Set-Cookie")).toBeNull();
      expect(await reply.text()).toContain("oo many failed logins");
    }
    expect((await logIn("gina", { address })).status).toBe(303);
    expect((await logIn("fred")).status).toBe(303); // from elsewhere
    await pass(61_000);
    expect(await isGood(await cookieOf("fred", { address }))).toBe(true);
    expect((await fail("fred", address, 1))[0]).toBe(401);
    expect((await logIn("fred", { address })).status).toBe(303);
  });

  it("wait in the same way whether the name exists or not", async () => {
    const seen = [];
    for (const name of ["fred", "nobody"]) {
      const address = newAddress();
      const statuses = await fail(name, address, 6);
      await pass(1000);
      seen.push([statuses, await fail(name, address, 1)]);
      await pass(-MINUTE);
      const reply = await logIn(name, { address, password: "wrong" });
      seen.push([reply.status, Number(reply.headers.get("Retry-After")) > 50]);
    }
    expect(seen.slice(2)).toEqual(seen.slice(0, 2));
    expect(seen[1]).toEqual([429, true]);
  });

  it("of many names from one network close it, and no other", async () => {
    const address = newAddress();
    await setCommon(
      [
        ["gina", address],
        ["hugo", address],
      ],
      LIMITS.loginOfNetwork.free - 1,
    );
    expect(await fail("ivan", address, 1)).toEqual([401]);
    expect((await logIn("fred", { address })).status).toBe(429);
    expect((await logIn("fred")).status).toBe(303);
  });

  it("of one name from many networks close it, for a minute at the most", async () => {
    await setCommon(
      [
        ["fred", newAddress()],
        ["fred", newAddress()],
      ],
      1000,
    );
    expect(await fail("fred", newAddress(), 1)).toEqual([401]);
    const reply = await logIn("fred");
    expect([reply.status, reply.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect((await logIn("gina")).status).toBe(303);
    await pass(MINUTE);
    expect((await logIn("fred")).status).toBe(303);
  });
});

describe("a session (T7)", () => {
  beforeAll(() => makeUser("sara", { hidden: "viewer" }));

  it("is kept as a hash of its id", async () => {
    const cookie = await cookieOf("sara");
    const { results } = await sessionsOf("sara");
    expect(results.map((row) => row["id_hash"])).toContain(sha256(idIn(cookie)));
    expect(JSON.stringify(results)).not.toContain(idIn(cookie));
  });

  it("has a new id at each login, never one that came along, and replaces the browser's last", async () => {
    const chosen = `stowage=${"a".repeat(64)}`;
    const first = await cookieOf("sara", { headers: { Cookie: chosen } });
    const second = await cookieOf("sara", { headers: { Cookie: first } });
    const other = await cookieOf("sara");
    expect(new Set([chosen, first, second, other]).size).toBe(4);
    const good = await Promise.all([chosen, first, second, other].map(isGood));
    expect(good).toEqual([false, false, true, true]);
  });

  it("ends when it is not used for a day, and a week after it began", async () => {
    const { sessionIdle: idle, sessionAge: age } = LIMITS;
    const rows: [number, number, boolean][] = [
      [idle, idle - MINUTE, true],
      [idle, idle + MINUTE, false],
      [age - MINUTE, 0, true],
      [age + MINUTE, 0, false],
    ];
    for (const [begun, used, good] of rows) {
      const cookie = await makeSession("sara", begun, used);
      expect([begun, used, await isGood(cookie)]).toEqual([begun, used, good]);
    }
  });

  it("notes its last use, and not again within five minutes", async () => {
    await makeUser("tim", { hidden: "viewer" });
    const cookie = await makeSession("tim", 10 * MINUTE, 4 * MINUTE);
    const before = await sessionsOf("tim");
    expect(await isGood(cookie)).toBe(true);
    expect((await sessionsOf("tim")).results).toEqual(before.results);
    await service.env.DB.prepare("UPDATE sessions SET last_used_at = last_used_at - ?1")
      .bind(2 * MINUTE)
      .run();
    expect(await isGood(cookie)).toBe(true);
    const [row] = (await sessionsOf("tim")).results;
    expect(Number(row?.["last_used_at"])).toBeGreaterThan(Date.now() - MINUTE);
    expect(row?.["created_at"]).toBe(before.results[0]?.["created_at"]);
  });

  it("ends at logout, and the user's others do not", async () => {
    const [cookie, other] = [await makeSession("sara"), await makeSession("sara")];
    const asked = await get("/logout", { Cookie: cookie, Accept: "text/html" });
    expect(await asked.text()).toContain("You are logged in as <b>sara</b>");
    expect(await isGood(cookie)).toBe(true);
    const headers = { ...SAME_ORIGIN, Cookie: cookie };
    const reply = await service.fetch("/logout", { method: "POST", headers });
    expect([reply.status, reply.headers.get("Location")]).toEqual([303, "/"]);
    expect(reply.headers.get("Set-Cookie")).toBe(
      "stowage=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    );
    expect([await isGood(cookie), await isGood(other)]).toEqual([false, true]);
    const again = await service.fetch("/logout", { method: "POST", headers });
    expect(again.status).toBe(303);
  });

  it("ends with a changed password, which the old one no longer is; a token is listed, and ends when asked to", async () => {
    const { token } = await makeUserToken(service, "paul", { hidden: "viewer" });
    const path = "/auth/users/paul";
    const [cookie, other] = [await makeSession("paul"), await makeSession("sara")];
    expect(await isGood(cookie)).toBe(true);
    const refused = service.send("PATCH", path, { password: "short" }, system);
    expect((await refusalOf(refused))[0]).toBe(400);
    expect(await isGood(cookie)).toBe(true);
    const changed = service.send("PATCH", path, { password: "another password" }, system);
    const answer = await valueOf<{ tokens: unknown[] }>(changed);
    expect(answer).toMatchObject({ name: "paul", created_at: expect.any(Number) });
    expect(answer.tokens).toEqual([expect.objectContaining({ user: "paul", enabled: true })]);
    expect([await isGood(cookie), await isGood(other)]).toEqual([false, true]);
    expect((await logIn("paul", { password: "password of paul" })).status).toBe(401);
    expect(await isGood(await cookieOf("paul", { password: "another password" }))).toBe(true);
    expect(await statusOf(`/a/${hidden.id}/run.sh`, { Token: token })).toBe(200);
    const unknown = service.send("PATCH", "/auth/users/none", { password: "long enough" }, system);
    expect(await refusalOf(unknown)).toEqual([404, "user not found"]);
    const own = { method: "PATCH", headers: { Token: token }, body: '{"password":"of a thief"}' };
    expect((await refusalOf(service.fetch(path, own)))[0]).toBe(403);
    const ended = { password: "a third password", end_tokens: true };
    expect(await valueOf(service.send("PATCH", path, ended, system))).toMatchObject({ tokens: [] });
    expect(await statusOf(`/a/${hidden.id}/run.sh`, { Token: token })).toBe(401);
  });

  it("ends with the user", async () => {
    await makeUser("dora", { hidden: "viewer" });
    const cookie = await makeSession("dora");
    expect(await isGood(cookie)).toBe(true);
    await service.json("DELETE", "/auth/users/dora", undefined, system);
    expect(await isGood(cookie)).toBe(false);
    await makeUser("dora", { hidden: "viewer" });
    expect(await isGood(cookie)).toBe(false);
  });

  it("of a user with many ends when it was used the longest ago", async () => {
    await makeUser("mona", { hidden: "viewer" });
    const oldest = await makeSession("mona", 0, 2 * MINUTE);
    const second = await makeSession("mona", 0, MINUTE);
    const { DB } = service.env;
    await DB.prepare(
      `INSERT INTO sessions SELECT 'n' || value, u.id, ?1, ?1
       FROM json_each(?2), users u WHERE u.name = 'mona'`,
    )
      .bind(
        Date.now(),
        JSON.stringify(Array.from({ length: LIMITS.sessionsOfUser - 2 }, (_, n) => n)),
      )
      .run();
    const newest = await cookieOf("mona");
    const good = await Promise.all([oldest, second, newest].map(isGood));
    expect(good).toEqual([false, true, true]);
    expect((await sessionsOf("mona")).results).toHaveLength(LIMITS.sessionsOfUser);
  });
});

describe("other sites (T6)", () => {
  const FOREIGN: [string, Record<string, string>][] = [
    ["another site", { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" }],
    ["a neighbour of the same site", { "Sec-Fetch-Site": "same-site" }],
    ["no page", { "Sec-Fetch-Site": "none" }],
    ["another Origin", { Origin: "https://evil.example" }],
    ["a hidden Origin", { Origin: "null" }],
    ["no Origin", {}],
  ];
  const BODIES: [string | null, string | null][] = [
    ["application/x-www-form-urlencoded", "a=b"],
    ["multipart/form-data; boundary=x", "--x--\r\n"],
    ["text/plain", "a=b"],
    ["application/json", "{}"],
    [null, null],
  ];
  let cookie: string;

  beforeAll(async () => {
    await makeUser("olaf", { hidden: "viewer" });
    cookie = await makeSession("olaf");
  });

  it.each(FOREIGN)(
    "cannot change anything with the cookie: %s, any content type",
    async (...row) => {
      for (const [type, body] of BODIES) {
        const headers = {
          ...row[1],
          Cookie: cookie,
          ...(type === null ? {} : { "Content-Type": type }),
        };
        const reply = await service.fetch("/logout", { method: "POST", headers, body });
        expect([type, reply.status]).toEqual([type, 403]);
        expect(reply.headers.get("Set-Cookie")).toBeNull();
      }
      expect(await isGood(cookie)).toBe(true);
    },
  );

  it.each(FOREIGN.slice(0, 5))("cannot log a browser in as somebody: %s", async (_, headers) => {
    const body = new URLSearchParams({ name: "olaf", password: PASSWORD });
    const reply = await service.fetch("/login", { method: "POST", headers, body });
    expect([reply.status, reply.headers.get("Set-Cookie")]).toEqual([403, null]);
  });

  it("may lead here with a link, which logs nobody out", async () => {
    const headers = { "Sec-Fetch-Site": "cross-site", Cookie: cookie };
    expect(await statusOf("/logout", headers)).toBe(200);
    expect(await statusOf(`/a/${hidden.id}/run.sh`, headers)).toBe(200);
  });

  it("are not in the way of a form of this site, nor of a program without cookies", async () => {
    const own = { Origin: service.origin, Cookie: await makeSession("olaf") };
    expect((await service.fetch("/logout", { method: "POST", headers: own })).status).toBe(303);
    const body = new URLSearchParams({ name: "olaf", password: PASSWORD });
    expect((await service.fetch("/login", { method: "POST", body })).status).toBe(303);
  });
});

describe("secrets (T12)", () => {
  it("of a login are in no table: not the password, the id, nor what was typed as a name; the network in the audit only", async () => {
    await makeUser("tess");
    const cookie = await cookieOf("tess");
    await logIn("a password in the wrong field", { address: "198.51.100.77", password: "typed" });
    const { results: tables } = await service.env.DB.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'",
    ).all<{ name: string }>();
    let text = "";
    const withNetwork: string[] = [];
    for (const { name } of tables) {
      const { results } = await service.env.DB.prepare(`SELECT * FROM "${name}"`).all();
      const rows = JSON.stringify(results);
      text += rows;
      if (rows.includes("198.51.100.77")) {
        withNetwork.push(name);
      }
    }
    expect(withNetwork).toEqual(["audit"]);
    expect(text).toContain(sha256(idIn(cookie)));
    const secrets = [PASSWORD, idIn(cookie), "a password in the wrong field"];
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });
});
