// What an attacker tries at every operation that the API document lists (SECURITY.md, threats): a new operation is
// tried from the day that it is described.

import { createHash, randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { makeUserToken } from "../support/make-token.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

/** In everything that the victim has: whoever sees it has seen too much. */
const MARK = "mark-of-the-victim";

const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
);

/** What anybody may ask for: none of it is about anybody's data. */
const PUBLIC = new Set([
  "GET /",
  "GET /openapi.json",
  "GET /apidocs",
  "GET /apidocs/",
  "GET /healthz",
  "GET /login",
  "GET /logout",
  "GET /api/1.0/whoami",
  "GET /api/1.0/whoami/",
  // Redirects by the form of the address alone.
  "GET /{scope}/{workspace}/artifact/{id}",
  "GET /{scope}/{workspace}/artifact/{id}/",
  "GET /{scope}/{workspace}/artifact/{id}/{path}",
  "GET /a/{id}",
  "GET /w/{name}",
]);

/** The victim's things, by the names of the parameters that mean them. */
type Things = Record<
  "artifact" | "artifactId" | "blob" | "sha512" | "upload" | "namespace",
  string
>;

let service: RunningService;
let owner: string;
let victim: Things;
/** The same that nobody ever had. */
let nothing: Things;
let attackers: Record<string, { headers: Record<string, string>; query?: string }>;

beforeAll(async () => {
  service = await startService();
  owner = await service.makeWorkspace(MARK);
  const bytes = Buffer.from(`${MARK} content`);
  const made = await service.upload(MARK, bytes, owner);
  await service.json("POST", `/artifacts/${made.uuid}/metadata`, { key: MARK, value: MARK }, owner);
  await service.json(
    "POST",
    `/blobs/${made.blob_uuid}/metadata`,
    { key: MARK, value: MARK },
    owner,
  );
  await service.json(
    "POST",
    `/auth/namespaces/${MARK}/metadata`,
    { key: MARK, value: MARK },
    owner,
  );
  await service.json("POST", `/label/${MARK}`, { blob_uuid: made.blob_uuid }, owner);
  const upload = await service.openUpload(owner);
  await service.append(upload, MARK, owner);
  victim = {
    artifact: made.uuid,
    artifactId: String(made.id),
    blob: made.blob_uuid,
    sha512: createHash("sha512").update(bytes).digest("hex"),
    upload,
    namespace: MARK,
  };
  nothing = {
    artifact: randomUUID(),
    artifactId: "999999",
    blob: randomUUID(),
    sha512: "0".repeat(128),
    upload: randomUUID(),
    namespace: "nobody-ever",
  };
  const stranger = await service.makeWorkspace("stranger");
  await service.upload("own", Buffer.from("own"), stranger);
  const { token: user } = await makeUserToken(service, "mallory", { stranger: "owner" });
  const payload = owner.split(".")[1] ?? "";
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
  attackers = {
    nobody: { headers: {} },
    "one whose token is in the address and a cookie": {
      headers: { Cookie: `token=${owner}; stowage=${owner}` },
      query: `access_token=${owner}&token=${owner}`,
    },
    "one with an unsigned token": { headers: { Authorization: `Bearer ${none}.${payload}.` } },
    "another workspace, as if behind a proxy": {
      headers: {
        Authorization: `Bearer ${stranger}`,
        "X-Forwarded-User": MARK,
        "X-Forwarded-For": "127.0.0.1",
        "X-Original-URL": "/",
        "X-HTTP-Method-Override": "GET",
      },
    },
    "a user of another workspace": { headers: { Token: user } },
  };
});

afterAll(() => service[Symbol.asyncDispose]());

/** The address of an operation on somebody's things. */
function addressOf(operation: string, things: Things): string {
  const [, path = ""] = operation.split(" ");
  const isBlob = path.startsWith("/blob");
  const isToken = path.startsWith("/auth/tokens/") || path.includes("artifact-relation/");
  const values: Record<string, string> = {
    algorithm: "sha512",
    hash: things.sha512,
    index: "1",
    key: "k",
    size: "0",
    trusted: "system",
    scope: "debusine",
    id: isToken ? "999999" : things.artifactId,
    ref: things.artifact,
    uuid: isBlob ? things.blob : things.upload,
    namespace: things.namespace,
    workspace: things.namespace,
    name: things.namespace,
    path: MARK,
    user: "mallory",
  };
  const filled = path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => values[name] ?? "unknown");
  const target = `artifact=${things.artifactId}&offset=0`;
  return path.startsWith("/api/1.0/artifact-relation") || path.endsWith("/data")
    ? `${filled}?${target}`
    : filled;
}

/** A body in which every member means the victim's things, whatever the operation reads of it. */
function bodyOf(things: Things): string {
  return JSON.stringify({
    namespace: things.namespace,
    workspace: things.namespace,
    external_namespace: "stranger",
    blob_uuid: things.blob,
    artifact: Number(things.artifactId),
    target: Number(things.artifactId),
    type: "relates-to",
    category: "c",
    files: {},
    confirm: true,
    key_name: "ours",
    key: "k",
    value: "overwritten",
    role: "owner",
    kind: "worker",
    url: "http://127.0.0.1/",
    event_type: "unheard of",
    password: "password of the attacker",
    public: true,
    enabled: true,
    max_versions: 1,
  });
}

async function attack(name: string, operation: string, things: Things) {
  const { headers, query } = attackers[name] ?? { headers: {} };
  const [method = ""] = operation.split(" ");
  const address = addressOf(operation, things);
  const path =
    query === undefined ? address : `${address}${address.includes("?") ? "&" : "?"}${query}`;
  const isRead = method === "GET";
  const reply = await service.fetch(path, {
    method,
    headers,
    ...(isRead ? {} : { body: bodyOf(things) }),
  });
  return {
    status: reply.status,
    text: await reply.text(),
    location: reply.headers.get("Location"),
  };
}

/** The victim's rows in every table, with all that they say. */
async function victimsRows(): Promise<string[]> {
  const { DB } = service.env;
  const workspace = "(SELECT id FROM workspaces WHERE name = ?1)";
  const artifacts = `(SELECT id FROM artifacts WHERE workspace_id = ${workspace})`;
  const statements = [
    "SELECT * FROM workspaces WHERE name = ?1",
    `SELECT * FROM artifacts WHERE workspace_id = ${workspace}`,
    `SELECT * FROM versions WHERE artifact_id IN ${artifacts}`,
    `SELECT * FROM uploads WHERE workspace_id = ${workspace}`,
    `SELECT * FROM workspace_keys WHERE workspace_id = ${workspace}`,
    `SELECT * FROM members WHERE workspace_id = ${workspace}`,
    `SELECT * FROM trusts WHERE workspace_id = ${workspace}`,
  ];
  const found = await Promise.all(statements.map((sql) => DB.prepare(sql).bind(MARK).all()));
  return found.flatMap(({ results }) => results.map((row) => JSON.stringify(row)));
}

const STRANGERS = ["another workspace, as if behind a proxy", "a user of another workspace"];
const ATTACKERS = [
  "nobody",
  "one whose token is in the address and a cookie",
  "one with an unsigned token",
  ...STRANGERS,
];

describe("every operation, of what is another's (T13)", () => {
  it.each(ATTACKERS)("shows and changes nothing to %s", async (name) => {
    expect(OPERATIONS.length).toBeGreaterThan(80);
    const before = await victimsRows();
    expect(before.length).toBeGreaterThan(5);
    const replies = await Promise.all(
      OPERATIONS.map(async (operation) => ({
        operation,
        ...(await attack(name, operation, victim)),
      })),
    );
    // What was asked for is in some refusals: it is no news.
    const told = (text: string) =>
      text.replaceAll(`'${MARK}'`, "").includes(MARK) || text.includes(victim.blob);
    const leaks = replies.filter(({ status, text }) => status < 300 && told(text));
    expect(leaks.map(({ operation, text }) => [operation, text.slice(0, 200)])).toEqual([]);
    const isStranger = STRANGERS.includes(name);
    const open = replies.filter(
      ({ operation, status }) =>
        !PUBLIC.has(operation) &&
        !isStranger &&
        ![400, 401, 403, 404, 412, 303, 307].includes(status),
    );
    expect(open.map(({ operation, status }) => [operation, status])).toEqual([]);
    expect(await victimsRows()).toEqual(before);
    const { size } = await service.json<{ size: number }>(
      "GET",
      `/upload/${victim.upload}`,
      undefined,
      owner,
    );
    expect(size).toBe(MARK.length);
  });

  it.each(STRANGERS)("of the API answers %s as if it were not there", async (name) => {
    // Numbers under /a/ and names under /w/ are no secrets, nor is whether a namespace exists: POST /auth tells it, as
    // Shaken Fist does.
    const hidden = OPERATIONS.filter(
      (operation) => operation !== "POST /auth" && !/ \/(?:[aw]\/|\{scope\})/u.test(operation),
    );
    const answers = async (operation: string, things: Things) => {
      const { status, text } = await attack(name, operation, things);
      const same = Object.entries(things).reduce(
        // A number may be part of another.
        (left, [key, value]) => left.replaceAll(key === "artifactId" ? `'${value}'` : value, key),
        text,
      );
      return `${operation} ${status} ${same.replaceAll(/"request_id":"[^"]+"|\bRequest [0-9a-f-]{36}/gu, "")}`;
    };
    await Promise.all(
      hidden.map(async (operation) => {
        const [real, none] = [await answers(operation, victim), await answers(operation, nothing)];
        // Done or shown: it was about what the caller has.
        if (!/ 20[01] /u.test(real)) {
          expect(real).toBe(none);
        }
      }),
    );
  });
});

describe("what others hold (T14)", () => {
  it("takes as long to ask for as what nobody holds", async () => {
    const stranger = attackers[STRANGERS[0] ?? ""]?.headers ?? {};
    const took: Record<string, number[]> = { [victim.sha512]: [], [nothing.sha512]: [] };
    for (let round = 0; round < 15; round += 1) {
      for (const [hash, times] of Object.entries(took)) {
        const begun = performance.now();
        const reply = await service.fetch(`/blob_checksums/sha512/${hash}`, { headers: stranger });
        expect(await reply.text()).toBe("null");
        times.push(performance.now() - begun);
      }
    }
    const [held = 0, unheld = 0] = Object.values(took).map(
      (times) => times.toSorted((a, b) => a - b)[5],
    );
    // One class: a difference is what noise makes, not the work of reading another's rows.
    expect(held).toBeLessThan(2 * unheld + 2);
    expect(unheld).toBeLessThan(2 * held + 2);
  });

  it("is uploaded in full, and answered like anything new", async () => {
    const bearer =
      attackers[STRANGERS[0] ?? ""]?.headers["Authorization"]?.slice("Bearer ".length) ?? "";
    const [same, fresh] = [`${MARK} content`, `MARK-of-the-victim content`];
    const replies: ArtifactBody[] = [];
    for (const [at, content] of [same, fresh].entries()) {
      replies.push(await service.upload(`copy-${at}`, Buffer.from(content), bearer));
    }
    const [first, second] = replies.map((reply) => shapeOf(reply));
    expect(first).toEqual(second);
    const mine = replies[0]?.blob_uuid ?? "";
    const { metadata } = await service.json<{ metadata: object }>(
      "GET",
      `/blobs/${mine}`,
      undefined,
      bearer,
    );
    expect(metadata).toEqual({});
  });
});

/** An answer with the type of each value for the value, but for the counts, which tell of others. */
function shapeOf(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    return value.map((each) => shapeOf(each));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, shapeOf(each, name)]),
    );
  }
  return ["reference_count", "size", "index", "state"].includes(key) ? value : typeof value;
}

describe("headers that name another host (T20)", () => {
  const EVIL = "evil.example";
  const SPOOFS: Record<string, string>[] = [
    { "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "http", Forwarded: `host=${EVIL};proto=http` },
    {
      "X-Host": EVIL,
      "X-Original-URL": `//${EVIL}/`,
      "X-Rewrite-URL": `//${EVIL}/`,
      "X-Forwarded-Server": EVIL,
    },
  ];
  const PATHS = [
    "/",
    "/login?next=/a/1/",
    "/a",
    "/w/ci",
    "/apidocs",
    "/openapi.json",
    "/logout",
    "/debusine/x/artifact/1/",
    "/nowhere",
  ];

  it("are ignored, and Host leads nowhere", async () => {
    for (const path of [
      ...PATHS,
      `/a/${victim.artifactId}`,
      `/a/${victim.artifactId}/`,
      `/api/1.0/artifact/${victim.artifactId}/`,
    ]) {
      for (const accept of ["text/html", "application/json"]) {
        const ask = (headers: Record<string, string>) =>
          rawRequest(service.origin, path, {
            headers: { Accept: accept, Authorization: `Bearer ${owner}`, ...headers },
          });
        for (const spoof of SPOOFS) {
          const { body, headers } = await ask(spoof);
          expect([path, JSON.stringify(headers).includes(EVIL), body.includes(EVIL)]).toEqual([
            path,
            false,
            false,
          ]);
        }
        const { body, headers } = await ask({ Host: EVIL });
        expect([path, JSON.stringify(headers).includes(EVIL)]).toEqual([path, false]);
        if (body.includes(EVIL)) {
          // An address to copy: told to who named the host, and kept by no shared cache.
          expect([path, headers["cache-control"]]).toEqual([
            path,
            expect.stringMatching(/private|no-store/u),
          ]);
        }
      }
    }
  });
});

describe("an error inside (T28)", () => {
  it("tells its number and nothing of the service, in every form", async () => {
    const { DB } = service.env;
    await DB.prepare("ALTER TABLE artifacts RENAME COLUMN source_url TO broken_url").run();
    try {
      for (const [path, accept] of [
        [`/artifacts/${victim.artifact}`, "*/*"],
        [`/a/${victim.artifactId}/`, "text/html"],
        [`/a/${victim.artifactId}/`, "text/plain"],
        [`/w/${MARK}/`, "text/html"],
        ["/artifacts/x", "application/json"],
      ] as const) {
        const reply = await service.fetch(path, { headers: { Accept: accept }, bearer: owner });
        const text = await reply.text();
        if (reply.status !== 500) {
          continue;
        }
        expect(text).not.toMatch(
          /D1_ERROR|SQLITE|source_url|no such column|\bat .+:\d+|\.ts\b|node_modules/u,
        );
      }
      const failed = await service.fetch(`/artifacts/${victim.artifact}`, { bearer: owner });
      expect(failed.status).toBe(500);
      expect(Object.keys((await failed.json()) as object).toSorted()).toEqual([
        "error",
        "help",
        "request_id",
        "status",
      ]);
    } finally {
      await DB.prepare("ALTER TABLE artifacts RENAME COLUMN broken_url TO source_url").run();
    }
  });
});

describe("what lies about on other servers (T31)", () => {
  it.each([
    "/.env",
    "/.dev.vars",
    "/.git/config",
    "/wrangler.toml",
    "/schema.sql",
    "/package.json",
    "/src/app.ts",
    "/debug",
    "/server-status",
    "/actuator/env",
    "/__scheduled",
    "/style.css.map",
    "/..%2f.dev.vars",
    "/%2e%2e/.dev.vars",
    "/public/",
    "/.well-known/",
  ])("is not here: %s", async (path) => {
    const { status, body } = await rawRequest(service.origin, path);
    expect(status).toBe(404);
    expect(body.toString()).not.toMatch(/SYSTEM_KEY|TOKEN_SECRET/u);
  });
});
