import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { buildDocument } from "../openapi/document.ts";

let document: string | null = null;

/** The API document, built at the first request of an isolate. */
export const openapi = new Hono<AppEnv>().get("/", (c) => {
  document ??= JSON.stringify(buildDocument());
  c.header("Cache-Control", "public, max-age=300");
  c.header("Content-Type", "application/json");
  return c.body(document);
});
