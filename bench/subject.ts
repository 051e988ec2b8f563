// What is measured: a built Worker in Miniflare, without the proxy of `wrangler dev`, with its state on disk.

import { fileURLToPath } from "node:url";

import type { D1Database } from "@cloudflare/workers-types";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import type { V4WorkerOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

import { TEST_SECRETS } from "../test/support/secrets.ts";
import type { Bundle } from "./bundle.ts";
import { childrenOf, residentMiB } from "./processes.ts";
import { profile } from "./profile.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SAMPLE_MS = 50;

/** The inspector slows what it looks at: figures of such a run count for nothing. */
const IS_PROFILED = process.env["BENCH_PROFILE"] !== undefined;

/** How a subject is made. */
export interface SubjectOptions {
  name: string;
  /** Its wrangler.toml, from the project folder. */
  config: string;
  /** What makes its database. */
  statements: readonly string[];
  bundle: Bundle;
  /** The bare Worker, which fills the bucket. */
  filler: Bundle;
  state: string;
}

export class Subject {
  readonly #options: SubjectOptions;
  #miniflare: Miniflare;
  #pid = 0;
  #origin = "";
  #fillOrigin = "";

  private constructor(options: SubjectOptions) {
    this.#options = options;
    this.#miniflare = new Miniflare(miniflareOptions(options));
  }

  static async start(options: SubjectOptions): Promise<Subject> {
    const subject = new Subject(options);
    await subject.#becomeReady();
    const db = await subject.db();
    await db.batch(options.statements.map((statement) => db.prepare(statement)));
    return subject;
  }

  /** A new process on the same state. */
  async restart(): Promise<void> {
    await this.stop();
    this.#miniflare = new Miniflare(miniflareOptions(this.#options));
    await this.#becomeReady();
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }

  /** Bytes of its modules, each compressed. */
  get gzipped(): number {
    return this.#options.bundle.gzipped;
  }

  /** Without a slash at its end. */
  get origin(): string {
    return this.#origin;
  }

  /** Where the bare Worker fills this subject's bucket. */
  get fillOrigin(): string {
    return this.#fillOrigin;
  }

  db(): Promise<D1Database> {
    return this.#miniflare.getD1Database("DB", this.#options.name);
  }

  /** The etag of an object in its bucket. */
  async etagOf(key: string): Promise<string> {
    const bucket = await this.#miniflare.getR2Bucket("BUCKET", this.#options.name);
    return (await bucket.head(key))?.etag ?? "";
  }

  /** Runs something and gives by how many MiB the process grew at most meanwhile; null where nobody can tell. */
  async watchMemory<T>(run: () => Promise<T>): Promise<{ result: T; growth: number | null }> {
    const before = residentMiB(this.#pid);
    let peak = before ?? 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentMiB(this.#pid) ?? 0);
    }, SAMPLE_MS);
    try {
      const result = await (IS_PROFILED
        ? profile(await this.#miniflare.getInspectorURL(), this.#options.name, run)
        : run());
      return { result, growth: before === null ? null : peak - before };
    } finally {
      clearInterval(timer);
    }
  }

  async #becomeReady(): Promise<void> {
    const before = new Set(childrenOf(process.pid));
    this.#origin = (await this.#miniflare.ready).origin;
    this.#fillOrigin = (await this.#miniflare.unsafeGetDirectURL("filler")).origin;
    this.#pid = childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0;
  }
}

function miniflareOptions({ name, config, bundle, filler, state }: SubjectOptions) {
  // As wrangler makes them, but for the sources: those are built already.
  const { workerOptions } = unstable_getMiniflareWorkerOptions(`${ROOT}${config}`);
  const { modulesRules: _, ...options } = workerOptions as V4WorkerOptions;
  const { bindings, r2Buckets, compatibilityDate, compatibilityFlags } = options;
  const workers = [
    {
      ...options,
      name,
      rootPath: ROOT,
      modules: bundle.modules,
      modulesRoot: "/",
      bindings: { ...bindings, ...TEST_SECRETS },
    },
    {
      name: "filler",
      modules: filler.modules,
      compatibilityDate,
      compatibilityFlags,
      r2Buckets,
      durableObjects: { UPLOADS: { className: "BareObject", useSQLite: true } },
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    },
  ] as V4WorkerOptions[];
  return convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    ...(IS_PROFILED ? { inspectorPort: 0 } : {}),
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    // A Worker's lines, which it writes as a deployed one does, but for errors.
    handleStructuredLogs: ({ level, message }) => {
      if (level === "error") {
        console.error(message);
      }
    },
    cf: false,
    resourcePersistencePath: state,
    workers,
  });
}
