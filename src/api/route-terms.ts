// What a request may bring beside its path. A route of the JSON API takes what is said of it here and nothing else:
// a parameter that nobody reads was meant to change something. Pages and files ignore what they do not know, as
// links gain parameters on their way, and so does Debusine's API.

import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import * as v from "valibot";

import type { AppEnv } from "../app-env.ts";
import { AppError } from "../protocol/errors.ts";
import { describeUnknown, readJson } from "./json-body.ts";

/** Routes that ignore what they do not know. */
const IGNORING = /^\/(?:$|a\/|w\/|log(?:in|out)$|apidocs|api\/1\.0\/|:scope\/)/u;

/** The query parameters of all other routes that have any. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  "GET /auth/namespaces": ["after"],
  "GET /auth/namespaces/:namespace/trusted-by": ["after"],
  "DELETE /auth/namespaces/:namespace/keys/:key": ["descendants"],
  "GET /auth/users": ["after"],
  "GET /auth/tokens": ["after"],
  "GET /audit": ["workspace", "action", "from", "to", "after"],
  "POST /upload/:uuid": ["offset"],
  "GET /artifacts/:ref/events": ["event_type", "limit"],
  "GET /blobs/:uuid/data": ["offset", "limit"],
};

/** Whether a route reads a body, where its method does not say: POST, PUT and PATCH do. A body of GET means nothing
 * (RFC 9110 §9.3.1) and is left alone: Shaken Fist's clients send one. */
const BODIES: Readonly<Record<string, boolean>> = {
  "POST /upload": false,
  "POST /upload/:uuid/truncate/:offset": false,
  "PUT /auth/namespaces/:namespace/trusted-by/:truster": false,
  "POST /artifacts/:ref/share": false,
  "POST /artifacts/:ref/unshare": false,
  "DELETE /artifacts": true,
  "DELETE /instances": true,
  "DELETE /networks": true,
};

/** What a route takes; null for whatever comes. `body`: does it read one, or leave one alone? */
export function termsOf(route: string): { query: readonly string[]; body: boolean } | null {
  const [method = "", path = ""] = route.split(" ");
  if (IGNORING.test(path)) {
    return null;
  }
  return { query: QUERIES[route] ?? [], body: BODIES[route] ?? method !== "DELETE" };
}

/** Refuses a request that brings what its route does not take. */
export async function requireKnown(c: Context<AppEnv>): Promise<void> {
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  const terms = route === undefined ? null : termsOf(`${route.method} ${route.path}`);
  if (terms === null) {
    return;
  }
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (!terms.query.includes(name)) {
      throw new AppError("query_unknown", describeUnknown(name, terms.query));
    }
    if (values.length > 1) {
      throw new AppError("query_unknown", `'${name}' is given ${values.length} times`);
    }
  }
  // Nobody is refused by each of these routes, without a look at what came along.
  if (!terms.body && c.var.identity.kind !== "nobody") {
    await readJson(c.req.raw, v.object({}));
  }
}
