// T17: very many tiny appends, very many uploads that nobody goes on with. Each costs what the first one does, and
// goes in bounded steps.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { Uploader } from "../support/uploader.ts";

const HOUR = 3_600_000;

let workspace: Workspace;
let uploader: Uploader;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  uploader = new Uploader(workspace);
});

const PIECE = new Uint8Array(100).fill(7);

async function append(uuid: Uuid): Promise<number> {
  const terms = { offset: null, length: PIECE.length };
  return valueOf(await uploader.gateway.append(uuid, new Blob([PIECE]).stream(), terms)).size;
}

/** Appends a hundred times, and gives the milliseconds of the one in the middle. */
async function appendHundred(uuid: Uuid): Promise<number> {
  const took: number[] = [];
  for (let time = 0; time < 100; time += 1) {
    const begun = performance.now();
    await append(uuid);
    took.push(performance.now() - begun);
  }
  return took.toSorted((one, other) => one - other)[50] ?? 0;
}

/** Rows in all tables of an upload's object. */
function countRows(uuid: Uuid): Promise<number> {
  return runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage: { sql } }) => {
    const tables = sql.exec<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'",
    );
    return [...tables].reduce(
      (sum, { name }) =>
        sum + sql.exec<{ n: number }>(`SELECT count(*) AS n FROM "${name}"`).one().n,
      0,
    );
  });
}

describe("a thousand tiny appends to one upload (T17)", () => {
  it("cost each what the first did, and become few rows", async () => {
    const uuid = await uploader.open();
    const first = await appendHundred(uuid);
    const before = await countRows(uuid);
    for (let sent = 100; sent < 900; sent += 50) {
      await Promise.all(Array.from({ length: 50 }, () => append(uuid)));
    }
    const last = await appendHundred(uuid);
    expect(valueOf(await uploader.gateway.view(uuid)).size).toBe(1_000 * PIECE.length);
    const grown = (await countRows(uuid)) - before;
    expect(grown).toBeLessThanOrEqual((1_000 * PIECE.length) / (LIMITS.tailRowJoin / 2));
    expect(last).toBeLessThan(3 * first + 5);
  });
});

describe("more uploads than a sweep takes that nobody goes on with (T17)", () => {
  it("go a batch a run, and leave nothing", async () => {
    const later = Date.now() + 25 * HOUR;
    await sweep(env, 24 * HOUR, later);
    await Promise.all(Array.from({ length: 10 }, () => uploader.open()));
    // The others as a crash leaves them: noted, and their objects never opened.
    await env.DB.prepare(
      `WITH RECURSIVE many (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM many WHERE at < ?1)
       INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
       SELECT printf('00000000-0000-4000-8000-%012x', at), ?2, ?3, ?3 FROM many`,
    )
      .bind(LIMITS.sweepBatch, workspace.id, Date.now())
      .run();
    const runs: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      runs.push((await sweep(env, 24 * HOUR, later)).uploadsExpired);
    }
    expect(runs).toEqual([LIMITS.sweepBatch, 10, 0]);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM uploads").first("n")).toBe(0);
  });
});

describe("open uploads of a workspace (T17)", () => {
  it("are counted together, whether clients opened them or they bring declared files", async () => {
    const client = await Client.make("many");
    const { uploadsOfWorkspace } = LIMITS;
    Object.assign(LIMITS, { uploadsOfWorkspace: 4 });
    try {
      const files = Object.fromEntries(
        ["a", "b", "c", "d", "e"].map((name, seed) => [name, bytes(2_000, seed)]),
      );
      const { id } = await (await client.declare(files)).json<{ id: number }>();
      const begin = (name: string) =>
        client.send(
          "PUT",
          `/api/1.0/artifact/${id}/files/${name}`,
          files[name]?.subarray(0, 1_000),
          {
            "Content-Range": "bytes 0-999/2000",
          },
        );
      const statuses: number[] = [];
      await client.openUpload();
      for (const name of Object.keys(files)) {
        statuses.push((await begin(name)).status);
      }
      expect(statuses).toEqual([200, 200, 200, 507, 507]);
      expect((await client.send("POST", "/upload")).status).toBe(507);
      // One that is open goes on, and its end makes room for another.
      const rest = await client.send(
        "PUT",
        `/api/1.0/artifact/${id}/files/a`,
        files["a"]?.subarray(1_000),
        { "Content-Range": "bytes 1000-1999/2000" },
      );
      expect(rest.status).toBe(201);
      expect((await begin("d")).status).toBe(200);
      expect((await begin("e")).status).toBe(507);
    } finally {
      Object.assign(LIMITS, { uploadsOfWorkspace });
    }
  });
});
