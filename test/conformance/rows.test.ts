// What a tenant can make the catalog hold, by any changing operation of the API document (docs/storage.md, Entries): with
// room so many rows a request, without none.
// SECURITY.md: T38.

import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf } from "../support/answers.ts";
import { CHANGES, makeActors } from "../support/changes.ts";
import type { Actors } from "../support/changes.ts";
import { declare, problemOf } from "../support/debusine-client.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

let service: RunningService;
let actors: Actors;

beforeAll(async () => {
  service = await startService({ FETCH_ALLOW_PRIVATE: "on" });
  actors = await makeActors(service);
});

afterAll(() => service[Symbol.asyncDispose]());

/** Rows that one request adds at most: docs/storage.md states it. */
const ROWS_OF_REQUEST = 12;

/** What is bounded otherwise than by entries, and how many rows two requests may add: keys, tokens and sessions by their
 * own numbers, what a version that is there awaits by that version. */
const OWN_BOUNDS: Record<string, number> = {
  "POST /auth/namespaces/{namespace}/keys": 1,
  "PUT /auth/namespaces/{namespace}/keys": 1,
  "POST /auth/tokens": 2,
  "POST /login": 2,
  "PUT /api/1.0/artifact/{id}/files/{path}": 3,
};

/** Rows by table. Those of the audit are bounded by caller and day (test/conformance/audit.test.ts), events by
 * artifact, garbage by what is stored, and they end. */
const BOUNDED_ELSEWHERE = new Set(["audit", "audit_days", "events", "garbage", "sweeps"]);

async function countRows(isAll: boolean): Promise<number> {
  const { DB } = service.env;
  const { results } = await DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'",
  ).all<{ name: string }>();
  const tables = results
    .map(({ name }) => name)
    .filter((name) => isAll || !BOUNDED_ELSEWHERE.has(name));
  const sum = tables.map((name) => `(SELECT count(*) FROM "${name}")`).join(" + ");
  return (await DB.prepare(`SELECT ${sum} AS rows`).first<number>("rows")) ?? 0;
}

function setQuota(entries: number | null): Promise<unknown> {
  return service.json(
    "PATCH",
    "/auth/namespaces/acting",
    { quota_entries: entries },
    actors.system,
  );
}

const TENANTS = Object.entries(CHANGES).filter(([, { by }]) => by !== "system");

describe("a request of a tenant", () => {
  it.each(TENANTS)(`adds at most ${ROWS_OF_REQUEST} rows: %s`, async (_, { prepare }) => {
    const send = await prepare(actors);
    const before = await countRows(true);
    await (await send()).arrayBuffer();
    expect((await countRows(true)) - before).toBeLessThanOrEqual(ROWS_OF_REQUEST);
  });

  it.each(TENANTS)("adds none where there is no room: %s", async (operation, { prepare }) => {
    const requests = [await prepare(actors), await prepare(actors)];
    await setQuota(0);
    const before = await countRows(false);
    for (const send of [...requests, ...requests]) {
      await (await send()).arrayBuffer();
    }
    const added = (await countRows(false)) - before;
    await setQuota(null);
    expect(added).toBeLessThanOrEqual(2 * (OWN_BOUNDS[operation] ?? 0));
  });
});

describe("the quota of entries (T27)", () => {
  it("refuses with 507 what makes something, by whom and how ever, and lets everything end", async () => {
    const { acting } = actors;
    const made = await service.upload("kept", Buffer.from("kept"), acting);
    await setQuota(0);
    const full = "namespace has as many entries in the catalog as it may have; nothing was changed";
    for (const [method, path, body] of [
      ["POST", "/upload", undefined],
      ["POST", "/artifacts/upload/other", { blob_uuid: made.blob_uuid }],
      ["POST", "/label/other", { blob_uuid: made.blob_uuid }],
      ["POST", "/artifacts", { url: `${service.origin}/healthz` }],
      ["PUT", `/artifacts/${made.uuid}/metadata/k`, { value: "v" }],
      ["PUT", `/blobs/${made.blob_uuid}/metadata/k`, { value: "v" }],
      ["PUT", "/auth/namespaces/acting/metadata/k2", { value: "v" }],
      ["POST", "/auth/namespaces/acting/trust", { external_namespace: "system" }],
    ] as const) {
      expect([path, ...(await refusalOf(service.send(method, path, body, acting)))]).toEqual([
        path,
        507,
        full,
      ]);
    }
    const files = { file: declare(Buffer.from("x")) };
    const body = { category: "t:t", workspace: "acting", files, data: {} };
    const declared = await problemOf(service.send("POST", "/api/1.0/artifact/", body, acting));
    expect(declared).toMatchObject({ status: 507 });
    const relation = { artifact: made.id, target: made.id, type: "extends" };
    const related = service.send("POST", "/api/1.0/artifact-relation/", relation, acting);
    expect(await problemOf(related)).toMatchObject({ status: 507 });
    await service.json("DELETE", `/artifacts/${made.uuid}`, undefined, acting);
    await setQuota(null);
  });

  it("refuses a declaration before any of its rows is written, folders counted", async () => {
    const { acting } = actors;
    const { used_entries: used } = await service.json<{ used_entries: number }>(
      "GET",
      "/auth/namespaces/acting",
      undefined,
      acting,
    );
    await setQuota(used + 100);
    const paths = Array.from({ length: 30 }, (_, n) => `${n}/a/b/c/file`);
    const files = Object.fromEntries(paths.map((path) => [path, declare(Buffer.alloc(0))]));
    const body = { category: "t:t", workspace: "acting", files, data: {} };
    const before = await countRows(true);
    const refused = service.send("POST", "/api/1.0/artifact/", body, acting);
    expect(await problemOf(refused)).toMatchObject({ status: 507 });
    expect(await countRows(true)).toBe(before);
    await setQuota(null);
  });

  it("shows its use and bound to the workspace, and counts what goes", async () => {
    const bearer = await service.makeWorkspace("counted");
    const used = async () => {
      const shown = await service.json<{ used_entries: number; quota_entries: number }>(
        "GET",
        "/auth/namespaces/counted",
        undefined,
        bearer,
      );
      return shown.used_entries;
    };
    expect(await used()).toBe(0);
    const made = await service.upload(randomUUID(), Buffer.from("counted"), bearer);
    // The artifact with its events, the version, its file, the conversion.
    expect(await used()).toBe(8 + 1 + 1 + 1);
    const note = `/artifacts/${made.uuid}/metadata/k`;
    await service.json("PUT", note, { value: "x".repeat(2_048) }, bearer);
    expect(await used()).toBe(11 + 3);
    await service.json("PUT", note, { value: "x" }, bearer);
    expect(await used()).toBe(11 + 1);
    await service.json("DELETE", note, undefined, bearer);
    await service.json("DELETE", `/artifacts/${made.uuid}`, undefined, bearer);
    expect(await used()).toBe(11 - 7);
  });
});
