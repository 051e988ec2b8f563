// How much one caller may ask for in a minute, by Cloudflare's rate limits (wrangler.toml): a brake for each location,
// not an account. Whoever has good credentials is known by them, all others by their network.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { isLoopback } from "../http/client-network.ts";
import { AppError } from "../protocol/errors.ts";
import { actorOf } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { requestNetwork } from "./author.ts";

/** Refuses a request that is one too many of its caller's. */
export async function requireTurn(c: Context<AppEnv>): Promise<void> {
  const { identity } = c.var;
  const network = requestNetwork(c);
  // Without anything in front, all clients seem to come from here.
  const isKnown = network !== "" && !isLoopback(network);
  if (isKnown && isLogin(c.req.method, c.req.path)) {
    await requireSuccess(c.env.RATE_LOGINS, network);
  }
  if (identity.kind !== "nobody") {
    await requireShare(c, actorOf(identity));
  } else if (isKnown) {
    await requireSuccess(c.env.RATE_STRANGERS, network);
  }
}

/** May one more refusal of this caller go into the audit? */
export async function mayNoteRefusal({ RATE_REFUSALS }: Env, caller: string): Promise<boolean> {
  return (await RATE_REFUSALS.limit({ key: caller })).success;
}

async function requireSuccess(limit: Env["RATE_LOGINS"], key: string): Promise<void> {
  if (!(await limit.limit({ key })).success) {
    throw new AppError("too_many_requests");
  }
}

/** What a caller has asked for in this isolate since it was last reported, and until when it has to wait. */
interface Tally {
  units: number;
  heldUntil: number;
}

const tallies = new Map<string, Tally>();

/** Counts here, and reports every LIMITS.rateStep units only: a stream of appends must cost nothing. */
async function requireShare(c: Context<AppEnv>, caller: string): Promise<void> {
  const now = Date.now();
  const tally = tallies.get(caller) ?? remember(caller);
  if (tally.heldUntil > now) {
    throw new AppError("too_many_requests");
  }
  tally.units += makesSomething(c.req.method, c.req.path) ? LIMITS.rateOfCreation : 1;
  if (tally.units < LIMITS.rateStep) {
    return;
  }
  tally.units -= LIMITS.rateStep;
  if (!(await c.env.RATE_CALLERS.limit({ key: caller })).success) {
    tally.heldUntil = now + LIMITS.rateHold;
    throw new AppError("too_many_requests");
  }
}

function remember(caller: string): Tally {
  if (tallies.size >= LIMITS.keysRemembered) {
    tallies.clear();
  }
  const tally = { units: 0, heldUntil: 0 };
  tallies.set(caller, tally);
  return tally;
}

function isLogin(method: string, path: string): boolean {
  return method === "POST" && (path === "/auth" || path === "/login");
}

/** A change that is neither an append nor a file of an artifact that was declared. */
function makesSomething(method: string, path: string): boolean {
  const isRead = method === "GET" || method === "HEAD" || method === "OPTIONS";
  return !isRead && !/^\/(?:upload\/|api\/1\.0\/artifact\/[^/]+\/files\/)/u.test(path);
}
