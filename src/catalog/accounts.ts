// How many calls of D1 somebody has caused. They are counted in this isolate at once, and in steps by a rate limit of
// Cloudflare's, which all isolates of a location share: what it says decides about what is asked for next. Nobody
// waits for it.

import { waitUntil } from "cloudflare:workers";

import { LIMITS } from "../protocol/limits.ts";
import type { Payer } from "./database.ts";

/** The account of a caller or a network. */
export class Account implements Payer {
  readonly #limit: RateLimit;
  readonly #key: string;
  #unreported = 0;
  #heldUntil = 0;

  constructor(limit: RateLimit, key: string) {
    this.#limit = limit;
    this.#key = key;
  }

  charge(calls = 1): void {
    this.#unreported += calls;
    while (this.#unreported >= LIMITS.callsReported) {
      this.#unreported -= LIMITS.callsReported;
      waitUntil(this.#report());
    }
  }

  /** Has it to wait, as its limit was reached a moment ago? */
  isHeld(now: number): boolean {
    return this.#heldUntil > now;
  }

  async #report(): Promise<void> {
    const { success } = await this.#limit.limit({ key: this.#key });
    if (!success) {
      this.#heldUntil = Date.now() + LIMITS.rateHold;
    }
  }
}

/** Those of this isolate, the oldest first. */
const accounts = new Map<string, Account>();

/** The account of a caller, or of a network. One that was forgotten begins anew: what it owes is less than a step. */
export function accountOf(limit: RateLimit, key: string): Account {
  const known = accounts.get(key);
  if (known !== undefined) {
    return known;
  }
  const [oldest] = accounts.keys();
  if (oldest !== undefined && accounts.size >= LIMITS.accountsRemembered) {
    accounts.delete(oldest);
  }
  const account = new Account(limit, key);
  accounts.set(key, account);
  return account;
}
