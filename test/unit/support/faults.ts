// Calls to R2 and to the catalog that fail, for tests of what is left then.

import { env } from "cloudflare:workers";

import { catalogDesk } from "../../../src/artifacts/publish.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { Ledger } from "../../../src/uploads/ledger.ts";

// What fails is tried again at once.
Object.assign(LIMITS, { storagePause: 0 });

type Mode = "before" | "after";

/** Counts calls; from the `from`-th on they fail, that one before or after its effect, until healed. */
export class Faults {
  readonly #from: number;
  readonly #mode: Mode;
  #calls = 0;
  #isHealed = false;
  fired = false;

  constructor(from: number, mode: Mode) {
    this.#from = from;
    this.#mode = mode;
  }

  heal(): void {
    this.#isHealed = true;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isHealed) {
      return call();
    }
    this.#calls += 1;
    if (this.#calls < this.#from) {
      return call();
    }
    this.fired = true;
    if (this.#calls === this.#from && this.#mode === "after") {
      await call();
    }
    throw new Error(`Fault at call ${this.#calls}`);
  }
}

/** The real bucket and catalog with faults in between. */
export function faultyContext(
  storage: DurableObjectStorage,
  faults: Faults,
  DB = env.DB,
): UploadContext {
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== "function") {
          return value;
        }
        if (name === "resumeMultipartUpload") {
          return (...args: unknown[]) => wrap(Reflect.apply(value, object, args));
        }
        return (...args: unknown[]) => faults.run(() => Reflect.apply(value, object, args));
      },
    });
  return {
    ledger: new Ledger(storage),
    bucket: wrap(env.BUCKET),
    uploads: env.UPLOADS,
    desk: wrap(catalogDesk({ ...env, DB })),
    openExtentConfirmed: false,
    owner: "test",
    contestedFloor: () => 0,
  };
}

/** The catalog with faults in its batches. */
export function faultyBatches(faults: Faults): Env["DB"] {
  return new Proxy(env.DB, {
    get(db, name) {
      const value: unknown = Reflect.get(db, name);
      if (typeof value !== "function") {
        return value;
      }
      return name === "batch"
        ? (...args: unknown[]) => faults.run(() => Reflect.apply(value, db, args))
        : (...args: unknown[]) => Reflect.apply(value, db, args);
    },
  });
}
