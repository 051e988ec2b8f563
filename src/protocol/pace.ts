// Long work on one thread that everybody shares: it goes in short stretches, and between two of them others are let in. The clock
// of a Worker stands still while it computes, so that work is counted, and the clock looked at besides.

import { LIMITS } from "./limits.ts";

/** How often work has been stopped to let others in, by anyone in this isolate. */
let stretches = 0;

/** Counts the work between two rests, in units of about 10 ns. */
export class Pace {
  #stretch = 0;
  #since = Date.now();
  #longest = 0;

  /** The most units between two rests so far. */
  get longest(): number {
    return this.#longest;
  }

  /** Must others be let in now? */
  get isDue(): boolean {
    return this.#stretch >= LIMITS.workSlice || Date.now() - this.#since >= LIMITS.workSliceTime;
  }

  /** Counts what was done. */
  spend(units: number): void {
    this.#stretch += units;
    this.#longest = Math.max(this.#longest, this.#stretch);
  }

  /** Counts what was done, and lets others in when they must be. */
  async spendAndRest(units: number): Promise<void> {
    this.spend(units);
    if (this.isDue) {
      await this.rest();
    }
  }

  /** Lets others in. */
  async rest(): Promise<void> {
    await letOthersIn();
    this.#stretch = 0;
    this.#since = Date.now();
  }
}

/** Ends a stretch of work. Who waits for the clock lets requests in: a local runtime looks at its sockets only when it has
 * nothing else to do. When several work, each waits until a whole wait has passed without a stretch of another, so that
 * their stretches do not follow each other at once; who has just worked waits longer than who was passed over. */
async function letOthersIn(): Promise<void> {
  stretches += 1;
  let seen = stretches;
  await wait(1);
  for (let round = 0; seen !== stretches && round < LIMITS.workRounds; round += 1) {
    seen = stretches;
    await wait(0);
  }
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
