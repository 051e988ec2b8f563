// What the jobs that read find there: objects put by the bare Worker, and rows put by SQL, on both sides the same.

import { createHash, randomBytes, randomUUID } from "node:crypto";

import type { D1Database } from "@cloudflare/workers-types";

import type { NewFile } from "../src/manifest/members.ts";
import { bytesOf } from "../test/support/hex.ts";
import { insertVersion, newFile } from "../test/support/insert-version.ts";
import { manyFiles, pathOfMany } from "../test/support/many-files.ts";
import type { Bench } from "./bench.ts";
import { expectStatus, sendPieces } from "./client.ts";
import { crc32Of, sha256Of } from "./content.ts";
import type { Content } from "./content.ts";
import { WORKSPACE } from "./stowage.ts";

/** A file whose bytes are one R2 object. */
interface StoredFile {
  path: string;
  key: string;
  size: number;
  sha256: string;
  crc32: string;
}

/** A folder that both sides hold. */
export interface Stored {
  /** Of the artifact, from the origin; ends in a slash. */
  url: string;
  /** Of the bare Worker's paths; ends in a slash. */
  prefix: string;
  files: readonly StoredFile[];
  bytes: number;
  /** SHA-256 of all files, one behind the other in order of path. */
  sha256: string;
}

/** Bytes of objects that one request brings. */
const BATCH = 16 * 1024 * 1024;

/** Rows that one statement inserts. */
const ROWS = 5_000;

/** Stores one file in one put, however large. */
export async function storeWhole(bench: Bench, name: string, content: Content): Promise<Stored> {
  const { ours, bare } = bench.sides;
  const key = `bench/${name}`;
  for (const { fillOrigin } of [ours, bare]) {
    await sendPieces(`${fillOrigin}/object/${key}`, content);
  }
  const { sha256, crc32 } = content.checksums();
  return storeRows(bench, name, [{ path: name, key, size: content.size, sha256, crc32 }], sha256);
}

/** Stores many files of one size, a thousand in each folder. */
export async function storeMany(
  bench: Bench,
  name: string,
  count: number,
  size: number,
): Promise<Stored> {
  const all = createHash("sha256");
  const files: StoredFile[] = [];
  const perBatch = Math.max(1, Math.floor(BATCH / size));
  for (let first = 0; first < count; first += perBatch) {
    const body = randomBytes(Math.min(perBatch, count - first) * size);
    all.update(body);
    for (const { fillOrigin } of [bench.sides.ours, bench.sides.bare]) {
      const url = `${fillOrigin}/objects/bench/${name}/?size=${size}&first=${first}`;
      await expectStatus(201, url, { method: "PUT", body });
    }
    for (let at = 0; at < body.length; at += size) {
      const number = first + at / size;
      const bytes = body.subarray(at, at + size);
      const checksums = { sha256: sha256Of(bytes), crc32: crc32Of(bytes) };
      files.push({ path: pathOf(number), key: `bench/${name}/${number}`, size, ...checksums });
    }
  }
  return storeRows(bench, name, files, all.digest("hex"));
}

/** Files in each folder of a huge artifact; with the folder itself that makes its entries. */
const FILES_A_FOLDER = 1_000;
export const ENTRIES_A_FOLDER = FILES_A_FOLDER + 1;

/** More than gzip looks back: so its output begins at once, as with files that differ. */
const HUGE_CONTENT = 40 * 1024;

/** Stores so many folders of a thousand files that all have the same bytes, once; the bare Worker only lists them, as `huge`. */
export async function storeHuge(bench: Bench, folders: number): Promise<{ url: string }> {
  const { ours, bare } = bench.sides;
  const db = await ours.db();
  const there = await findArtifact(db, "huge");
  if (there !== null) {
    return { url: `/a/${there}/` };
  }
  const { files } = await storeMany(bench, "content-of-huge", 1, HUGE_CONTENT);
  const content = files.map(toNewFile)[0];
  if (content === undefined) {
    throw new Error("The content of a huge artifact is missing");
  }
  const shape = { folders, filesEach: FILES_A_FOLDER };
  const artifactId = await insertArtifact(bench, "huge", manyFiles(shape, content));
  await (
    await bare.db()
  )
    .prepare(
      `WITH RECURSIVE many (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM many WHERE at + 1 < ?1 * ?2)
       INSERT INTO entries (artifact, ordinal, path, size, sha256)
       SELECT 'huge', at + 1, iif(at % ?2 = 0, printf('d%03d/', at / ?2), printf('d%03d/%03d', at / ?2, at % ?2 - 1)),
         ?3, hex(randomblob(32)) FROM many`,
    )
    .bind(folders, ENTRIES_A_FOLDER, HUGE_CONTENT)
    .run();
  return { url: `/a/${artifactId}/` };
}

/** Stores so many artifacts of a hundred thousand files each, for ours alone, once; gives their addresses. */
export async function storeHugeMany(
  bench: Bench,
  count: number,
  folders: number,
): Promise<string[]> {
  const { files } = await storeMany(bench, "content-of-many", 1, HUGE_CONTENT);
  const content = files.map(toNewFile)[0];
  if (content === undefined) {
    throw new Error("The content of the artifacts is missing");
  }
  const urls: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const shape = { folders, filesEach: FILES_A_FOLDER };
    urls.push(`/a/${await insertArtifact(bench, `huge-${at}`, manyFiles(shape, content))}/`);
  }
  return urls;
}

/** The path of an entry of a huge artifact, counted from 0. */
export function pathOfEntry(at: number): string {
  const [folder, place] = [Math.floor(at / ENTRIES_A_FOLDER), at % ENTRIES_A_FOLDER];
  const file = pathOfMany(folder * FILES_A_FOLDER + Math.max(place - 1, 0), FILES_A_FOLDER);
  return place === 0 ? file.slice(0, file.indexOf("/") + 1) : file;
}

function findArtifact(db: D1Database, name: string): Promise<number | null> {
  return db.prepare("SELECT id FROM artifacts WHERE name = ?1").bind(name).first<number>("id");
}

function pathOf(number: number): string {
  const text = String(number).padStart(6, "0");
  return `d${text.slice(0, 3)}/${text.slice(3)}.bin`;
}

async function storeRows(
  bench: Bench,
  name: string,
  files: readonly StoredFile[],
  sha256: string,
): Promise<Stored> {
  const id = await insertArtifact(bench, name, files.map(toNewFile));
  const bare = await bench.sides.bare.db();
  for (let first = 0; first < files.length; first += ROWS) {
    await bare
      .prepare(
        `INSERT INTO files (path, key, size)
         SELECT ?1 || (e.value ->> 'path'), e.value ->> 'key', e.value ->> 'size' FROM json_each(?2) e`,
      )
      .bind(`${name}/`, JSON.stringify(files.slice(first, first + ROWS)))
      .run();
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { url: `/a/${id}/`, prefix: `${name}/`, files, bytes, sha256 };
}

/** A file as a version has it. The sha512 is made up. */
function toNewFile({ path, key, size, sha256, crc32 }: StoredFile): NewFile {
  return newFile({
    path,
    size,
    sha256: bytesOf(sha256),
    sha512: new Uint8Array(randomBytes(64)),
    crc32: Number.parseInt(crc32, 16),
    extents: [{ key, start: 0, length: size }],
  });
}

/** Inserts an artifact of files. */
async function insertArtifact(
  bench: Bench,
  name: string,
  files: Iterable<NewFile>,
): Promise<number> {
  const db = await bench.sides.ours.db();
  const uuid = randomUUID();
  const { meta } = await db
    .prepare(
      `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
       SELECT ?1, id, 'other', 'bench://' || ?1, ?2, 0, ?3 FROM workspaces WHERE name = ?4`,
    )
    .bind(uuid, name, Date.now(), WORKSPACE)
    .run();
  const bucket = {
    put: (key: string, bytes: Uint8Array) =>
      expectStatus(201, `${bench.sides.ours.fillOrigin}/object/${key}`, {
        method: "PUT",
        body: Buffer.from(bytes),
      }),
  };
  await insertVersion({ DB: db, BUCKET: bucket }, meta.last_row_id, files);
  return meta.last_row_id;
}
