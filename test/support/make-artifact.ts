// Artifacts of many files. No call of the API makes them yet: their bytes go in as uploads, their rows
// straight into D1, as schema.sql says that they are numbered.

import { createHash, randomBytes, randomUUID } from "node:crypto";

import { comparePaths, numberEntries } from "../../src/artifacts/numbering.ts";
import type { Service, TestEnv } from "./service.ts";

/** A file of a version. Equal contents are uploaded once. */
export interface MadeFile {
  path: string;
  bytes: Uint8Array;
  /** The content is the bytes so many times; its checksums are made up. */
  times?: number;
}

/** A workspace, and a token of its key. */
export interface Home {
  workspace: string;
  bearer: string;
}

export interface MadeArtifact {
  id: number;
  uuid: string;
}

type TestService = Service & { env: TestEnv };

const MiB = 1024 * 1024;

/** Entries that one statement inserts: a parameter holds at most 2 MB. */
const BATCH = 5_000;

/** Makes an artifact with one version. */
export async function makeArtifact(
  service: TestService,
  home: Home,
  name: string,
  files: readonly MadeFile[],
): Promise<MadeArtifact> {
  const { DB } = service.env;
  const uuid = randomUUID();
  const { meta } = await DB.prepare(
    `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
     SELECT ?1, id, 'other', 'test://' || ?1, ?2, 0, ?3 FROM workspaces WHERE name = ?4`,
  )
    .bind(uuid, name, Date.now(), home.workspace)
    .run();
  const artifact = { id: meta.last_row_id, uuid };
  await addVersion(service, home, artifact, files);
  return artifact;
}

/** Gives an artifact one more version. */
export async function addVersion(
  service: TestService,
  home: Home,
  artifact: MadeArtifact,
  files: readonly MadeFile[],
): Promise<void> {
  const { DB } = service.env;
  const stored = await uploadContents(service, home.bearer, files);
  const entries = [...numberEntries(stored.toSorted((a, b) => comparePaths(a.path, b.path)))];
  const { meta } = await DB.prepare(
    `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at)
     SELECT id, highest_index + 1, ?2, ?2 FROM artifacts WHERE id = ?1`,
  )
    .bind(artifact.id, Date.now())
    .run();
  for (let first = 0; first < entries.length; first += BATCH) {
    const batch = JSON.stringify(entries.slice(first, first + BATCH));
    await DB.batch([
      DB.prepare(
        `INSERT INTO files (version_id, ordinal, workspace_id, path, blob_id, size, sha256, sha512,
           file_number, tar_end, zip_end, directory_end)
         SELECT ?1, e.value ->> 'ordinal',
           (SELECT workspace_id FROM artifacts a JOIN versions v ON v.artifact_id = a.id WHERE v.id = ?1),
           e.value ->> '$.file.path', b.id, b.size, b.sha256, b.sha512,
           e.value ->> 'fileNumber', e.value ->> 'tarEnd', e.value ->> 'zipEnd', e.value ->> 'directoryEnd'
         FROM json_each(?2) e JOIN blobs b ON b.uuid = e.value ->> '$.file.blob'`,
      ).bind(meta.last_row_id, batch),
      DB.prepare(
        `INSERT INTO folders (version_id, ordinal, path, entry_count, file_count, total_bytes)
         SELECT ?1, e.value ->> 'ordinal', e.value ->> 'path', e.value ->> 'entryCount',
           e.value ->> 'fileCount', e.value ->> 'totalBytes'
         FROM json_each(?2) e WHERE e.value ->> 'kind' = 'folder'`,
      ).bind(meta.last_row_id, batch),
    ]);
  }
  await DB.prepare("UPDATE artifacts SET highest_index = highest_index + 1 WHERE id = ?1")
    .bind(artifact.id)
    .run();
}

/** Where in R2 a content's bytes are, in order. */
export async function listExtents(
  service: TestService,
  bytes: Uint8Array,
): Promise<{ key: string; length: number }[]> {
  const { results } = await service.env.DB.prepare(
    `SELECT e.key, e.length FROM blobs b JOIN extents e ON e.blob_id = b.id
     WHERE b.sha512 = ?1 ORDER BY e.position`,
  )
    .bind(hexDigest("sha512", bytes))
    .all<{ key: string; length: number }>();
  return results;
}

/** Deletes the R2 object of one extent of a content, as no request ever does. */
export async function loseObject(
  service: TestService,
  bytes: Uint8Array,
  position = 0,
): Promise<void> {
  const { key } = (await listExtents(service, bytes))[position] ?? { key: "" };
  service.tampered?.add("object_missing").add("content_unreadable");
  await service.env.BUCKET.delete(key);
}

/** Uploads bytes under a name so that they end up in two objects, the first of 8 MiB: a truncate cuts a
 * part that is in R2. Gives what was uploaded, and as which artifact. */
export async function makeScattered(
  service: TestService,
  home: Home,
  name: string,
): Promise<{ id: number; bytes: Buffer }> {
  const first = randomBytes(16 * MiB + 1);
  const second = randomBytes(MiB);
  const kept = 8 * MiB + 5;
  const uuid = await service.openUpload(home.bearer);
  await service.append(uuid, first, home.bearer);
  await service.truncate(uuid, kept, home.bearer);
  await service.append(uuid, second, home.bearer);
  const { id } = await service.convert(uuid, name, home.bearer);
  return { id, bytes: Buffer.concat([first.subarray(0, kept), second]) };
}

/** A checksum in lower-case hex. */
export function hexDigest(algorithm: "sha256" | "sha512", bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

/** Sorts paths as their UTF-8 bytes. */
export function inByteOrder(paths: Iterable<string>): string[] {
  return [...paths]
    .map((path) => Buffer.from(path))
    .toSorted((one, other) => Buffer.compare(one, other))
    .map(String);
}

async function uploadContents(
  service: TestService,
  bearer: string,
  files: readonly MadeFile[],
): Promise<{ path: string; size: number; blob: string }[]> {
  const hashes = new Map<Uint8Array, string>();
  const blobs = new Map<string, string>();
  const stored: { path: string; size: number; blob: string }[] = [];
  for (const { path, bytes, times = 1 } of files) {
    const sha256 = hashes.get(bytes) ?? hexDigest("sha256", bytes);
    hashes.set(bytes, sha256);
    const blob =
      blobs.get(sha256) ?? (await service.upload(`content-${sha256}`, bytes, bearer)).blob_uuid;
    blobs.set(sha256, blob);
    const stretched = times === 1 ? blob : await repeatBlob(service, blob, times);
    stored.push({ path, size: bytes.length * times, blob: stretched });
  }
  return stored;
}

/** Makes a blob of one that is in one object: as many extents, all of that object. */
async function repeatBlob(service: TestService, blob: string, times: number): Promise<string> {
  const { DB } = service.env;
  const uuid = randomUUID();
  const sha512 = randomBytes(64).toString("hex");
  await DB.batch([
    DB.prepare(
      `INSERT INTO blobs (uuid, size, sha512, sha256, crc32, created_at)
       SELECT ?2, size * ?3, ?4, sha256, crc32, created_at FROM blobs WHERE uuid = ?1`,
    ).bind(blob, uuid, times, sha512),
    DB.prepare(
      `WITH RECURSIVE place (position) AS (
         SELECT 0 UNION ALL SELECT position + 1 FROM place WHERE position + 1 < ?3
       )
       INSERT INTO extents (blob_id, position, key, start, length)
       SELECT b.id, place.position, e.key, e.start, e.length
       FROM place, blobs b, blobs source JOIN extents e ON e.blob_id = source.id
       WHERE b.uuid = ?2 AND source.uuid = ?1`,
    ).bind(blob, uuid, times),
  ]);
  return uuid;
}
