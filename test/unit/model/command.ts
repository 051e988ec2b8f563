import type { Arbitrary, AsyncCommand } from "fast-check";

import { calls } from "../support/calls.ts";
import type { FaultPlan } from "../support/calls.ts";
import type { Model } from "./model.ts";

/** Commands that ran, by name. */
export const ran = new Map<string, number>();

/** Commands for which a fault waits for its call. */
const PATIENCE = 4;

let patience = 0;
let injectedBefore = 0;

/** Orders a fault, which waits for its call during the next commands; none while another waits. */
export function orderFault(plan: FaultPlan): void {
  patience = PATIENCE;
  injectedBefore = injected();
  calls.arm(plan);
}

/** Does a fault wait? */
export function isFaultOrdered(): boolean {
  return patience > 0;
}

/** Ends all faults. */
export function endFaults(): void {
  patience = 0;
  calls.heal();
}

function injected(): number {
  return [...calls.injected.values()].reduce((sum, count) => sum + count, 0);
}

/** One command has run: its faults end with it. */
function afterCommand(): void {
  patience -= 1;
  if (patience <= 0 || injected() > injectedBefore) {
    endFaults();
  }
}

interface Spec<Args> {
  weight: number;
  args: Arbitrary<Args>;
  /** May it run now? */
  ready?: (model: Model) => boolean;
  /** Does it and compares what it meets with the model, which it changes likewise. */
  run: (model: Model, args: Args) => Promise<void>;
}

type Commands = Arbitrary<AsyncCommand<Model, object>>;

/** A command for fast-check, as often as it weighs. */
export function command<Args>(name: string, spec: Spec<Args>): Commands[] {
  const arbitrary = spec.args.map((args) => ({
    check: (model: Model) => spec.ready?.(model) ?? true,
    async run(model: Model): Promise<void> {
      ran.set(name, (ran.get(name) ?? 0) + 1);
      try {
        await spec.run(model, args);
      } finally {
        if (name !== "fault") {
          afterCommand();
        }
      }
    },
    toString: () => `${name} ${JSON.stringify(args)}`,
  }));
  return Array.from({ length: spec.weight }, () => arbitrary);
}
