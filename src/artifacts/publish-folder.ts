// Sealed bundle -> version: the files of a folder, each in R2 objects of its own, so that only their manifest is written.

import { publishBundle } from "../catalog/publish/bundled.ts";
import { Members, MemberWriter } from "../manifest/members.ts";
import { planTree } from "../manifest/tree.ts";
import type { Tree } from "../manifest/tree.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type { ArtifactIntent, BundledFile, SealedUpload, SealResult } from "../protocol/uploads.ts";
import { writeManifest } from "./manifests.ts";
import { countsOf, indexedOf } from "./whole-version.ts";

type SealedBundle = SealedUpload<ArtifactIntent> & { files: readonly BundledFile[] };

/** Publishes it as the newest version of its artifact, in one batch that ends its uploads as well. */
export async function publishFolder(
  stores: Pick<Env, "DB" | "BUCKET">,
  { uuid, intent, files, extents }: SealedBundle,
): Promise<SealResult | null> {
  const tree = await treeOf(files, extents);
  const { manifest, keys } = await writeManifest(stores, tree, uuid);
  const indexed = await indexedOf(tree);
  const whole = { ...countsOf(tree), manifest, keys, copied: new Set<string>(), indexed };
  const parts = files.map(({ upload }) => upload);
  return publishBundle(stores.DB, { uuid, parts, intent, whole }, Date.now());
}

async function treeOf(
  files: readonly BundledFile[],
  extents: SealedBundle["extents"],
): Promise<Tree> {
  const writer = new MemberWriter();
  let first = 0;
  for (const { path, contentType, size, crc32, sha256, sha512, objects } of files) {
    writer.addFile({
      path,
      size,
      crc32: Number.parseInt(crc32, 16),
      sha256: Uint8Array.fromHex(sha256),
      sha512: Uint8Array.fromHex(sha512),
      type: contentType,
      isExecutable: false,
      modifiedAt: null,
      linkTarget: null,
      extents: extents.slice(first, first + objects),
    });
    first += objects;
  }
  const pace = new Pace();
  const planned = await planTree(new Members(writer.takeChunks(), writer.keys), {
    folders: LIMITS.bundleFolders,
    faults: 1,
    pause: () => pace.spendAndRest(1_000_000),
  });
  if (!planned.ok) {
    throw new Error("Cannot make a version of a bundle: its files are not one tree");
  }
  return planned.tree;
}
