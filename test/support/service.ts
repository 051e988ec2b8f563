// A real Stowage on a real port, for tests over HTTP: the harness, the catalog, and the calls that nearly
// every test begins with.

import type { D1Database, R2Bucket } from "@cloudflare/workers-types";
import { createTestHarness } from "wrangler";

import { readMigrations, transactionOf } from "../../scripts/migrations.mjs";
import type { Difference } from "../../src/protocol/differences.ts";
import { findDifferences } from "./fsck.ts";
import { ReplyCheck } from "./reply-check.ts";
import { TEST_SECRETS } from "./secrets.ts";

/** The bindings of the Worker under test, as the harness gives them. */
export interface TestEnv {
  DB: D1Database;
  BUCKET: R2Bucket;
}

/** What startService gives. */
export type RunningService = Awaited<ReturnType<typeof startService>>;

type Started = Awaited<ReturnType<typeof startHarness>>;

const CONFIG = "./wrangler.toml";

async function startHarness(vars: Record<string, string>, configPath: string) {
  const harness = createTestHarness({
    workers: [{ configPath, secrets: TEST_SECRETS, vars }],
  });
  const { url } = await harness.listen();
  const worker = harness.getWorker<TestEnv>();
  return { harness, worker, env: await worker.getEnv(), origin: url.origin };
}

/** The service that the last test file in this process left behind. On globalThis: each file has modules of its
 * own. It ends with the process. */
const left = globalThis as { stowageService?: Started | undefined };

function takeLeft(): Started | null {
  const { stowageService = null } = left;
  left.stowageService = undefined;
  return stowageService;
}

/** Tables that are not emptied, and triggers that keep others from it. */
const STAYING = new Set(["workspaces", "schema_version"]);
const KEEPERS = new Set(["audit_is_kept", "audit_objects_are_kept"]);

const FRESH_WORKSPACES = [
  "DELETE FROM workspaces WHERE name <> 'system'",
  `UPDATE workspaces
   SET used_bytes = 0, used_entries = 0, quota_bytes = NULL, quota_entries = NULL, public = 0, default_expiration_days = NULL`,
];

/** Empties the bucket and the catalog. Ids go on where they were, and system stays: the Worker remembers keys for some seconds. */
async function empty({ DB, BUCKET }: TestEnv): Promise<void> {
  const { objects } = await BUCKET.list();
  await BUCKET.delete(objects.map(({ key }) => key));
  const { results } = await DB.prepare(
    "SELECT type, name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'",
  ).all<{ type: string; name: string; sql: string }>();
  const statements = results.length === 0 ? newCatalog() : emptyCatalog(results);
  await DB.batch(statements.map((statement) => DB.prepare(statement)));
}

function newCatalog(): string[] {
  return readMigrations().flatMap(transactionOf);
}

function emptyCatalog(parts: readonly { type: string; name: string; sql: string }[]): string[] {
  const keepers = parts.filter(({ name }) => KEEPERS.has(name));
  const tables = parts.filter(({ type, name }) => type === "table" && !STAYING.has(name));
  return [
    ...keepers.map(({ name }) => `DROP TRIGGER ${name}`),
    "PRAGMA defer_foreign_keys = on",
    ...tables.map(({ name }) => `DELETE FROM "${name}"`),
    ...FRESH_WORKSPACES,
    ...keepers.map(({ sql }) => sql),
  ];
}

/** A service with an empty catalog; with `vars` or another configuration one of its own, else one that a file before may
 * have used. */
export async function startService(vars: Record<string, string> = {}, configPath = CONFIG) {
  const isPlain = Object.keys(vars).length === 0 && configPath === CONFIG;
  const started = (isPlain ? takeLeft() : null) ?? (await startHarness(vars, configPath));
  const { harness, worker, env, origin } = started;
  await empty(env);
  harness.clearLogs();
  const service = Object.assign(new Service(origin), { env, worker });
  return Object.assign(service, {
    /** Loads the Worker anew: what its isolate remembered is gone, what is stored stays. */
    restart: async () => {
      await harness.update((options) => options);
      service.env = await harness.getWorker<TestEnv>().getEnv();
    },
    /** What the Worker printed since. */
    log: () => harness.getLogs().map(({ message }) => message),
    /** Ends the use of it; throws when what its tests left stored does not agree with itself. */
    [Symbol.asyncDispose]: async () => {
      const differences = await findDifferences(service);
      if (isPlain && left.stowageService === undefined) {
        left.stowageService = started;
      } else {
        await harness.close();
      }
      service.replies.requireSome();
      if (differences.length > 0) {
        throw new Error(`Left behind:\n${differences.join("\n")}`);
      }
    },
  });
}

/** Calls of a service at an address, as its clients make them. */
export class Service {
  readonly origin: string;
  readonly replies = new ReplyCheck();
  /** What tests break past the service, on purpose: kinds of differences with which it may end; null: what it stores
   * is not compared at all. */
  tampered: Set<Difference["kind"]> | null = new Set();

  constructor(origin: string) {
    this.origin = origin;
  }

  /** Any request; `bearer` goes into Authorization. Redirects are answers. Rejects when the API document
   * does not describe the reply. */
  async fetch(path: string, init: RequestInit & { bearer?: string } = {}): Promise<Response> {
    const { bearer, ...rest } = init;
    const headers = new Headers(rest.headers);
    if (bearer !== undefined) {
      headers.set("Authorization", `Bearer ${bearer}`);
    }
    const response = await fetch(this.origin + path, { redirect: "manual", ...rest, headers });
    await this.#check(path, init, response);
    return response;
  }

  /** Replies without a request id are not the Worker's: static files, and refusals of the runtime. */
  async #check(path: string, init: RequestInit, response: Response): Promise<void> {
    const { method = "GET", body } = init;
    const { status, headers } = response;
    if (!headers.has("X-Request-Id")) {
      return;
    }
    const contentType = headers.get("Content-Type");
    const isJson = contentType === "application/json" && method !== "HEAD";
    const json = isJson ? await response.clone().text() : null;
    const sent = typeof body === "string" ? body : null;
    this.replies.check({ method, path, status, contentType, json, sent });
  }

  /** A request with a JSON body, whatever its answer is. */
  send(method: string, path: string, body: unknown, bearer?: string): Promise<Response> {
    return this.fetch(path, {
      method,
      ...(bearer === undefined ? {} : { bearer }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** A request with a JSON body whose answer must be 200. */
  async json<T>(method: string, path: string, body: unknown, bearer: string): Promise<T> {
    const response = await this.send(method, path, body, bearer);
    if (response.status !== 200) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as T;
  }

  /** A token for a workspace's key. */
  async login(namespace: string, key: string): Promise<string> {
    const { access_token: token } = await this.json<{ access_token: string }>(
      "POST",
      "/auth",
      { namespace, key },
      "",
    );
    return token;
  }

  loginAsSystem(): Promise<string> {
    return this.login("system", TEST_SECRETS.SYSTEM_KEY);
  }

  /** A new workspace with a key; gives a token for it. */
  async makeWorkspace(namespace: string, options: { public?: boolean } = {}): Promise<string> {
    const system = await this.loginAsSystem();
    const key = `key of ${namespace}`;
    const body = { namespace, key_name: "ci", key, ...options };
    await this.json("POST", "/auth/namespaces", body, system);
    return this.login(namespace, key);
  }

  /** A new upload's uuid. */
  async openUpload(bearer: string): Promise<string> {
    const { uuid } = await this.json<{ uuid: string }>("POST", "/upload", undefined, bearer);
    return uuid;
  }

  append(uuid: string, bytes: BodyInit, bearer: string, headers: HeadersInit = {}) {
    return this.fetch(`/upload/${uuid}`, { method: "POST", bearer, body: bytes, headers });
  }

  truncate(uuid: string, size: number | string, bearer: string) {
    return this.fetch(`/upload/${uuid}/truncate/${size}`, { method: "POST", bearer });
  }

  convert(uuid: string, name: string, bearer: string): Promise<ArtifactBody> {
    const path = `/artifacts/upload/${encodeURIComponent(name)}`;
    return this.json("POST", path, { upload_uuid: uuid }, bearer);
  }

  /** Uploads bytes as a new version of an artifact. */
  async upload(name: string, bytes: Uint8Array, bearer: string): Promise<ArtifactBody> {
    const uuid = await this.openUpload(bearer);
    const appended = await this.append(uuid, bytes as Uint8Array<ArrayBuffer>, bearer);
    if (appended.status !== 200) {
      throw new Error(`Append: ${appended.status} ${await appended.text()}`);
    }
    return this.convert(uuid, name, bearer);
  }
}

/** An artifact as the API shows it. */
export interface ArtifactBody {
  id: number;
  uuid: string;
  name: string;
  namespace: string;
  source_url: string;
  state: string;
  shared: boolean;
  index: number;
  blob_uuid: string;
  blobs: Record<string, { uuid: string; size: number; reference_count: number }>;
}
