// Calls to R2, D1 and Durable Objects that fail, wherever the service makes them: the methods of the platform's own
// classes are wrapped, so that upload objects, the Worker and the sweep meet the same faults.

import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";

export type Target = "r2" | "d1" | "object";
/** Before or after its effect; `crash`: every object dies with the call, after its effect. */
export type Mode = "before" | "after" | "crash";

/** The calls to `target` after the next `skip` fail, `count` of them in a row. */
export interface Breakage {
  target: Target;
  mode: Mode;
  skip: number;
  count: number;
}

/** A fault that waits for its call or has met it. */
interface Armed extends Breakage {
  seen: number;
  failed: number;
  /** Kills every object, from outside: one that did it from within would take the runtime along. */
  crash: () => Promise<void>;
}

let armed: Armed | null = null;

/** Calls that failed, by target and mode. */
export const broken = new Map<string, number>();

/** Breaks calls from now on, until `mend()`. */
export function breakCalls(breakage: Breakage): void {
  let begin = () => {};
  const crashed = new Promise<void>((resolve) => {
    begin = resolve;
  }).then(() => abortAllDurableObjects());
  const crash = () => {
    begin();
    return crashed;
  };
  armed = { ...breakage, seen: 0, failed: 0, crash };
}

/** Does a fault wait for its call? */
export function isArmed(): boolean {
  return armed !== null;
}

/** Ends all faults and says whether there was one. */
export function mend(): boolean {
  const hasFailed = armed !== null && armed.failed > 0;
  armed = null;
  return hasFailed;
}

/** Does the call that comes now fail? */
function isDoomed(target: Target): Mode | null {
  if (armed?.target !== target) {
    return null;
  }
  armed.seen += 1;
  if (armed.seen <= armed.skip || armed.failed >= armed.count) {
    return null;
  }
  armed.failed += 1;
  const kind = `${target} ${armed.mode}`;
  broken.set(kind, (broken.get(kind) ?? 0) + 1);
  return armed.mode;
}

async function intercept(target: Target, call: () => Promise<unknown>): Promise<unknown> {
  const mode = isDoomed(target);
  if (armed === null || mode === null) {
    return call();
  }
  const { crash } = armed;
  if (mode !== "before") {
    const lost = await call();
    if (lost instanceof Response) {
      await lost.body?.cancel();
    }
  }
  if (mode === "crash") {
    await crash();
  }
  throw new Error("Network connection lost.");
}

type Method = (...args: unknown[]) => Promise<unknown>;

function wrap(example: object, target: Target, names: readonly string[]): void {
  const prototype = Object.getPrototypeOf(example) as Record<string, Method>;
  for (const name of names) {
    const method = prototype[name];
    if (method === undefined) {
      throw new Error(`Cannot break ${name}: there is no such method`);
    }
    prototype[name] = function wrapped(this: unknown, ...args: unknown[]) {
      return intercept(target, () => method.apply(this, args));
    };
  }
}

/** Puts itself in front of the platform, once a process. */
export async function wrapPlatform(): Promise<void> {
  const multipart = await env.BUCKET.createMultipartUpload("example");
  wrap(multipart, "r2", ["uploadPart", "complete", "abort"]);
  await multipart.abort();
  wrap(env.BUCKET, "r2", ["put", "get", "head", "delete", "createMultipartUpload"]);
  wrap(env.DB, "d1", ["batch"]);
  wrap(env.DB.prepare("SELECT 1"), "d1", ["first", "all", "run"]);
  wrapObjects();
}

/** Only calls that go through getByName(), as the service's do: the test runner's own do not. */
function wrapObjects(): void {
  const namespaces = Object.getPrototypeOf(env.UPLOADS) as Env["UPLOADS"];
  const { getByName } = namespaces;
  namespaces.getByName = function wrapped(this: Env["UPLOADS"], name) {
    const stub = getByName.call(this, name);
    const fetch: Method = stub.fetch.bind(stub) as Method;
    Object.defineProperty(stub, "fetch", {
      value: (...args: unknown[]) => intercept("object", () => fetch(...args)),
    });
    return stub;
  };
}

/** Runs what looks at the store from outside, which no fault is for. */
export async function unbroken<T>(look: () => Promise<T>): Promise<T> {
  const before = armed;
  armed = null;
  try {
    return await look();
  } finally {
    armed = before;
  }
}
