// The sweep on a database that has no free page and may get none: SQLite's own limit, which D1 lets nobody set, so SQLite is in this
// process here.

import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import schema from "../../schema.sql?raw";
import { numberEntries } from "../../src/artifacts/numbering.ts";
import { sweep } from "../../src/artifacts/sweep.ts";
import { openDatabase } from "../../src/catalog/database.ts";
import { forgetGarbage, removeDeletedFiles } from "../../src/catalog/garbage.ts";
import { revealVersion, stageArtifact, stageEntries } from "../../src/catalog/staging.ts";
import { newUuid } from "../../src/protocol/ids.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

// Nothing of the platform is in this process; the sweep leases no memory of a request.
vi.mock("cloudflare:workers", () => ({ waitUntil: () => {} }));

const DAY = 24 * 3_600_000;
const AUTHOR = { actor: "stowage", now: Date.now() };

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

/** Makes an artifact of so many files, each in an R2 object of its own. */
async function makeArtifact(name: string, count: number, expiresAt: number | null) {
  const db = openDatabase(env.DB);
  const uuid = newUuid();
  const artifact = { uuid, workspaceId: 1, type: "other", sourceUrl: `test://${name}`, name };
  const version = await stageArtifact(
    db,
    { ...artifact, category: null, data: null, expiresAt },
    Date.now(),
  );
  const files = Array.from({ length: count }, (_, n) => {
    const extents = [{ key: `${name}/${n}`, start: 0, length: 1 }];
    const sha512 = n.toString(16).padStart(8, "0").padEnd(128, "0");
    const bytes = { uuid: newUuid(), crc32: "0", extents };
    const path = `${n}`.padStart(6, "0");
    return { path, size: 1, sha256: sha512.slice(64), sha512, contentType: null, bytes };
  });
  await stageEntries(db, version, numberEntries(files), Date.now());
  await revealVersion(db, version, AUTHOR);
  return version;
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
    await makeArtifact("expired", 1_000, Date.now() + DAY);
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
    expect(removing).toMatchObject({ filesRemoved: 1_000, failures: 0 });
    expect(d1.read("SELECT count(*) FROM garbage WHERE key LIKE 'expired/%'")).toBe(1_000);
    expect(d1.read("SELECT count(*) FROM blobs")).toBe(0);
    expect(d1.read("SELECT count(*) FROM reserve")).toBe(1);
    await forgetGarbage(db, ["expired/3"]);
    expect(d1.read("SELECT count(*) FROM garbage WHERE key = 'expired/3'")).toBe(0);
    expect(d1.read("SELECT used_bytes + used_entries FROM workspaces")).toBe(1);
  });

  it("needs no reserve for the files of a deleted artifact: what frees pages comes first", async () => {
    await makeArtifact("deleted", 1_000, null);
    d1.sqlite.exec("UPDATE versions SET deleted_at = 1; UPDATE artifacts SET deleted_at = 1");
    fill();
    const insertion = "INSERT INTO garbage SELECT DISTINCT key, 1 FROM extents";
    expect(() => d1.sqlite.exec(insertion)).toThrow("full");
    const db = openDatabase(env.DB);
    const remove = () => removeDeletedFiles(db, Date.now(), Date.now(), LIMITS.sweepBatch);
    for (let left = 1_000; left > 0; left -= LIMITS.sweepBatch) {
      expect(await remove()).toBe(LIMITS.sweepBatch);
    }
    expect(d1.read("SELECT count(*) FROM garbage WHERE key LIKE 'deleted/%'")).toBe(1_000);
    expect(d1.read("SELECT count(*) FROM extents")).toBe(0);
  });

  it("says that it failed while it can neither set the reserve aside nor free a page", async () => {
    fill();
    expect((await sweep(env, DAY, Date.now())).failures).toBeGreaterThan(0);
  });
});
