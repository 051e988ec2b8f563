// T22: no text that a client sends ever becomes part of a statement, at any operation of the API document.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { app } from "../../../src/app.ts";
import { buildDocument } from "../../../src/openapi/document.ts";
import { applySchema } from "../support/catalog.ts";

const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => [method.toUpperCase(), path] as const),
);

/** Every text that was made a statement. */
const statements = new Set<string>();
const watched = {
  ...env,
  DB: new Proxy(env.DB, {
    get(db, name) {
      if (name === "prepare") {
        return (sql: string) => {
          statements.add(sql);
          return db.prepare(sql);
        };
      }
      const value: unknown = Reflect.get(db, name);
      return typeof value === "function" ? (value.bind(db) as unknown) : value;
    },
  }),
};

let bearer: string;

beforeAll(async () => {
  await applySchema();
  const login = JSON.stringify({ namespace: "system", key: env.SYSTEM_KEY });
  const reply = await app.request("/auth", { method: "POST", body: login }, env);
  ({ access_token: bearer } = await reply.json<{ access_token: string }>());
});

const UUID = "00000000-0000-4000-8000-000000000000";

/** Requests of every operation with a text wherever one may stand: in all places, and beside ids that are well formed,
 * with which a request comes further. */
function requestsWith(text: string): { path: string; init: RequestInit }[] {
  const free = {
    key_name: text,
    key: text,
    value: text,
    source_url: text,
    name: text,
    password: text,
    label: text,
    kind: "worker",
    role: "viewer",
    confirm: true,
    enabled: true,
    max_versions: 1,
    public: false,
    category: text,
    files: {},
    data: { [text]: text },
    type: "extends",
    url: `http://127.0.0.1/${text}`,
  };
  const ids = { blob_uuid: UUID, artifact: 1, target: 2, namespace: "system", workspace: "system" };
  const texts = { blob_uuid: text, artifact: text, target: text, namespace: text, workspace: text };
  const known: Record<string, string> = { id: "1", ref: UUID, uuid: UUID, namespace: "system" };
  known["algorithm"] = "sha512";
  known["hash"] = "0".repeat(128);
  const names = [
    "after",
    "before",
    "q",
    "version",
    "page",
    "view",
    "archive",
    "checksums",
    "limit",
  ];
  const query = names.map((name) => `${name}=${encodeURIComponent(text)}`).join("&");
  return OPERATIONS.flatMap(([method, path]) =>
    [known, {}].flatMap((parameters: Record<string, string>) => {
      const address = path.replaceAll(
        /\{(\w+)\}/gu,
        (_, name: string) => parameters[name] ?? encodeURIComponent(text),
      );
      const members = parameters === known ? ids : { ...texts, event_type: text, user: text };
      const body = method === "GET" ? null : JSON.stringify({ ...free, ...members });
      const headers = { Authorization: `Bearer ${bearer}`, Accept: "text/html" };
      const init = { method, headers, body };
      return [
        { path: address, init },
        { path: `${address}?${query}`, init: { ...init, headers: { Token: text } } },
      ];
    }),
  );
}

/** The statements that come of a text. */
async function statementsFor(text: string): Promise<Set<string>> {
  statements.clear();
  for (const { path, init } of requestsWith(text)) {
    const reply = await app.request(path, init, watched, createExecutionContext());
    await reply.text();
    expect([init.method, path, reply.status < 500]).toEqual([init.method, path, true]);
  }
  return new Set(statements);
}

describe("the statements of the catalog (T22)", () => {
  it("hold nothing of what clients send", async () => {
    const made = await statementsFor("marker' OR 1=1 --\"); DROP TABLE x; %_*?1[");
    expect(made.size).toBeGreaterThan(40);
    expect([...made].filter((sql) => /marker|DROP TABLE/u.test(sql))).toEqual([]);
  });
});
