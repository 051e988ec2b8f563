import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { planArchive } from "../../../src/artifacts/archive.ts";
import { entriesOf } from "../../../src/artifacts/entries.ts";
import { findBrowsed } from "../../../src/catalog/pages/lookup.ts";
import { listArtifacts, listPublicWorkspaces } from "../../../src/catalog/pages/workspace-page.ts";
import { NOBODY } from "../../../src/catalog/reader.ts";
import type { Reader } from "../../../src/catalog/reader.ts";
import { entriesBelow } from "../../../src/protocol/entries.ts";
import type { Folder } from "../../../src/protocol/entries.ts";
import { insertVersion, newFile } from "../../support/insert-version.ts";
import { manyFiles } from "../../support/many-files.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingBucket } from "../support/counting-bucket.ts";
import { CountingDatabase } from "../support/counting-database.ts";

const FOLDERS = 1_000;
const FILES_EACH = 100;
const ENTRIES = FOLDERS * (FILES_EACH + 1);
const PAGE = 50;

let reader: Reader;

beforeAll(async () => {
  await applySchema();
  await env.BUCKET.put("key", "x");
  const { id } = await makeWorkspace("many");
  reader = { all: false, workspaceId: id, userId: null };
  await env.DB.prepare(
    `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
     VALUES ('u', ?1, 'other', 'x', 'many', 0, 1)`,
  )
    .bind(id)
    .run();
  const content = newFile({
    path: "",
    size: 1,
    crc32: 7,
    sha256: new Uint8Array(32),
    sha512: new Uint8Array(64),
    extents: [{ key: "key", start: 0, length: 1 }],
  });
  const many = { folders: FOLDERS, filesEach: FILES_EACH };
  await insertVersion(env, 1, manyFiles(many, content), 1);
});

/** What a job costs while the isolate knows nothing of the manifest: rows of D1, calls of R2 and bytes that these gave. */
async function costOf(
  work: (stores: { DB: D1Database; BUCKET: CountingBucket & R2Bucket }) => Promise<void>,
) {
  const bucket = new CountingBucket(env.BUCKET) as CountingBucket & R2Bucket;
  const rows = await CountingDatabase.count((DB) => work({ DB, BUCKET: bucket }));
  return { rows, reads: bucket.reads, bytes: bucket.bytes };
}

/** The version as its reader finds it. */
async function find(db: D1Database) {
  const browsed = await findBrowsed(db, reader, { artifact: 1, version: null }, 2);
  return browsed?.version ?? neverVersion();
}

async function findFolder(db: D1Database, bucket: R2Bucket, path: string): Promise<Folder> {
  const entries = entriesOf({ ...env, BUCKET: bucket }, await find(db));
  const found = await entries.find(path);
  return found?.kind === "folder" ? found : neverVersion();
}

describe("what an artifact of 100,000 files costs", () => {
  // In this order: what one read, the isolate keeps for the next.
  it.each([
    ["first", 1],
    ["middle", ENTRIES / 2],
    ["last", ENTRIES - PAGE + 1],
  ])("reads three rows and at most two ranges for the %s page", async (_, first) => {
    const { rows, reads, bytes } = await costOf(async ({ DB, BUCKET }) => {
      const entries = entriesOf({ ...env, BUCKET }, await find(DB));
      const page = await entries.page(first, first + PAGE - 1);
      expect(page.map(({ ordinal }) => ordinal)).toEqual(
        Array.from({ length: PAGE }, (__, at) => first + at),
      );
    });
    expect(rows).toBeLessThanOrEqual(10);
    expect(reads).toBeLessThanOrEqual(2);
    expect(bytes).toBeLessThan(512 * 1024);
  });

  it("looks for nothing for who may not read", async () => {
    const query = { artifact: 1, version: null };
    expect((await findBrowsed(env.DB, reader, query, 2))?.version?.manifest).toBeTruthy();
    const found = await findBrowsed(env.DB, NOBODY, query, 2);
    expect(found).toMatchObject({ readable: false, version: { manifest: null } });
  });

  it("reads at most 10 rows and one range for a file or folder, there or not", async () => {
    for (const path of ["d199/099", "d100/050", "d199/nothing", "zzz", "", "d299/", "zzz/"]) {
      const { rows, reads } = await costOf(async ({ DB, BUCKET }) => {
        await entriesOf({ ...env, BUCKET }, await find(DB)).find(path);
      });
      expect(rows).toBeGreaterThan(0);
      expect(rows).toBeLessThanOrEqual(10);
      expect(reads).toBeLessThanOrEqual(1);
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
    "reads at most 10 rows and four times of R2 for %s: its length and its %s bytes",
    async (format, _, at) => {
      const { rows, reads } = await costOf(async ({ DB, BUCKET }) => {
        const { manifest, ...version } = await find(DB);
        const root = await findFolder(env.DB, BUCKET, "");
        const archived = { ...version, artifactUuid: "u", manifest: manifest ?? neverVersion() };
        const reading = { bucket: BUCKET, payer: "test", window: 1 };
        const archive = await planArchive(reading, format, archived, root);
        const { size } = archive;
        expect(size).toBeGreaterThan(10_000_000);
        const { readable, writable } = new IdentityTransformStream();
        const sent = archive.send(at(size), at(size) + 40, writable).then(() => writable.close());
        expect((await new Response(readable).arrayBuffer()).byteLength).toBe(40);
        await sent;
      });
      expect(rows).toBeGreaterThanOrEqual(3);
      expect(rows).toBeLessThanOrEqual(10);
      expect(reads).toBeLessThanOrEqual(4);
    },
  );

  it("reads all of it in runs of a MiB", async () => {
    let count = 0;
    const { reads } = await costOf(async ({ DB, BUCKET }) => {
      const version = await find(DB);
      const root = await findFolder(env.DB, BUCKET, "");
      for await (const some of entriesOf({ ...env, BUCKET }, version).walk(entriesBelow(root))) {
        count += some.length;
      }
    });
    expect(count).toBe(ENTRIES);
    expect(reads).toBeLessThanOrEqual(20);
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

function neverVersion(): never {
  throw new Error("There is no such version, or folder of it");
}
