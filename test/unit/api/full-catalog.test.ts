// A catalog from 90 % of its limit on: what is refused, what goes on, and who says so. The D1 of Miniflare has no limit and
// lets nobody set SQLite's: the bound is lowered here below the size that D1 really reports. test/sqlite has a
// database without a free page.

import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { hashSecret } from "../../../src/auth/passwords.ts";
import { putKey } from "../../../src/catalog/access/keys.ts";
import { buildDocument } from "../../../src/openapi/document.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { bytes } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { request } from "../support/watched-worker.ts";

const ROOM = LIMITS.catalogContent;
const DAY = 24 * 3_600_000;
const SECRET = "a secret of others";

interface Described {
  description: string;
  security: object[];
}

/** The operations that may write, with what the document says of them. */
const WRITES = Object.entries(buildDocument().paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => method !== "get")
    .map(([method, described]) => {
      const { description } = described as unknown as Described;
      const isOfSystem = description.endsWith("For a key of the workspace `system`.");
      return { operation: `${method.toUpperCase()} ${path}`, description, isOfSystem };
    }),
);

let client: Client;
let system: string;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  const secret = { secretHash: await hashSecret(SECRET), lookup: null, nonce: "other" };
  const { id: workspaceId } = await makeWorkspace("others");
  const key = { workspaceId, name: "login", ...secret, setBy: null };
  await putKey(env.DB, key, byTest(), 2);
  system = await logIn("system", env.SYSTEM_KEY);
});

beforeEach(() => {
  Object.assign(LIMITS, { catalogContent: 1 });
});

afterEach(() => {
  Object.assign(LIMITS, { catalogContent: ROOM });
});

async function logIn(namespace: string, key: string): Promise<string> {
  const body = JSON.stringify({ namespace, key });
  const response = await request("/auth", { method: "POST", body });
  expect(response.status).toBe(200);
  return (await response.json<{ access_token: string }>()).access_token;
}

/** Sends an operation, with something in the place of each parameter. */
async function send(operation: string, bearer: string): Promise<Response> {
  const [method = "", path = ""] = operation.split(" ");
  const url = path.replaceAll(/\{\w+\}/gu, "7");
  return request(url, { method, bearer, body: method === "DELETE" ? null : "{}" });
}

async function isRefused(operation: string, bearer: string): Promise<boolean> {
  const response = await send(operation, bearer);
  // Debusine's form of it begins otherwise.
  const isFull = (await response.text()).includes(ERRORS.catalog_full.message.slice(1));
  expect([operation, response.status === 507]).toEqual([operation, isFull]);
  return isFull;
}

/** How many rows all tables have, but for the audit. */
async function countRows(): Promise<unknown> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*_cf_*' AND name NOT GLOB 'audit*' AND name NOT GLOB 'sqlite*'",
  ).all<{ name: string }>();
  const counts = results.map(({ name }) => `(SELECT count(*) FROM ${name}) AS ${name}`);
  return env.DB.prepare(`SELECT ${counts.join(", ")}`).first();
}

describe("an operation, while the catalog is full", () => {
  it("is refused to a workspace as the document says, and changes nothing", async () => {
    const before = await countRows();
    for (const { operation, description, isOfSystem } of WRITES) {
      const isSaid = description.includes("Refused with 507 while");
      const isTold = await isRefused(operation, client.bearer);
      expect([operation, isTold]).toEqual([operation, isSaid || (isOfSystem && isTold)]);
    }
    expect(await countRows()).toEqual(before);
  });

  it("goes on when it deletes, logs in, ends access or lessens, and no other does", () => {
    const goingOn = WRITES.filter(
      ({ operation, description, isOfSystem }) =>
        !operation.startsWith("DELETE ") && !isOfSystem && !description.includes("Refused with"),
    );
    expect(goingOn.map(({ operation }) => operation)).toEqual([
      "POST /auth",
      "POST /upload/{uuid}/truncate/{size}",
      "POST /artifacts/{ref}/unshare",
      "POST /artifacts/{ref}/versions",
      "POST /login",
      "POST /logout",
      "PUT /auth/namespaces/{namespace}/keys/{key}",
      "PATCH /auth/tokens/{id}",
    ]);
  });

  it("goes on for `system` where it administers, and there alone", async () => {
    const refused = [];
    for (const { operation, description, isOfSystem } of WRITES) {
      if (await isRefused(operation, system)) {
        refused.push(operation);
        expect([operation, isOfSystem]).toEqual([operation, false]);
        expect(description).toContain("Refused with 507 while");
      }
    }
    expect(refused).toContain("POST /upload");
    expect(refused.filter((operation) => operation.includes(" /auth/"))).toEqual([]);
  });

  it("costs no call of D1 before it is known to be refused, and one then", async () => {
    Object.assign(LIMITS, { catalogContent: ROOM });
    const open = () => client.send("POST", "/upload");
    const { d1Calls } = await calls.costOf(open);
    const append = await calls.costOf(() => client.append("7", bytes(1, 1)));
    expect([d1Calls, append.d1Calls]).toEqual([2, 0]); // the key, and the row; the key is remembered
    Object.assign(LIMITS, { catalogContent: 1 });
    expect((await calls.costOf(open)).d1Calls).toBe(2); // the key, and the size once more
  });

  it("is taken again as soon as there is room, wherever it was made", async () => {
    expect((await client.send("POST", "/upload")).status).toBe(507);
    Object.assign(LIMITS, { catalogContent: ROOM });
    expect((await client.send("POST", "/upload")).status).toBe(200);
  });
});

describe("a service with a full catalog", () => {
  it("lets people and keys log in, notes it, and deletes what is to be deleted", async () => {
    Object.assign(LIMITS, { catalogContent: ROOM });
    const { uuid } = await client.publish("old", bytes(100, 1));
    Object.assign(LIMITS, { catalogContent: 1 });
    const bearer = await logIn("others", SECRET);
    const audit = await request("/audit", { bearer });
    const { rows } = await audit.json<{ rows: { action: string }[] }>();
    expect(rows[0]?.action).toBe("token given");
    expect((await client.send("DELETE", `/artifacts/${uuid}`)).status).toBe(200);
    const report = await sweep(env, DAY, Date.now() + 3 * DAY);
    expect(report).toMatchObject({ versionsRemoved: 1, failures: 0 });
  });

  it("is healthy and says that it is full, and how full", async () => {
    const health = await request("/healthz");
    expect([health.status, await health.json()]).toEqual([
      200,
      { status: "ok", catalog_full: true },
    ]);
    const metrics = await (await request("/metrics", { bearer: system })).text();
    expect(metrics).toMatch(/^stowage_catalog_full 1$/mu);
    expect(metrics).toMatch(/^stowage_catalog_content_limit_bytes 1$/mu);
    expect(metrics).toMatch(/^stowage_catalog_limit_bytes 10000000000$/mu);
    const { meta } = await env.DB.prepare("SELECT 1").all();
    expect(metrics).toContain(`stowage_catalog_bytes ${meta.size_after}\n`);
    Object.assign(LIMITS, { catalogContent: ROOM });
    expect(await (await request("/healthz")).json()).toEqual({ status: "ok", catalog_full: false });
  });
});

describe("an upload under way, when the catalog becomes full", () => {
  const guard = { size: null, sha512: null };
  const intentFor = (name: string) => ({
    workspaceId: client.workspaceId,
    type: "image",
    name,
    sourceUrl: `sf://upload/owner/${name}`,
    shared: false,
    actor: "owner/ci",
    gift: false,
  });

  it("is refused by its own object too, stays as it is, and becomes an artifact later", async () => {
    Object.assign(LIMITS, { catalogContent: ROOM });
    const uuid = await client.upload(bytes(1_000, 2));
    Object.assign(LIMITS, { catalogContent: 1 });
    const gateway = new UploadGateway(env.UPLOADS, client.workspaceId);
    const refused = await gateway.seal(uuid as never, intentFor("later"), guard);
    expect(refused).toMatchObject({ ok: false, code: "catalog_full" });
    expect((await client.append(uuid, bytes(10, 3))).status).toBe(507);
    expect(await client.json("GET", `/upload/${uuid}`)).toMatchObject({ size: 1_000 });
    expect((await client.truncate(uuid, 900)).status).toBe(200);
    Object.assign(LIMITS, { catalogContent: ROOM });
    expect((await client.append(uuid, bytes(10, 3))).status).toBe(200);
    expect((await client.convert(uuid, "later")).status).toBe(200);
    Object.assign(LIMITS, { catalogContent: 1 });
    // What was published is told however full it is.
    const again = await gateway.seal(uuid as never, intentFor("later"), guard);
    expect(again).toMatchObject({ ok: true });
  });

  it("is not found where there is none, whether it is full or not", async () => {
    const gateway = new UploadGateway(env.UPLOADS, client.workspaceId);
    const sealed = await gateway.seal(newUuid(), intentFor("none"), guard);
    expect(sealed).toMatchObject({ code: "upload_not_found" });
  });
});
