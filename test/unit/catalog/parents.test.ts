// What is made while its maker ends: the statement that makes it asks whether that holds, however long ago the request began.
// SECURITY.md: T40.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { deleteKey, putKey } from "../../../src/catalog/access/keys.ts";
import type { NewKey } from "../../../src/catalog/access/keys.ts";
import { createToken, disableToken } from "../../../src/catalog/access/tokens.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";

let workspaceId: number;
let drawn = 0;

beforeAll(async () => {
  await applySchema();
  ({ id: workspaceId } = await makeWorkspace("ci"));
});

/** Makes a worker's token, of which nothing is good but to be a parent. */
function makeToken(parentId: number | null, expiresAt: number | null = null) {
  drawn += 1;
  const token = { kind: "worker", userId: null, user: null, label: "", expiresAt } as const;
  return createToken(env.DB, { ...token, tokenHash: `hash ${drawn}`, parentId }, byTest(), 100);
}

async function idOf(made: ReturnType<typeof makeToken>): Promise<number> {
  const outcome = await made;
  if (!outcome.ok) {
    throw new Error(outcome.code);
  }
  return outcome.id;
}

const count = (table: string) =>
  env.DB.prepare(`SELECT count(*) AS count FROM ${table}`).first<number>("count");

describe("createToken()", () => {
  it("makes none for a parent that was disabled, has expired or is gone", async () => {
    const disabled = await idOf(makeToken(null));
    await disableToken(env.DB, disabled, byTest());
    const expired = await idOf(makeToken(null, Date.now() + 3_600_000));
    await env.DB.prepare("UPDATE tokens SET expires_at = 1 WHERE id = ?1").bind(expired).run();
    for (const parent of [disabled, expired, 999]) {
      expect(await makeToken(parent)).toEqual({ ok: false, code: "access_token_refused" });
    }
    expect(await count("tokens")).toBe(1); // the expired one made room
  });

  it("counts only those of the same user, and says when there are as many as may be", async () => {
    const token = { kind: "worker", userId: null, user: null, label: "", expiresAt: null } as const;
    const made = { ...token, tokenHash: "one too many", parentId: null };
    expect(await createToken(env.DB, made, byTest(), 1)).toEqual({
      ok: false,
      code: "tokens_too_many",
    });
  });
});

describe("putKey()", () => {
  const key = (name: string, setBy: NewKey["setBy"]): NewKey => ({
    workspaceId,
    name,
    secretHash: "none",
    lookup: null,
    nonce: `nonce of ${name}`,
    setBy,
  });

  it("sets none for a key that was deleted or set anew", async () => {
    await putKey(env.DB, key("parent", null), byTest(), 16);
    const old = { name: "parent", nonce: "an older nonce" };
    expect(await putKey(env.DB, key("child", old), byTest(), 16)).toBe("maker gone");
    expect(await putKey(env.DB, key("parent", old), byTest(), 16)).toBe("maker gone");
    const living = { name: "parent", nonce: "nonce of parent" };
    expect(await putKey(env.DB, key("child", living), byTest(), 16)).toBe("set");
    const doomed = { name: "parent", withDescendants: false };
    expect(await deleteKey(env.DB, workspaceId, doomed, byTest())).toEqual(["child"]);
    expect(await putKey(env.DB, key("late", living), byTest(), 16)).toBe("maker gone");
    expect(await putKey(env.DB, key("child", living), byTest(), 16)).toBe("maker gone");
    expect(await count("workspace_keys")).toBe(1);
  });

  it("says that there are too many before it asks for the key that sets it", async () => {
    const gone = { name: "parent", nonce: "nonce of parent" };
    expect(await putKey(env.DB, key("one more", gone), byTest(), 1)).toBe("too many");
  });
});
