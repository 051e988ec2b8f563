import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { planArchive } from "../../../src/artifacts/archive.ts";
import { entriesBelow, walkFiles } from "../../../src/catalog/archive-files.ts";
import { findBrowsed } from "../../../src/catalog/artifacts.ts";
import { findFile, findFolder, listEntries } from "../../../src/catalog/files.ts";
import { NOBODY } from "../../../src/catalog/reader.ts";
import { insertManyFiles } from "../../support/many-files.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";

const FOLDERS = 1_000;
const FILES_EACH = 100;
const ENTRIES = FOLDERS * (FILES_EACH + 1);
const PAGE = 50;
const VERSION = 1;

/** What D1 bills: the rows that statements read, whether they gave them or not. */
class CountingDatabase {
  rowsRead = 0;

  prepare(sql: string): CountingStatement {
    return new CountingStatement(this, env.DB.prepare(sql));
  }

  async batch(statements: readonly CountingStatement[]): Promise<D1Result[]> {
    const results = await env.DB.batch(statements.map(({ inner }) => inner));
    this.rowsRead += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
    return results;
  }

  /** Runs `read` on this database and gives the rows that it read. */
  static async count(read: (db: D1Database) => Promise<unknown>): Promise<number> {
    const counting = new CountingDatabase();
    await read(counting as unknown as D1Database);
    return counting.rowsRead;
  }
}

class CountingStatement {
  readonly #database: CountingDatabase;
  readonly inner: D1PreparedStatement;

  constructor(database: CountingDatabase, inner: D1PreparedStatement) {
    this.#database = database;
    this.inner = inner;
  }

  bind(...values: unknown[]): CountingStatement {
    return new CountingStatement(this.#database, this.inner.bind(...values));
  }

  async all(): Promise<D1Result> {
    const result = await this.inner.all();
    this.#database.rowsRead += result.meta.rows_read;
    return result;
  }

  async first(column?: string): Promise<unknown> {
    const row = (await this.all()).results[0] as Record<string, unknown> | undefined;
    return (column === undefined ? row : row?.[column]) ?? null;
  }
}

beforeAll(async () => {
  await applySchema();
  await env.BUCKET.put("key", "x");
  const { id } = await makeWorkspace("many");
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
       VALUES ('u', ?1, 'other', 'x', 'many', 0, 1)`,
    ).bind(id),
    env.DB.prepare(
      "INSERT INTO versions (id, artifact_id, version_index, created_at, sealed_at) VALUES (?1, 1, 1, 1, 1)",
    ).bind(VERSION),
    env.DB.prepare(
      `INSERT INTO blobs (id, uuid, size, sha512, sha256, crc32, created_at)
       VALUES (1, 'b', 1, 'c', 'd', 'e', 1)`,
    ),
    env.DB.prepare("INSERT INTO extents VALUES (1, 0, 'key', 0, 1)"),
  ]);
  const many = { folders: FOLDERS, filesEach: FILES_EACH };
  await insertManyFiles(env.DB, VERSION, many, { id: 1, size: 1 });
});

describe("what an artifact of 100,000 files costs", () => {
  it.each([
    ["first", 1],
    ["middle", ENTRIES / 2],
    ["last", ENTRIES - PAGE + 1],
  ])("reads at most 60 rows for the %s page", async (_, first) => {
    const rows = await CountingDatabase.count(async (db) => {
      await findBrowsed(db, NOBODY, { artifact: 1, version: null }, 2);
      await findFolder(db, VERSION, "");
      const entries = await listEntries(db, VERSION, first, first + PAGE - 1);
      expect(entries.map(({ ordinal }) => ordinal)).toEqual(
        Array.from({ length: PAGE }, (__, at) => first + at),
      );
    });
    expect(rows).toBeGreaterThanOrEqual(PAGE);
    expect(rows).toBeLessThanOrEqual(60);
  });

  it("reads at most 10 rows for a file or folder, there or not", async () => {
    for (const path of ["d199/099", "d100/050", "d199/nothing", "zzz", ""]) {
      const rows = await CountingDatabase.count(async (db) => {
        await findFile(db, VERSION, path);
        await findFolder(db, VERSION, `${path}/`);
        await findFolder(db, VERSION, "d199/");
      });
      expect(rows).toBeGreaterThan(0);
      expect(rows).toBeLessThanOrEqual(10);
    }
  });

  it.each([
    ["tar", "first", () => 0],
    ["tar", "middle", (size: number) => Math.floor(size / 2)],
    ["zip", "middle", (size: number) => Math.floor(size / 3)],
    // In the directory.
    ["zip", "last", (size: number) => size - 3_000_000],
    ["zip", "end", (size: number) => size - 50],
  ] as const)(
    "reads at most 60 rows for %s: its length and its %s bytes",
    async (format, _, at) => {
      const rows = await CountingDatabase.count(async (db) => {
        const folder = (await findFolder(db, VERSION, "")) ?? neverFolder();
        const stores = { DB: db, BUCKET: env.BUCKET };
        const version = { id: VERSION, index: 1, createdAt: 1, artifactUuid: "u" };
        const archive = await planArchive(stores, format, version, folder);
        const { size } = archive;
        expect(size).toBeGreaterThan(10_000_000);
        const { readable, writable } = new IdentityTransformStream();
        const sent = archive.send(at(size), at(size) + 40, writable).then(() => writable.close());
        expect((await new Response(readable).arrayBuffer()).byteLength).toBe(40);
        await sent;
      });
      expect(rows).toBeGreaterThanOrEqual(3);
      expect(rows).toBeLessThanOrEqual(60);
    },
  );

  it("reads no more than the files of a folder, three rows each, to archive it", async () => {
    const rows = await CountingDatabase.count(async (db) => {
      const folder = await findFolder(db, VERSION, "d150/");
      expect(folder).not.toBeNull();
      const paths: string[] = [];
      for await (const files of walkFiles(db, VERSION, entriesBelow(folder ?? neverFolder()))) {
        paths.push(...files.map(({ path }) => path));
      }
      expect(paths.length).toBe(FILES_EACH);
    });
    expect(rows).toBeGreaterThanOrEqual(FILES_EACH);
    expect(rows).toBeLessThanOrEqual(3 * FILES_EACH + 10);
  });
});

function neverFolder(): never {
  throw new Error("There is no such folder");
}
