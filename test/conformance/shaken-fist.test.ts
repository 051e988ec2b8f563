// What holds for the whole Shaken Fist API: its probe, POST /auth, the tokens that it takes, and the form of
// its refusals (docs/conformance.md, Shaken Fist). Each resource has a file of its own beside this one.

import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { rawRequest } from "../support/raw-request.ts";
import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

/** How long an isolate may remember a key that is gone (docs/architecture.md), and a little more. */
const KEY_MEMORY = 10_500;

let service: RunningService;
let system: string;
let token: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  token = await service.makeWorkspace("ci");
});

afterAll(() => service[Symbol.asyncDispose]());

interface AuthBody {
  access_token: string;
  token_type: string;
  expires_in: number;
}

type Json = Record<string, unknown>;

function decodePart(part: string | undefined): Json {
  return JSON.parse(Buffer.from(part ?? "", "base64url").toString()) as Json;
}

function claimsOf(jwt: string): Json {
  return decodePart(jwt.split(".")[1]);
}

/** A JWT of our own making; the real one differs in what a test says. */
function makeJwt(claims: Json, { alg = "HS256", secret = TEST_SECRETS.TOKEN_SECRET } = {}): string {
  const signed = [{ alg, typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  // Under the last two names the signature is still ours by HMAC, as one confuses them.
  const hashes = {
    HS256: "sha256",
    HS384: "sha384",
    HS512: "sha512",
    hs256: "sha256",
    RS256: "sha256",
  };
  const hash = new Map(Object.entries(hashes)).get(alg);
  const signature =
    hash === undefined ? "" : createHmac(hash, secret).update(signed).digest("base64url");
  return `${signed}.${signature}`;
}

/** Any request that needs a workspace's key. */
function ask(authorization: string | null): Promise<Response> {
  const headers: HeadersInit = authorization === null ? {} : { Authorization: authorization };
  return service.fetch("/auth/namespaces", { headers });
}

describe("GET /", () => {
  it.each(["application/json", "text/html", "*/*", ""])(
    "shows the capability words to anybody who accepts '%s'",
    async (accept) => {
      const response = await service.fetch("/", { headers: { Accept: accept } });
      expect(response.status).toBe(200);
      const text = await response.text();
      expect(text).toContain("blob-search-by-hash");
      expect(text).toContain("artifact-upload-types");
      // With this word the public client downloads for ever.
      expect(text).not.toContain("blob-data-limit");
    },
  );

  it("answers 200 to credentials that are worth nothing", async () => {
    const response = await service.fetch("/", { bearer: "not.a.token" });
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });
});

describe("POST /auth", () => {
  it("answers a bearer token of 15 minutes that names the workspace and the key", async () => {
    const response = await service.send("POST", "/auth", { namespace: "ci", key: "key of ci" });
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const body = await valueOf<AuthBody>(response);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/u),
      token_type: "Bearer",
      expires_in: 900,
    });
    expect(decodePart(body.access_token.split(".")[0])).toEqual({ alg: "HS256", typ: "JWT" });
    const claims = claimsOf(body.access_token);
    const now = Date.now() / 1000;
    expect(claims).toEqual({
      iss: expect.any(String),
      sub: ["ci", "ci"],
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/u),
      type: "access",
      fresh: false,
      jti: expect.any(String),
      iat: expect.any(Number),
      nbf: claims["iat"],
      exp: Number(claims["iat"]) + 900,
    });
    expect(Math.abs(Number(claims["iat"]) - now)).toBeLessThan(10);
    expect((await ask(`Bearer ${body.access_token}`)).status).toBe(200);
  });

  it("takes any of the workspace's keys and names the one it was", async () => {
    const second = { key_name: "second", key: "another key" };
    await service.json("POST", "/auth/namespaces/ci/keys", second, token);
    const given = await service.login("ci", "another key");
    expect(claimsOf(given)["sub"]).toEqual(["ci", "second"]);
    expect((await ask(`Bearer ${given}`)).status).toBe(200);
  });

  it("does not ask for a Content-Type, and ignores a node", async () => {
    const body = JSON.stringify({ namespace: "ci", key: "key of ci", node: null });
    const response = await service.fetch("/auth", {
      method: "POST",
      headers: { "Content-Type": "text/plain" },
      body,
    });
    expect((await valueOf<AuthBody>(response)).token_type).toBe("Bearer");
  });

  it.each(["//auth", "///auth"])("is found at %s, as redirected clients ask", async (path) => {
    const body = { namespace: "ci", key: "key of ci" };
    expect((await valueOf<AuthBody>(service.send("POST", path, body))).expires_in).toBe(900);
  });

  it.each<[unknown, number, string]>([
    [{}, 400, "missing namespace in request"],
    [{ key: "key of ci" }, 400, "missing namespace in request"],
    [{ namespace: null, key: "key of ci" }, 400, "missing namespace in request"],
    [{ namespace: "ci" }, 400, "missing key in request"],
    [{ namespace: "ci", key: null }, 400, "missing key in request"],
    [{ namespace: "ci", key: 42 }, 400, "key is not a string"],
    [{ namespace: "ci", key: ["key of ci"] }, 400, "key is not a string"],
    [{ namespace: "nowhere", key: "key of ci" }, 404, "namespace not found"],
    [{ namespace: "CI", key: "key of ci" }, 404, "namespace not found"],
    [{ namespace: "ci", key: "wrong" }, 401, "unauthorized"],
    [{ namespace: "ci", key: "key of ci " }, 401, "unauthorized"],
    [{ namespace: "system", key: "key of ci" }, 401, "unauthorized"],
    [{ namespace: "system", key: "" }, 400, "missing key in request"],
    ["a text", 400, "malformed request"],
    [null, 400, "malformed request"],
  ])("answers %j with %i %s", async (body, status, error) => {
    expect(await refusalOf(service.send("POST", "/auth", body))).toEqual([status, error]);
  });

  it.each([
    ["no body", "", "missing namespace in request"],
    ["a body that is not JSON", "namespace=ci&key=x", "malformed request"],
    ["a JSON body cut off", '{"namespace": "ci"', "malformed request"],
    [
      "more than 64 KiB",
      JSON.stringify({ namespace: "ci", key: "k".repeat(65_536) }),
      "malformed request",
    ],
  ])("answers 400 to %s", async (_, body, error) => {
    expect(await refusalOf(service.fetch("/auth", { method: "POST", body }))).toEqual([400, error]);
  });
});

describe("Authorization (T11)", () => {
  it("is taken with a token that is signed like ours", async () => {
    // Without this, the forgeries below would prove nothing.
    expect((await ask(`Bearer ${makeJwt(claimsOf(token))}`)).status).toBe(200);
    expect((await ask(`bearer ${token}`)).status).toBe(200);
  });

  it("is asked for when it is missing", async () => {
    expect(await refusalOf(ask(null))).toEqual([401, "Missing Authorization Header"]);
  });

  it.each(["Basic Y2k6a2V5", "Bearer", "Bearer a b", "token", "JWT a.b.c"])(
    "is refused as no bearer token when it is '%s'",
    async (authorization) => {
      expect(await refusalOf(ask(authorization))).toEqual([
        401,
        "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'",
      ]);
    },
  );

  it.each<[string, (claims: Json) => string]>([
    ["no JWT at all", () => "abc"],
    ["two parts only", (claims) => makeJwt(claims).split(".").slice(0, 2).join(".")],
    [
      "another secret's signature",
      (claims) => makeJwt(claims, { secret: "another secret of more than 32 characters" }),
    ],
    ["a signature that was cut off", (claims) => makeJwt(claims).replace(/[\w-]{20}$/u, "")],
    [
      "other claims under a true signature",
      (claims) => {
        const [header, , signature] = makeJwt(claims).split(".");
        const forged = makeJwt({ ...claims, sub: ["system", "system"] }).split(".")[1];
        return `${header}.${forged}.${signature}`;
      },
    ],
    ["algorithm none", (claims) => makeJwt(claims, { alg: "none" })],
    ["algorithm HS384", (claims) => makeJwt(claims, { alg: "HS384" })],
    ["algorithm HS512", (claims) => makeJwt(claims, { alg: "HS512" })],
    ["algorithm RS256", (claims) => makeJwt(claims, { alg: "RS256" })],
    ["its algorithm in small letters", (claims) => makeJwt(claims, { alg: "hs256" })],
    ["no end", (claims) => makeJwt({ ...claims, exp: undefined })],
    ["another issuer", (claims) => makeJwt({ ...claims, iss: "shakenfist" })],
    ["no issuer", (claims) => makeJwt({ ...claims, iss: undefined })],
    ["another type", (claims) => makeJwt({ ...claims, type: "refresh" })],
    ["a subject that is a text", (claims) => makeJwt({ ...claims, sub: "ci" })],
    ["a key that does not exist", (claims) => makeJwt({ ...claims, sub: ["ci", "none"] })],
    ["a workspace that does not exist", (claims) => makeJwt({ ...claims, sub: ["nowhere", "ci"] })],
    [
      "the nonce of another workspace's key",
      (claims) => makeJwt({ ...claims, sub: ["system", "system"] }),
    ],
    ["another nonce", (claims) => makeJwt({ ...claims, nonce: "0".repeat(32) })],
    ["no nonce", (claims) => makeJwt({ ...claims, nonce: undefined })],
    ["a time to come", (claims) => makeJwt({ ...claims, nbf: Number(claims["nbf"]) + 600 })],
    ["a time that is a text", (claims) => makeJwt({ ...claims, nbf: "now" })],
  ])("is refused with %s", async (_, forge) => {
    const forged = forge(claimsOf(token));
    expect(await refusalOf(ask(`Bearer ${forged}`))).toEqual([
      401,
      "invalid JWT in Authorization header",
    ]);
  });

  it("is refused in the words of the contract when its token has expired", async () => {
    const claims = claimsOf(token);
    const past = Math.floor(Date.now() / 1000) - 1;
    const expired = makeJwt({ ...claims, exp: past, iat: past - 900, nbf: past - 900 });
    expect(await refusalOf(ask(`Bearer ${expired}`))).toEqual([401, "Signature has expired"]);
  });

  it("is refused on every endpoint that is not public", async () => {
    const uuid = "00000000-0000-4000-8000-000000000000";
    const endpoints = [
      "POST /upload",
      `POST /upload/${uuid}`,
      `GET /upload/${uuid}`,
      `POST /upload/${uuid}/truncate/0`,
      "POST /artifacts/upload/name",
      "GET /artifacts/name",
      "GET /artifacts/name/versions",
      `GET /blob_checksums/sha512/${"0".repeat(128)}`,
      `GET /blobs/${uuid}`,
      `GET /blobs/${uuid}/data`,
    ];
    const refusals = await Promise.all(
      endpoints.map(async (endpoint) => {
        const [method = "", path = ""] = endpoint.split(" ");
        return refusalOf(service.fetch(path, { method }));
      }),
    );
    expect(refusals).toEqual(endpoints.map(() => [401, "Missing Authorization Header"]));
  });
});

describe("a key that changes", () => {
  it("ends its old tokens and gives good ones at once when it is set anew", async () => {
    const old = await service.makeWorkspace("rotated");
    expect((await ask(`Bearer ${old}`)).status).toBe(200);
    const key = { key_name: "ci", key: "the new key" };
    await service.json("POST", "/auth/namespaces/rotated/keys", key, system);
    const fresh = await service.login("rotated", "the new key");
    expect((await ask(`Bearer ${fresh}`)).status).toBe(200);
    expect(await refusalOf(ask(`Bearer ${old}`))).toEqual([
      401,
      "invalid JWT in Authorization header",
    ]);
    expect((await ask(`Bearer ${fresh}`)).status).toBe(200);
    const login = { namespace: "rotated", key: "key of rotated" };
    expect(await refusalOf(service.send("POST", "/auth", login))).toEqual([401, "unauthorized"]);
  });

  it("opens no upload in a workspace that is gone, remembered or not", async () => {
    const bearer = await service.makeWorkspace("gone");
    expect((await ask(`Bearer ${bearer}`)).status).toBe(200);
    await service.json("DELETE", "/auth/namespaces/gone", undefined, system);
    expect(await refusalOf(service.send("POST", "/upload", undefined, bearer))).toEqual([
      401,
      "invalid JWT in Authorization header",
    ]);
  });

  it("is refused 10 seconds after it or its workspace was deleted", async () => {
    const keyless = await service.makeWorkspace("keyless");
    const deleted = await service.makeWorkspace("deleted");
    expect((await ask(`Bearer ${keyless}`)).status).toBe(200);
    expect((await ask(`Bearer ${deleted}`)).status).toBe(200);
    await service.json("DELETE", "/auth/namespaces/keyless/keys/ci", undefined, system);
    await service.json("DELETE", "/auth/namespaces/deleted", undefined, system);
    await sleep(KEY_MEMORY);
    const refused = [401, "invalid JWT in Authorization header"];
    expect(await refusalOf(ask(`Bearer ${keyless}`))).toEqual(refused);
    expect(await refusalOf(ask(`Bearer ${deleted}`))).toEqual(refused);
    // A workspace of the same name is another one.
    await service.makeWorkspace("deleted");
    expect(await refusalOf(ask(`Bearer ${deleted}`))).toEqual(refused);
  });
});

describe("a refusal", () => {
  it("says in JSON what is wrong, with its status and the request's id", async () => {
    const response = await service.fetch("/upload/not-a-uuid", { bearer: token });
    const id = response.headers.get("X-Request-Id");
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      404,
      "application/json",
    ]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(await response.json()).toEqual({
      error: "upload not found",
      status: 404,
      help: expect.any(String),
      request_id: id,
    });
  });

  it.each(["text/html", "text/plain", "image/png"])(
    "is JSON for a client that accepts %s",
    async (accept) => {
      const response = service.fetch("/upload", { method: "POST", headers: { Accept: accept } });
      expect(await refusalOf(response)).toEqual([401, "Missing Authorization Header"]);
    },
  );

  it.each([
    ["GET", "/node"],
    ["POST", "/auth/"],
    ["POST", "/upload/x/y/z/1"],
    ["GET", "/artifacts/a/b/c"],
    ["GET", "/%ce"],
  ])("answers 404 to %s %s, which does not exist", async (method, path) => {
    const { status, body } = await rawRequest(service.origin, path, { method });
    expect([status, JSON.parse(body.toString())]).toMatchObject([
      404,
      { error: "no such endpoint", status: 404 },
    ]);
  });

  it.each([
    ["GET", "/auth", "POST, OPTIONS"],
    ["PUT", "/upload", "POST, OPTIONS"],
    ["DELETE", "/upload/00000000-0000-4000-8000-000000000000", "POST, GET, HEAD, OPTIONS"],
    ["PUT", "/artifacts/name/versions", "GET, HEAD, POST, OPTIONS"],
    ["PUT", "//auth", "POST, OPTIONS"],
  ])("answers 405 to %s %s and says what is allowed", async (method, path, allow) => {
    const response = await service.fetch(path, { method, bearer: token });
    expect(response.headers.get("Allow")).toBe(allow);
    expect(await refusalOf(response)).toEqual([405, "method not allowed"]);
  });
});

describe("a GET with a body", () => {
  it("is answered as if it had none", async () => {
    const { status, body } = await rawRequest(service.origin, "/artifacts/nothing", {
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        "Content-Length": '{"node": null}'.length,
      },
      body: '{"node": null}',
    });
    expect([status, JSON.parse(body.toString())]).toMatchObject([
      404,
      { error: "artifact not found" },
    ]);
  });
});

describe.each(["/instances", "/networks", "/nodes"])("GET %s", (path) => {
  it("answers an empty list to somebody, and 401 to nobody", async () => {
    const bearer = await service.loginAsSystem();
    const list = service.fetch(path, { bearer, headers: { "Content-Type": "application/json" } });
    expect(await valueOf(list)).toEqual([]);
    expect((await refusalOf(service.fetch(path)))[0]).toBe(401);
  });
});
