// Manifests for tests, and readers of them over bytes in memory that count what is read.

import { RunningDigest } from "../../../src/blobs/checksums.ts";
import type { EncodeOptions } from "../../../src/manifest/encode-object.ts";
import { encodeManifest } from "../../../src/manifest/encode.ts";
import { NOTHING_LEFT_OUT } from "../../../src/manifest/left-out.ts";
import { Members, MemberWriter } from "../../../src/manifest/members.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import { openManifest, openObject } from "../../../src/manifest/open-manifest.ts";
import { planTree } from "../../../src/manifest/tree.ts";
import type { Tree } from "../../../src/manifest/tree.ts";
import { VersionReader } from "../../../src/manifest/version-reader.ts";

/** The layout of the manifests that are kept as they were. */
const BOUNDS = { layout: 1, folders: 100_000, faults: 20, pause: async () => undefined };

/** Bytes that look like a hash, and differ for each seed. */
export function hashOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed + 1, 0x9e37_79b1) >>> 0;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state ^ (state >>> 15), 0x85eb_ca6b) + at) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** A file with everything that it may leave out left out. */
export function makeFile(path: string, size: number, seed = size): NewFile {
  return {
    path,
    size,
    crc32: new DataView(hashOf(seed, 4).buffer).getUint32(0),
    sha256: hashOf(seed, 32),
    sha512: hashOf(seed + 7, 64),
    extents: size === 0 ? [] : [{ key: "o/1", start: 100, length: size }],
    type: null,
    isExecutable: false,
    modifiedAt: null,
    linkTarget: null,
  };
}

export function membersOf(files: readonly NewFile[], folders: readonly string[] = []): Members {
  const writer = new MemberWriter();
  for (const file of files) {
    writer.addFile(file);
  }
  for (const folder of folders) {
    writer.addFolder(folder);
  }
  return new Members(writer.takeChunks(), writer.keys);
}

/** The tree of files that have no faults. */
export async function treeOf(
  files: readonly NewFile[],
  folders: readonly string[] = [],
): Promise<Tree> {
  const planned = await planTree(membersOf(files, folders), BOUNDS);
  if (!planned.ok) {
    throw new Error(`There are faults: ${JSON.stringify(planned.faults)}`);
  }
  return planned.tree;
}

/** The faults of files. */
export async function faultsOf(
  files: readonly NewFile[],
  folders: readonly string[] = [],
  bounds: { folders?: number; faults?: number } = {},
) {
  const planned = await planTree(membersOf(files, folders), { ...BOUNDS, ...bounds });
  return planned.ok ? [] : planned.faults;
}

export const OPTIONS: EncodeOptions = {
  leftOut: NOTHING_LEFT_OUT,
  newSha256: () => new RunningDigest("sha256"),
  pause: async () => undefined,
};

/** A manifest as it is kept: what the row has, and the object, which is empty where the row has all. */
export interface KeptManifest {
  row: Uint8Array;
  object: Uint8Array;
  keys: string[];
}

/** Makes the manifest of files. */
export async function makeManifest(
  files: readonly NewFile[],
  folders: readonly string[] = [],
  options: Partial<EncodeOptions> = {},
): Promise<KeptManifest> {
  const made = await encodeManifest(await treeOf(files, folders), { ...OPTIONS, ...options });
  if (made.kind === "inline") {
    return { row: made.bytes, object: new Uint8Array(), keys: made.keys };
  }
  const object = join([...made.pieces()]);
  if (object.length !== made.length) {
    throw new Error(`The manifest has ${object.length} bytes, not ${made.length}`);
  }
  return { row: made.index, object, keys: made.keys };
}

export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** A reader of a manifest that is kept, and the reads that it made. */
export function openKept({ row, object }: Pick<KeptManifest, "row" | "object">) {
  const reads: { offset: number; length: number }[] = [];
  const read = async (offset: number, length: number) => {
    reads.push({ offset, length });
    return object.slice(offset, offset + length);
  };
  return { reader: new VersionReader(openManifest(row, read)), reads };
}

/** A reader of an object by itself. */
export async function openAlone(object: Uint8Array): Promise<VersionReader> {
  const read = async (offset: number, length: number) => object.slice(offset, offset + length);
  return new VersionReader(await openObject(object.length, read));
}

/** All that an async iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}
