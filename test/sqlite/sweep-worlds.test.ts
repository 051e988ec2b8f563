// Random histories of versions that share R2 objects, swept in pieces while others copy references: whatever comes in
// between, no object is lost that a version names, and none is left in the end.

import { beforeAll, describe, expect, it, vi } from "vitest";

import schema from "../../schema.sql?raw";
import { copyRefs, insertRefs } from "../../src/catalog/contents/version-rows.ts";
import { openDatabase } from "../../src/catalog/database.ts";
import { refusalIn } from "../../src/catalog/refusals.ts";
import { sql } from "../../src/catalog/sql.ts";
import {
  forgetGarbage,
  listGarbage,
  pickDoomed,
  removeDoomed,
} from "../../src/catalog/upkeep/sweep-steps.ts";
import { Random } from "../crash/random.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

vi.mock("cloudflare:workers", () => ({ waitUntil: () => {} }));

const WORLDS = 300;
const STEPS = 30;
const GRACE = 10;

let d1: SqliteDatabase;
let db: D1Database;

beforeAll(() => {
  d1 = new SqliteDatabase();
  d1.sqlite.exec(schema);
  d1.sqlite.exec(
    `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
     VALUES ('a', 1, 'other', 'a', 'a', 0, 0)`,
  );
  db = openDatabase(d1 as unknown as D1Database);
});

interface World {
  random: Random;
  now: number;
  /** R2. */
  objects: Set<string>;
  next: number;
}

function below({ random }: World, bound: number): number {
  return random.upTo(bound - 1);
}

/** Adds a version with objects of its own, and with some of another that still has references, if it has them then. */
async function add(world: World): Promise<void> {
  const index = (world.next += 1);
  const own = Array.from({ length: below(world, 4) }, (_, n) => `o/${index}/${n}`);
  // Read before, as a declaration does: others may sweep in between.
  const others = d1.sqlite
    .prepare("SELECT DISTINCT key FROM object_refs ORDER BY key LIMIT 3 OFFSET ?")
    .all(below(world, 4))
    .map(({ key }) => String(key));
  if (world.random.next() < 0.5) {
    await sweepSome(world);
  }
  for (const key of own) {
    world.objects.add(key);
  }
  const version = sql`(SELECT id FROM versions WHERE version_index = ${index})`;
  const content = `c${below(world, 5)}`;
  // Not by openDatabase(): here any refusal would look like a full database.
  const raw = d1 as unknown as D1Database;
  try {
    await raw.batch([
      raw.prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
           manifest) VALUES (1, ${index}, 0, 0, 1, 1, 1, x'00')`,
      ),
      ...insertRefs(raw, version, own),
      ...copyRefs(raw, version, others),
      raw.prepare(
        `INSERT INTO contents (size, sha512, sha256, crc32, created_at) VALUES (1, '${content}', 'x', '0', 0)
         ON CONFLICT DO NOTHING`,
      ),
      raw.prepare(
        `INSERT INTO holders SELECT c.id, 1, v.id, 1, 0 FROM contents c, versions v
         WHERE c.sha512 = '${content}' AND v.version_index = ${index}`,
      ),
    ]);
  } catch (error) {
    if (refusalIn(error) !== "object_gone") {
      throw error;
    }
    for (const key of own) {
      world.objects.delete(key); // what was never published, its writer deletes
    }
  }
}

function end(world: World): void {
  d1.sqlite
    .prepare(
      `UPDATE versions SET deleted_at = ? WHERE id IN (
         SELECT id FROM versions WHERE deleted_at IS NULL ORDER BY id LIMIT 1 OFFSET ?)`,
    )
    .run(world.now, below(world, 6));
}

/** A round of the sweep, cut off before or behind its batch, with others in between. */
async function sweepSome(world: World): Promise<void> {
  const limits = { limit: 1 + below(world, 5), drafts: 5 };
  const picked = await pickDoomed(db, world.now - GRACE, limits);
  const chance = world.random.next();
  if (chance < 0.2) {
    return;
  }
  if (chance < 0.4) {
    // Another sweep picks the same.
    await removeDoomed(db, picked, world.now);
  } else if (chance < 0.6) {
    await add(world);
  }
  if (picked.ids.length > 0) {
    await removeDoomed(db, picked, world.now);
  }
  check(world);
  const keys = await listGarbage(db, world.now - GRACE, 1 + below(world, 10));
  for (const key of keys) {
    world.objects.delete(key);
  }
  if (world.random.next() < 0.7) {
    await forgetGarbage(db, keys);
  }
}

/** Nothing is in garbage that a version names; all that a version names is there; all that is there somebody names. */
function check({ objects }: World): void {
  expect(d1.read("SELECT count(*) FROM garbage WHERE key IN (SELECT key FROM object_refs)")).toBe(
    0,
  );
  const named = d1.sqlite.prepare("SELECT DISTINCT key FROM object_refs").all();
  expect(named.filter(({ key }) => !objects.has(String(key)))).toEqual([]);
  const known = d1.sqlite
    .prepare("SELECT key FROM object_refs UNION SELECT key FROM garbage")
    .all();
  const keys = new Set(known.map(({ key }) => key));
  expect([...objects].filter((key) => !keys.has(key))).toEqual([]);
  expect(
    d1.read("SELECT count(*) FROM contents WHERE id NOT IN (SELECT content_id FROM holders)"),
  ).toBe(0);
}

async function live(seed: number): Promise<World> {
  const world: World = { random: new Random(seed), now: 1_000, objects: new Set(), next: 0 };
  for (let step = 0; step < STEPS; step += 1) {
    world.now += below(world, 4);
    const chance = world.random.next();
    if (chance < 0.45) {
      await add(world);
    } else if (chance < 0.75) {
      end(world);
    } else {
      await sweepSome(world);
    }
    check(world);
  }
  return world;
}

/** All of a sweep, in rounds of so many references. */
async function sweepAll(world: World): Promise<void> {
  for (let isCut = true; isCut;) {
    const picked = await pickDoomed(db, world.now - GRACE, { limit: 3, drafts: 5 });
    await removeDoomed(db, picked, world.now);
    ({ isCut } = picked);
  }
  const keys = await listGarbage(db, world.now - GRACE, 1_000_000);
  for (const key of keys) {
    world.objects.delete(key);
  }
  await forgetGarbage(db, keys);
}

describe("the sweep in random histories (T26)", () => {
  it("never lists an object that a version names, loses none, and leaves none after two sweeps", async () => {
    let swept = 0;
    for (let seed = 1; seed <= WORLDS; seed += 1) {
      const world = await live(seed);
      // What lives is kept to the end.
      await sweepAll(world);
      check(world);
      swept += world.next - d1.read("SELECT count(*) FROM versions");
      d1.sqlite
        .prepare("UPDATE versions SET deleted_at = ? WHERE deleted_at IS NULL")
        .run(world.now);
      for (const later of [GRACE + 1, 2 * GRACE + 2]) {
        world.now += later;
        await sweepAll(world);
      }
      expect([seed, world.objects.size, d1.read("SELECT count(*) FROM garbage")]).toEqual([
        seed,
        0,
        0,
      ]);
      for (const table of ["versions", "object_refs", "holders", "contents"]) {
        expect(d1.read(`SELECT count(*) FROM ${table}`)).toBe(0);
      }
    }
    expect(swept).toBeGreaterThan(WORLDS);
  }, 120_000);
});
