import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { requireOwn } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { requireTurnAtHashing } from "../auth/hash-turns.ts";
import { forgetKeys } from "../auth/identify.ts";
import { lookupOf } from "../auth/key-lookup.ts";
import { hashRandomSecret, hashSecret, newSecret } from "../auth/passwords.ts";
import { deleteKey, listKeys, putKey } from "../catalog/access/keys.ts";
import type { NewKey } from "../catalog/access/keys.ts";
import { requireWorkspace, SYSTEM } from "../catalog/access/workspaces.ts";
import type { Workspace } from "../catalog/access/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { isPlain } from "../protocol/hidden.ts";
import type { Identity } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { KeyRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** The keys of workspaces. */
export const workspaceKeys = new Routes()
  .get("/:namespace/keys", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    const { id } = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    return c.json((await listKeys(c.env.DB, id)).map(({ name }) => name));
  })
  // PUT without a name in the path is how the public client changes a key.
  .on(["POST", "PUT"], "/:namespace/keys", async (c) => {
    const { namespace } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const request = await readJson(c.req.raw, KeyRequest);
    const workspace = await requireWorkspace(c.env.DB, namespace);
    const name = readKeyName(request.key_name);
    return c.json(await setKeyAsAsked(c, workspace, name, request.key));
  })
  .put("/:namespace/keys/:key", async (c) => {
    const { namespace, key } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const request = await readJson(c.req.raw, KeyRequest);
    const workspace = await requireWorkspace(c.env.DB, namespace);
    if (!(await listKeys(c.env.DB, workspace.id)).some(({ name }) => name === key)) {
      throw new AppError("key_not_found", `'${key}'`);
    }
    return c.json(await setKeyAsAsked(c, workspace, key, request.key));
  })
  .delete("/:namespace/keys/:key", async (c) => {
    const { namespace, key } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const withDescendants = readSwitch(c.req.query("descendants"));
    const { id } = await requireWorkspace(c.env.DB, namespace);
    const doomed = { name: key, withDescendants };
    const descendants = await deleteKey(c.env.DB, id, doomed, authorOf(c));
    if (descendants === null) {
      throw new AppError("key_not_found", `'${key}'`);
    }
    forgetKeys(id);
    // Shaken Fist's answer where there is nothing more to say.
    return c.json(descendants.length === 0 ? null : { descendants, ended: withDescendants });
  });

/** Any name that can stand in a URL, by which alone a key is deleted, and in the log. */
export function readKeyName(name: string | null): string {
  if (name === null || name === "") {
    throw new AppError("key_name_unspecified");
  }
  if (name === "." || name === ".." || /[/\\]/u.test(name) || !isPlain(name)) {
    throw new AppError("key_name_invalid", `'${name}'`);
  }
  return name;
}

export function readSecret(key: unknown): string {
  if (key === undefined || key === null || key === "") {
    throw new AppError("key_unspecified");
  }
  if (typeof key !== "string") {
    throw new AppError("key_not_a_string");
  }
  if (key.length < LIMITS.chosenKeyLength) {
    throw new AppError("key_too_short");
  }
  if (key.length > LIMITS.secretLength) {
    throw new AppError("key_too_long");
  }
  return key;
}

/** Sets a key to the secret that the client chose, or to one drawn for it, which is shown this once. */
async function setKeyAsAsked(
  c: Context<AppEnv>,
  workspace: Workspace,
  name: string,
  key: unknown,
): Promise<string | { key_name: string; key: string }> {
  if (workspace.name === SYSTEM) {
    throw new AppError("namespace_is_system", "its key is the secret SYSTEM_KEY");
  }
  if (key !== undefined) {
    await storeKey(c, workspace, name, await hashChosen(c, readSecret(key)));
    return name;
  }
  const drawn = newSecret();
  const secret = { text: drawn, hash: await hashRandomSecret(drawn) };
  await storeKey(c, workspace, name, secret);
  return { key_name: name, key: drawn };
}

/** A secret, and what is kept of it. */
interface HashedSecret {
  text: string;
  hash: string;
}

/** Hashes a chosen secret in its turn. */
export async function hashChosen(c: Context<AppEnv>, text: string): Promise<HashedSecret> {
  await requireTurnAtHashing(c.var.identity);
  return { text, hash: await hashSecret(text) };
}

/** Sets a key. */
export async function storeKey(
  c: Context<AppEnv>,
  { id: workspaceId, name: workspace }: Workspace,
  name: string,
  secret: HashedSecret,
): Promise<void> {
  const key = {
    workspaceId,
    name,
    secretHash: secret.hash,
    lookup: await lookupOf(c.var.settings, workspace, secret.text),
    nonce: newSecret().slice(0, 32),
    setBy: setterOf(c.var.identity),
  };
  const done = await putKey(c.env.DB, key, authorOf(c), LIMITS.keysOfWorkspace);
  if (done === "too many") {
    throw new AppError("keys_too_many", `${LIMITS.keysOfWorkspace}`);
  }
  if (done === "maker gone") {
    throw new AppError("token_invalid");
  }
  forgetKeys(workspaceId);
}

/** The key by which another is set; null for `system`, whose key is not in the catalog. */
function setterOf(identity: Identity): NewKey["setBy"] {
  return identity.kind !== "workspace" || identity.isSystem
    ? null
    : { name: identity.keyName, nonce: identity.nonce };
}

function readSwitch(text: string | undefined): boolean {
  if (text !== undefined && text !== "true" && text !== "false") {
    throw new AppError("descendants_malformed", `'${text}'`);
  }
  return text === "true";
}
