// Artifacts of many files, faster than the API makes them: their bytes go in as uploads, their versions straight into the
// catalog.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";

import type { NewFile } from "../../src/manifest/members.ts";
import type { FileExtent } from "../../src/protocol/entries.ts";
import { bytesOf } from "./hex.ts";
import { insertVersion, newFile } from "./insert-version.ts";
import type { Service, TestEnv } from "./service.ts";
import { extentsOfContent } from "./version-files.ts";

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
  await insertVersion(service.env, artifact.id, await uploadContents(service, home.bearer, files));
}

/** Where in R2 a content's bytes are, in order. */
export async function listExtents(service: TestService, bytes: Uint8Array): Promise<FileExtent[]> {
  return extentsOfContent(service.env, hexDigest("sha512", bytes));
}

/** Deletes the R2 object of one extent of a content, as no request ever does. */
export async function loseObject(
  service: TestService,
  bytes: Uint8Array,
  position = 0,
): Promise<void> {
  const key = (await listExtents(service, bytes))[position]?.key ?? "";
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

/** A content that is uploaded. */
interface Content {
  sha256: Uint8Array;
  sha512: Uint8Array;
  crc32: number;
  extents: FileExtent[];
}

async function uploadContents(
  service: TestService,
  bearer: string,
  files: readonly MadeFile[],
): Promise<NewFile[]> {
  const contents = new Map<string, Content>();
  const names = new Map<Uint8Array, string>();
  const stored: NewFile[] = [];
  for (const { path, bytes, times = 1 } of files) {
    const sha256 = names.get(bytes) ?? hexDigest("sha256", bytes);
    names.set(bytes, sha256);
    const content = contents.get(sha256) ?? (await uploadContent(service, bearer, bytes));
    contents.set(sha256, content);
    const stretched = times === 1 ? content : repeat(content, times);
    stored.push(newFile({ path, size: bytes.length * times, ...stretched }));
  }
  return stored;
}

async function uploadContent(
  service: TestService,
  bearer: string,
  bytes: Uint8Array,
): Promise<Content> {
  const [sha256, sha512] = [hexDigest("sha256", bytes), hexDigest("sha512", bytes)];
  await service.upload(`content-${sha256}`, bytes, bearer);
  return {
    sha256: bytesOf(sha256),
    sha512: bytesOf(sha512),
    crc32: crc32(bytes),
    extents: await extentsOfContent(service.env, sha512),
  };
}

/** The same bytes so many times, as many extents of the same object; its checksums are made up. */
function repeat({ extents, ...content }: Content, times: number): Content {
  return {
    ...content,
    sha512: new Uint8Array(randomBytes(64)),
    extents: Array.from({ length: times }, () => extents).flat(),
  };
}
