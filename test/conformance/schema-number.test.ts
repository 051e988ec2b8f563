// A database of another schema: nothing is served from it, and whoever asks is told what to do.

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readMigrations } from "../../scripts/migrations.mjs";
import { buildDocument } from "../../src/openapi/document.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const NUMBER = readMigrations().length;
/** Served from a file, by nobody's code. */
const STATIC = "GET /openapi.json";
const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

let service: RunningService;

beforeAll(async () => {
  service = await startService({ REQUEST_LOG: "off" });
});

afterAll(() => service[Symbol.asyncDispose]());

function ask(operation: string): Promise<Response> {
  const [method = "", path = ""] = operation.split(" ");
  const headers = { "Sec-Fetch-Site": "same-origin" };
  return service.fetch(path.replaceAll(/\{\w+\}/gu, "7"), { method, headers });
}

async function expectRefused(operation: string): Promise<void> {
  const response = await ask(operation);
  const wait = response.headers.get("Retry-After");
  expect([operation, response.status, wait]).toEqual([operation, 503, "5"]);
  if (!operation.startsWith("HEAD")) {
    expect(await response.text()).toMatch(/made for another version of this service/iu);
  }
}

const OURS =
  "CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT, applied_at INTEGER)";

/** Makes the record of migrations anew, by these statements. */
async function makeRecord(...statements: string[]): Promise<void> {
  const { DB } = service.env;
  const all = ["DROP TABLE IF EXISTS schema_version", ...statements];
  await DB.batch(all.map((statement) => DB.prepare(statement)));
}

function applied(number: number): string {
  return `INSERT INTO schema_version VALUES (${number}, '', 'x', 0)`;
}

describe("a database whose schema has another number", () => {
  const without = "no schema that has a number";

  it.each([
    ["an older one", `schema ${NUMBER - 1}`, [OURS, applied(NUMBER - 1)]],
    ["a newer one", `schema ${NUMBER + 1}`, [OURS, applied(NUMBER), applied(NUMBER + 1)]],
    ["none", without, [OURS]],
    ["one that no migration made", without, ["CREATE TABLE schema_version AS SELECT 1 AS number"]],
    ["no table for it", without, []],
  ])("is served by no operation: %s", async (_, has, statements) => {
    await makeRecord(...statements);
    // An isolate that found its schema does not ask again.
    await service.restart();
    for (const operation of OPERATIONS.filter((each) => each !== STATIC)) {
      await expectRefused(operation);
    }
    const refused = await ask("GET /healthz");
    const { detail, help } = (await refused.json()) as { detail: string; help: string };
    expect(detail).toBe(`it has ${has}, this service needs ${NUMBER}`);
    expect(help).toContain("`npm run migrate -- --remote`");
  });

  it("is asked again after some seconds: a migration may have come", async () => {
    await makeRecord(OURS, applied(NUMBER));
    const health = async () => (await ask("GET /healthz")).status;
    await expect.poll(health, { timeout: 4 * LIMITS.schemaMemory, interval: 200 }).toBe(200);
  });
});
