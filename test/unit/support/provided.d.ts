import type { ProvidedContext } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test/support/remote-server.ts is. */
    remoteOrigin: string;
  }
}

/** What a test inside workerd is told of the process that started it. */
export type Provided = keyof ProvidedContext;
