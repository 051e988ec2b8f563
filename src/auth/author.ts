import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { networkOf } from "../http/client-network.ts";
import type { Author } from "../protocol/identity.ts";
import { actorOf, callerOf } from "../protocol/identity.ts";
import type { Origin } from "../protocol/identity.ts";

/** The network that a request comes from; empty where nothing in front says. */
export function requestNetwork(c: Context<AppEnv>): string {
  return networkOf(c.req.header("CF-Connecting-IP") ?? "");
}

/** With whom a request takes turns: a workspace with all its keys, a user, the network of a stranger. */
export function payerOf(c: Context<AppEnv>): string {
  const { identity } = c.var;
  return identity.kind === "nobody" ? requestNetwork(c) : callerOf(actorOf(identity));
}

/** Where a request reads bytes, and on whose behalf. */
export function readingOf(c: Context<AppEnv>): {
  bucket: Env["BUCKET"];
  payer: string;
  window: number;
} {
  const { readWindow: window } = c.var.settings;
  return { bucket: c.env.BUCKET, payer: payerOf(c), window };
}

/** Who asks, and from where. */
export function requesterOf(c: Context<AppEnv>): { actor: string; origin: Origin } {
  const origin = { requestId: c.var.requestId, network: requestNetwork(c) };
  return { actor: actorOf(c.var.identity), origin };
}

/** Who asks, as the author of a change now. */
export function authorOf(c: Context<AppEnv>): Author {
  return { ...requesterOf(c), now: Date.now() };
}
