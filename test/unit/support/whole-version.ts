// Versions made from below: objects and manifest in R2, then rows, as any writer of versions makes them.

import { env } from "cloudflare:workers";

import { writeManifest } from "../../../src/artifacts/manifests.ts";
import { indexContents, insertAllRefs } from "../../../src/catalog/contents/version-rows.ts";
import type { IndexedContent, WholeVersion } from "../../../src/catalog/contents/version-rows.ts";
import { prepare, rowsOf, sql } from "../../../src/catalog/sql.ts";
import { crc32 } from "../../../src/manifest/crc32.ts";
import { Members, MemberWriter } from "../../../src/manifest/members.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import { planTree } from "../../../src/manifest/tree.ts";
import type { Tree } from "../../../src/manifest/tree.ts";
import type { FileExtent } from "../../../src/protocol/entries.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";

/** A file of a version to be: its bytes, and where they are if they are somewhere. */
export interface Brought {
  data: Uint8Array;
  extents?: readonly FileExtent[];
}

/** A version as it was made. */
export interface MadeVersion {
  artifactId: number;
  artifactUuid: Uuid;
  versionId: number;
  /** How fsck calls it. */
  name: string;
  /** The object with the bytes of the files that brought theirs; null where none did. */
  key: string | null;
  manifestKey: string | null;
}

/** Facts of a file. */
async function describeFile(
  path: string,
  data: Uint8Array,
  extents: readonly FileExtent[],
): Promise<NewFile> {
  const digest = async (algorithm: string) =>
    new Uint8Array(await crypto.subtle.digest(algorithm, data));
  return {
    path,
    size: data.length,
    crc32: crc32(data),
    sha256: await digest("SHA-256"),
    sha512: await digest("SHA-512"),
    extents,
    type: null,
    isExecutable: false,
    modifiedAt: null,
    linkTarget: null,
  };
}

/** Files, and folders that may be empty, as members. */
export function gather(files: readonly NewFile[], folders: readonly string[] = []): Members {
  const writer = new MemberWriter();
  for (const file of files) {
    writer.addFile(file);
  }
  for (const folder of folders) {
    writer.addFolder(folder);
  }
  return new Members(writer.takeChunks(), writer.keys);
}

/** The same as a tree. */
export async function plantTree(
  files: readonly NewFile[],
  folders: readonly string[] = [],
): Promise<Tree> {
  const bounds = { folders: 100_000, faults: 20, pause: async () => undefined };
  const planned = await planTree(gather(files, folders), bounds);
  if (!planned.ok) {
    throw new Error(`There are faults: ${JSON.stringify(planned.faults)}`);
  }
  return planned.tree;
}

interface VersionOptions {
  /** When it was made and sealed. */
  at?: number;
  /** Folders that may be empty. */
  folders?: readonly string[];
  /** Makes the tree. */
  plant?: typeof plantTree;
}

/** Makes a version of an artifact, which it makes as well unless it is there. What has no extents goes into one new object. */
export async function makeVersion(
  workspaceId: number,
  name: string,
  brought: Record<string, Uint8Array | Brought>,
  { at = Date.now(), folders = [], plant = plantTree }: VersionOptions = {},
): Promise<MadeVersion> {
  const writer = newUuid();
  const { files, key } = await storeFiles(`packs/${writer}/1`, brought);
  const tree = await plant(files, folders);
  const { manifest, keys } = await writeManifest(env, tree, writer);
  const indexed = indexOf(files);
  const copied = new Set(keys.filter((each) => each !== key));
  const { artifactId, artifactUuid, index } = await nextIndex(workspaceId, name, at);
  const version = sql`(SELECT id FROM versions WHERE artifact_id = ${artifactId} AND version_index = ${index})`;
  const refs: Pick<WholeVersion, "keys" | "copied" | "manifest"> = { keys, copied, manifest };
  await env.DB.batch([
    prepare(
      env.DB,
      sql`
        INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
          manifest_key, manifest_length, manifest)
        VALUES (${artifactId}, ${index}, ${at}, ${at}, ${tree.total.files}, ${tree.total.entries},
          ${tree.total.bytes}, ${manifest.key}, ${manifest.length}, unhex(${manifest.row.toHex()}))`,
    ),
    ...insertAllRefs(env.DB, version, refs),
    ...indexContents(env.DB, version, indexed, at),
    prepare(
      env.DB,
      sql`DELETE FROM garbage WHERE key IN (SELECT e.value FROM ${rowsOf([manifest.key])})`,
    ),
  ]);
  const row = await prepare(env.DB, sql`SELECT ${version} AS id`).first<{ id: number }>();
  return {
    artifactId,
    artifactUuid,
    versionId: row?.id ?? 0,
    name: `${artifactUuid} version ${index}`,
    key,
    manifestKey: manifest.key,
  };
}

async function storeFiles(
  key: string,
  brought: Record<string, Uint8Array | Brought>,
): Promise<{ files: NewFile[]; key: string | null }> {
  const stored: Uint8Array[] = [];
  const files: NewFile[] = [];
  let start = 0;
  for (const [path, each] of Object.entries(brought)) {
    const { data, extents } = each instanceof Uint8Array ? { data: each, extents: null } : each;
    const own = data.length === 0 ? [] : [{ key, start, length: data.length }];
    files.push(await describeFile(path, data, extents ?? own));
    if (!extents) {
      stored.push(data);
      start += data.length;
    }
  }
  if (start > 0) {
    await env.BUCKET.put(key, new Blob(stored));
  }
  return { files, key: start > 0 ? key : null };
}

/** What is found by its hashes. */
function indexOf(files: readonly NewFile[]): IndexedContent[] {
  const numbered = files
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
    .map((file, at) => ({ file, fileNumber: at + 1 }));
  return numbered
    .filter(({ file }) => file.size >= LIMITS.indexedFile || files.length === 1)
    .map(({ file, fileNumber }) => ({
      size: file.size,
      sha512: file.sha512.toHex(),
      sha256: file.sha256.toHex(),
      crc32: file.crc32.toString(16).padStart(8, "0"),
      fileNumber,
    }));
}

async function nextIndex(workspaceId: number, name: string, at: number) {
  const url = `test://${name}`;
  const which = sql`workspace_id = ${workspaceId} AND source_url = ${url} AND deleted_at IS NULL`;
  await env.DB.batch([
    prepare(
      env.DB,
      sql`
        INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
        SELECT ${newUuid()}, ${workspaceId}, 'other', ${url}, ${name}, 0, ${at}
        WHERE NOT EXISTS (SELECT 1 FROM artifacts WHERE ${which})`,
    ),
    prepare(env.DB, sql`UPDATE artifacts SET highest_index = highest_index + 1 WHERE ${which}`),
  ]);
  const row = await prepare(
    env.DB,
    sql`SELECT id AS artifactId, uuid AS artifactUuid, highest_index AS "index" FROM artifacts WHERE ${which}`,
  ).first<{ artifactId: number; artifactUuid: Uuid; index: number }>();
  if (row === null) {
    throw new Error(`There is no artifact ${name}`);
  }
  return row;
}

/** An incomplete version of a new artifact, as it is once its files are declared; the draft is another's business. */
export async function makeIncomplete(
  workspaceId: number,
  name: string,
  { at = Date.now(), files = 2 }: { at?: number; files?: number } = {},
): Promise<{
  artifactId: number;
  artifactUuid: Uuid;
  versionId: number;
  name: string;
  draft: Uuid;
}> {
  const draft = newUuid();
  const { artifactId, artifactUuid, index } = await nextIndex(workspaceId, name, at);
  await prepare(
    env.DB,
    sql`
      INSERT INTO versions (artifact_id, version_index, created_at, progress_at, draft, file_count, entry_count,
        total_bytes)
      VALUES (${artifactId}, ${index}, ${at}, ${at}, ${draft}, ${files}, ${files}, ${100 * files})`,
  ).run();
  const row = await prepare(env.DB, sql`SELECT id FROM versions WHERE draft = ${draft}`).first<{
    id: number;
  }>();
  const versionId = row?.id ?? 0;
  return { artifactId, artifactUuid, versionId, name: `${artifactUuid} version ${index}`, draft };
}
