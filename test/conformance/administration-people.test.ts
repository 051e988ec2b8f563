// Users, their roles in workspaces, and the long-lived tokens of users and workers (docs/architecture.md).
// SECURITY.md: ASVS 6.2.1, 6.2.5, 6.2.8, 6.2.9.

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { makeExpiredToken, makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

const NO_KEY = [403, "only a namespace key may do this"];
const BAD_TOKEN = [401, "token is unknown, expired or disabled"];
const NO_TOKEN = [404, "token not found"];
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;

let service: RunningService;
let system: string;
let key: string;
let artifact: ArtifactBody;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  key = await service.makeWorkspace("ci");
  artifact = await service.upload("private", Buffer.from("private"), key);
});

afterAll(() => service[Symbol.asyncDispose]());

interface TokenBody {
  id: number;
  token: string;
  expires_at: string | null;
}

function ask(method: string, path: string, body?: unknown, bearer = system): Promise<Response> {
  return service.send(method, path, body, bearer);
}

/** A request with a user's or worker's token. */
function askWith(token: string, method: string, path: string, body?: unknown): Promise<Response> {
  const init = { method, headers: { Token: token } };
  return service.fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

/** The status with which a token reads the private artifact. */
async function reads(token: string): Promise<number> {
  const response = await askWith(token, "GET", `/artifacts/${artifact.uuid}`);
  await response.body?.cancel();
  return response.status;
}

describe("/auth/users", () => {
  it("makes, lists and deletes users", async () => {
    const made = await valueOf(ask("POST", "/auth/users", { name: "ann", password: "12345678" }));
    expect(made).toEqual({ name: "ann", created_at: expect.any(Number) });
    await valueOf(ask("POST", "/auth/users", { name: "Bo.b-1@x", password: "p".repeat(1024) }));
    expect(await valueOf(ask("GET", "/auth/users"))).toEqual([
      { name: "Bo.b-1@x", created_at: expect.any(Number) },
      made,
    ]);
    expect(await valueOf(ask("GET", "/auth/users?after=Bo.b-1@x"))).toEqual([made]);
    expect(await valueOf(ask("DELETE", "/auth/users/ann"))).toBeNull();
    expect(await valueOf(ask("DELETE", "/auth/users/Bo.b-1%40x"))).toBeNull();
    expect(await valueOf(ask("GET", "/auth/users"))).toEqual([]);
    expect(await refusalOf(ask("DELETE", "/auth/users/ann"))).toEqual([404, "user not found"]);
  });

  it("answers 409 to a name that is taken and keeps who has it", async () => {
    const body = { name: "taken", password: "first password" };
    const made = await valueOf(ask("POST", "/auth/users", body));
    const again = ask("POST", "/auth/users", { ...body, password: "second password" });
    expect(await refusalOf(again)).toEqual([409, "user already exists"]);
    expect(await valueOf(ask("GET", "/auth/users?after=take"))).toEqual([made]);
    await valueOf(ask("DELETE", "/auth/users/taken"));
  });

  it.each<[unknown, string]>([
    [{ password: "long enough" }, "user name is not usable"],
    [{ name: "", password: "long enough" }, "user name is not usable"],
    [{ name: "two words", password: "long enough" }, "user name is not usable"],
    [{ name: "a/b", password: "long enough" }, "user name is not usable"],
    [{ name: "-a", password: "long enough" }, "user name is not usable"],
    [{ name: "a".repeat(101), password: "long enough" }, "user name is not usable"],
    [{ name: 42, password: "long enough" }, "malformed request"],
    [{ name: "new" }, "password must have 8 to 1,024 characters"],
    [{ name: "new", password: "1234567" }, "password must have 8 to 1,024 characters"],
    [{ name: "new", password: "p".repeat(1025) }, "password must have 8 to 1,024 characters"],
    [{ name: "new", password: 12_345_678 }, "password must have 8 to 1,024 characters"],
  ])("answers 400 to %j and makes nobody", async (body, error) => {
    const before = await valueOf(ask("GET", "/auth/users"));
    expect(await refusalOf(ask("POST", "/auth/users", body))).toEqual([400, error]);
    expect(await valueOf(ask("GET", "/auth/users"))).toEqual(before);
  });
});

describe("/auth/namespaces/:namespace/members/:user", () => {
  it("gives a role, another one, and takes it, each at once", async () => {
    const { token } = await makeUserToken(service, "member");
    const path = "/auth/namespaces/ci/members/member";
    expect(await reads(token)).toBe(404);
    for (const role of ["viewer", "contributor", "owner"]) {
      expect(await valueOf(ask("PUT", path, { role }))).toEqual({
        namespace: "ci",
        user: "member",
        role,
      });
      expect(await reads(token)).toBe(200);
    }
    expect(await valueOf(ask("DELETE", path))).toBeNull();
    expect(await reads(token)).toBe(404);
    expect(await refusalOf(ask("DELETE", path))).toEqual([
      404,
      "user is not a member of the namespace",
    ]);
  });

  it.each<[unknown]>([
    [{}],
    [{ role: "admin" }],
    [{ role: "Owner" }],
    [{ role: null }],
    [{ role: ["owner"] }],
  ])("answers 400 to %j and makes no member", async (body) => {
    await ask("POST", "/auth/users", { name: "nobody", password: "long enough" });
    const path = "/auth/namespaces/ci/members/nobody";
    const error = "role must be owner, contributor or viewer";
    expect(await refusalOf(ask("PUT", path, body))).toEqual([400, error]);
    expect((await refusalOf(ask("DELETE", path)))[0]).toBe(404);
  });

  it("answers 404 when the namespace or the user does not exist", async () => {
    await ask("POST", "/auth/users", { name: "nobody", password: "long enough" });
    const role = { role: "viewer" };
    const nowhere = "/auth/namespaces/nowhere/members/nobody";
    expect(await refusalOf(ask("PUT", nowhere, role))).toEqual([404, "namespace not found"]);
    expect(await refusalOf(ask("DELETE", nowhere))).toEqual([404, "namespace not found"]);
    const unknown = "/auth/namespaces/ci/members/unknown";
    expect(await refusalOf(ask("PUT", unknown, role))).toEqual([404, "user not found"]);
    expect(await refusalOf(ask("DELETE", unknown))).toEqual([404, "user not found"]);
  });
});

describe("POST /auth/tokens", () => {
  it("makes a user's token, which is shown this once", async () => {
    await valueOf(ask("POST", "/auth/users", { name: "holder", password: "long enough" }));
    const body = { kind: "user", user: "holder", label: "laptop", node: 1 };
    const response = await ask("POST", "/auth/tokens", body);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const { token, ...made } = await valueOf<TokenBody>(response);
    expect(token).toMatch(/^[0-9a-f]{64}$/u);
    expect(made).toEqual({
      id: expect.any(Number),
      kind: "user",
      user: "holder",
      label: "laptop",
      enabled: true,
      created_at: expect.stringMatching(ISO_TIME),
      expires_at: null,
      parent: null,
    });
    const listed = await valueOf<TokenBody[]>(ask("GET", `/auth/tokens?after=${made.id - 1}`));
    expect(listed).toEqual([made]);
  });

  it("makes a worker's token, which reads everything", async () => {
    const made = await valueOf<TokenBody>(ask("POST", "/auth/tokens", { kind: "worker" }));
    expect(made).toMatchObject({ kind: "worker", user: null, label: "", expires_at: null });
    expect(await reads(made.token)).toBe(200);
  });

  it("takes an expiry in ISO 8601 and in milliseconds", async () => {
    const time = "2100-01-02T03:04:05.000Z";
    for (const expiry of [time, "2100-01-02T04:04:05+01:00", Date.parse(time)]) {
      const body = { kind: "worker", expires_at: expiry };
      const made = await valueOf<TokenBody>(ask("POST", "/auth/tokens", body));
      expect(made.expires_at).toBe(time);
    }
  });

  it.each<[unknown, number, string]>([
    [{}, 400, "malformed request"],
    [{ kind: "admin" }, 400, "malformed request"],
    [{ kind: "worker", label: "x".repeat(256) }, 400, "malformed request"],
    [{ kind: "worker", label: "a\u2066b" }, 400, "malformed request"],
    [{ kind: "worker", expires_at: "soon" }, 400, "malformed request"],
    [{ kind: "worker", expires_at: -1 }, 400, "malformed request"],
    [{ kind: "worker", expires_at: 1.5 }, 400, "malformed request"],
    [{ kind: "worker", expires_at: 1 }, 400, "expires_at is in the past"],
    [{ kind: "worker", expires_at: "2020-01-01" }, 400, "expires_at is in the past"],
    // One past the last time that a Date can hold.
    [{ kind: "worker", expires_at: 8_640_000_000_000_001 }, 400, "malformed request"],
    [{ kind: "user" }, 404, "user not found"],
    [{ kind: "user", user: "unknown" }, 404, "user not found"],
  ])("answers %j with %i %s and makes none", async (body, status, error) => {
    const before = await valueOf(ask("GET", "/auth/tokens"));
    expect(await refusalOf(ask("POST", "/auth/tokens", body))).toEqual([status, error]);
    expect(await valueOf(ask("GET", "/auth/tokens"))).toEqual(before);
  });
});

describe("who may see to tokens", () => {
  it.each([
    ["POST", "/auth/tokens"],
    ["GET", "/auth/tokens"],
    ["PATCH", "/auth/tokens/1"],
    ["DELETE", "/auth/tokens/1"],
  ])("is the system and users: %s %s is refused before its body is read", async (method, path) => {
    // What DELETE brings is looked at for all routes at once, of whoever has credentials.
    const body = ["GET", "DELETE"].includes(method) ? {} : { body: "{not json" };
    const { token } = await makeWorkerToken(service);
    const worker = service.fetch(path, { method, ...body, headers: { Token: token } });
    expect(await refusalOf(worker)).toEqual(NO_KEY);
    const byKey = service.fetch(path, { method, ...body, bearer: key });
    expect(await refusalOf(byKey)).toEqual([401, "unauthorized"]);
    expect(await refusalOf(service.fetch(path, { method, ...body }))).toEqual([
      401,
      "Missing Authorization Header",
    ]);
  });

  it("lets a user make, see, disable and revoke their own", async () => {
    const first = await makeUserToken(service, "selfish");
    const named = { kind: "user", user: "selfish", label: "named" };
    const second = await valueOf<TokenBody>(askWith(first.token, "POST", "/auth/tokens", named));
    const body = { kind: "user", label: "unnamed" };
    const third = await valueOf<TokenBody>(askWith(first.token, "POST", "/auth/tokens", body));
    const seen = await valueOf<TokenBody[]>(askWith(third.token, "GET", "/auth/tokens"));
    expect(seen.map(({ id }) => id)).toEqual([first.id, second.id, third.id]);
    const path = `/auth/tokens/${second.id}`;
    const disabled = askWith(first.token, "PATCH", path, { enabled: false });
    expect(await valueOf(disabled)).toMatchObject({ id: second.id, enabled: false });
    expect(await reads(second.token)).toBe(401);
    expect(await valueOf(askWith(first.token, "DELETE", path))).toBeNull();
    expect(await refusalOf(askWith(first.token, "DELETE", path))).toEqual(NO_TOKEN);
    // Even the token that is used.
    const own = `/auth/tokens/${third.id}`;
    expect(await valueOf(askWith(third.token, "DELETE", own))).toBeNull();
    expect(await refusalOf(askWith(third.token, "GET", "/auth/tokens"))).toEqual(BAD_TOKEN);
  });

  it("keeps a user away from those of others", async () => {
    const { token } = await makeUserToken(service, "nosy");
    const others = [await makeUserToken(service, "victim"), await makeWorkerToken(service)];
    for (const { id, token: foreign } of others) {
      const path = `/auth/tokens/${id}`;
      const disabled = askWith(token, "PATCH", path, { enabled: false });
      expect(await refusalOf(disabled)).toEqual(NO_TOKEN);
      expect(await refusalOf(askWith(token, "DELETE", path))).toEqual(NO_TOKEN);
      expect([200, 404]).toContain(await reads(foreign));
    }
    for (const body of [{ kind: "user", user: "victim" }, { kind: "worker" }]) {
      expect(await refusalOf(askWith(token, "POST", "/auth/tokens", body))).toEqual(NO_KEY);
    }
    expect(await valueOf(askWith(token, "GET", "/auth/tokens"))).toHaveLength(1);
  });
});

describe("PATCH and DELETE /auth/tokens/:id", () => {
  it("disable, enable and revoke a token, each at once", async () => {
    const { id, token } = await makeWorkerToken(service);
    const path = `/auth/tokens/${id}`;
    expect(await reads(token)).toBe(200);
    expect(await valueOf(ask("PATCH", path, { enabled: false }))).toMatchObject({ enabled: false });
    expect(await reads(token)).toBe(401);
    expect(await valueOf(ask("PATCH", path, { enabled: true }))).toMatchObject({ enabled: true });
    expect(await reads(token)).toBe(200);
    expect(await valueOf(ask("DELETE", path))).toBeNull();
    expect(await reads(token)).toBe(401);
  });

  it.each<[unknown]>([[{}], [{ enabled: "yes" }], [{ enabled: null }]])(
    "PATCH answers 400 to %j and changes nothing",
    async (body) => {
      const { id, token } = await makeWorkerToken(service);
      const reply = ask("PATCH", `/auth/tokens/${id}`, body);
      expect(await refusalOf(reply)).toEqual([400, "malformed request"]);
      expect(await reads(token)).toBe(200);
    },
  );

  it.each(["999999", "0", "-1", "name", "1.0", "12345678901234567890", "%ce"])(
    "answer 404 to %s",
    async (id) => {
      const path = `/auth/tokens/${id}`;
      expect(await refusalOf(ask("PATCH", path, { enabled: false }))).toEqual(NO_TOKEN);
      expect(await refusalOf(ask("DELETE", path))).toEqual(NO_TOKEN);
    },
  );
});

describe("a token on a request", () => {
  it("is refused everywhere once it has expired, is disabled, or its user is gone", async () => {
    const expired = await makeExpiredToken(service);
    const disabled = await makeWorkerToken(service);
    await valueOf(ask("PATCH", `/auth/tokens/${disabled.id}`, { enabled: false }));
    const orphan = await makeUserToken(service, "leaver", { ci: "owner" });
    expect(await reads(orphan.token)).toBe(200);
    await valueOf(ask("DELETE", "/auth/users/leaver"));
    for (const token of [expired.token, disabled.token, orphan.token, "f".repeat(64), "x"]) {
      expect(await refusalOf(askWith(token, "POST", "/upload"))).toEqual(BAD_TOKEN);
      const artifacts = askWith(token, "GET", `/artifacts/${artifact.uuid}`);
      expect(await refusalOf(artifacts)).toEqual(BAD_TOKEN);
      const data = askWith(token, "GET", `/blobs/${artifact.blob_uuid}/data`);
      expect(await refusalOf(data)).toEqual(BAD_TOKEN);
      expect(await refusalOf(askWith(token, "GET", "/auth/tokens"))).toEqual(BAD_TOKEN);
    }
  });

  it("ends at its expiry", async () => {
    const { token } = await makeWorkerToken(service, Date.now() + 1000);
    expect(await reads(token)).toBe(200);
    await expect.poll(() => reads(token), { timeout: 5000, interval: 200 }).toBe(401);
  });

  it("counts before a key's, good or bad", async () => {
    const { token } = await makeUserToken(service, "both");
    const path = `/artifacts/${artifact.uuid}`;
    const good = service.fetch(path, { bearer: key, headers: { Token: token } });
    expect(await refusalOf(good)).toEqual([404, "artifact not found"]);
    const bad = service.fetch(path, { bearer: key, headers: { Token: "f".repeat(64) } });
    expect(await refusalOf(bad)).toEqual(BAD_TOKEN);
  });

  it("is no bearer token, nor a bearer token one of these", async () => {
    const { token } = await makeWorkerToken(service);
    const bearer = service.fetch("/artifacts/private", { bearer: token });
    expect(await refusalOf(bearer)).toEqual([401, "invalid JWT in Authorization header"]);
    expect(await refusalOf(askWith(key, "GET", "/artifacts/private"))).toEqual(BAD_TOKEN);
  });

  it("opens and changes no upload", async () => {
    const { token } = await makeUserToken(service, "uploader", { ci: "owner" });
    const uuid = await service.openUpload(key);
    const asks: [string, string][] = [
      ["POST", "/upload"],
      ["POST", `/upload/${uuid}`],
      ["GET", `/upload/${uuid}`],
      ["POST", `/upload/${uuid}/truncate/0`],
      ["POST", "/artifacts/upload/name"],
    ];
    for (const [method, path] of asks) {
      expect(await refusalOf(askWith(token, method, path))).toEqual(NO_KEY);
    }
  });
});
