// Every changing operation of the API document, each of its calls of D1 done with the answer lost: it is told as done, or
// refused with 503, and nothing is noted twice.

import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { TEST_SECRETS } from "../../support/secrets.ts";
import { D1_ERRORS, calls } from "../support/calls.ts";
import { applySchema } from "../support/catalog.ts";
import { request } from "../support/watched-worker.ts";

/** test/support/changes.ts, whose types are those of Node.js. */
interface ChangesModule {
  CHANGES: Record<string, { prepare: (actors: unknown) => Promise<() => Promise<Response>> }>;
  makeActors: (service: object) => Promise<unknown>;
}

const [found] = Object.values(import.meta.glob("../../support/changes.ts", { eager: true }));
const { CHANGES, makeActors } = found as ChangesModule;

/** What the changes ask of a service, of the watched Worker. */
class WatchedService {
  async fetch(path: string, init: RequestInit & { bearer?: string } = {}): Promise<Response> {
    const { body, ...rest } = init;
    const headers = new Headers(rest.headers);
    if (body instanceof Uint8Array) {
      headers.set("Content-Length", String(body.length));
    }
    return request(path, { ...rest, headers, body: body ?? null });
  }

  send(method: string, path: string, body: unknown, bearer?: string): Promise<Response> {
    return this.fetch(path, {
      method,
      ...(bearer === undefined ? {} : { bearer }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async json<T>(method: string, path: string, body: unknown, bearer: string): Promise<T> {
    const response = await this.send(method, path, body, bearer);
    if (response.status !== 200) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response.json<T>();
  }

  async login(namespace: string, key: string): Promise<string> {
    const body = { namespace, key };
    return (await this.json<{ access_token: string }>("POST", "/auth", body, "")).access_token;
  }

  loginAsSystem(): Promise<string> {
    return this.login("system", TEST_SECRETS.SYSTEM_KEY);
  }

  async makeWorkspace(namespace: string): Promise<string> {
    const key = `key of ${namespace}`;
    const body = { namespace, key_name: "ci", key };
    await this.json("POST", "/auth/namespaces", body, await this.loginAsSystem());
    return this.login(namespace, key);
  }

  async openUpload(bearer: string): Promise<string> {
    return (await this.json<{ uuid: string }>("POST", "/upload", undefined, bearer)).uuid;
  }

  append(uuid: string, bytes: BodyInit, bearer: string): Promise<Response> {
    return this.fetch(`/upload/${uuid}`, { method: "POST", bearer, body: bytes });
  }

  async upload(name: string, bytes: Uint8Array, bearer: string): Promise<unknown> {
    const uuid = await this.openUpload(bearer);
    await this.append(uuid, bytes as Uint8Array<ArrayBuffer>, bearer);
    return this.json("POST", `/artifacts/upload/${name}`, { upload_uuid: uuid }, bearer);
  }
}

/** More calls than any of them makes. */
const MOST_CALLS = 60;

// What the other operations left is checked a few versions at a time.
Object.assign(LIMITS, { fsckRows: 5 });

let actors: unknown;

beforeAll(async () => {
  await applySchema();
  vi.spyOn(console, "error").mockImplementation(() => {});
  actors = await makeActors(new WatchedService());
});

/** What one request noted more than once. */
async function notedTwice(id: string | null): Promise<unknown[]> {
  const { results } = await env.DB.prepare(
    `SELECT action, subject, detail, count(*) AS times FROM audit WHERE request_id = ?1
     GROUP BY action, subject, detail HAVING count(*) > 1`,
  )
    .bind(id)
    .all();
  return results;
}

it.each(Object.entries(CHANGES))("%s notes once what it did", async (_operation, { prepare }) => {
  for (let from = 1; from < MOST_CALLS; from += 1) {
    const send = await prepare(actors);
    const error = D1_ERRORS.passing[from % D1_ERRORS.passing.length] ?? "";
    calls.arm({ from, mode: "after", lasting: false, only: ["d1"], error });
    // The second of some of them is refused; a row of the audit that is written after the answer may fail with nobody to tell.
    const response = await send().catch(() => null);
    const fired = calls.heal();
    if (response !== null) {
      const { status } = response;
      expect({ status, isKnown: status < 500 || status === 503 }).toEqual({
        status,
        isKnown: true,
      });
      expect([from, await notedTwice(response.headers.get("X-Request-Id"))]).toEqual([from, []]);
    }
    if (fired === 0) {
      return;
    }
  }
  throw new Error("The calls do not end");
});
