import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { requireOwn, requireSystem, requireWorkspaceKey } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { hashRandomSecret, hashSecret, newSecret } from "../auth/passwords.ts";
import { deleteKey, listKeys, putKey } from "../catalog/keys.ts";
import { addTrust, removeTrust } from "../catalog/trusts.ts";
import { deleteMember, findUser, putMember } from "../catalog/users.ts";
import type { Role } from "../catalog/users.ts";
import {
  createWorkspace,
  deleteWorkspace,
  describeWorkspace,
  listWorkspaces,
  requireWorkspace,
  SYSTEM,
  updateWorkspace,
} from "../catalog/workspaces.ts";
import type { DescribedWorkspace, Workspace } from "../catalog/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { isPlain } from "../protocol/hidden.ts";
import { LIMITS } from "../protocol/limits.ts";
import {
  ChangeNamespaceRequest,
  CreateNamespaceRequest,
  KeyRequest,
  MemberRequest,
  TrustRequest,
} from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** Workspaces, which this API calls namespaces, with their keys, trusts and members. */
export const workspaces = new Routes()
  .post("/", async (c) => {
    requireSystem(c.var.identity);
    const request = await readJson(c.req.raw, CreateNamespaceRequest);
    const name = readName(request.namespace);
    const keyName = request.key_name === null ? null : readKeyName(request.key_name);
    const secret = keyName === null ? null : readSecret(request.key);
    const workspace = await createWorkspace(c.env.DB, name, request.public, authorOf(c));
    if (workspace === null) {
      throw new AppError("namespace_exists", `'${name}'`);
    }
    if (keyName !== null && secret !== null) {
      await setKey(c, workspace, keyName, secret);
    }
    return c.json(toReply(await describeWorkspace(c.env.DB, name)));
  })
  .get("/", async (c) => {
    const key = requireWorkspaceKey(c.var.identity);
    const found = key.isSystem
      ? await listWorkspaces(c.env.DB, c.req.query("after") ?? "", LIMITS.listed)
      : [await describeWorkspace(c.env.DB, key.name)];
    return c.json(found.map(toReply));
  })
  .get("/:namespace", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    return c.json(toReply(await describeWorkspace(c.env.DB, c.req.param("namespace"))));
  })
  .patch("/:namespace", async (c) => {
    requireSystem(c.var.identity);
    const changes = await readJson(c.req.raw, ChangeNamespaceRequest);
    const { id, name } = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    const changed = {
      public: changes.public,
      quotaBytes: changes.quota_bytes,
      defaultExpirationDays: changes.default_expiration_days,
    };
    await updateWorkspace(c.env.DB, id, changed, authorOf(c));
    return c.json(toReply(await describeWorkspace(c.env.DB, name)));
  })
  .delete("/:namespace", async (c) => {
    requireSystem(c.var.identity);
    const workspace = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    if (workspace.name === SYSTEM) {
      throw new AppError("namespace_is_system");
    }
    if (!(await deleteWorkspace(c.env.DB, workspace, authorOf(c)))) {
      throw new AppError("namespace_not_empty", `'${workspace.name}'`);
    }
    return c.json(null);
  })
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
    const { id } = await requireWorkspace(c.env.DB, namespace);
    if (!(await deleteKey(c.env.DB, id, key, authorOf(c)))) {
      throw new AppError("key_not_found", `'${key}'`);
    }
    return c.json(null);
  })
  .post("/:namespace/trust", async (c) => {
    const { namespace } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const { external_namespace: external } = await readJson(c.req.raw, TrustRequest);
    const workspace = await requireWorkspace(c.env.DB, namespace);
    const trusted = await requireWorkspace(c.env.DB, readName(external));
    await addTrust(c.env.DB, workspace.id, trusted, authorOf(c));
    return c.json(toReply(await describeWorkspace(c.env.DB, namespace)));
  })
  .delete("/:namespace/trust/:trusted", async (c) => {
    const { namespace, trusted } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const workspace = await requireWorkspace(c.env.DB, namespace);
    const external = await requireWorkspace(c.env.DB, trusted);
    await removeTrust(c.env.DB, workspace.id, external, authorOf(c));
    return c.json(toReply(await describeWorkspace(c.env.DB, namespace)));
  })
  .put("/:namespace/members/:user", async (c) => {
    requireSystem(c.var.identity);
    const { namespace, user } = c.req.param();
    const role = readRole((await readJson(c.req.raw, MemberRequest)).role);
    const membership = await requireBoth(c.env.DB, namespace, user);
    await putMember(c.env.DB, membership, role, authorOf(c));
    return c.json({ namespace, user, role });
  })
  .delete("/:namespace/members/:user", async (c) => {
    requireSystem(c.var.identity);
    const { namespace, user } = c.req.param();
    const membership = await requireBoth(c.env.DB, namespace, user);
    if (!(await deleteMember(c.env.DB, membership, authorOf(c)))) {
      throw new AppError("member_not_found", `'${user}'`);
    }
    return c.json(null);
  });

/** Shaken Fist's view of a namespace, and our settings of it. Every namespace trusts `system`. */
function toReply(workspace: DescribedWorkspace) {
  return {
    name: workspace.name,
    state: "created",
    metadata: workspace.metadata,
    version: 5,
    keys: workspace.keys,
    trust: { full: [SYSTEM, ...workspace.trusts.filter((name) => name !== SYSTEM)] },
    public: workspace.public,
    quota_bytes: workspace.quotaBytes,
    used_bytes: workspace.usedBytes,
    default_expiration_days: workspace.defaultExpirationDays,
  };
}

function readName(name: string | null): string {
  if (name === null || name === "") {
    throw new AppError("namespace_unspecified");
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u.test(name)) {
    throw new AppError("namespace_name_invalid", `'${name}'`);
  }
  return name;
}

/** Any name that can stand in a URL, by which alone a key is deleted, and in the log. */
function readKeyName(name: string | null): string {
  if (name === null || name === "") {
    throw new AppError("key_name_unspecified");
  }
  if (name === "." || name === ".." || /[/\\]/u.test(name) || !isPlain(name)) {
    throw new AppError("key_name_invalid", `'${name}'`);
  }
  return name;
}

function readSecret(key: unknown): string {
  if (key === undefined || key === null || key === "") {
    throw new AppError("key_unspecified");
  }
  if (typeof key !== "string") {
    throw new AppError("key_not_a_string");
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
  if (key !== undefined) {
    await setKey(c, workspace, name, readSecret(key));
    return name;
  }
  const drawn = newSecret();
  await storeKey(c, workspace, name, await hashRandomSecret(drawn));
  return { key_name: name, key: drawn };
}

async function setKey(c: Context<AppEnv>, workspace: Workspace, name: string, secret: string) {
  await storeKey(c, workspace, name, await hashSecret(secret));
}

async function storeKey(
  c: Context<AppEnv>,
  { id, name: workspace }: Workspace,
  name: string,
  hash: string,
) {
  if (workspace === SYSTEM) {
    throw new AppError("namespace_is_system", "its key is the secret SYSTEM_KEY");
  }
  const key = { workspaceId: id, name, secretHash: hash, nonce: newSecret().slice(0, 32) };
  if (!(await putKey(c.env.DB, key, authorOf(c), LIMITS.keysOfWorkspace))) {
    throw new AppError("keys_too_many", `${LIMITS.keysOfWorkspace}`);
  }
}

const ROLES: readonly string[] = ["owner", "contributor", "viewer"] satisfies Role[];

function isRole(role: unknown): role is Role {
  return typeof role === "string" && ROLES.includes(role);
}

function readRole(role: unknown): Role {
  if (!isRole(role)) {
    throw new AppError("role_invalid");
  }
  return role;
}

async function requireBoth(db: Env["DB"], namespace: string, user: string) {
  const { id: workspaceId } = await requireWorkspace(db, namespace);
  const found = await findUser(db, user);
  if (found === null) {
    throw new AppError("user_not_found", `'${user}'`);
  }
  return { workspaceId, userId: found.id, user: found.name };
}
