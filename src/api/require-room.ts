import type { Context } from "hono";
import { matchedRoutes } from "hono/route";

import type { AppEnv } from "../app-env.ts";
import { hasRoom } from "../catalog/size.ts";
import { AppError } from "../protocol/errors.ts";
import { isAdministration, isRefusedWhenFull } from "../protocol/when-full.ts";

/** Refuses a request that would bring new content while the catalog is full. Nobody is refused by each of these routes anyway. */
export async function requireRoom(c: Context<AppEnv>): Promise<void> {
  const { identity } = c.var;
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  if (route === undefined || identity.kind === "nobody") {
    return;
  }
  const operation = `${route.method} ${route.path}`;
  const isSystem = identity.kind === "workspace" && identity.isSystem;
  if (!isRefusedWhenFull(operation) || (isSystem && isAdministration(operation))) {
    return;
  }
  if (!(await hasRoom(c.env.DB))) {
    throw new AppError("catalog_full");
  }
}
