// A database of another version of schema.sql: nothing is served from it, and whoever starts it is told.

import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findDifference } from "../../scripts/schema-text.mjs";
import { buildDocument } from "../../src/openapi/document.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const SCHEMA = readFileSync("schema.sql", "utf8");
const [, written] =
  /INSERT INTO schema_version \(id, number\)\s+SELECT 1, (\d+)/u.exec(SCHEMA) ?? [];
const SCHEMA_NUMBER = Number(written);
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

describe("a database whose schema has another number", () => {
  it.each([
    ["an older one", `UPDATE schema_version SET number = ${SCHEMA_NUMBER - 1}`],
    ["a newer one", `UPDATE schema_version SET number = ${SCHEMA_NUMBER + 1}`],
    ["none", "DELETE FROM schema_version"],
    ["no table for it", "DROP TABLE schema_version"],
  ])("is served by no operation: %s", async (_, statement) => {
    await service.env.DB.prepare(statement).run();
    // An isolate that found its schema does not ask again.
    await service.restart();
    for (const operation of OPERATIONS.filter((each) => each !== STATIC)) {
      await expectRefused(operation);
    }
  });

  it("is asked again after some seconds: it may have been replaced", async () => {
    const { DB } = service.env;
    const [create = ""] = /CREATE TABLE IF NOT EXISTS schema_version[^;]*/u.exec(SCHEMA) ?? [];
    await DB.batch([
      DB.prepare(create.replaceAll(/--.*$/gmu, "")),
      DB.prepare(`INSERT INTO schema_version (id, number) VALUES (1, ${SCHEMA_NUMBER})`),
    ]);
    const health = async () => (await ask("GET /healthz")).status;
    await expect.poll(health, { timeout: 4 * LIMITS.schemaMemory, interval: 200 }).toBe(200);
  });
});

describe("schema.sql", () => {
  it("gives its number to a new database alone: one that an earlier schema.sql made does not get it", async () => {
    const { DB } = service.env;
    const [insert = ""] = /INSERT INTO schema_version[^;]*/u.exec(SCHEMA) ?? [];
    await DB.prepare("DELETE FROM schema_version").run();
    await DB.prepare(insert).run();
    expect((await DB.prepare("SELECT * FROM schema_version").all()).results).toEqual([]);
    const restored = insert.replace(/WHERE NOT EXISTS[^]*?'workspaces'\)/u, "WHERE true");
    await DB.prepare(restored).run();
    const row = { id: 1, number: SCHEMA_NUMBER };
    expect((await DB.prepare("SELECT * FROM schema_version").all()).results).toEqual([row]);
  });

  it("is told from any other by the tables, indexes and triggers of a database", async () => {
    const { results } = await service.env.DB.prepare(
      "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'",
    ).all<{ name: string; sql: string }>();
    expect(results.length).toBeGreaterThan(60);
    expect(findDifference(SCHEMA, results)).toBeNull();
    expect(findDifference(SCHEMA, [])).toBe("schema_version");
    for (const { name, sql } of results) {
      const others = results.filter((part) => part.name !== name);
      expect(findDifference(SCHEMA, others)).toBe(name);
      // A column, a condition or a statement less.
      const shorter = { name, sql: sql.replace(/\w+\s*(?:[;)]|END|$)[^]*$/u, "") };
      expect(findDifference(SCHEMA, [...others, shorter])).toBe(name);
    }
    expect(findDifference(SCHEMA, [...results, { name: "old", sql: "x" }])).toBe("old");
  });
});
