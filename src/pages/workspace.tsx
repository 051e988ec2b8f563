// /w/: the artifacts of a workspace. One that does not exist looks like a private one to those who may not list it.

import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { readerFor } from "../auth/access.ts";
import { lookUp } from "../auth/look-up.ts";
import { findListedWorkspace, listArtifacts } from "../catalog/pages/workspace-page.ts";
import type { ArtifactsQuery, ListedWorkspace } from "../catalog/pages/workspace-page.ts";
import { preferredForm } from "../http/accepts.ts";
import { pageCaching } from "../http/caching.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { folderUrl, workspaceUrl } from "../protocol/urls.ts";
import { admit, decodeSegment, readPositive, redirect } from "./browsed.ts";
import { frameOf } from "./frame.ts";
import { renderPage } from "./layout.tsx";
import { WorkspacePage } from "./workspace-page.tsx";
import type { WorkspacePageProps } from "./workspace-page.tsx";

/** The pages of workspaces. */
export const workspaces = new Routes()
  .get("/:name/", async (c) => {
    const workspace = await requireListed(c);
    return workspace instanceof Response ? workspace : listWorkspace(c, workspace);
  })
  .get("/:name", async (c) => {
    const workspace = await requireListed(c);
    return workspace instanceof Response
      ? workspace
      : redirect(c, workspace, workspaceUrl(workspace.name));
  });

async function requireListed(c: Context<AppEnv>): Promise<ListedWorkspace | Response> {
  const name = decodeSegment(c.req.path.split("/")[2] ?? "");
  const reader = readerFor(c.var.identity);
  const find = () => findListedWorkspace(c.env.DB, reader, name);
  const found = await lookUp(c, ["workspace", name], find);
  const refused = admit(c, found?.readable ?? reader.all);
  if (refused !== null) {
    return refused;
  }
  if (found === null) {
    throw new AppError("namespace_not_found", `'${name}'`);
  }
  return found;
}

async function listWorkspace(c: Context<AppEnv>, workspace: ListedWorkspace): Promise<Response> {
  const name = readSearch(c.req.query("name") ?? "");
  const from = readPosition(c);
  const query = { workspaceId: workspace.id, name, from };
  const list = () => listArtifacts(c.env.DB, query, Date.now(), LIMITS.artifactPage);
  const found = await lookUp(c, ["artifacts", query], list);
  if (found === null) {
    throw new AppError("position_malformed");
  }
  const props = { workspace, search: name, isFirst: from === null, ...found };
  c.header("Cache-Control", pageCaching(workspace.public));
  return preferredForm(c.req.header("Accept") ?? null, "html") === "json"
    ? listAsJson(c, props)
    : c.html(renderPage(<WorkspacePage {...props} />, frameOf(c)));
}

/** A text that no name can hold begins no name, and could not be bound. */
function readSearch(text: string): string {
  if (text.length > LIMITS.searchLength) {
    throw new AppError("search_too_long");
  }
  return text.toWellFormed();
}

function readPosition(c: Context<AppEnv>): ArtifactsQuery["from"] {
  const after = readPositive(c.req.query("after"), "position_malformed");
  const before = readPositive(c.req.query("before"), "position_malformed");
  if (after !== null && before !== null) {
    throw new AppError("position_malformed");
  }
  if (after !== null) {
    return { direction: "after", artifact: after };
  }
  return before === null ? null : { direction: "before", artifact: before };
}

function listAsJson(c: Context<AppEnv>, props: WorkspacePageProps): Response {
  const { workspace, search, artifacts, before, after } = props;
  const links = [
    before === null ? null : [workspaceUrl(workspace.name, { name: search, before }), "prev"],
    after === null ? null : [workspaceUrl(workspace.name, { name: search, after }), "next"],
  ].flatMap((link) => (link === null ? [] : [`<${link[0]}>; rel="${link[1]}"`]));
  if (links.length > 0) {
    c.header("Link", links.join(", "));
  }
  return c.json({
    workspace: workspace.name,
    public: workspace.public,
    artifacts: artifacts.map((artifact) => ({
      id: artifact.id,
      uuid: artifact.uuid,
      name: artifact.name,
      category: artifact.category,
      created_at: new Date(artifact.createdAt).toISOString(),
      expires_at: artifact.expiresAt === null ? null : new Date(artifact.expiresAt).toISOString(),
      versions: artifact.versions,
      version: artifact.newest?.index ?? null,
      file_count: artifact.newest?.fileCount ?? 0,
      total_bytes: artifact.newest?.totalBytes ?? 0,
      url: folderUrl(artifact.id, ""),
    })),
  });
}
