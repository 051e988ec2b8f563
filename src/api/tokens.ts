import { Routes } from "../app-env.ts";
import { requireSystem } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { forgetTokens } from "../auth/identify.ts";
import { newSecret, sha256 } from "../auth/passwords.ts";
import {
  createToken,
  deleteToken,
  findToken,
  listTokens,
  setTokenEnabled,
} from "../catalog/tokens.ts";
import type { AccessToken } from "../catalog/tokens.ts";
import { findUser } from "../catalog/users.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ChangeTokenRequest, CreateTokenRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** Long-lived tokens of users and workers, by the workspace `system`; users see to their own. */
export const tokens = new Routes()
  .post("/", async (c) => {
    requireUserOrSystem(c.var.identity);
    const request = await readJson(c.req.raw, CreateTokenRequest);
    const owner = await ownerOf(c.env.DB, c.var.identity, request.kind, request.user);
    const token = newSecret();
    const { kind, label, expires_at: expiresAt } = request;
    const tokenHash = (await sha256(token)).toHex();
    const created = { kind, ...owner, tokenHash, label, expiresAt };
    const id = await createToken(c.env.DB, created, authorOf(c));
    c.header("Cache-Control", "no-store");
    const stored = await requireToken(c.env.DB, c.var.identity, String(id));
    return c.json({ ...toReply(stored), token });
  })
  .get("/", async (c) => {
    const owner = seesOnly(c.var.identity);
    const after = parseCount(c.req.query("after") ?? "0") ?? 0;
    return c.json((await listTokens(c.env.DB, owner, after, LIMITS.listed)).map(toReply));
  })
  .patch("/:id", async (c) => {
    const token = await requireToken(c.env.DB, c.var.identity, c.req.param("id"));
    const { enabled } = await readJson(c.req.raw, ChangeTokenRequest);
    await setTokenEnabled(c.env.DB, token, enabled, authorOf(c));
    forgetTokens();
    return c.json(toReply({ ...token, enabled }));
  })
  .delete("/:id", async (c) => {
    const token = await requireToken(c.env.DB, c.var.identity, c.req.param("id"));
    await deleteToken(c.env.DB, token, authorOf(c));
    forgetTokens();
    return c.json(null);
  });

function toReply(token: AccessToken) {
  return {
    id: token.id,
    kind: token.kind,
    user: token.user,
    label: token.label,
    enabled: token.enabled,
    created_at: new Date(token.createdAt).toISOString(),
    expires_at: token.expiresAt === null ? null : new Date(token.expiresAt).toISOString(),
  };
}

function requireUserOrSystem(identity: Identity): void {
  if (identity.kind !== "user") {
    requireSystem(identity);
  }
}

/** The user whose tokens the caller sees, or null for all of them. */
function seesOnly(identity: Identity): number | null {
  requireUserOrSystem(identity);
  return identity.kind === "user" ? identity.userId : null;
}

/** The user that a new token is for; nulls for a worker's. */
async function ownerOf(
  db: Env["DB"],
  identity: Identity,
  kind: AccessToken["kind"],
  name: string | null,
): Promise<{ userId: number | null; user: string | null }> {
  if (identity.kind === "user" && kind === "user" && (name ?? identity.name) === identity.name) {
    return { userId: identity.userId, user: identity.name };
  }
  requireSystem(identity);
  if (kind === "worker") {
    return { userId: null, user: null };
  }
  const user = await findUser(db, name ?? "");
  if (user === null) {
    throw new AppError("user_not_found", `'${name ?? ""}'`);
  }
  return { userId: user.id, user: user.name };
}

/** A token that the caller may change; to a user, those of others do not exist. */
async function requireToken(db: Env["DB"], identity: Identity, text: string): Promise<AccessToken> {
  const owner = seesOnly(identity);
  const id = parseCount(text);
  const token = id === null ? null : await findToken(db, id);
  if (token === null || (owner !== null && token.userId !== owner)) {
    throw new AppError("access_token_not_found");
  }
  return token;
}
