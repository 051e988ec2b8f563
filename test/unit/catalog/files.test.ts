import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { numberEntries } from "../../../src/artifacts/numbering.ts";
import { findBrowsed } from "../../../src/catalog/artifacts.ts";
import { findFile, findFolder, listEntries, walkFiles } from "../../../src/catalog/files.ts";
import { NOBODY } from "../../../src/catalog/reader.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";

const FOLDERS = 1_000;
const FILES_EACH = 100;
const ENTRIES = FOLDERS * (FILES_EACH + 1);
const PAGE = 50;
/** Entries that one statement inserts. */
const BATCH = 10_000;
const VERSION = 1;

beforeAll(async () => {
  await applySchema();
  const { id } = await makeWorkspace("many");
  const files = Array.from({ length: FOLDERS * FILES_EACH }, (_, at) => {
    const folder = String(Math.floor(at / FILES_EACH)).padStart(3, "0");
    return { path: `d${folder}/${String(at % FILES_EACH).padStart(3, "0")}`, size: 1 };
  });
  const entries = [...numberEntries(files)];
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
  for (let first = 0; first < entries.length; first += BATCH) {
    const batch = JSON.stringify(entries.slice(first, first + BATCH));
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO files (version_id, ordinal, workspace_id, path, blob_id, size, sha256, sha512,
           file_number, tar_end, zip_end, directory_end)
         SELECT ?1, value ->> 'ordinal', 1, value ->> '$.file.path', 1, 1, 'd', 'c',
           value ->> 'fileNumber', value ->> 'tarEnd', value ->> 'zipEnd', value ->> 'directoryEnd'
         FROM json_each(?2) WHERE value ->> 'kind' = 'file'`,
      ).bind(VERSION, batch),
      env.DB.prepare(
        `INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT ?1, value ->> 'ordinal', value ->> 'path', value ->> 'entryCount',
           value ->> 'fileCount', value ->> 'totalBytes'
         FROM json_each(?2) WHERE value ->> 'kind' = 'folder'`,
      ).bind(VERSION, batch),
    ]);
  }
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

  it("reads no more than the files of a folder, three rows each, to archive it", async () => {
    const rows = await CountingDatabase.count(async (db) => {
      const folder = await findFolder(db, VERSION, "d150/");
      expect(folder).not.toBeNull();
      const paths: string[] = [];
      for await (const file of walkFiles(db, VERSION, folder ?? neverFolder(), 30)) {
        paths.push(file.path);
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
