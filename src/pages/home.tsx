import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { preferredForm } from "../http/accepts.ts";
import { AppError } from "../protocol/errors.ts";
import { HomePage } from "./home-page.tsx";
import { renderPage } from "./layout.tsx";

/** What Shaken Fist's clients look for, as plain words, before they use it. Never 'blob-data-limit': with it
 * they download for ever (docs/conformance.md, Shaken Fist). */
const CAPABILITIES = ["artifact-upload-types", "blob-metadata", "blob-search-by-hash"];

/** The public start of the service, for people and for the probes of clients. */
export const home = new Hono<AppEnv>()
  .get("/", (c) => {
    if (preferredForm(c.req.header("Accept") ?? null, "json") === "html") {
      const address = new URL(c.req.url).origin;
      return c.html(renderPage(<HomePage address={address} capabilities={CAPABILITIES} />));
    }
    return c.json({
      service: "Stowage",
      description:
        "An artifact store: resumable uploads into versioned artifacts, browsed under /a/",
      capabilities: CAPABILITIES,
    });
  })
  .get("/login", () => {
    throw new AppError("page_private");
  });
