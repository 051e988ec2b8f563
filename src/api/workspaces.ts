import { Routes } from "../app-env.ts";
import { requireOwn, requireSystem, requireWorkspaceKey } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { addTrust, removeTrust } from "../catalog/access/trusts.ts";
import { deleteMember, findUser, putMember } from "../catalog/access/users.ts";
import type { Role } from "../catalog/access/users.ts";
import {
  createWorkspace,
  deleteWorkspace,
  describeWorkspace,
  listWorkspaces,
  requireWorkspace,
  SYSTEM,
  updateWorkspace,
} from "../catalog/access/workspaces.ts";
import type { DescribedWorkspace } from "../catalog/access/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import {
  ChangeNamespaceRequest,
  CreateNamespaceRequest,
  MemberRequest,
  TrustRequest,
} from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";
import { hashChosen, readKeyName, readSecret, storeKey } from "./workspace-keys.ts";

/** Workspaces, which this API calls namespaces, with their trusts and members. */
export const workspaces = new Routes()
  .post("/", async (c) => {
    requireSystem(c.var.identity);
    const request = await readJson(c.req.raw, CreateNamespaceRequest);
    const name = readName(request.namespace);
    // A key without a name would be dropped unseen.
    const hasKey = request.key_name !== null || (request.key ?? null) !== null;
    const key = hasKey
      ? { name: readKeyName(request.key_name), secret: readSecret(request.key) }
      : null;
    // Before anything is made: it may be refused.
    const hashed = key === null ? null : await hashChosen(c, key.secret);
    const workspace = await createWorkspace(c.env.DB, name, request.public, authorOf(c));
    if (workspace === null) {
      throw new AppError("namespace_exists", `'${name}'`);
    }
    if (key !== null && hashed !== null) {
      await storeKey(c, workspace, key.name, hashed);
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
      quotaEntries: changes.quota_entries,
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
  .post("/:namespace/trust", async (c) => {
    const { namespace } = c.req.param();
    requireOwn(c.var.identity, namespace);
    const { external_namespace: external } = await readJson(c.req.raw, TrustRequest);
    const workspace = await requireWorkspace(c.env.DB, namespace);
    const trusted = await requireWorkspace(c.env.DB, readName(external));
    const { isSystem } = requireWorkspaceKey(c.var.identity);
    const trust = { workspaceId: workspace.id, accepted: isSystem };
    await addTrust(c.env.DB, trust, trusted, authorOf(c));
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
    quota_entries: workspace.entryLimit,
    used_entries: workspace.usedEntries,
    default_expiration_days: workspace.defaultExpirationDays,
    ...(Object.keys(workspace.keyMakers).length === 0 ? {} : { key_makers: workspace.keyMakers }),
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
