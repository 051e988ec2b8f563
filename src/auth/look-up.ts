import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { remember } from "../catalog/lookups.ts";

/** What a look-up of the catalog gives; to nobody what this isolate remembers of it, as catalog/lookups.ts says. `key`
 * names the look-up with all that its result depends on but who asks and when. */
export function lookUp<T>(
  c: Context<AppEnv>,
  key: readonly unknown[],
  find: () => Promise<T>,
): Promise<T> {
  return c.var.identity.kind === "nobody" ? remember(key, Date.now(), find) : find();
}
