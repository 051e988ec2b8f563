// The memory of this isolate, in shares. They are in an order: who holds bytes of one may wait for those below it,
// never for one above or beside it.

import { LIMITS } from "../protocol/limits.ts";
import { Budget } from "./budget.ts";

const { unpacking, packing, relay, work, sending, views } = LIMITS.memoryShares;
const { uncounted, small, ...lanes } = LIMITS.memoryLanes;

const { unpackPatience: patience } = LIMITS;

/** For what is read of archives that are unpacked. That may take minutes, so a workspace has one at a time. */
export const UNPACKING = new Budget(unpacking, null, { isOnePerPayer: true, patience });

/** For what they unpack to, on its way into another upload, whose appends take of `WORK`. Given back after a while where
 * others wait. */
export const PACKING = new Budget(packing, null, { patience });

/** For small files on their way to a draft, which takes of `WORK`. */
export const RELAY = new Budget(relay, { uncounted, small, lane: lanes.relay });

/** For whatever calls nobody else that leases: appends, packs of small files, bodies of text. */
export const WORK = new Budget(work, { uncounted, small, lane: lanes.work });

/** For archives on their way out, as slow as those who download them. */
export const SENDING = new Budget(sending);

/** For pages that show a file, as slow as those who read them. */
export const VIEWS = new Budget(views);

/** For bytes that R2 is asked for at once, each until its answer is under way; nobody holds them, they are on their way. So
 * it takes nothing from the others, and who waits is not refused soon: a part of the answer may be sent. */
export const READING = new Budget(
  LIMITS.readAtOnce,
  { uncounted: LIMITS.smallSlice, small: 0, lane: 0 },
  { patience: LIMITS.readPatience },
);

/** Bytes that a buffer has at first for a body of so many: a client that sends little of it holds little. */
export function firstBufferOf(length: number): number {
  const part = Math.max(Math.ceil(length / 16), LIMITS.firstOfSmall);
  return Math.min(LIMITS.firstBuffer, part, length);
}

/** How many bytes a body must bring within `LIMITS.bodyIdleContested` because others wait for memory; 0: nobody does. */
export function contestedFloor(): number {
  return WORK.isContested || RELAY.isContested ? LIMITS.bodyContested : 0;
}

/** Ends what an object left behind when it was cut off; its next life begins with this. */
export function forgetLeases(owner: string): void {
  UNPACKING.forget(owner);
  PACKING.forget(owner);
  WORK.forget(owner);
}
