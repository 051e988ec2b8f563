// The memory of this isolate, in shares. They are in an order: who holds bytes of one may wait for those below it,
// never for one above or beside it.

import { LIMITS } from "../protocol/limits.ts";
import { Budget } from "./budget.ts";

const { packing, relay, work, sending } = LIMITS.memoryShares;

/** For archives that are unpacked into another upload, whose appends take of `WORK`. */
export const PACKING = new Budget(packing);

/** For small files on their way to an intake object, which takes of `WORK`. */
export const RELAY = new Budget(relay);

/** For whatever calls nobody else that leases: appends, packs of small files, bodies of text, views. */
export const WORK = new Budget(work);

/** For archives on their way out, as slow as those who download them. */
export const SENDING = new Budget(sending);

/** How many bytes a body must bring within `LIMITS.bodyIdleContested` because others wait for memory; 0: nobody does. */
export function contestedFloor(): number {
  return WORK.isContested || RELAY.isContested ? LIMITS.bodyContested : 0;
}

/** Ends what an object left behind when it was cut off; its next life begins with this. */
export function forgetLeases(owner: string): void {
  PACKING.forget(owner);
  WORK.forget(owner);
}
