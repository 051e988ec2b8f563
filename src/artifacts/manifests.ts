// Manifests between R2 and the catalog: written before a version is added, read whenever something of it is asked for.

import { putStream, readPiece } from "../blobs/objects.ts";
import { noteGarbage } from "../catalog/contents/version-rows.ts";
import type { KeptManifest } from "../catalog/contents/version-rows.ts";
import { BlockCache } from "../manifest/block-cache.ts";
import { encodeManifest } from "../manifest/encode.ts";
import { openManifest } from "../manifest/open-manifest.ts";
import type { Tree } from "../manifest/tree.ts";
import { VersionReader } from "../manifest/version-reader.ts";
import type { Uuid } from "../protocol/ids.ts";
import { newUuid } from "../protocol/ids.ts";
import { Pace } from "../protocol/pace.ts";
import { RunningSha256 } from "./sha256.ts";

type Stores = Pick<Env, "DB" | "BUCKET">;

/** A manifest that is where it stays, and the R2 objects that it names. */
export interface WrittenManifest {
  manifest: KeptManifest;
  keys: string[];
}

/** Units of work for a block. */
const BLOCK_WORK = 300_000;

/** Writes the manifest of a tree for a version to be. `writer` is the upload or draft that does. An object's key is listed in
 * `garbage` first, for a day: the batch that adds the version takes it off, and what is cut off before is swept. */
export async function writeManifest(
  { DB: db, BUCKET: bucket }: Stores,
  tree: Tree,
  writer: Uuid,
): Promise<WrittenManifest> {
  const pace = new Pace();
  const made = await encodeManifest(tree, {
    leftOut: tree.leftOut,
    newSha256: () => new RunningSha256(),
    pause: () => pace.spendAndRest(BLOCK_WORK),
  });
  if (made.kind === "inline") {
    const { bytes: row, keys } = made;
    return { manifest: { key: null, length: row.length, row }, keys };
  }
  const { length, sha256, index: row, keys } = made;
  const key = `manifests/${writer}/${newUuid()}`;
  await noteGarbage(db, [key], Date.now()).run();
  await putStream(bucket, key, { length, sha256, pieces: () => made.pieces() });
  return { manifest: { key, length, row }, keys };
}

/** What this isolate keeps of manifests, of all versions together. */
const blocks = new BlockCache();

/** Opens the manifest of a version. */
export function readManifest(
  bucket: Env["BUCKET"],
  { key, row }: Pick<KeptManifest, "key" | "row">,
): VersionReader {
  const read = (offset: number, length: number) => readPiece(bucket, key ?? "", offset, length);
  return new VersionReader(openManifest(row, read), key === null ? null : blocks.of(key));
}
