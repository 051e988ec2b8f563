// Workspaces, their keys and their trusts, by the workspace `system` and by their own keys (docs/conformance.md,
// Administration). The wire calls them namespaces.
// SECURITY.md: ASVS 11.5.1.

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const NOBODY = [401, "Missing Authorization Header"];
const NOT_SYSTEM = [401, "unauthorized"];
const NO_KEY = [403, "only a namespace key may do this"];
const NOT_FOUND = [404, "namespace not found"];

let service: RunningService;
let system: string;
let token: string;
/** The headers of an owner of "foreign" and of a worker, who have no key. */
let keyless: Record<string, string>[];

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  token = await service.makeWorkspace("ci");
  await service.makeWorkspace("foreign");
  const user = await makeUserToken(service, "user", { foreign: "owner" });
  keyless = [{ Token: user.token }, { Token: (await makeWorkerToken(service)).token }];
});

afterAll(() => service[Symbol.asyncDispose]());

interface NamespaceBody {
  name: string;
  keys: string[];
  trust: { full: string[] };
}

function ask(method: string, path: string, body?: unknown, bearer = system): Promise<Response> {
  return service.send(method, `/auth/namespaces${path}`, body, bearer);
}

/** A namespace's view: what all have, and what this one has of its own. */
function namespaceOf(name: string, own: object = {}) {
  return {
    name,
    state: "created",
    metadata: {},
    version: 5,
    keys: [],
    trust: { full: ["system"] },
    public: false,
    quota_bytes: null,
    used_bytes: 0,
    quota_entries: 4_000_000,
    used_entries: expect.any(Number) as number,
    default_expiration_days: null,
    ...own,
  };
}

describe("what only the system namespace may do", () => {
  it.each([
    ["POST", "/auth/namespaces"],
    ["PATCH", "/auth/namespaces/ci"],
    ["DELETE", "/auth/namespaces/ci"],
    ["PUT", "/auth/namespaces/ci/members/somebody"],
    ["DELETE", "/auth/namespaces/ci/members/somebody"],
    ["POST", "/auth/users"],
    ["GET", "/auth/users"],
    ["DELETE", "/auth/users/somebody"],
  ])("%s %s is refused to all others before its body is read", async (method, path) => {
    // What DELETE brings is looked at for all routes at once, of whoever has credentials.
    const body = ["GET", "DELETE"].includes(method) ? {} : { body: "{not json" };
    expect(await refusalOf(service.fetch(path, { method, ...body }))).toEqual(NOBODY);
    const byKey = service.fetch(path, { method, ...body, bearer: token });
    expect(await refusalOf(byKey)).toEqual(NOT_SYSTEM);
    for (const headers of keyless) {
      const reply = service.fetch(path, { method, ...body, headers });
      expect(await refusalOf(reply)).toEqual(NO_KEY);
    }
  });
});

describe("POST /auth/namespaces", () => {
  it("answers a namespace without keys that trusts the system only", async () => {
    const made = await valueOf(ask("POST", "", { namespace: "made" }));
    expect(made).toEqual(namespaceOf("made"));
    expect(await valueOf(ask("GET", "/made"))).toEqual(made);
  });

  it("gives it a first key and makes it public when asked", async () => {
    const body = { namespace: "open", key_name: "first", key: "open sesame", public: true };
    const made = await valueOf(ask("POST", "", { ...body, node: 1 }));
    expect(made).toEqual(namespaceOf("open", { keys: ["first"], public: true }));
    expect(await service.login("open", "open sesame")).toBeTypeOf("string");
  });

  it("answers 403 when there is one of that name and leaves it alone", async () => {
    const body = { namespace: "ci", key_name: "intruder", key: "of a thief" };
    expect(await refusalOf(ask("POST", "", body))).toEqual([403, "namespace exists"]);
    expect(await refusalOf(ask("POST", "", { namespace: "system" }))).toEqual([
      403,
      "namespace exists",
    ]);
    expect((await valueOf<NamespaceBody>(ask("GET", "/ci"))).keys).toEqual(["ci"]);
  });

  it.each<[unknown, string]>([
    [{}, "no namespace specified"],
    [{ namespace: "" }, "no namespace specified"],
    [{ namespace: null }, "no namespace specified"],
    [{ namespace: 42 }, "malformed request"],
    [{ namespace: "two words" }, "namespace name is not usable"],
    [{ namespace: "../auth" }, "namespace name is not usable"],
    [{ namespace: ".hidden" }, "namespace name is not usable"],
    [{ namespace: "new\nline" }, "namespace name is not usable"],
    [{ namespace: "größe" }, "namespace name is not usable"],
    [{ namespace: "x".repeat(101) }, "namespace name is not usable"],
    [{ namespace: "new", public: "yes" }, "malformed request"],
    [{ namespace: "new", key_name: "first" }, "no key specified"],
    [{ namespace: "new", key_name: "first", key: "" }, "no key specified"],
    [{ namespace: "new", key_name: "first", key: 42 }, "key is not a string"],
    [{ namespace: "new", key_name: "", key: "secret" }, "no key name specified"],
    [{ namespace: "new", key: "long enough" }, "no key name specified"],
    [{ namespace: "new", key_name: null, key: "" }, "no key name specified"],
    [
      { namespace: "new", key_name: "first", key: "1234567" },
      "key must have at least 8 characters",
    ],
    [{ namespace: "new", key_name: "..", key: "secret" }, "key name is not usable"],
    ["a text", "malformed request"],
  ])("answers 400 to %j and makes nothing", async (body, error) => {
    expect(await refusalOf(ask("POST", "", body))).toEqual([400, error]);
    expect(await refusalOf(ask("GET", "/new"))).toEqual(NOT_FOUND);
  });

  it.each([
    ["malformed JSON", "{"],
    ["more than 64 KiB", JSON.stringify({ namespace: "new", extra: "x".repeat(65_536) })],
  ])("answers 400 to %s", async (_, body) => {
    const reply = service.fetch("/auth/namespaces", { method: "POST", body, bearer: system });
    expect(await refusalOf(reply)).toEqual([400, "malformed request"]);
    expect(await refusalOf(ask("GET", "/new"))).toEqual(NOT_FOUND);
  });
});

describe("GET /auth/namespaces", () => {
  it("lists all to the system, by name, from `after` on", async () => {
    for (const namespace of ["list-b", "list-a"]) {
      await valueOf(ask("POST", "", { namespace }));
    }
    const trust = { external_namespace: "ci" };
    const trusting = await valueOf(ask("POST", "/foreign/trust", trust));
    const all = await valueOf<NamespaceBody[]>(ask("GET", ""));
    expect(all).toContainEqual(trusting);
    const names = all.map(({ name }) => name);
    expect(names).toEqual(names.toSorted((one, other) => (one < other ? -1 : 1)));
    expect(names).toEqual(expect.arrayContaining(["ci", "list-a", "list-b", "system"]));
    const rest = await valueOf<NamespaceBody[]>(ask("GET", "?after=list-a"));
    expect(rest[0]).toEqual(namespaceOf("list-b"));
  });

  it("shows a key its own and no other", async () => {
    const [own, ...others] = await valueOf<NamespaceBody[]>(ask("GET", "", undefined, token));
    expect([own?.name, others]).toEqual(["ci", []]);
    expect(await valueOf(ask("GET", "/ci", undefined, token))).toEqual(own);
  });

  it("answers a foreign namespace like one that does not exist", async () => {
    for (const name of ["foreign", "nowhere", "system"]) {
      expect(await refusalOf(ask("GET", `/${name}`, undefined, token))).toEqual(NOT_FOUND);
    }
    expect(await refusalOf(ask("GET", "/nowhere"))).toEqual(NOT_FOUND);
  });
});

describe("PATCH /auth/namespaces/:namespace", () => {
  it("changes what is given and leaves the rest", async () => {
    await valueOf(ask("POST", "", { namespace: "patched" }));
    const steps: [object, object][] = [
      [{ public: true }, { public: true }],
      [{ quota_bytes: 1000 }, { public: true, quota_bytes: 1000, quota_entries: 1_024 }],
      [
        { public: false, default_expiration_days: 30, node: 1 },
        { quota_bytes: 1000, quota_entries: 1_024, default_expiration_days: 30 },
      ],
      [{ quota_entries: 7 }, { quota_bytes: 1000, quota_entries: 7, default_expiration_days: 30 }],
      [{ quota_bytes: null }, { quota_entries: 7, default_expiration_days: 30 }],
      [{ quota_entries: null }, { default_expiration_days: 30 }],
      [{}, { default_expiration_days: 30 }],
    ];
    for (const [changes, expected] of steps) {
      const changed = await valueOf(ask("PATCH", "/patched", changes));
      expect(changed).toEqual(namespaceOf("patched", expected));
      expect(await valueOf(ask("GET", "/patched"))).toEqual(changed);
    }
  });

  it.each<[unknown]>([
    [{ public: "yes" }],
    [{ public: null }],
    [{ quota_bytes: -1 }],
    [{ quota_bytes: 1.5 }],
    [{ quota_bytes: "1000" }],
    [{ quota_bytes: 2 ** 53 }],
    [{ default_expiration_days: 0 }],
    [{ default_expiration_days: 36_501 }],
    ["text"],
  ])("answers %j with 400 and changes nothing", async (body) => {
    const before = await valueOf(ask("GET", "/ci"));
    const reply = ask("PATCH", "/ci", body);
    expect(await refusalOf(reply)).toEqual([400, "malformed request"]);
    expect(await valueOf(ask("GET", "/ci"))).toEqual(before);
  });

  it("answers 404 to a namespace that does not exist", async () => {
    expect(await refusalOf(ask("PATCH", "/nowhere", { public: true }))).toEqual(NOT_FOUND);
  });
});

describe("DELETE /auth/namespaces/:namespace", () => {
  it("answers null, and the namespace and its keys are gone", async () => {
    await service.makeWorkspace("doomed");
    await service.json(
      "POST",
      "/auth/namespaces/ci/trust",
      { external_namespace: "doomed" },
      token,
    );
    expect(await valueOf(ask("DELETE", "/doomed"))).toBeNull();
    expect(await refusalOf(ask("GET", "/doomed"))).toEqual(NOT_FOUND);
    expect(await refusalOf(ask("DELETE", "/doomed"))).toEqual(NOT_FOUND);
    const login = { namespace: "doomed", key: "key of doomed" };
    expect(await refusalOf(service.send("POST", "/auth", login))).toEqual(NOT_FOUND);
    const { trust } = await valueOf<NamespaceBody>(ask("GET", "/ci"));
    expect(trust.full).toEqual(["system"]);
  });

  it("answers 409 while it holds an artifact or an upload", async () => {
    const refused = [409, "namespace still has artifacts or uploads"];
    const full = await service.makeWorkspace("full");
    const upload = await service.openUpload(full);
    expect(await refusalOf(ask("DELETE", "/full"))).toEqual(refused);
    await service.convert(upload, "artifact", full);
    expect(await refusalOf(ask("DELETE", "/full"))).toEqual(refused);
    expect(await valueOf(service.fetch("/artifacts/artifact", { bearer: full }))).toMatchObject({
      name: "artifact",
    });
  });

  it("answers 403 to the system namespace", async () => {
    expect(await refusalOf(ask("DELETE", "/system"))).toEqual([
      403,
      "the system namespace cannot be changed or deleted",
    ]);
  });
});

describe("/auth/namespaces/:namespace/keys", () => {
  it("sets a chosen key, by the system and by the namespace itself", async () => {
    const body = { key_name: "chosen", key: "chosen by ci" };
    expect(await valueOf(ask("POST", "/ci/keys", body, token))).toBe("chosen");
    const given = { key_name: "given name", key: "given by system", node: 1 };
    expect(await valueOf(ask("POST", "/ci/keys", given))).toBe("given name");
    expect(await valueOf(ask("GET", "/ci/keys", undefined, token))).toEqual([
      "chosen",
      "ci",
      "given name",
    ]);
    for (const key of ["chosen by ci", "given by system", "key of ci"]) {
      expect(await service.login("ci", key)).toBeTypeOf("string");
    }
    expect(await valueOf(ask("DELETE", "/ci/keys/chosen", undefined, token))).toBeNull();
    expect(await valueOf(ask("DELETE", "/ci/keys/given%20name"))).toBeNull();
    expect(await valueOf(ask("GET", "/ci/keys"))).toEqual(["ci"]);
    const login = { namespace: "ci", key: "chosen by ci" };
    expect(await refusalOf(service.send("POST", "/auth", login))).toEqual([401, "unauthorized"]);
  });

  it("draws a key when none is given and shows it this once", async () => {
    const drawn = await valueOf<{ key: string }>(ask("POST", "/ci/keys", { key_name: "drawn" }));
    expect(drawn).toEqual({ key_name: "drawn", key: expect.stringMatching(/^[0-9a-f]{64}$/u) });
    expect(await service.login("ci", drawn.key)).toBeTypeOf("string");
    expect(JSON.stringify(await valueOf(ask("GET", "/ci")))).not.toContain(drawn.key);
    await valueOf(ask("DELETE", "/ci/keys/drawn"));
  });

  it("sets a key anew with POST and with PUT to its name", async () => {
    const path = "/foreign/keys/ci";
    expect(await valueOf(ask("PUT", path, { key: "second key" }))).toBe("ci");
    expect(await service.login("foreign", "second key")).toBeTypeOf("string");
    const body = { key_name: "ci", key: "third key" };
    expect(await valueOf(ask("POST", "/foreign/keys", body))).toBe("ci");
    expect(await service.login("foreign", "third key")).toBeTypeOf("string");
    const login = { namespace: "foreign", key: "second key" };
    expect(await refusalOf(service.send("POST", "/auth", login))).toEqual([401, "unauthorized"]);
    const none = ask("PUT", "/foreign/keys/none", { key: "x" });
    expect(await refusalOf(none)).toEqual([404, "key name not found in namespace"]);
  });

  it.each<[unknown, string]>([
    [{}, "no key name specified"],
    [{ key_name: "", key: "x" }, "no key name specified"],
    [{ key_name: 42, key: "x" }, "malformed request"],
    [{ key_name: "..", key: "x" }, "key name is not usable"],
    [{ key_name: "a/b", key: "x" }, "key name is not usable"],
    [{ key_name: "a\0b", key: "x" }, "key name is not usable"],
    [{ key_name: "a\u202eb", key: "x" }, "key name is not usable"],
    [{ key_name: "a\u2028b", key: "x" }, "key name is not usable"],
    [{ key_name: "\ufeffa", key: "x" }, "key name is not usable"],
    [{ key_name: "new", key: "" }, "no key specified"],
    [{ key_name: "new", key: null }, "no key specified"],
    [{ key_name: "new", key: 42 }, "key is not a string"],
    [{ key_name: "new", key: "1234567" }, "key must have at least 8 characters"],
    [{ key_name: "new", key: "x".repeat(1025) }, "key must have at most 1,024 characters"],
  ])("answers 400 to %j and sets no key", async (body, error) => {
    expect(await refusalOf(ask("POST", "/ci/keys", body))).toEqual([400, error]);
    expect(await valueOf(ask("GET", "/ci/keys"))).toEqual(["ci"]);
  });

  it("has at most 16 of them, each of which may be set anew", async () => {
    await valueOf(ask("POST", "", { namespace: "crowded" }));
    for (let n = 1; n <= 16; n += 1) {
      await valueOf(ask("POST", "/crowded/keys", { key_name: `key-${n}` }));
    }
    expect(await refusalOf(ask("POST", "/crowded/keys", { key_name: "key-17" }))).toEqual([
      507,
      "namespace has as many keys as it may have",
    ]);
    const again = await valueOf(ask("POST", "/crowded/keys", { key_name: "key-16" }));
    expect(again).toMatchObject({ key_name: "key-16" });
  });

  it("does not hold the system's, which is a secret of the service", async () => {
    const refused = [403, "the system namespace cannot be changed or deleted"];
    expect(await refusalOf(ask("POST", "/system/keys", { key_name: "x", key: "y" }))).toEqual(
      refused,
    );
    expect(await valueOf(ask("GET", "/system/keys"))).toEqual([]);
  });

  it("answers 404 to other namespaces, and 401 and 403 to who has no key", async () => {
    const asks: [string, string, unknown][] = [
      ["GET", "/foreign/keys", undefined],
      ["POST", "/foreign/keys", { key_name: "x", key: "y" }],
      ["PUT", "/foreign/keys/ci", { key: "y" }],
      ["DELETE", "/foreign/keys/ci", undefined],
    ];
    for (const [method, path, body] of asks) {
      expect(await refusalOf(ask(method, path, body, token))).toEqual(NOT_FOUND);
      const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const url = `/auth/namespaces${path}`;
      expect(await refusalOf(service.fetch(url, init))).toEqual(NOBODY);
      for (const headers of keyless) {
        expect(await refusalOf(service.fetch(url, { ...init, headers }))).toEqual(NO_KEY);
      }
    }
    expect(await valueOf(ask("GET", "/foreign/keys"))).toEqual(["ci"]);
    expect(await refusalOf(ask("DELETE", "/ci/keys/none"))).toEqual([
      404,
      "key name not found in namespace",
    ]);
    expect(await refusalOf(ask("GET", "/nowhere/keys"))).toEqual(NOT_FOUND);
  });
});

describe("/auth/namespaces/:namespace/trust", () => {
  it("adds and removes trusts, and says so when repeated", async () => {
    const trusting = namespaceOf("ci", { keys: ["ci"], trust: { full: ["system", "foreign"] } });
    for (const bearer of [token, system]) {
      const body = { external_namespace: "foreign" };
      expect(await valueOf(ask("POST", "/ci/trust", body, bearer))).toEqual(trusting);
    }
    const alone = namespaceOf("ci", { keys: ["ci"] });
    for (const bearer of [token, system]) {
      const reply = ask("DELETE", "/ci/trust/foreign", undefined, bearer);
      expect(await valueOf(reply)).toEqual(alone);
    }
  });

  it("always holds the system", async () => {
    const named = ask("POST", "/ci/trust", { external_namespace: "system" }, token);
    expect((await valueOf<NamespaceBody>(named)).trust.full).toEqual(["system"]);
    const removed = ask("DELETE", "/ci/trust/system", undefined, token);
    expect((await valueOf<NamespaceBody>(removed)).trust.full).toEqual(["system"]);
  });

  it("cannot be had from outside", async () => {
    const body = { external_namespace: "ci" };
    expect(await refusalOf(ask("POST", "/foreign/trust", body, token))).toEqual(NOT_FOUND);
    const removal = ask("DELETE", "/foreign/trust/ci", undefined, token);
    expect(await refusalOf(removal)).toEqual(NOT_FOUND);
    const reply = service.fetch("/auth/namespaces/ci/trust", { method: "POST" });
    expect(await refusalOf(reply)).toEqual(NOBODY);
  });

  it.each<[unknown, number, string]>([
    [{}, 400, "no namespace specified"],
    [{ external_namespace: "" }, 400, "no namespace specified"],
    [{ external_namespace: "two words" }, 400, "namespace name is not usable"],
    [{ external_namespace: "nowhere" }, 404, "namespace not found"],
  ])("answers %j with %i %s", async (body, status, error) => {
    expect(await refusalOf(ask("POST", "/ci/trust", body, token))).toEqual([status, error]);
  });

  it("answers 404 when the trusted or the trusting one does not exist", async () => {
    expect(await refusalOf(ask("DELETE", "/ci/trust/nowhere"))).toEqual(NOT_FOUND);
    expect(await refusalOf(ask("DELETE", "/nowhere/trust/ci"))).toEqual(NOT_FOUND);
  });
});

describe("/auth/namespaces/:namespace/metadata", () => {
  it("keeps what is set by POST and PUT until it is deleted, for its own keys and the system", async () => {
    const path = "/auth/namespaces/noting";
    const own = await service.makeWorkspace("noting");
    const send = (method: string, below: string, body?: unknown, bearer = own) =>
      service.send(method, `${path}/metadata${below}`, body, bearer);
    expect(await valueOf(send("GET", ""))).toEqual({});
    expect(await valueOf(send("POST", "", { key: "owner", value: "ops" }))).toBeNull();
    expect(await valueOf(send("PUT", "/tier", { value: 2 }, system))).toBeNull();
    expect(await valueOf(send("GET", "", undefined, system))).toEqual({ owner: "ops", tier: 2 });
    const view = await valueOf<{ metadata: unknown }>(service.fetch(path, { bearer: own }));
    expect(view.metadata).toEqual({ owner: "ops", tier: 2 });
    expect(await valueOf(send("DELETE", "/tier"))).toBeNull();
    expect(await valueOf(send("DELETE", "/tier"))).toBeNull();
    expect(await valueOf(send("GET", ""))).toEqual({ owner: "ops" });
    expect(await refusalOf(send("POST", "", { key: "k" }))).toEqual([400, "no value specified"]);
    expect(await refusalOf(send("POST", "", { value: 1 }))).toEqual([400, "no key specified"]);

    const foreign = await service.makeWorkspace("curious");
    for (const reply of [
      send("GET", "", undefined, foreign),
      send("PUT", "/owner", { value: "me" }, foreign),
      send("DELETE", "/owner", undefined, foreign),
    ]) {
      expect(await refusalOf(reply)).toEqual([404, "namespace not found"]);
    }
    expect(await valueOf(send("GET", ""))).toEqual({ owner: "ops" });
  });
});
