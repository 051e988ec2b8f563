import { Routes } from "../app-env.ts";
import { requireSystem } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { forgetTokens } from "../auth/identify.ts";
import { newSecret, sha256 } from "../auth/passwords.ts";
import {
  createToken,
  deleteToken,
  disableToken,
  enableToken,
  findToken,
  isAncestor,
  listTokens,
} from "../catalog/access/tokens.ts";
import type { AccessToken } from "../catalog/access/tokens.ts";
import { findUser } from "../catalog/access/users.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ChangeTokenRequest, CreateTokenRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** Long-lived tokens of users and workers, by the workspace `system`; users see to their own. */
export const tokens = new Routes()
  .post("/", async (c) => {
    requireUserOrSystem(c.var.identity);
    const { identity } = c.var;
    const request = await readJson(c.req.raw, CreateTokenRequest);
    const owner = await ownerOf(c.env.DB, identity, request.kind, request.user);
    const token = newSecret();
    const author = authorOf(c);
    const { kind, label } = request;
    const parent = await parentOf(c.env.DB, identity);
    const created = {
      kind,
      ...owner,
      tokenHash: (await sha256(token)).toHex(),
      label,
      expiresAt: endOf(request.expires_at, parent, author.now),
      parentId: parent?.id ?? null,
    };
    const limit = kind === "user" ? LIMITS.tokensOfUser : LIMITS.tokensOfWorkers;
    const { id } = valueOf(await createToken(c.env.DB, created, author, limit));
    c.header("Cache-Control", "no-store");
    const stored = await requireToken(c.env.DB, identity, String(id));
    return c.json({ ...toTokenReply(stored), token });
  })
  .get("/", async (c) => {
    const owner = seesOnly(c.var.identity);
    const after = parseCount(c.req.query("after") ?? "0") ?? 0;
    return c.json((await listTokens(c.env.DB, owner, after, LIMITS.listed)).map(toTokenReply));
  })
  .patch("/:id", async (c) => {
    const { identity } = c.var;
    const token = await requireToken(c.env.DB, identity, c.req.param("id"));
    const { enabled } = await readJson(c.req.raw, ChangeTokenRequest);
    if (enabled) {
      await requireMaker(c.env.DB, identity, token);
      if (!(await enableToken(c.env.DB, token, authorOf(c)))) {
        throw new AppError("access_token_parent_disabled", `its parent is ${token.parentId}`);
      }
    } else {
      await disableToken(c.env.DB, token.id, authorOf(c));
    }
    forgetTokens(token.userId);
    return c.json(toTokenReply({ ...token, enabled }));
  })
  .delete("/:id", async (c) => {
    const token = await requireToken(c.env.DB, c.var.identity, c.req.param("id"));
    await deleteToken(c.env.DB, token.id, authorOf(c));
    forgetTokens(token.userId);
    return c.json(null);
  });

/** A token without its secret. */
export function toTokenReply(token: AccessToken) {
  return {
    id: token.id,
    kind: token.kind,
    user: token.user,
    label: token.label,
    enabled: token.enabled,
    created_at: new Date(token.createdAt).toISOString(),
    expires_at: token.expiresAt === null ? null : new Date(token.expiresAt).toISOString(),
    parent: token.parentId,
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

/** The token by which a user makes another. */
async function parentOf(db: Env["DB"], identity: Identity): Promise<AccessToken | null> {
  if (identity.kind !== "user" || identity.tokenId === null) {
    return null;
  }
  const parent = await findToken(db, identity.tokenId);
  if (parent === null) {
    throw new AppError("access_token_refused");
  }
  return parent;
}

/** When a new token ends: as asked, or with its parent, which it cannot outlive. */
function endOf(asked: number | null, parent: AccessToken | null, now: number): number | null {
  const latest = parent?.expiresAt ?? null;
  if (asked === null) {
    return latest;
  }
  if (asked <= now) {
    throw new AppError("access_token_end_past");
  }
  if (latest !== null && asked > latest) {
    throw new AppError("access_token_outlives", `it ends at ${new Date(latest).toISOString()}`);
  }
  return asked;
}

/** Lets only those enable a token whose own end would end it as well: `system`, and a token that made it. */
async function requireMaker(db: Env["DB"], identity: Identity, token: AccessToken): Promise<void> {
  if (identity.kind !== "user") {
    return;
  }
  if (identity.tokenId === null || !(await isAncestor(db, identity.tokenId, token.id))) {
    throw new AppError("access_token_not_made");
  }
}
