import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { readerFor } from "../auth/access.ts";
import { lookUp } from "../auth/look-up.ts";
import { listOwnWorkspaces, listPublicWorkspaces } from "../catalog/pages/workspace-page.ts";
import { preferredForm } from "../http/accepts.ts";
import { pageCaching } from "../http/caching.ts";
import { LIMITS } from "../protocol/limits.ts";
import { frameOf } from "./frame.ts";
import { HomePage } from "./home-page.tsx";
import { renderPage } from "./layout.tsx";

/** What Shaken Fist's clients look for, as plain words, before they use it. Never 'blob-data-limit': with it
 * they download for ever (docs/conformance.md, Shaken Fist). */
const CAPABILITIES = [
  "artifact-metadata",
  "artifact-upload-types",
  "blob-metadata",
  "blob-search-by-hash",
  "events-by-type",
];

/** The public start of the service, for people and for the probes of clients. */
export const home = new Routes().get("/", async (c) => {
  if (preferredForm(c.req.header("Accept") ?? null, "json") === "html") {
    return showHome(c);
  }
  return c.json({
    service: "Stowage",
    description: "An artifact store: resumable uploads into versioned artifacts, browsed under /a/",
    capabilities: CAPABILITIES,
  });
});

async function showHome(c: Context<AppEnv>): Promise<Response> {
  const { DB } = c.env;
  const after = (c.req.query("after") ?? "").slice(0, LIMITS.searchLength).toWellFormed();
  const reader = readerFor(c.var.identity);
  const isMember = reader.workspaceId !== null || reader.userId !== null;
  const [own, found] = await Promise.all([
    isMember && after === "" ? listOwnWorkspaces(DB, reader, LIMITS.workspacePage) : [],
    lookUp(c, ["workspaces", after], () =>
      listPublicWorkspaces(DB, after, LIMITS.workspacePage + 1),
    ),
  ]);
  const shown = found.slice(0, LIMITS.workspacePage);
  const props = {
    address: new URL(c.req.url).origin,
    capabilities: CAPABILITIES,
    own,
    workspaces: shown,
    isFirst: after === "",
    after: found.length > shown.length ? (shown.at(-1) ?? null) : null,
  };
  // Their own workspaces are on it.
  c.header("Cache-Control", pageCaching(!isMember));
  return c.html(renderPage(<HomePage {...props} />, frameOf(c)));
}
