import type { ProvidedContext } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test/support/remote-server.ts is. */
    remoteOrigin: string;
    /** How many sequences test/unit/model tries, of how many commands at most, and from which seed; null draws one. */
    model: { runs: number; steps: number; seed: number | null };
    /** How many random trees are tried (test/unit/manifest, test/unit/artifacts/random-trees.test.ts). */
    trees: number;
    /** Whether each test file has a D1, an R2 and Durable Objects of its own. */
    ownsStorage: boolean;
  }
}

/** What a test inside workerd is told of the process that started it. */
export type Provided = keyof ProvidedContext;
