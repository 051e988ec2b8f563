import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { planArchive } from "../../../src/artifacts/archive.ts";
import { entriesBelow, walkFiles } from "../../../src/catalog/archive-files.ts";
import { findBrowsed } from "../../../src/catalog/browse.ts";
import { listArtifacts, listPublicWorkspaces } from "../../../src/catalog/directory.ts";
import { findFolder } from "../../../src/catalog/files.ts";
import { listPage } from "../../../src/catalog/listing.ts";
import { NOBODY } from "../../../src/catalog/reader.ts";
import type { Reader } from "../../../src/catalog/reader.ts";
import { insertManyFiles } from "../../support/many-files.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";

const FOLDERS = 1_000;
const FILES_EACH = 100;
const ENTRIES = FOLDERS * (FILES_EACH + 1);
const PAGE = 50;
const VERSION = 1;

let reader: Reader;

beforeAll(async () => {
  await applySchema();
  await env.BUCKET.put("key", "x");
  const { id } = await makeWorkspace("many");
  reader = { all: false, workspaceId: id, userId: null };
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
      const browsed = await findBrowsed(db, reader, { artifact: 1, version: null, path: "" }, 2);
      const folder = browsed?.folder ?? neverFolder();
      const range = { first, last: first + PAGE - 1 };
      const version = { id: VERSION, sealed: true };
      const query = { artifactId: 1, version, folder, ...range, versions: 10 };
      const { entries, versions } = await listPage(db, query);
      expect(versions).toEqual([{ index: 1, createdAt: 1, hasFolder: true }]);
      expect(entries.map(({ ordinal }) => ordinal)).toEqual(
        Array.from({ length: PAGE }, (__, at) => first + at),
      );
    });
    expect(rows).toBeGreaterThanOrEqual(PAGE);
    expect(rows).toBeLessThanOrEqual(60);
  });

  it.each(["d199/099", "d199/"])("looks for nothing at %s for who may not read", async (path) => {
    const query = { artifact: 1, version: null, path };
    const found = await findBrowsed(env.DB, reader, query, 2);
    expect((found?.file ?? found?.folder)?.path).toBe(path);
    expect(await findBrowsed(env.DB, NOBODY, query, 2)).toMatchObject({
      readable: false,
      file: null,
      folder: null,
    });
  });

  it("reads at most 10 rows for a file or folder, there or not", async () => {
    for (const path of ["d199/099", "d100/050", "d199/nothing", "zzz", "", "d199/", "zzz/"]) {
      const rows = await CountingDatabase.count(async (db) => {
        await findBrowsed(db, reader, { artifact: 1, version: null, path }, 2);
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
        const stores = { db, reading: { bucket: env.BUCKET, payer: "somebody" } };
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

describe("what a workspace of 5,000 artifacts costs", () => {
  let workspaceId: number;
  const COUNT = 5_000;

  beforeAll(async () => {
    ({ id: workspaceId } = await makeWorkspace("wide"));
    // Ten artifacts share each name.
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
       INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
       SELECT 'w' || i, ?1, 'other', i, printf('name-%03d', i / 10), 0, 1 FROM n`,
    )
      .bind(workspaceId, COUNT)
      .run();
    await env.DB.prepare(
      `INSERT INTO workspaces (name, public, created_at)
       SELECT 'p' || uuid, 1, 1 FROM artifacts WHERE workspace_id = ?1`,
    )
      .bind(workspaceId)
      .run();
  });

  async function idAt(position: number): Promise<number> {
    const row = await env.DB.prepare(
      "SELECT id FROM artifacts WHERE workspace_id = ?1 ORDER BY name, id LIMIT 1 OFFSET ?2",
    )
      .bind(workspaceId, position)
      .first<{ id: number }>();
    return row?.id ?? 0;
  }

  it.each([
    ["the first page", "", null, 0],
    ["a page in the middle", "", "after", COUNT / 2],
    ["the last page", "", "after", COUNT - PAGE - 1],
    ["a page in the middle, backwards", "", "before", COUNT / 2],
    ["a search", "name-2", null, 0],
    ["a later page of a search", "NAME-2", "after", 2_500],
  ] as const)("reads at most 400 rows for %s", async (_, name, direction, position) => {
    const from = direction && { direction, artifact: await idAt(position) };
    const rows = await CountingDatabase.count(async (db) => {
      const page = await listArtifacts(db, { workspaceId, name, from }, 2, PAGE);
      expect(page?.artifacts.length).toBe(PAGE);
    });
    expect(rows).toBeGreaterThanOrEqual(PAGE);
    expect(rows).toBeLessThanOrEqual(400);
  });

  it("reads a row for each public workspace shown", async () => {
    const workspaces = await CountingDatabase.count(async (db) => {
      expect((await listPublicWorkspaces(db, "pw4", PAGE)).length).toBe(PAGE);
    });
    expect(workspaces).toBeLessThanOrEqual(PAGE + 1);
  });
});

function neverFolder(): never {
  throw new Error("There is no such folder");
}
