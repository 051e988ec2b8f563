import type { Arbitrary, AsyncCommand } from "fast-check";

import { calls } from "../support/calls.ts";
import type { FaultPlan } from "../support/calls.ts";
import type { Model } from "./model.ts";

/** Commands that ran, by name. */
export const ran = new Map<string, number>();

/** Does a fault wait for its call? */
export const ordered = { isFault: false };

/** Orders a fault for the next command. */
export function orderFault(plan: FaultPlan): void {
  calls.arm(plan);
  ordered.isFault = true;
}

/** Ends all faults. */
export function endFaults(): void {
  calls.heal();
  ordered.isFault = false;
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

/** A command for fast-check, as often as it weighs. A fault that was ordered before ends with it. */
export function command<Args>(name: string, spec: Spec<Args>): Commands[] {
  const arbitrary = spec.args.map((args) => ({
    check: (model: Model) => spec.ready?.(model) ?? true,
    async run(model: Model): Promise<void> {
      ran.set(name, (ran.get(name) ?? 0) + 1);
      try {
        await spec.run(model, args);
      } finally {
        if (name !== "fault") {
          endFaults();
        }
      }
    },
    toString: () => `${name} ${JSON.stringify(args)}`,
  }));
  return Array.from({ length: spec.weight }, () => arbitrary);
}
