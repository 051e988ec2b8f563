// What a credential makes: it lives no longer than what made it, may do no more, and ends with it (decision 16).
// SECURITY.md: T40.

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../src/protocol/limits.ts";
import { refusalOf, valueOf } from "../support/answers.ts";
import { makeUserToken } from "../support/make-token.ts";
import type { MadeToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const HOUR = 3_600_000;

let service: RunningService;
let system: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
});

afterAll(() => service[Symbol.asyncDispose]());

describe("a token made by a token", () => {
  interface TokenBody extends MadeToken {
    expires_at: string | null;
    enabled: boolean;
    parent: number | null;
  }

  function ask(token: string, method: string, path: string, body?: unknown): Promise<Response> {
    const init = { method, headers: { Token: token } };
    return service.fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  }

  function make(by: string, more: object = {}): Promise<TokenBody> {
    return valueOf(ask(by, "POST", "/auth/tokens", { kind: "user", ...more }));
  }

  /** A token, one that it made, and one that this made. */
  async function makeLine(name: string): Promise<[MadeToken, TokenBody, TokenBody]> {
    const first = await makeUserToken(service, name);
    const second = await make(first.token);
    return [first, second, await make(second.token)];
  }

  async function statusesOf(tokens: readonly MadeToken[]): Promise<number[]> {
    const replies = await Promise.all(tokens.map(({ token }) => ask(token, "GET", "/auth/tokens")));
    return replies.map(({ status }) => status);
  }

  function change(id: number, enabled: boolean): Promise<Response> {
    return service.send("PATCH", `/auth/tokens/${id}`, { enabled }, system);
  }

  async function auditOf(id: number): Promise<string[]> {
    const { results } = await service.env.DB.prepare(
      "SELECT action FROM audit WHERE detail ->> 'id' = ?1 ORDER BY id",
    )
      .bind(id)
      .all<{ action: string }>();
    return results.map(({ action }) => action);
  }

  it("says which, and ends when that is disabled, with all that came of it; each is in the audit", async () => {
    const [first, second, third] = await makeLine("line");
    expect([second.parent, third.parent]).toEqual([first.id, second.id]);
    await valueOf(change(first.id, false));
    expect(await statusesOf([first, second, third])).toEqual([401, 401, 401]);
    await valueOf(change(first.id, true));
    expect(await statusesOf([first, second, third])).toEqual([200, 401, 401]);
    for (const { id } of [second, third]) {
      expect(await auditOf(id)).toEqual(["token disabled"]);
    }
    expect(await refusalOf(change(third.id, true))).toEqual([
      409,
      "the token that made this one is disabled",
    ]);
    await valueOf(change(second.id, true));
    await valueOf(change(third.id, true));
    expect(await statusesOf([first, second, third])).toEqual([200, 200, 200]);
  });

  it("ends when that is deleted, with all that came of it, and those of others stay", async () => {
    const [first, second, third] = await makeLine("deleted");
    const sibling = await make(first.token);
    await valueOf(service.send("DELETE", `/auth/tokens/${second.id}`, undefined, system));
    expect(await statusesOf([first, second, third, sibling])).toEqual([200, 401, 401, 200]);
    expect(await auditOf(third.id)).toEqual(["token deleted"]);
    expect(await refusalOf(change(third.id, true))).toEqual([404, "token not found"]);
  });

  it("ends when that expires, and cannot be made to end later", async () => {
    const soon = Date.now() + HOUR;
    await makeUserToken(service, "brief");
    const body = { kind: "user", user: "brief", expires_at: soon };
    const brief = await service.json<TokenBody>("POST", "/auth/tokens", body, system);
    const iso = new Date(soon).toISOString();
    const child = await make(brief.token);
    expect(child.expires_at).toBe(iso);
    expect((await make(child.token)).expires_at).toBe(iso);
    expect((await make(brief.token, { expires_at: soon })).expires_at).toBe(iso);
    expect((await make(brief.token, { expires_at: soon - 1 })).expires_at).not.toBe(iso);
    for (const expiry of [soon + 1, "9999-01-01T00:00:00Z"]) {
      const asked = ask(child.token, "POST", "/auth/tokens", { kind: "user", expires_at: expiry });
      expect(await refusalOf(asked)).toEqual([
        400,
        "expires_at is after the end of the token that asks",
      ]);
    }
  });

  it("is enabled by `system` or by what made it, not by another of the user's", async () => {
    const [first, second, third] = await makeLine("enabled");
    const other = await service.json<TokenBody>(
      "POST",
      "/auth/tokens",
      { kind: "user", user: "enabled" },
      system,
    );
    await valueOf(ask(other.token, "PATCH", `/auth/tokens/${third.id}`, { enabled: false }));
    for (const { token } of [other]) {
      const asked = ask(token, "PATCH", `/auth/tokens/${third.id}`, { enabled: true });
      expect(await refusalOf(asked)).toEqual([
        403,
        "only the token that made this one may enable it",
      ]);
    }
    const own = ask(first.token, "PATCH", `/auth/tokens/${first.id}`, { enabled: true });
    expect((await refusalOf(own))[0]).toBe(403);
    await valueOf(ask(first.token, "PATCH", `/auth/tokens/${third.id}`, { enabled: true }));
    expect(await statusesOf([second, third])).toEqual([200, 200]);
  });

  it("is of the same kind and user", async () => {
    const { token } = await makeUserToken(service, "modest");
    for (const wanted of [{ kind: "worker" }, { kind: "user", user: "line" }]) {
      expect((await refusalOf(ask(token, "POST", "/auth/tokens", wanted)))[0]).toBe(403);
    }
  });

  it("is one of so many of a user; those that expired make room", async () => {
    const { token } = await makeUserToken(service, "many");
    await service.env.DB.prepare(
      `WITH RECURSIVE n (value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM n WHERE value < ?1)
       INSERT INTO tokens (kind, user_id, token_hash, label, created_at)
       SELECT 'user', u.id, 'many ' || n.value, '', 0 FROM n, users u WHERE u.name = 'many'`,
    )
      .bind(LIMITS.tokensOfUser)
      .run();
    const full = ask(token, "POST", "/auth/tokens", { kind: "user" });
    expect((await refusalOf(full))[0]).toBe(507);
    await service.env.DB.exec("UPDATE tokens SET expires_at = 5 WHERE token_hash = 'many 7'");
    await make(token);
    expect((await refusalOf(ask(token, "POST", "/auth/tokens", { kind: "user" })))[0]).toBe(507);
    expect(await statusesOf([await makeUserToken(service, "unconcerned")])).toEqual([200]);
  });
});

describe("a key set by a key", () => {
  const ITSELF = /^[0-9a-f]{64}$/u;

  /** A workspace with a key "a", which sets "b", which sets "c"; a bearer of each. */
  async function makeLine(workspace: string): Promise<Record<"a" | "b" | "c", string>> {
    await service.json("POST", "/auth/namespaces", { namespace: workspace }, system);
    const set = async (name: string, by: string) => {
      const path = `/auth/namespaces/${workspace}/keys`;
      const { key } = await service.json<{ key: string }>("POST", path, { key_name: name }, by);
      expect(key).toMatch(ITSELF);
      return service.login(workspace, key);
    };
    const a = await set("a", system);
    const b = await set("b", a);
    return { a, b, c: await set("c", b) };
  }

  function remove(workspace: string, key: string, query = ""): Promise<Response> {
    return service.send(
      "DELETE",
      `/auth/namespaces/${workspace}/keys/${key}${query}`,
      undefined,
      system,
    );
  }

  async function familyOf(workspace: string): Promise<unknown> {
    const path = `/auth/namespaces/${workspace}`;
    const { keys, key_makers: makers = null } = await service.json<{
      keys: string[];
      key_makers?: Record<string, string[]>;
    }>("GET", path, undefined, system);
    return { keys, makers };
  }

  it("is shown with it, and named when that is deleted; it then counts as set by who had set that", async () => {
    const { b, c } = await makeLine("kept");
    expect(await familyOf("kept")).toEqual({
      keys: ["a", "b", "c"],
      makers: { b: ["a"], c: ["b"] },
    });
    expect(await valueOf(remove("kept", "b"))).toEqual({ descendants: ["c"], ended: false });
    expect(await familyOf("kept")).toEqual({ keys: ["a", "c"], makers: { c: ["a"] } });
    expect((await service.send("POST", "/upload", undefined, b)).status).toBe(401);
    expect((await service.send("POST", "/upload", undefined, c)).status).toBe(200);
    expect(await valueOf(remove("kept", "a"))).toEqual({ descendants: ["c"], ended: false });
    expect(await familyOf("kept")).toEqual({ keys: ["c"], makers: null });
    expect(await valueOf(remove("kept", "c"))).toBeNull();
  });

  it("ends with it when asked to, with all that came of it; each is in the audit", async () => {
    const { a, b, c } = await makeLine("ended");
    await service.json("POST", "/auth/namespaces/ended/keys", { key_name: "other" }, system);
    const reply = remove("ended", "a", "?descendants=true");
    expect(await valueOf(reply)).toEqual({ descendants: ["b", "c"], ended: true });
    expect(await familyOf("ended")).toEqual({ keys: ["other"], makers: null });
    for (const bearer of [a, b, c]) {
      expect((await service.send("GET", "/artifacts", undefined, bearer)).status).toBe(401);
    }
    const { results } = await service.env.DB.prepare(
      `SELECT subject, detail ->> 'makers' AS makers FROM audit
       WHERE action = 'key deleted' AND workspace = 'ended' ORDER BY subject`,
    ).all();
    expect(results).toEqual([
      { subject: "a", makers: "[]" },
      { subject: "b", makers: '["a"]' },
      { subject: "c", makers: '["b"]' },
    ]);
  });

  it("may be its successor, and goes on when that is deleted", async () => {
    const { a } = await makeLine("rotated");
    const path = "/auth/namespaces/rotated/keys";
    const { key } = await service.json<{ key: string }>("POST", path, { key_name: "next" }, a);
    const next = await service.login("rotated", key);
    const gone = await service.send("DELETE", `${path}/a`, undefined, next);
    expect(await valueOf(gone)).toEqual({ descendants: ["b", "c", "next"], ended: false });
    expect((await service.send("POST", "/upload", undefined, next)).status).toBe(200);
  });

  it("may set that one anew: the line then goes round, and ends all the same", async () => {
    const { c } = await makeLine("round");
    await service.json("PUT", "/auth/namespaces/round/keys/a", {}, c);
    const reply = remove("round", "b", "?descendants=true");
    expect(await valueOf(reply)).toEqual({ descendants: ["a", "c"], ended: true });
    expect(await familyOf("round")).toEqual({ keys: [], makers: null });
  });

  it("keeps its descendants when it is set anew, by itself or `system`", async () => {
    const { a } = await makeLine("anew");
    for (const by of [a, system]) {
      await service.json("PUT", "/auth/namespaces/anew/keys/a", {}, by);
      expect(await familyOf("anew")).toMatchObject({ makers: { b: ["a"], c: ["b"] } });
    }
  });

  it("cannot leave its line by setting each other, nor by `system` setting one between", async () => {
    const { b, c } = await makeLine("washed");
    await service.json("PUT", "/auth/namespaces/washed/keys/b", {}, c);
    expect((await service.send("POST", "/upload", undefined, b)).status).toBe(401);
    expect(await familyOf("washed")).toMatchObject({ makers: { b: ["a", "c"], c: ["b"] } });
    await service.json("PUT", "/auth/namespaces/washed/keys/b", {}, system);
    expect(await familyOf("washed")).toMatchObject({ makers: { c: ["a", "b"] } });
    const reply = remove("washed", "a", "?descendants=true");
    expect(await valueOf(reply)).toEqual({ descendants: ["c"], ended: true });
    expect(await familyOf("washed")).toEqual({ keys: ["b"], makers: null });
  });

  it.each(["yes", "1", "TRUE", ""])(
    "answers 400 to descendants=%s and deletes none",
    async (text) => {
      const namespace = `asked-${text || "empty"}`;
      await makeLine(namespace);
      const reply = remove(namespace, "a", `?descendants=${text}`);
      expect(await refusalOf(reply)).toEqual([400, "descendants is neither true nor false"]);
      expect(await familyOf(namespace)).toMatchObject({ keys: ["a", "b", "c"] });
    },
  );
});
