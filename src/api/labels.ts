// Labels: artifacts of type `label`, whose versions are blobs that POST chooses. A label keeps them alive.

import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { publishClaim } from "../artifacts/publish.ts";
import { requireSomebody, requireWorkspaceKey, readerFor } from "../auth/access.ts";
import { authorOf, requesterOf } from "../auth/author.ts";
import { deleteArtifact } from "../catalog/artifacts/change.ts";
import { findArtifactBySource } from "../catalog/artifacts/find.ts";
import type { DescribedArtifact } from "../catalog/artifacts/find.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { LabelRequest } from "../protocol/requests.ts";
import { describe, requireBlob, requireOwned, showArtifact } from "./artifact-lookup.ts";
import { readMaxVersions } from "./artifact-versions.ts";
import { readJson } from "./json-body.ts";
import { pathName } from "./path-name.ts";
import { requireTarget } from "./target.ts";

const TYPE = "label";

/** A label by `<name>`, of the caller's own workspace, or by `<namespace>/<name>`. */
export const labels = new Routes()
  .on("POST", ["/:name", "/:namespace/:name"], async (c) => {
    const key = requireWorkspaceKey(c.var.identity);
    const { namespace, name } = readLabel(c.req.url, key);
    const request = await readJson(c.req.raw, LabelRequest);
    const maxVersions = readMaxVersions(request.max_versions);
    const target = await requireTarget(c.env.DB, key, namespace);
    const blob = await requireBlob(c.env.DB, key, request.blob_uuid);
    const intent = {
      workspaceId: target.id,
      type: TYPE,
      name,
      sourceUrl: labelUrl(target.name, name),
      shared: false,
      ...requesterOf(c),
      gift: target.isGift,
    };
    const { uuid } = valueOf(
      await publishClaim(c.env, readerFor(key), intent, { blob, maxVersions }),
    );
    return c.json(await showArtifact(c.env.DB, key, uuid));
  })
  .on("GET", ["/:name", "/:namespace/:name"], async (c) => {
    return c.json(await describe(c.env.DB, c.var.identity, await requireLabel(c)));
  })
  .on("DELETE", ["/:name", "/:namespace/:name"], async (c) => {
    const { identity } = c.var;
    const { id, uuid } = requireOwned(identity, await requireLabel(c));
    await deleteArtifact(c.env.DB, id, authorOf(c));
    return c.json(await showArtifact(c.env.DB, identity, uuid));
  });

function labelUrl(namespace: string, name: string): string {
  return `sf://label/${namespace}/${name}`;
}

/** What the URL says; a label without a namespace is the caller's own, and only workspaces have those. */
function readLabel(url: string, identity: Identity): { namespace: string; name: string } {
  const segments = new URL(url).pathname.replace(/^\/+/u, "").split("/").length;
  if (segments > 2) {
    return { namespace: pathName(url, 1), name: pathName(url, 2) };
  }
  const name = pathName(url, 1);
  if (identity.kind !== "workspace") {
    throw new AppError("label_not_found", `'${name}'`);
  }
  return { namespace: identity.name, name };
}

/** A living label that the caller reads. */
async function requireLabel(c: Context<AppEnv>): Promise<DescribedArtifact> {
  const { identity } = c.var;
  requireSomebody(identity);
  const { namespace, name } = readLabel(c.req.url, identity);
  const source = { workspace: namespace, type: TYPE, sourceUrl: labelUrl(namespace, name) };
  const label = await findArtifactBySource(c.env.DB, readerFor(identity), source, Date.now());
  if (label === null) {
    throw new AppError("label_not_found", `'${name}'`);
  }
  return label;
}
