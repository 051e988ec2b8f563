import { LIMITS } from "./limits.ts";

/** Milliseconds to wait after the `round`-th failure of a call: twice as long each time, and by lot a quarter more or
 * less, so that those that failed together do not come again together. */
export function pauseAfter(round: number): number {
  return LIMITS.storagePause * 2 ** (round - 1) * (0.75 + Math.random() / 2);
}
