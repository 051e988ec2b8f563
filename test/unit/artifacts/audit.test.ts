// The audit in R2 (docs/decisions/031): what is moved, what a page shows of both, what expires.

import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import { moveAudit } from "../../../src/artifacts/audit/move.ts";
import { readAudit } from "../../../src/artifacts/audit/read.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { AuditQuery } from "../../../src/catalog/audit/audit.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { hexDigest } from "../support/bytes.ts";
import { applySchema } from "../support/catalog.ts";

const DAY = 86_400_000;
const NOW = Date.now();
const TODAY = Math.floor(NOW / DAY) * DAY;
const EVERYTHING: AuditQuery = {
  workspace: null,
  workspaceId: null,
  action: null,
  from: 0,
  to: NOW + DAY,
  after: null,
};

beforeAll(async () => {
  Object.assign(LIMITS, { auditObjectRows: 7 });
  await applySchema();
  await env.DB.exec("DROP TRIGGER audit_is_bounded");
});

beforeEach(async () => {
  const { results } = await env.DB.prepare(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'audit*_kept'",
  ).all<{ name: string; sql: string }>();
  await env.DB.batch([
    ...results.map(({ name }) => env.DB.prepare(`DROP TRIGGER ${name}`)),
    ...["audit", "audit_objects", "garbage"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    ...results.map(({ sql }) => env.DB.prepare(sql)),
  ]);
  const { objects } = await env.BUCKET.list();
  await env.BUCKET.delete(objects.map(({ key }) => key));
});

/** Adds rows of a day so many days ago, each a second after the one before. */
async function addRows(daysAgo: number, count: number, second = 0): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
     INSERT INTO audit (at, request_id, network, actor, action, workspace_id, workspace, subject, detail)
     SELECT ?1 + (i / 2) * 1000, 'r' || i, '192.0.2.1', 'ü/ci', iif(i % 3 = 0, 'made', 'kept'), 1 + i % 2,
       iif(i % 5 = 0, NULL, 'w' || (i % 2)), 'line' || char(10), json_object('i', i) FROM n`,
  )
    .bind(TODAY - daysAgo * DAY + second * 1_000, count)
    .run();
}

async function all<T>(statement: string): Promise<T[]> {
  return (await env.DB.prepare(statement).all<T>()).results;
}

interface ObjectRow {
  key: string;
  sha256: string;
  previous: string;
  rows: number;
}

const OBJECTS = "SELECT key, sha256, previous, rows FROM audit_objects ORDER BY number";

/** The lines of an object, read without our code, and the hash of its bytes. */
async function unpack(key: string): Promise<{ sha256: string; lines: Record<string, unknown>[] }> {
  const bytes = new Uint8Array((await (await env.BUCKET.get(key))?.arrayBuffer()) ?? []);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  const lines = text.split("\n").filter((line) => line !== "");
  const sha256 = await hexDigest("SHA-256", bytes);
  return { sha256, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** All pages of a query, and how many there were. */
async function readAll(query: Partial<AuditQuery>): Promise<{ ids: number[]; pages: number }> {
  const ids: number[] = [];
  for (let after = query.after ?? null, pages = 1; ; pages += 1) {
    const { rows, next } = await readAudit(env, { ...EVERYTHING, ...query, after });
    expect(rows.length).toBeLessThanOrEqual(LIMITS.auditListed);
    ids.push(...rows.map(({ id }) => id));
    if (next === null) {
      return { ids, pages };
    }
    expect(pages).toBeLessThan(1_000);
    after = next;
  }
}

describe("moveAudit()", () => {
  it("moves days that are over for a week, in objects of one day that name the one before", async () => {
    await addRows(9, 10);
    await addRows(8, 3);
    await addRows(7, 5);
    const before = await all<Record<string, unknown>>("SELECT * FROM audit ORDER BY at, id");
    await moveAudit(env, NOW);
    const objects = await all<ObjectRow>(OBJECTS);
    expect(objects.map(({ rows }) => rows)).toEqual([7, 3, 3]);
    const held: unknown[] = [];
    let previous = "";
    for (const object of objects) {
      const { sha256, lines } = await unpack(object.key);
      const [head, ...rows] = lines;
      const day = new Date(rows[0]?.["at"] as number).toISOString().slice(0, 10);
      expect(head).toEqual({ format: 1, day, rows: object.rows, previous });
      expect(object).toMatchObject({ sha256, previous, rows: rows.length });
      expect(object.key.startsWith(`audit/${day}/`)).toBe(true);
      held.push(...rows);
      previous = sha256;
    }
    const columns = before.map(({ detail, ...row }) => {
      delete row["caller"]; // it is computed from the actor
      return { ...row, detail: JSON.parse(detail as string) as unknown };
    });
    expect(held).toEqual(columns.slice(0, 13));
    expect(await all("SELECT * FROM audit ORDER BY at, id")).toEqual(before.slice(13));
    expect(await all("SELECT key FROM garbage")).toEqual([]);
  });

  it("ends an object before it has more text than its bound", async () => {
    const bound = LIMITS.auditObjectText;
    Object.assign(LIMITS, { auditObjectText: 700 });
    try {
      await addRows(9, 5);
      await moveAudit(env, NOW);
    } finally {
      Object.assign(LIMITS, { auditObjectText: bound });
    }
    const objects = await all<ObjectRow>(OBJECTS);
    expect(objects.length).toBeGreaterThan(1);
    for (const { key } of objects) {
      const [, ...rows] = (await unpack(key)).lines;
      expect(JSON.stringify(rows).length).toBeLessThanOrEqual(700);
    }
    expect(await all("SELECT id FROM audit")).toEqual([]);
  });

  it("names each row once when several run at once, and leaves no object that nothing names", async () => {
    await addRows(9, 20);
    await addRows(8, 20);
    await Promise.all([1, 2, 3].map(() => moveAudit(env, NOW)));
    await moveAudit(env, NOW);
    const objects = await all<ObjectRow>(OBJECTS);
    expect(objects.reduce((sum, { rows }) => sum + rows, 0)).toBe(40);
    expect((await readAll({})).ids).toHaveLength(40);
    await sweep(env, DAY, NOW + 2 * DAY);
    const { objects: stored } = await env.BUCKET.list();
    expect(stored.map(({ key }) => key)).toEqual(objects.map(({ key }) => key).toSorted());
  });

  it("takes no more objects in one run than it may, and goes on in the next", async () => {
    await addRows(9, 7 * LIMITS.sweepRounds + 3);
    await moveAudit(env, NOW);
    expect(await all("SELECT id FROM audit")).toHaveLength(3);
    await moveAudit(env, NOW);
    expect(await all("SELECT id FROM audit")).toEqual([]);
  });

  it("leaves a row where it is that comes too late for the objects of its time, and nobody may delete it", async () => {
    await addRows(9, 7);
    await moveAudit(env, NOW);
    await addRows(9, 1, 2);
    await addRows(8, 1);
    await moveAudit(env, NOW);
    const [late, ...others] = await all<{ id: number }>("SELECT id FROM audit");
    expect(others).toEqual([]);
    await expect(env.DB.exec("DELETE FROM audit")).rejects.toThrow("kept for 30 days");
    const { ids } = await readAll({});
    expect(ids).toHaveLength(9);
    // Of the times 0, 0, 1, 1, 2, 2, 3 the fifth and sixth are its own.
    expect(ids.indexOf(late?.id ?? 0)).toBe(2);
  });

  it("is the only way for a young row out of the catalog, and its objects are kept as long", async () => {
    await addRows(9, 8);
    await expect(env.DB.exec("DELETE FROM audit")).rejects.toThrow("kept for 30 days");
    const { sweepRounds } = LIMITS;
    Object.assign(LIMITS, { sweepRounds: 1 });
    await moveAudit(env, NOW).finally(() => Object.assign(LIMITS, { sweepRounds }));
    expect(await all("SELECT id FROM audit")).toHaveLength(1);
    await expect(env.DB.exec("DELETE FROM audit")).rejects.toThrow("kept for 30 days");
    await expect(env.DB.exec("DELETE FROM audit_objects")).rejects.toThrow("kept for 30 days");
    const change = "UPDATE audit_objects SET sha256 = previous";
    await expect(env.DB.exec(change)).rejects.toThrow("not changed");
  });
});

describe("readAudit()", () => {
  const QUERIES: Partial<AuditQuery>[] = [
    {},
    { workspace: "w1" },
    { workspace: "w0", workspaceId: 1 },
    { workspace: "w0", workspaceId: 2 },
    { action: "made" },
    { action: "never" },
    { from: TODAY - 9 * DAY, to: TODAY - 8 * DAY },
    { from: TODAY - 8 * DAY + 3_000 },
    { to: TODAY - 9 * DAY + 2_000, action: "kept" },
    { to: TODAY - 20 * DAY },
  ];

  it.each([
    { listed: 100, scanned: 5_000, read: 20 },
    { listed: 10, scanned: 5_000, read: 20 },
    { listed: 7, scanned: 7, read: 3 },
    { listed: 3, scanned: 5, read: 1 },
    { listed: 1, scanned: 1, read: 1 },
  ])(
    "gives the same rows in the same order wherever they are: %o",
    async ({ listed, scanned, read }) => {
      const bounds = {
        auditListed: LIMITS.auditListed,
        auditScanned: LIMITS.auditScanned,
        auditObjectsRead: LIMITS.auditObjectsRead,
      };
      for (const [daysAgo, count] of [
        [12, 9],
        [9, 30],
        [8, 16],
        [3, 11],
        [0, 5],
      ] as const) {
        await addRows(daysAgo, count);
      }
      Object.assign(LIMITS, { auditListed: listed, auditScanned: scanned, auditObjectsRead: read });
      try {
        const before = await Promise.all(QUERIES.map(select));
        await moveAudit(env, NOW);
        await addRows(12, 3, 2);
        for (const [index, query] of QUERIES.entries()) {
          const late = (await select(query)).filter(({ at }) => at < TODAY - 7 * DAY);
          const expected = [...(before[index] ?? []), ...late].toSorted(
            (one, other) => other.at - one.at || other.id - one.id,
          );
          const { ids } = await readAll(query);
          expect([query, ids]).toEqual([query, expected.map(({ id }) => id)]);
        }
        const { results } = await env.DB.prepare("SELECT count(*) AS n FROM audit_objects").all();
        expect(results).toEqual([{ n: 10 }]);
      } finally {
        Object.assign(LIMITS, bounds);
      }
    },
  );

  /** What one statement over all rows of the catalog gives. */
  async function select(query: Partial<AuditQuery>): Promise<{ at: number; id: number }[]> {
    const { workspace, workspaceId, action, from, to } = { ...EVERYTHING, ...query };
    const { results } = await env.DB.prepare(
      `SELECT at, id FROM audit WHERE (?1 IS NULL OR workspace = ?1) AND (?2 IS NULL OR workspace_id = ?2)
         AND (?3 IS NULL OR action = ?3) AND at BETWEEN ?4 AND ?5 ORDER BY at DESC, id DESC`,
    )
      .bind(workspace, workspaceId, action, from, to)
      .all<{ at: number; id: number }>();
    return results;
  }

  it("goes on where it was when rows are moved between two pages", async () => {
    const { auditListed } = LIMITS;
    await addRows(9, 20);
    Object.assign(LIMITS, { auditListed: 8 });
    try {
      const first = await readAudit(env, EVERYTHING);
      await moveAudit(env, NOW);
      const rest = await readAll({ after: first.next });
      const ids = [...first.rows.map(({ id }) => id), ...rest.ids];
      expect([ids.length, new Set(ids).size]).toEqual([20, 20]);
    } finally {
      Object.assign(LIMITS, { auditListed });
    }
  });

  it("refuses a page of which an object is missing or another, and shows what is before and behind it", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(scheduler, "wait").mockResolvedValue();
    for (const daysAgo of [10, 9, 8]) {
      await addRows(daysAgo, 4);
    }
    await moveAudit(env, NOW);
    const [, middle] = await all<ObjectRow>(OBJECTS);
    const key = middle?.key ?? "";
    const stored = new Uint8Array((await (await env.BUCKET.get(key))?.arrayBuffer()) ?? []);
    const altered = stored.with(stored.length - 1, 1);
    for (const change of [() => env.BUCKET.put(key, altered), () => env.BUCKET.delete(key)]) {
      await change();
      await expect(readAudit(env, EVERYTHING)).rejects.toMatchObject({
        code: "storage_unavailable",
      });
      expect((await readAll({ from: TODAY - 8 * DAY })).ids).toHaveLength(4);
      expect((await readAll({ to: TODAY - 9 * DAY - 1 })).ids).toHaveLength(4);
    }
  });
});

describe("the sweep", () => {
  it("removes objects of whole days that are older than AUDIT_DAYS, at once, and the chain goes on", async () => {
    await addRows(41, 9);
    await addRows(39, 4);
    await sweep(env, DAY, NOW, 50 * DAY);
    const [, , third] = await all<ObjectRow>(OBJECTS);
    await sweep(env, DAY, NOW, 40 * DAY);
    expect(await all<ObjectRow>(OBJECTS)).toEqual([third]);
    const { objects } = await env.BUCKET.list();
    expect(objects.map(({ key }) => key)).toEqual([third?.key]);
    await addRows(9, 1);
    await sweep(env, DAY, NOW, 40 * DAY);
    expect(await all<ObjectRow>(OBJECTS)).toMatchObject([{}, { previous: third?.sha256 }]);
    expect((await readAll({})).ids).toHaveLength(5);
  });

  it("moves nothing that is too old to keep", async () => {
    await addRows(41, 9);
    await sweep(env, DAY, NOW, 40 * DAY);
    expect(await all("SELECT id FROM audit")).toEqual([]);
    expect(await all(OBJECTS)).toEqual([]);
  });
});
