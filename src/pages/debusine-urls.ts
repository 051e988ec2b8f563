import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";

/** The addresses under which Debusine shows artifacts; ours for the same things are below /a/, where access is
 * decided. */
export const debusineUrls = new Routes()
  .get("/:scope/:workspace/artifact/:id{[1-9]\\d*}", redirect)
  .get("/:scope/:workspace/artifact/:id{[1-9]\\d*}/*", redirect);

const FORM = /^\/+[^/]+\/[^/]+\/artifact\/(\d+)(?:\/(?:(?:download|raw|file)(?:\/(.*))?)?)?$/u;

function redirect(c: Context<AppEnv>): Response | Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  const match = FORM.exec(pathname);
  if (match === null) {
    return c.notFound();
  }
  const [, id, path = ""] = match;
  // The path stays encoded as it came.
  return c.redirect(`/a/${id}/${path}${search}`, 301);
}
