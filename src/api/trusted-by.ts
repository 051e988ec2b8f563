import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { requireOwn } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { listTrusters, setAcceptance } from "../catalog/access/trusts.ts";
import type { Truster } from "../catalog/access/trusts.ts";
import { requireWorkspace } from "../catalog/access/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Who trusts a workspace: what they have shows in its lists, names and notes once it accepts that. */
export const trustedBy = new Routes()
  .get("/:namespace/trusted-by", async (c) => {
    const { id } = await requireTrusted(c);
    const trusters = await listTrusters(c.env.DB, id, c.req.query("after") ?? "", LIMITS.listed);
    return c.json(trusters.map(toReply));
  })
  .put("/:namespace/trusted-by/:truster", (c) => answer(c, true))
  .delete("/:namespace/trusted-by/:truster", (c) => answer(c, false));

async function requireTrusted(c: Context<AppEnv>) {
  const namespace = c.req.param("namespace") ?? "";
  requireOwn(c.var.identity, namespace);
  return requireWorkspace(c.env.DB, namespace);
}

/** Accepts or declines. A workspace that does not trust this one is as one that is not there. */
async function answer(c: Context<AppEnv>, accepted: boolean): Promise<Response> {
  const trusted = await requireTrusted(c);
  const truster = c.req.param("truster") ?? "";
  const trust = await setAcceptance(c.env.DB, trusted, { truster, accepted }, authorOf(c));
  if (trust === null) {
    throw new AppError("trust_not_found", `'${truster}'`);
  }
  return c.json(toReply(trust));
}

function toReply({ workspace, acceptedAt }: Truster) {
  return { namespace: workspace, accepted: acceptedAt !== null };
}
