// Who pays for a request's calls of D1, which is one thread for everybody: whoever has good credentials by them, all others
// by their network. An account that is over its limit is refused before it makes another call. The limits are
// Cloudflare's (wrangler.toml), for each of its locations.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { accountOf } from "../catalog/accounts.ts";
import type { Account } from "../catalog/accounts.ts";
import { openDatabase } from "../catalog/database.ts";
import type { Payer } from "../catalog/database.ts";
import { isLoopback } from "../http/client-network.ts";
import { AppError } from "../protocol/errors.ts";
import { actorOf, callerOf } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { requestNetwork } from "./author.ts";

/** What a request costs, until and after it is known who pays. */
class Bill implements Payer {
  #calls = 0;
  #payer: Account | null = null;
  #isSettled = false;
  readonly #guesses: Account | null;

  /** `guesses` counts the calls that look for credentials in vain. */
  constructor(guesses: Account | null) {
    this.#guesses = guesses;
  }

  charge(): void {
    if (!this.#isSettled) {
      if (this.#guesses?.isHeld(Date.now())) {
        throw new AppError("too_many_requests");
      }
      this.#calls += 1;
    }
    this.#payer?.charge();
  }

  /** Says who pays, also for the calls so far; null: nobody. Refuses a payer that has to wait. */
  settle(payer: Account | null, isGuess: boolean): void {
    this.#isSettled = true;
    this.#payer = payer;
    payer?.charge(this.#calls);
    if (isGuess) {
      this.#guesses?.charge(this.#calls * LIMITS.callsOfGuess);
    }
    if (payer?.isHeld(Date.now())) {
      throw new AppError("too_many_requests");
    }
  }
}

/** Counts the calls of D1 that a request makes from now on, through its `env`. */
export function openBill(c: Context<AppEnv>): Bill {
  const network = countedNetwork(c);
  // A bearer token that was not signed here costs no call.
  const { headers } = c.req.raw;
  const mayGuess = headers.has("Token") || !headers.has("Authorization");
  const guesses =
    network === null || !mayGuess
      ? null
      : accountOf(c.env.RATE_STRANGERS, `guesses from ${network}`);
  const bill = new Bill(guesses);
  c.env = { ...c.env, DB: openDatabase(c.env.DB, bill) };
  return bill;
}

/** Settles the bill of a request whose identity is known, and refuses one that is one too many of its caller's. */
export async function requireTurn(c: Context<AppEnv>, bill: Bill): Promise<void> {
  const { identity } = c.var;
  const network = countedNetwork(c);
  if (identity.kind !== "nobody") {
    bill.settle(accountOf(c.env.RATE_CALLERS, callerOf(actorOf(identity))), false);
  } else {
    const payer = network === null ? null : accountOf(c.env.RATE_STRANGERS, `network ${network}`);
    bill.settle(payer, true);
  }
  if (network !== null && isLogin(c.req.method, c.req.path)) {
    await requireSuccess(c.env.RATE_LOGINS, network);
  }
}

/** May one more refusal of this caller go into the audit? */
export async function mayNoteRefusal({ RATE_REFUSALS }: Env, caller: string): Promise<boolean> {
  return (await RATE_REFUSALS.limit({ key: caller })).success;
}

/** The network that strangers are counted by; null where nothing in front says, as then all seem to come from here. */
function countedNetwork(c: Context<AppEnv>): string | null {
  const network = requestNetwork(c);
  return network === "" || isLoopback(network) ? null : network;
}

async function requireSuccess(limit: RateLimit, key: string): Promise<void> {
  if (!(await limit.limit({ key })).success) {
    throw new AppError("too_many_requests");
  }
}

function isLogin(method: string, path: string): boolean {
  return method === "POST" && (path === "/auth" || path === "/login");
}
