// The files of versions, read from their manifests as the catalog and R2 have them.

import type { D1Database, R2Bucket } from "@cloudflare/workers-types";

import { openManifest } from "../../src/manifest/open-manifest.ts";
import { VersionReader } from "../../src/manifest/version-reader.ts";
import type { FileExtent } from "../../src/protocol/entries.ts";
import { bytesOf, hexOf } from "./hex.ts";

/** D1 and R2, of the Worker under test or of the test itself. */
export interface Stores {
  DB: unknown;
  BUCKET: unknown;
}

export interface ListedFile {
  path: string;
  size: number;
  sha256: string;
  sha512: string;
  extents: FileExtent[];
}

interface VersionRow {
  id: number;
  index: number;
  key: string | null;
  manifest: string;
}

/** The sealed versions `v` of artifacts `a` for which an SQL condition holds, in order of index, each with its files. */
async function listVersions(
  stores: Stores,
  condition: string,
  ...values: unknown[]
): Promise<{ id: number; index: number; files: ListedFile[] }[]> {
  const { results } = await (stores.DB as D1Database)
    .prepare(
      `SELECT v.id, v.version_index AS "index", v.manifest_key AS "key", hex(v.manifest) AS manifest
       FROM versions v JOIN artifacts a ON a.id = v.artifact_id
       WHERE v.sealed_at IS NOT NULL AND ${condition} ORDER BY v.version_index, v.id`,
    )
    .bind(...values)
    .all<VersionRow>();
  return Promise.all(
    results.map(async ({ id, index, key, manifest }) => {
      return { id, index, files: await readFiles(openVersion(stores, key, manifest)) };
    }),
  );
}

/** The files of all of them, one version behind the other. */
export async function listFiles(
  stores: Stores,
  condition: string,
  ...values: unknown[]
): Promise<ListedFile[]> {
  const versions = await listVersions(stores, condition, ...values);
  return versions.flatMap(({ files }) => files);
}

async function readFiles(reader: VersionReader): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const entries of reader.walk({ after: 0, last: Infinity })) {
    for (const entry of entries) {
      if (entry.kind === "file") {
        const { path, size, sha256, sha512 } = entry;
        const extents = (await Array.fromAsync(reader.extents(entry))).flat();
        files.push({ path, size, sha256: hexOf(sha256), sha512: hexOf(sha512), extents });
      }
    }
  }
  return files;
}

/** Opens the manifest of a version as its row has it. */
function openVersion(
  { BUCKET }: Pick<Stores, "BUCKET">,
  key: string | null,
  manifest: string,
): VersionReader {
  const read = async (offset: number, length: number) => {
    const object = await (BUCKET as R2Bucket).get(key ?? "", { range: { offset, length } });
    return new Uint8Array((await object?.arrayBuffer()) ?? []);
  };
  return new VersionReader(openManifest(bytesOf(manifest), read));
}

/** Where the bytes of a content are that some version has as its only file. */
export async function extentsOfContent(stores: Stores, sha512: string): Promise<FileExtent[]> {
  const holders = `v.id IN (SELECT h.version_id FROM contents c JOIN holders h ON h.content_id = c.id
    WHERE c.sha512 = unhex(?1))`;
  const files = await listFiles(stores, holders, sha512);
  return files.find((file) => file.sha512 === sha512)?.extents ?? [];
}
