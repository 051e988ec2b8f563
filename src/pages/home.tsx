import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { preferredForm } from "../http/accepts.ts";
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
export const home = new Hono<AppEnv>().get("/", (c) => {
  if (preferredForm(c.req.header("Accept") ?? null, "json") === "html") {
    const address = new URL(c.req.url).origin;
    const page = <HomePage address={address} capabilities={CAPABILITIES} />;
    return c.html(renderPage(page, frameOf(c)));
  }
  return c.json({
    service: "Stowage",
    description: "An artifact store: resumable uploads into versioned artifacts, browsed under /a/",
    capabilities: CAPABILITIES,
  });
});
