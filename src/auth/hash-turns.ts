// Turns at scrypt, which holds an isolate's one thread for about 40 ms: one at a time, in order, with a pause after each
// in which all other requests go on. A turn is a time, not a place behind another request: one that is given up while it
// waits holds nobody back.

import { AppError } from "../protocol/errors.ts";
import { actorOf } from "../protocol/identity.ts";
import type { Identity } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";

/** A line of turns. What one caller waits for is bounded, so that it does not fill the line. */
class Turns {
  #nextAt = 0;
  readonly #ofCaller = new Map<string, number[]>();

  /** The time of the next turn, which is the caller's then; null when there is none within `hashWait`. */
  take(caller: string | null, now: number): number | null {
    const waiting = (this.#ofCaller.get(caller ?? "") ?? []).filter((at) => at > now);
    const at = Math.max(now, this.#nextAt);
    const isOneTooMany = caller !== null && waiting.length >= LIMITS.hashesOfCaller;
    if (at - now > LIMITS.hashWait || isOneTooMany) {
      return null;
    }
    this.#nextAt = at + LIMITS.hashPause;
    if (caller !== null) {
      this.#remember(caller, [...waiting, at]);
    }
    return at;
  }

  #remember(caller: string, turns: number[]): void {
    if (this.#ofCaller.size >= LIMITS.keysRemembered) {
      this.#ofCaller.clear();
    }
    this.#ofCaller.set(caller, turns);
  }
}

/** Two lines, so that strangers hold up nobody who is known. */
const LINES = {
  known: new Turns(),
  strangers: new Turns(),
};

/** Waits for a turn; false when too many wait already. A caller is a network, a user or a workspace; null is bounded by the
 * line alone. */
export async function waitForTurn(
  line: keyof typeof LINES,
  caller: string | null,
): Promise<boolean> {
  const now = Date.now();
  const at = LINES[line].take(caller, now);
  if (at === null) {
    return false;
  }
  await scheduler.wait(at - now);
  return true;
}

/** Waits for a turn of somebody whose credentials are good, or refuses. The keys of a workspace are one caller; `system` is
 * bounded by the line alone. */
export async function requireTurnAtHashing(identity: Identity): Promise<void> {
  const isSystem = identity.kind === "workspace" && identity.isSystem;
  const caller = identity.kind === "workspace" ? `workspace ${identity.name}` : actorOf(identity);
  if (!(await waitForTurn("known", isSystem ? null : caller))) {
    throw new AppError("secrets_busy");
  }
}
