// Who may hold how much memory. All requests and objects of an isolate share one: what any of them holds of it beyond
// a few KiB is leased here first, in the order of asking, and given back in the end. A lease names at the start the
// most that it will hold and grows up to that, so that what is held is what has arrived; it grows only while all that
// are open could still reach their most one after the other (the banker's algorithm), so that none waits for ever for
// another that waits for it. Whoever holds bytes of one budget waits for no other budget, but for one further down
// (shares.ts).

import { waitUntil } from "cloudflare:workers";

import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** The owner of what a request to the Worker holds. */
export const REQUEST = "";

/** Memory that somebody holds; changed by its budget only. */
export interface Lease {
  /** The most bytes that it will hold. */
  readonly claim: number;
  /** Who it belongs to, as `forget()` names them; REQUEST for a request, which is never forgotten by name. */
  readonly owner: string;
  /** On whose behalf: those of one take turns with those of another, however many wait. */
  readonly payer: string;
  held: number;
  /** When its holder was last known to run. */
  seenAt: number;
  readonly pulse: ReturnType<typeof setInterval>;
  /** Lets its request go. */
  readonly release: () => void;
}

interface Waiter {
  readonly lease: Lease;
  readonly to: number;
  /** Whoever waits has gone by then. */
  readonly until: number;
  /** Looked at by whoever waits: a promise cannot be resolved for another object. */
  isGranted: boolean;
}

/** What of a budget is apart from the rest. */
interface Lanes {
  /** Claims of at most so many bytes are not counted. */
  uncounted: number;
  /** Claims of at most so many bytes share a lane of so many. */
  small: number;
  lane: number;
}

/** How a budget differs from others. */
interface Terms {
  /** Nobody begins while another of the same payer holds something. */
  isOnePerPayer?: boolean;
  /** Milliseconds that one waits at most, where it is not LIMITS.memoryPatience. */
  patience?: number | null;
}

export class Budget {
  readonly #size: number;
  readonly #uncounted: number;
  /** Takes claims of at most so many bytes. */
  readonly #lane: { budget: Budget; most: number } | null;
  readonly #open = new Set<Lease>();
  #waiting: Waiter[] = [];
  /** While somebody waits: when each payer had its last turn, as a count of turns. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  #held = 0;
  #claimed = 0;

  readonly #isOnePerPayer: boolean;
  readonly #patience: number | null;

  /** Of so many bytes, those of its lane among them. */
  constructor(
    size: number,
    lanes: Lanes | null = null,
    { isOnePerPayer = false, patience = null }: Terms = {},
  ) {
    this.#size = size - (lanes?.lane ?? 0);
    this.#isOnePerPayer = isOnePerPayer;
    this.#patience = patience;
    this.#uncounted = lanes?.uncounted ?? 0;
    this.#lane = lanes && { budget: new Budget(lanes.lane), most: lanes.small };
  }

  /** Does anybody wait? Then no holder may be slow. */
  get isContested(): boolean {
    return this.#isAwaited || this.#lane?.budget.isContested === true;
  }

  /** Bytes that are held. */
  get held(): number {
    return this.#held + (this.#lane?.budget.held ?? 0);
  }

  get #isAwaited(): boolean {
    return this.#waiting.some(({ isGranted }) => !isGranted);
  }

  /** Needs a claim of so many bytes no lease? */
  isFree(claim: number): boolean {
    return claim <= this.#uncounted;
  }

  /** Where a claim of so many bytes belongs, or null: it is not counted. */
  #of(claim: number): Budget | null {
    if (claim <= this.#uncounted) {
      return null;
    }
    return this.#lane !== null && claim <= this.#lane.most ? this.#lane.budget : this;
  }

  /** Opens a lease that holds nothing yet, for a claim of at most the whole budget: what needs more runs alone. Must be
   * ended, on every way. */
  open(claim: number, owner: string, payer = owner): Lease {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (owner === REQUEST) {
      // A client that leaves ends its request where it waits, without a `finally`, unless somebody waits for it.
      waitUntil(promise);
    }
    const lease: Lease = {
      claim: Math.min(claim, this.#size),
      owner,
      payer,
      held: 0,
      seenAt: Date.now(),
      // A request that is cut off all the same runs no timer.
      pulse: setInterval(() => {
        lease.seenAt = Date.now();
      }, LIMITS.leasePulse),
      release: resolve,
    };
    const budget = this.#of(lease.claim);
    if (budget !== null) {
      budget.#open.add(lease);
      budget.#claimed += lease.claim;
    }
    return lease;
  }

  /** Lets a lease hold `to` bytes if that needs no waiting; says whether it does. */
  tryGrow(lease: Lease, to: number): boolean {
    const wanted = Math.min(to, lease.claim);
    const budget = this.#of(lease.claim);
    return wanted <= lease.held || budget === null || budget.#tryGrow(lease, wanted);
  }

  #tryGrow(lease: Lease, to: number): boolean {
    // Who holds nothing yet comes after those who wait.
    const isInOrder = lease.held > 0 || !this.#isAwaited;
    return (isInOrder && this.#grant(lease, to)) || (this.#endLost() && this.#tryGrow(lease, to));
  }

  /** The same, in its turn: refuses when that does not come in time. */
  async grow(lease: Lease, to: number): Promise<void> {
    const budget = this.#of(lease.claim);
    if (budget !== null && !this.tryGrow(lease, to)) {
      await budget.#wait(lease, Math.min(to, lease.claim));
    }
  }

  async #wait(lease: Lease, to: number): Promise<void> {
    const until = Date.now() + (this.#patience ?? LIMITS.memoryPatience);
    const waiter = { lease, to, until, isGranted: false };
    this.#waiting.push(waiter);
    this.#serve(); // those before may wait for what concerns them alone
    try {
      while (!waiter.isGranted) {
        if (Date.now() >= until) {
          throw new AppError("service_busy");
        }
        await new Promise((resolve) => {
          setTimeout(resolve, LIMITS.memoryPoll);
        });
        this.#dismissLost();
      }
    } finally {
      this.#waiting = this.#waiting.filter((each) => each !== waiter);
      if (this.#waiting.length === 0) {
        this.#turns.clear();
      }
      this.#serve();
    }
  }

  /** Gives all of a lease back; again is nothing. */
  end(lease: Lease): void {
    clearInterval(lease.pulse);
    const budget = this.#of(lease.claim);
    if (budget !== null) {
      budget.#drop(lease);
    }
    lease.release();
  }

  /** The same without a word to its timer and its request, which only its holder can end. */
  #drop(lease: Lease): void {
    if (this.#open.delete(lease)) {
      this.#held -= lease.held;
      this.#claimed -= lease.claim;
      this.#serve();
    }
  }

  /** Runs something with a lease that ends when it does. */
  async use<T>(
    claim: number,
    owner: string,
    work: (lease: Lease) => Promise<T>,
    payer = owner,
  ): Promise<T> {
    const lease = this.open(claim, owner, payer);
    try {
      return await work(lease);
    } finally {
      this.end(lease);
    }
  }

  /** The same, when it holds so many bytes from the start. */
  run<T>(bytes: number, owner: string, work: () => Promise<T>, payer = owner): Promise<T> {
    const hold = async (lease: Lease) => {
      if (!this.tryGrow(lease, bytes)) {
        await this.grow(lease, bytes);
      }
      return work();
    };
    return this.use(bytes, owner, hold, payer);
  }

  /** Ends what an earlier life of this owner left behind when it was cut off. */
  forget(owner: string): void {
    this.#lane?.budget.forget(owner);
    for (const lease of this.#open) {
      if (lease.owner === owner) {
        this.#drop(lease);
      }
    }
  }

  /** Ends the leases of those who run no more; says whether there were any. */
  #endLost(): boolean {
    const before = Date.now() - LIMITS.leaseLost;
    const lost = [...this.#open].filter(({ seenAt }) => seenAt < before);
    for (const lease of lost) {
      this.#drop(lease);
    }
    return lost.length > 0;
  }

  /** Grants what can be, in turn: who holds something is let through, as others may wait for it to end; who holds nothing
   * waits for all before. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      if (waiter.lease.held > 0 && !waiter.isGranted) {
        waiter.isGranted = this.#grant(waiter.lease, waiter.to);
      }
    }
    for (let next = this.#nextInTurn(); next !== null; next = this.#nextInTurn()) {
      next.isGranted = this.#grant(next.lease, next.to);
      if (!next.isGranted) {
        return;
      }
      this.#turn += 1;
      this.#turns.set(next.lease.payer, this.#turn);
    }
  }

  /** The first of those who hold nothing, on behalf of whom the least is held; of several, whose last turn is longest ago. */
  #nextInTurn(): Waiter | null {
    const waiting = this.#waiting.filter(
      ({ isGranted, lease }) => !isGranted && lease.held === 0 && this.#mayBegin(lease),
    );
    if (waiting.length < 2) {
      return waiting[0] ?? null;
    }
    const held = new Map<string, number>();
    for (const lease of this.#open) {
      held.set(lease.payer, (held.get(lease.payer) ?? 0) + lease.held);
    }
    const precedes = ({ lease: { payer } }: Waiter, { lease: first }: Waiter) => {
      const more = (held.get(payer) ?? 0) - (held.get(first.payer) ?? 0);
      const later = (this.#turns.get(payer) ?? 0) - (this.#turns.get(first.payer) ?? 0);
      return more < 0 || (more === 0 && later < 0);
    };
    return waiting.reduce((first, each) => (precedes(each, first) ? each : first));
  }

  #mayBegin({ payer }: Lease): boolean {
    return (
      !this.#isOnePerPayer ||
      ![...this.#open].some((other) => other.payer === payer && other.held > 0)
    );
  }

  /** Those who are cut off while they wait cannot leave the queue by themselves. */
  #dismissLost(): void {
    const before = Date.now() - LIMITS.memoryPoll * 100;
    const staying = this.#waiting.filter(
      ({ lease, until }) => until >= before && this.#open.has(lease),
    );
    if (staying.length < this.#waiting.length) {
      this.#waiting = staying;
      this.#serve();
    }
  }

  #grant(lease: Lease, to: number): boolean {
    const more = Math.max(to - lease.held, 0);
    const isTooMuch = this.#held + more > this.#size;
    if (!this.#open.has(lease) || isTooMuch || (lease.held === 0 && !this.#mayBegin(lease))) {
      return false;
    }
    lease.held += more;
    this.#held += more;
    if (this.#claimed <= this.#size || this.#canAllEnd()) {
      return true;
    }
    lease.held -= more;
    this.#held -= more;
    return false;
  }

  /** Can all reach their claim in some order? One after the other, who needs least first. */
  #canAllEnd(): boolean {
    let free = this.#size - this.#held;
    const needs = [...this.#open].toSorted(
      (one, other) => one.claim - one.held - (other.claim - other.held),
    );
    for (const { claim, held } of needs) {
      if (claim - held > free) {
        return false;
      }
      free += held;
    }
    return true;
  }
}
