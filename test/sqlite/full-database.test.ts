// The sweep on a database that has no free page and may get none: SQLite's own limit, which D1 lets nobody set, so SQLite is in this
// process here.

import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import schema from "../../schema.sql?raw";
import { sweep } from "../../src/artifacts/sweep.ts";
import { openDatabase } from "../../src/catalog/database.ts";
import { forgetGarbage, pickDoomed, removeDoomed } from "../../src/catalog/upkeep/sweep-steps.ts";
import { newUuid } from "../../src/protocol/ids.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

// Nothing of the platform is in this process; the sweep leases no memory of a request.
vi.mock("cloudflare:workers", () => ({ waitUntil: () => {} }));

const DAY = 24 * 3_600_000;

let env: Env;
let d1: SqliteDatabase;

beforeAll(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

beforeEach(() => {
  d1 = new SqliteDatabase();
  d1.sqlite.exec(schema);
  env = { DB: d1 } as unknown as Env; // no upload is idle, and no garbage old enough
});

/** Makes an artifact of so many versions, each with so many R2 objects and a content of its own. */
function makeArtifact(
  name: string,
  versions: number,
  objects: number,
  expiresAt: number | null,
): void {
  d1.sqlite
    .prepare(
      `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, highest_index, created_at,
         expires_at) VALUES (?1, 1, 'other', ?1, ?1, 0, ?2, 0, ?3)`,
    )
    .run(name, versions, expiresAt);
  const id = d1.read("SELECT max(id) FROM artifacts");
  for (let index = 1; index <= versions; index += 1) {
    d1.sqlite
      .prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
           manifest) VALUES (?, ?, 0, 0, 1, 1, 1, zeroblob(200))`,
      )
      .run(id, index);
    const version = d1.read("SELECT max(id) FROM versions");
    d1.sqlite
      .prepare(
        `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
         INSERT INTO object_refs SELECT ?, ? || '/' || n FROM n`,
      )
      .run(objects, version, `${name}/${newUuid()}`);
    d1.sqlite
      .prepare(
        "INSERT INTO contents (size, sha512, sha256, crc32, created_at) VALUES (1, ?, ?, '0', 0)",
      )
      .run(new TextEncoder().encode(newUuid().padEnd(64)), new Uint8Array(32));
    d1.sqlite.prepare("INSERT INTO holders SELECT max(id), 1, ?, 1, 0 FROM contents").run(version);
  }
}

/** Takes every page, and what is left in the last ones. */
function fill(): void {
  d1.forbidGrowth();
  for (const length of [4_000, 400, 40, 1]) {
    try {
      for (;;) {
        const garbage = d1.sqlite.prepare("INSERT INTO garbage VALUES (?, ?)");
        garbage.run(`filler/${newUuid()}`.padEnd(length, "."), Date.now() + 1_000 * DAY);
      }
    } catch {
      // No more of these fit.
    }
    try {
      const audit = d1.sqlite.prepare(
        "INSERT INTO audit (at, actor, action, detail) VALUES (?, 'system/x', 'filler', ?)",
      );
      for (;;) {
        audit.run(Date.now() + 1_000 * DAY, "x".repeat(length));
      }
    } catch {
      // Likewise.
    }
  }
  expect(d1.read("PRAGMA freelist_count")).toBe(0);
}

describe("the sweep on a full database", () => {
  it("deletes what is deleted and expired, with the reserve, and sets it aside again", async () => {
    await sweep(env, DAY, Date.now());
    expect(d1.read("SELECT length(room) FROM reserve")).toBe(LIMITS.catalogReserve);
    makeArtifact("expired", 1_000, 1, Date.now() + DAY);
    fill();
    const db = openDatabase(env.DB);
    const marked = db.prepare("UPDATE artifacts SET deleted_at = 1, name = name || ?1");
    await expect(marked.bind("x".repeat(5_000)).run()).rejects.toMatchObject({
      code: "catalog_full",
    });
    // It expires, its rows go a day later, and the objects after another. Until then nothing gives pages to the reserve.
    expect(await sweep(env, DAY, Date.now() + 2 * DAY)).toMatchObject({ failures: 1 });
    expect(d1.read("SELECT count(*) FROM artifacts WHERE deleted_at IS NULL")).toBe(0);
    expect(d1.read("SELECT count(*) FROM reserve")).toBe(0);
    const removing = await sweep(env, DAY, Date.now() + 4 * DAY);
    expect(removing).toMatchObject({ versionsRemoved: 1_000, failures: 0 });
    expect(d1.read("SELECT count(*) FROM garbage WHERE key LIKE 'expired/%'")).toBe(1_000);
    expect(d1.read("SELECT count(*) FROM contents")).toBe(0);
    expect(d1.read("SELECT count(*) FROM reserve")).toBe(1);
    const [{ key } = { key: "" }] = d1.sqlite.prepare("SELECT key FROM garbage LIMIT 1").all();
    await forgetGarbage(db, [String(key)]);
    expect(d1.sqlite.prepare("SELECT key FROM garbage WHERE key = ?").all(key)).toEqual([]);
    expect(d1.read("SELECT used_bytes + used_entries FROM workspaces")).toBe(1);
  });

  it("needs no reserve for deleted versions of a file: what frees pages comes first", async () => {
    makeArtifact("deleted", 1_000, 1, null);
    d1.sqlite.exec("UPDATE versions SET deleted_at = 1; UPDATE artifacts SET deleted_at = 1");
    fill();
    const insertion = "INSERT INTO garbage SELECT key, 1 FROM object_refs";
    expect(() => d1.sqlite.exec(insertion)).toThrow("full");
    const db = openDatabase(env.DB);
    const limits = { limit: LIMITS.sweepBatch, drafts: 1 };
    for (let left = 1_000; left > 0; left -= LIMITS.sweepBatch) {
      const picked = await pickDoomed(db, Date.now(), limits);
      expect(await removeDoomed(db, picked, Date.now())).toBe(LIMITS.sweepBatch);
    }
    expect(d1.read("SELECT count(*) FROM garbage WHERE key LIKE 'deleted/%'")).toBe(1_000);
    expect(d1.read("SELECT count(*) FROM object_refs")).toBe(0);
  });

  it("removes versions of many objects with the reserve: their keys take a little more room than their references", async () => {
    await sweep(env, DAY, Date.now());
    makeArtifact("many", 10, 3_000, null);
    d1.sqlite.exec("UPDATE versions SET deleted_at = 1; UPDATE artifacts SET deleted_at = 1");
    fill();
    expect(await sweep(env, DAY, Date.now())).toMatchObject({ versionsRemoved: 10 });
    expect(d1.read("SELECT count(*) FROM garbage WHERE key LIKE 'many/%'")).toBe(30_000);
    expect(d1.read("SELECT count(*) FROM object_refs")).toBe(0);
  });

  it("says that it failed while it can neither set the reserve aside nor free a page", async () => {
    fill();
    expect((await sweep(env, DAY, Date.now())).failures).toBeGreaterThan(0);
  });
});
