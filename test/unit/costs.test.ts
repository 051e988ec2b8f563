// What each job costs in calls and rows, as Cloudflare bills them: docs/costs.md has the same table, with the dollars. A
// difference is either a mistake or a change of that page.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { moveAudit } from "../../src/artifacts/audit/move.ts";
import { sweep } from "../../src/artifacts/sweep.ts";
import { inspectDraft } from "../../src/drafts/call-draft.ts";
import { newUuid } from "../../src/protocol/ids.ts";
import type { Uuid } from "../../src/protocol/ids.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { END, join, member } from "./archive/make-tar.ts";
import { TusClient } from "./faults/files-jobs.ts";
import { bytes, hexDigest } from "./support/bytes.ts";
import { calls } from "./support/calls.ts";
import { applySchema } from "./support/catalog.ts";
import { Client } from "./support/client.ts";
import { watchedEnv } from "./support/watched-worker.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const DAY = 24 * 3_600_000;
const MANY = 100;

/** R2 calls of class A, of class B, free ones; D1 statements, rows read, rows written; requests to upload objects, rows
 * that these read and wrote. */
type Row = readonly [number, number, number, number, number, number, number, number, number];

const COSTS: Record<string, Row> = {
  "open an upload": [0, 0, 0, 2, 8, 3, 1, 5, 4],
  "append of 4 KiB": [0, 0, 0, 0, 0, 0, 1, 2, 2],
  "append of 2 MiB": [0, 0, 0, 0, 0, 0, 1, 3, 3],
  "look at an upload": [0, 0, 0, 0, 0, 0, 1, 0, 0],
  "convert of 2 MiB, one part": [1, 0, 0, 26, 133, 36, 1, 25, 14],
  "append of 64 MiB": [8, 0, 0, 0, 0, 0, 1, 47, 28],
  "truncate inside a part": [1, 1, 0, 1, 2, 0, 1, 31, 16],
  "convert of 73 MiB": [2, 0, 0, 26, 142, 38, 1, 26, 23],
  "create by tus": [0, 0, 0, 3, 8, 3, 1, 5, 4],
  "PATCH of 64 KiB": [0, 0, 0, 0, 0, 0, 1, 4, 2],
  "PATCH of 64 MiB": [8, 0, 0, 0, 0, 0, 1, 60, 32],
  "PATCH of 64 MiB of 1 TB": [4, 0, 0, 0, 0, 0, 1, 30, 16],
  "HEAD of an upload": [0, 0, 0, 0, 0, 0, 1, 0, 0],
  "last PATCH, of 2 MiB in all": [1, 0, 0, 23, 120, 36, 1, 28, 18],
  "HEAD of a complete upload": [0, 0, 0, 1, 1, 0, 1, 0, 0],
  "PUT of a file of 2 MiB": [1, 0, 0, 26, 128, 39, 2, 37, 22],
  "join of 3 parts of 2 MiB": [3, 3, 0, 35, 162, 46, 7, 98, 53],
  "bundle of 100 uploads": [101, 0, 0, 25, 915, 337, 202, 2_411, 1_112],
  "look-up by sha512": [0, 0, 0, 1, 10, 0, 0, 0, 0],
  "convert of a blob": [0, 0, 0, 23, 152, 29, 0, 0, 0],
  "create, 100 files": [0, 0, 0, 11, 61, 20, 3, 14, 6],
  "PUT of a small file": [1, 0, 0, 1, 3, 0, 1, 0, 1],
  "PUT of the last of 100 files": [2, 0, 0, 8, 44, 22, 1, 12, 4],
  "GET of a file": [0, 2, 0, 1, 4, 0, 0, 0, 0],
  "GET of a range of 4 KiB": [0, 1, 0, 1, 4, 0, 0, 0, 0],
  "listing page of 50": [0, 0, 0, 2, 6, 0, 0, 0, 0],
  "tar of 100 files": [0, 20, 0, 1, 4, 0, 0, 0, 0],
  "zip of 100 files": [0, 20, 0, 1, 4, 0, 0, 0, 0],
  "tar.gz of 100 files": [0, 20, 0, 1, 4, 0, 0, 0, 0],
  "explode, 100 members": [2, 2, 0, 34, 145, 43, 1, 167, 23],
  "delete an artifact": [0, 0, 0, 7, 44, 14, 0, 0, 0],
  "delete and sweep of 100 files": [0, 0, 1, 62, 220, 35, 1, 4, 2],
  "sweep of nothing": [0, 0, 0, 23, 54, 2, 0, 0, 0],
  "move 1,000 rows of the audit": [1, 0, 0, 8, 13_017, 1_007, 0, 0, 0],
  "page of the audit in R2": [0, 1, 0, 2, 3, 0, 0, 0, 0],
};

// For reads and bytes the Worker looks a key up once: how often it does so again depends on the time that these tests
// take. All else asks for it each time, which is one statement.
// A rest notes the work so far: none comes because the machine is busy.
Object.assign(LIMITS, { keyMemory: DAY, workSliceTime: DAY });

let client: Client;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  await client.openUpload(); // the Worker knows the key
});

/** Sends a request that must succeed and reads its answer to the end. */
async function take(response: Promise<Response>): Promise<void> {
  const { ok, status, body } = await response;
  if (!ok) {
    throw new Error(`Refused: ${status}`);
  }
  await new Response(body).arrayBuffer();
}

async function expectCosts(job: string, work: () => Promise<unknown>): Promise<void> {
  const { r2A, r2B, r2Free, ...rest } = await calls.costOf(work);
  const { d1Statements, d1RowsRead, d1RowsWritten } = rest;
  const { objectRequests, objectRowsRead, objectRowsWritten } = rest;
  const row: Row = [
    r2A,
    r2B,
    r2Free,
    d1Statements,
    d1RowsRead,
    d1RowsWritten,
    objectRequests,
    objectRowsRead,
    objectRowsWritten,
  ];
  expect.soft({ [job]: row }).toEqual({ [job]: COSTS[job] });
}

/** Sends requests that meet in one object: the first is a pack alone, the others, which wait for it, make the next. */
async function takeTogether(sends: readonly (() => Promise<void>)[]): Promise<void> {
  await calls.costOf(async () => {
    calls.holdBucket();
    const sent = sends.map((send) => send());
    await vi.waitUntil(() => calls.objectRequests >= sends.length);
    await scheduler.wait(300);
    calls.heal();
    await Promise.all(sent);
  });
}

describe("the calls and rows", () => {
  it("of an upload", async () => {
    let uuid = "";
    await expectCosts("open an upload", async () => {
      uuid = await client.openUpload();
    });
    await take(client.append(uuid, bytes(4 * KiB)));
    // Neither D1 nor R2: the promise of docs/architecture.md.
    await expectCosts("append of 4 KiB", () => take(client.append(uuid, bytes(4 * KiB))));
    await expectCosts("append of 2 MiB", () => take(client.append(uuid, bytes(2 * MiB))));
    await expectCosts("look at an upload", () => take(client.send("GET", `/upload/${uuid}`)));
    await expectCosts("convert of 2 MiB, one part", () => take(client.convert(uuid, "small")));
    const large = await client.upload(bytes(8 * MiB + 5, 2));
    const mostlyZeros = new Uint8Array(64 * MiB);
    await expectCosts("append of 64 MiB", () => take(client.append(large, mostlyZeros)));
    await expectCosts("truncate inside a part", () => take(client.truncate(large, 64 * MiB + 5)));
    await take(client.append(large, bytes(9 * MiB, 3)));
    await expectCosts("convert of 73 MiB", () => take(client.convert(large, "large")));
  });

  it("of an upload that is not needed", async () => {
    const content = bytes(1_000, 5);
    const { blob_uuid: blob } = await client.publish("there", content);
    const sha512 = await hexDigest("SHA-512", content);
    await expectCosts("look-up by sha512", () =>
      take(client.send("GET", `/blob_checksums/sha512/${sha512}`)),
    );
    await expectCosts("convert of a blob", () =>
      take(client.send("POST", "/artifacts/upload/claimed", { blob_uuid: blob })),
    );
  });

  it(`of an artifact of ${MANY} declared files`, async () => {
    const files = Object.fromEntries(
      Array.from({ length: MANY }, (_, n) => [`d/${n}`, bytes(8_000, 1_000 + n)]),
    );
    let id = 0;
    await expectCosts("create, 100 files", async () => {
      ({ id } = await (await client.declare(files)).json<{ id: number }>());
    });
    const put = (path: string) =>
      take(client.send("PUT", `/api/1.0/artifact/${id}/files/${path}`, files[path]));
    await put("d/0"); // the Worker knows that the artifact takes files
    await expectCosts("PUT of a small file", () => put("d/1"));
    const others = Object.keys(files).slice(2, -1);
    await takeTogether(others.map((path) => () => put(path)));
    await expectCosts("PUT of the last of 100 files", () => put("d/99"));
    const get = (path: string, headers = {}) =>
      take(client.send("GET", `/a/${id}/${path}`, null, headers));
    await expectCosts("GET of a file", () => get("d/50"));
    await expectCosts("GET of a range of 4 KiB", () => get("d/50", { Range: "bytes=1000-5095" }));
    await expectCosts("listing page of 50", () => get("d/"));
    await expectCosts("tar of 100 files", () => get("?archive=tar"));
    await expectCosts("zip of 100 files", () => get("?archive=zip"));
    await expectCosts("tar.gz of 100 files", () => get("?archive=tar.gz"));
  });

  it(`of an archive of ${MANY} members`, async () => {
    const members = Array.from({ length: MANY }, (_, n) =>
      member({ name: `m/${n}` }, bytes(1_000, 5_000 + n)),
    );
    const uuid = await client.upload(join(...members, END));
    await expectCosts("explode, 100 members", async () => {
      await take(client.convert(uuid, "exploded", { explode: true }));
      await vi.waitUntil(async () => {
        const { results } = await env.DB.prepare(
          "SELECT 1 FROM artifacts WHERE name = 'exploded' AND fetching IS NULL",
        ).all();
        return results.length === 1;
      });
      // The alarm's turn ends with its own rows.
      await vi.waitUntil(() =>
        runInDurableObject(
          env.UPLOADS.getByName(uuid),
          async (_object, { storage }) => ((await storage.getAlarm()) ?? 0) > Date.now() + DAY,
        ),
      );
    });
  });

  it(`of the end of an artifact of ${MANY} files`, async () => {
    const files = Object.fromEntries(
      Array.from({ length: MANY }, (_, n) => [`d/${n}`, bytes(100, 9_000 + n)]),
    );
    const { id } = await (await client.declare(files)).json<{ id: number }>();
    const puts = Object.entries(files).map(
      ([path, content]) =>
        () =>
          take(client.send("PUT", `/api/1.0/artifact/${id}/files/${path}`, content)),
    );
    await takeTogether(puts);
    const { uuid, draft } = (await env.DB.prepare(
      "SELECT a.uuid, v.draft FROM artifacts a JOIN versions v ON v.artifact_id = a.id WHERE a.id = ?1",
    )
      .bind(id)
      .first<{ uuid: string; draft: Uuid }>()) ?? { uuid: "", draft: newUuid() };
    // The draft ends after its answer.
    await vi.waitUntil(async () => (await inspectDraft(env.DRAFTS, draft)) === null);
    const now = Date.now();
    await sweep(env, DAY, now);
    await expectCosts("delete and sweep of 100 files", async () => {
      await take(client.send("DELETE", `/artifacts/${uuid}`));
      await sweep(watchedEnv, DAY, now + 1.5 * DAY);
      await sweep(watchedEnv, DAY, now + 3 * DAY);
    });
  });

  it("of a deletion and of a sweep that finds nothing", async () => {
    const { uuid } = await client.publish("deleted", bytes(10, 6));
    await expectCosts("delete an artifact", () =>
      take(client.send("DELETE", `/artifacts/${uuid}`)),
    );
    await sweep(env, DAY, Date.now() + 3 * DAY);
    await sweep(env, DAY, Date.now() + 6 * DAY);
    await expectCosts("sweep of nothing", () => sweep(watchedEnv, DAY, Date.now() + 7 * DAY));
  });

  it("of 1,000 rows of the audit that go to R2, and of a page of them", async () => {
    const now = Date.now();
    await moveAudit(env, now + 30 * DAY);
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       INSERT INTO audit (at, actor, action, workspace_id, workspace, detail)
       SELECT ?1 + i, 'stowage', 'moved', w.id, w.name, '{}' FROM n, workspaces w WHERE w.name = 'owner'`,
    )
      .bind(Math.floor(now / DAY) * DAY + 2 * DAY)
      .run();
    const later = now + 12 * DAY;
    await expectCosts("move 1,000 rows of the audit", () => moveAudit(watchedEnv, later));
    await expectCosts("page of the audit in R2", () =>
      take(client.send("GET", "/audit?action=moved")),
    );
  });

  it("of uploads under /files/", async () => {
    const tus = new TusClient(client);
    const [first, last] = [bytes(64 * KiB, 11), bytes(2 * MiB - 64 * KiB, 12)];
    let path = "";
    await expectCosts("create by tus", async () => {
      path = await tus.open("tus", 2 * MiB);
    });
    await expectCosts("PATCH of 64 KiB", () => take(tus.patch(path, 0, first)));
    await expectCosts("HEAD of an upload", () => take(tus.head(path)));
    await expectCosts("last PATCH, of 2 MiB in all", () => take(tus.patch(path, 64 * KiB, last)));
    await expectCosts("HEAD of a complete upload", () => take(tus.head(path)));
    await expectCosts("PUT of a file of 2 MiB", () =>
      take(client.send("PUT", "/files/put", bytes(2 * MiB, 13))),
    );
    const mostlyZeros = new Uint8Array(64 * MiB);
    for (const [job, length] of [
      ["PATCH of 64 MiB", 1_000 * MiB],
      ["PATCH of 64 MiB of 1 TB", 1e12],
    ] as const) {
      const large = await tus.open("large", length);
      await take(tus.patch(large, 0, mostlyZeros));
      await expectCosts(job, () => take(tus.patch(large, 64 * MiB, mostlyZeros)));
      expect(await tus.terminate(large)).toBe(204);
    }
  });

  it("of uploads that become one", async () => {
    const tus = new TusClient(client);
    const concat = await tus.parts([14, 15, 16].map((seed) => bytes(2 * MiB, seed)));
    await expectCosts("join of 3 parts of 2 MiB", () =>
      take(tus.create("joined", { "Upload-Concat": concat })),
    );
    const files = Object.fromEntries(
      Array.from({ length: MANY }, (_, n) => [`d/${n}`, bytes(1_000, 20_000 + n)]),
    );
    const uploads = await tus.filesOf("bundled", files);
    await expectCosts("bundle of 100 uploads", () => take(tus.tie("bundled", uploads)));
  });
});
