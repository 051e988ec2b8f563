// The platform under watch. Every call of an env's R2, D1 and Durable Objects is counted as it is billed, and the
// n-th can be made to fail: before its effect, after it, or with the object that makes it. The Worker's env is
// watched by watch(), an upload object's by watched-worker.ts; both count here.

import { LIMITS } from "../../../src/protocol/limits.ts";

// What fails is tried again at once.
Object.assign(LIMITS, { storagePause: 0 });

/** What a call is: R2's classes of operations and the bytes that a read gives, a D1 call, a request to an object. */
export type CallKind = "r2A" | "r2B" | "r2Free" | "r2Body" | "d1" | "object";

/**
 * What becomes of a call. `before`: it fails and did nothing. `after`: it did its work and its answer is lost; the bytes
 * of a read end early. `crash`: an object dies once the call has done its work; elsewhere as `after`. `late`: it fails,
 * and does its work when nobody expects it any more.
 */
export type FaultMode = "before" | "after" | "crash" | "late";

/** Which calls fail: the `from`-th, and with `lasting` all later ones until `heal()`; `only` those of these kinds
 * count. */
export interface FaultPlan {
  from: number;
  mode: FaultMode;
  lasting: boolean;
  only?: readonly CallKind[];
  /** What they say; unless told otherwise that the connection was lost. */
  error?: string;
}

/** What D1 says of calls that it could not take (https://developers.cloudflare.com/d1/observability/debug-d1/). After
 * the first ones the same call may succeed; the others ask for fewer calls. */
export const D1_ERRORS = {
  passing: [
    "D1_ERROR: D1 DB reset because its code was updated.",
    "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
    "D1_ERROR: Network connection lost.",
    "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
    "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
    "D1_ERROR: Can't read from request stream because client disconnected.",
  ],
  overloaded: [
    "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
    "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
    "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
    "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
    "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
  ],
} as const;

/** What is billed. */
interface Costs {
  /** What D1 is asked, a batch being one. */
  d1Calls: number;
  r2A: number;
  r2B: number;
  r2Free: number;
  d1Statements: number;
  d1RowsRead: number;
  d1RowsWritten: number;
  objectRequests: number;
  objectRowsRead: number;
  objectRowsWritten: number;
}

const NOTHING: Costs = {
  d1Calls: 0,
  r2A: 0,
  r2B: 0,
  r2Free: 0,
  d1Statements: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  objectRequests: 0,
  objectRowsRead: 0,
  objectRowsWritten: 0,
};

const R2_KINDS: Record<string, CallKind> = {
  createMultipartUpload: "r2A",
  put: "r2A",
  list: "r2A",
  uploadPart: "r2A",
  complete: "r2A",
  head: "r2B",
  get: "r2B",
  delete: "r2Free",
  abort: "r2Free",
};

type Method = (...args: unknown[]) => Promise<unknown>;

/** Milliseconds in which no call has come: all that can are waiting. */
const STEP_MS = 20;

class Calls {
  #plan: FaultPlan | null = null;
  #count = 0;
  #fired = 0;
  #costs = { ...NOTHING };
  #shaking = 0;
  #isHeld = false;
  /** How often calls were let go on together, while somebody counts that; and how many wait for it. */
  #step: number | null = null;
  #waiting = 0;
  /** Calls that failed and are to take effect later. */
  #late: (() => Promise<unknown>)[] = [];
  #cursors: { rowsRead: number; rowsWritten: number }[] = [];
  /** Faults injected so far, by mode and kind of call. */
  readonly injected = new Map<string, number>();
  /** What the accounts of callers and networks have reported, in steps of LIMITS.callsReported. */
  readonly charges = new Map<string, number>();
  /** Multipart uploads that are open in R2, by id, but for those whose id got lost: R2 drops them by itself. */
  readonly openMultiparts = new Map<string, string>();

  /** From now on calls count towards `plan`. */
  arm(plan: FaultPlan): void {
    this.#plan = plan;
    this.#count = 0;
    this.#fired = 0;
  }

  /** From now on calls take their time, each another one before and after its effect, so that what runs at once meets
   * in other ways for every seed. */
  shake(seed: number): void {
    this.#shaking = seed;
  }

  /** From now on R2 does nothing until `heal()`, so that what is sent meanwhile waits behind what was sent first. */
  holdBucket(): void {
    this.#isHeld = true;
  }

  /** Runs `work` and gives how many calls it waits for one after the other: calls go on together, once none has come for a
   * while. */
  async stepsOf(work: () => Promise<unknown>): Promise<number> {
    let steps = 0;
    const state = { isDone: false };
    this.#step = 0;
    const done = work().finally(() => {
      state.isDone = true;
    });
    while (!state.isDone) {
      const before = this.#waiting;
      await scheduler.wait(STEP_MS);
      if (before > 0 && this.#waiting === before) {
        steps += 1;
        this.#step = steps;
      }
    }
    this.#step = null;
    await done;
    return steps;
  }

  /** Requests to objects since `costOf` began. */
  get objectRequests(): number {
    return this.#costs.objectRequests;
  }

  /** Ends the faults; calls do their work again. Gives how many there were since arm(). */
  heal(): number {
    this.#plan = null;
    this.#shaking = 0;
    this.#isHeld = false;
    return this.#fired;
  }

  /** Lets the calls that failed as `late` take effect; what they come to is nobody's business any more. */
  async deliverLate(): Promise<void> {
    await Promise.allSettled(this.#late.splice(0).map((call) => call()));
  }

  /** Runs `work` and gives what it costs. */
  async costOf(work: () => Promise<unknown>): Promise<Costs> {
    this.#costs = { ...NOTHING };
    this.#cursors = [];
    await work();
    const costs = { ...this.#costs };
    for (const { rowsRead, rowsWritten } of this.#cursors) {
      costs.objectRowsRead += rowsRead;
      costs.objectRowsWritten += rowsWritten;
    }
    return costs;
  }

  add(costs: Partial<Costs>): void {
    for (const [name, count] of Object.entries(costs)) {
      this.#costs[name as keyof Costs] += count;
    }
  }

  /** A statement of an object's own SQLite; its rows are known once it has been read. */
  addCursor(cursor: { rowsRead: number; rowsWritten: number }): void {
    this.#cursors.push(cursor);
  }

  /** Says what is to become of the call that is made now; null: nothing. */
  nextFault(kind: CallKind): FaultMode | null {
    const plan = this.#plan;
    if (plan === null || plan.only?.includes(kind) === false) {
      return null;
    }
    this.#count += 1;
    const isDue = plan.lasting ? this.#count >= plan.from : this.#count === plan.from;
    if (!isDue) {
      return null;
    }
    // Of a lasting fault only the first call gets through.
    const mode = this.#count === plan.from ? plan.mode : "before";
    this.#fired += 1;
    const name = `${mode} ${kind}`;
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
    return mode;
  }

  /** Makes a call, unless it is to fail. */
  async run<T>(kind: CallKind, call: () => Promise<T>, die: () => void): Promise<T> {
    const mode = this.nextFault(kind);
    await this.#pause();
    await this.#waitForStep();
    while (this.#isHeld && kind.startsWith("r2")) {
      await scheduler.wait(5);
    }
    if (mode === "late") {
      this.#late.push(call);
    } else if (mode !== "before") {
      const result = await call();
      await this.#pause();
      if (mode === null) {
        return result;
      }
    }
    if (mode === "crash") {
      die();
    }
    throw new Error(this.#plan?.error ?? `Network connection lost. (${kind}, ${mode})`);
  }

  async #waitForStep(): Promise<void> {
    const step = this.#step;
    if (step === null) {
      return;
    }
    this.#waiting += 1;
    while (this.#step === step) {
      await scheduler.wait(2);
    }
    this.#waiting -= 1;
  }

  async #pause(): Promise<void> {
    if (this.#shaking > 0) {
      this.#shaking = (this.#shaking * 48_271) % 2_147_483_647; // a Lehmer generator
      await scheduler.wait(this.#shaking % 4);
    }
  }
}

/** All calls of this test file. */
export const calls = new Calls();

/** An env whose calls are counted and may fail. `die` ends the object that makes them. */
export function watch<
  E extends Pick<Env, "DB" | "BUCKET" | "UPLOADS" | "DRAFTS" | "RATE_CALLERS" | "RATE_STRANGERS">,
>(env: E, die: () => void = () => {}): E {
  return {
    ...env,
    DB: watchDatabase(env.DB, die),
    BUCKET: watchBucket(env.BUCKET, die),
    RATE_CALLERS: watchLimit(env.RATE_CALLERS),
    RATE_STRANGERS: watchLimit(env.RATE_STRANGERS),
    UPLOADS: watchObjects(env.UPLOADS, (stub) => ({
      fetch: (url: string, init: RequestInit) =>
        request(async () => {
          const response = await stub().fetch(url, init);
          return new Response(await response.text(), response);
        }, die),
    })),
    DRAFTS: watchObjects(env.DRAFTS, (stub) => watchMethods(stub, die)),
  };
}

function watchLimit(limit: RateLimit): RateLimit {
  return {
    limit({ key }) {
      calls.charges.set(key, (calls.charges.get(key) ?? 0) + 1);
      return limit.limit({ key });
    },
  };
}

/** Counts the rows of an object's own SQLite, and its alarms, which are billed as rows. */
export function watchStorage(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  Object.defineProperty(sql, "exec", {
    value: (...args: Parameters<typeof exec>) => {
      const cursor = exec(...args);
      calls.addCursor(cursor);
      return cursor;
    },
  });
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (...args: Parameters<typeof setAlarm>) => {
      calls.add({ objectRowsWritten: 1 });
      return setAlarm(...args);
    },
  });
}

function watchBucket(bucket: Env["BUCKET"], die: () => void): Env["BUCKET"] {
  return new Proxy(bucket, {
    get(target, name) {
      const method = Reflect.get(target, name) as Method;
      if (name === "resumeMultipartUpload") {
        return (...args: Parameters<typeof target.resumeMultipartUpload>) =>
          watchMultipart(target.resumeMultipartUpload(...args), die);
      }
      return async (...args: unknown[]) => {
        const kind = kindOf(name);
        calls.add({ [kind]: 1 });
        const result = await calls.run(kind, () => method.apply(target, args), die);
        if (name === "createMultipartUpload") {
          calls.openMultiparts.set((result as R2MultipartUpload).uploadId, String(args[0]));
        }
        return name === "get" && result !== null ? watchBody(result as R2ObjectBody, die) : result;
      };
    },
  });
}

function watchMultipart(upload: R2MultipartUpload, die: () => void): R2MultipartUpload {
  return new Proxy(upload, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") {
        return method;
      }
      return (...args: unknown[]) => {
        const kind = kindOf(name);
        calls.add({ [kind]: 1 });
        return calls.run(
          kind,
          async () => {
            const answer: unknown = await Reflect.apply(method, target, args);
            if (name === "complete" || name === "abort") {
              calls.openMultiparts.delete(target.uploadId);
            }
            return answer;
          },
          die,
        );
      };
    },
  });
}

function kindOf(method: string | symbol): CallKind {
  const kind = R2_KINDS[String(method)];
  if (kind === undefined) {
    throw new Error(`What kind of call is ${String(method)}()?`);
  }
  return kind;
}

/** A body breaks off in the middle (`before`), or ends there as if that were all (`after`). */
function watchBody(object: R2ObjectBody, die: () => void): R2ObjectBody {
  const mode = calls.nextFault("r2Body");
  if (mode === null) {
    return object;
  }
  if (mode === "crash") {
    die();
  }
  const body = halfOf(object, mode);
  return new Proxy(object, {
    get(target, name) {
      if (name === "body") {
        return body;
      }
      if (name === "arrayBuffer") {
        return () => new Response(body).arrayBuffer();
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function halfOf({ body }: R2ObjectBody, mode: FaultMode): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isFirst = true;
  return new ReadableStream({
    async pull(controller) {
      const { value } = await reader.read();
      if (isFirst && value !== undefined) {
        controller.enqueue(value.slice(0, value.length / 2));
        isFirst = false;
        return;
      }
      void reader.cancel();
      if (mode === "after") {
        controller.close();
      } else {
        controller.error(new Error("Network connection lost. (r2Body)"));
      }
    },
  });
}

function watchDatabase(db: Env["DB"], die: () => void): Env["DB"] {
  const watched = {
    prepare: (sql: string) => new WatchedStatement(db.prepare(sql), die),
    batch: async (statements: readonly WatchedStatement[]) => {
      calls.add({ d1Calls: 1 });
      const inner = statements.map((statement) => statement.inner);
      return countRows(await calls.run("d1", () => db.batch(inner), die));
    },
  };
  return watched as unknown as Env["DB"];
}

class WatchedStatement {
  readonly inner: D1PreparedStatement;
  readonly #die: () => void;

  constructor(inner: D1PreparedStatement, die: () => void) {
    this.inner = inner;
    this.#die = die;
  }

  bind(...values: unknown[]): WatchedStatement {
    return new WatchedStatement(this.inner.bind(...values), this.#die);
  }

  async all(): Promise<D1Result> {
    calls.add({ d1Calls: 1 });
    const result = await calls.run("d1", () => this.inner.all(), this.#die);
    countRows([result]);
    return result;
  }

  run(): Promise<D1Result> {
    return this.all();
  }

  async first(column?: string): Promise<unknown> {
    const row = (await this.all()).results[0] as Record<string, unknown> | undefined;
    return (column === undefined ? row : row?.[column]) ?? null;
  }
}

function countRows(results: D1Result[]): D1Result[] {
  for (const { meta } of results) {
    calls.add({
      d1Statements: 1,
      d1RowsRead: meta.rows_read,
      d1RowsWritten: meta.rows_written,
    });
  }
  return results;
}

/** A namespace whose objects have only what `watched` makes of them. */
function watchObjects<N extends { getByName(name: string): unknown }>(
  objects: N,
  watched: (stub: () => ReturnType<N["getByName"]>) => object,
): N {
  return new Proxy(objects, {
    get(target, name) {
      if (name !== "getByName") {
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      }
      return (id: string) => watched(() => target.getByName(id) as ReturnType<N["getByName"]>);
    },
  });
}

/** Any method of an object, which is there anew for each call. */
function watchMethods(stub: () => object, die: () => void): object {
  return new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          request(async (): Promise<unknown> => {
            const object = stub();
            return await Reflect.apply(Reflect.get(object, name) as Method, object, args);
          }, die),
    },
  );
}

/** A request to an object. */
function request<T>(send: () => Promise<T>, die: () => void): Promise<T> {
  calls.add({ objectRequests: 1 });
  return calls.run("object", send, die);
}
