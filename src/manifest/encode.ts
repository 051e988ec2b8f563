// A manifest from a tree: whole in its row where it is small, else an object.

import { LIMITS } from "../protocol/limits.ts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32 } from "./crc32.ts";
import { encodeBlocks } from "./encode-blocks.ts";
import { encodeObject } from "./encode-object.ts";
import type { EncodeOptions, ObjectManifest } from "./encode-object.ts";
import { BLOCK_ENTRIES, HASHES, INLINE } from "./format.ts";
import { encodeLeftOut } from "./left-out.ts";
import { TreeCheck } from "./tree-check.ts";
import type { Tree } from "./tree.ts";

/** A manifest that is kept in the row of its version. */
interface InlineManifest {
  kind: "inline";
  bytes: Uint8Array;
  /** The keys of the R2 objects that it names, sorted. */
  keys: string[];
}

/** Entries of a block that are more than its bytes allow. */
const MOST_ENTRIES = 32 * BLOCK_ENTRIES;

/** Makes the manifest of a tree. */
export async function encodeManifest(
  tree: Tree,
  options: EncodeOptions,
): Promise<InlineManifest | ObjectManifest> {
  const inline = encodeInline(tree, options);
  if (inline !== null) {
    return inline;
  }
  let mostEntries = BLOCK_ENTRIES;
  while (mostEntries * LIMITS.manifestBlocks < tree.total.entries) {
    mostEntries *= 2;
  }
  for (; ; mostEntries *= 2) {
    const made = await encodeObject(tree, mostEntries, options);
    if (made.index.length <= LIMITS.manifestIndex || mostEntries >= MOST_ENTRIES) {
      return made;
    }
  }
}

/** A manifest that is whole in its row; null where it is too large for that. */
function encodeInline(
  tree: Tree,
  { leftOut }: Pick<EncodeOptions, "leftOut">,
): InlineManifest | null {
  const { files, entries } = tree.total;
  if (entries > BLOCK_ENTRIES || files * HASHES.sha512 > LIMITS.manifestInline) {
    return null;
  }
  const lists = new ByteWriter();
  const blocks = [...encodeBlocks(tree, BLOCK_ENTRIES, lists)];
  const check = new TreeCheck(tree);
  for (const block of blocks) {
    check.take(block, lists.view());
  }
  const keys = check.finish();
  const left = encodeLeftOut(leftOut);
  const to = new ByteWriter(LIMITS.manifestInline);
  to.u8(INLINE).varint(tree.layout).varint(lists.length).varint(left.length);
  for (const block of blocks) {
    to.bytes(block.bytes);
  }
  to.bytes(lists.view()).bytes(left);
  const bytes = to.u32(crc32(to.view())).view();
  return blocks.length > 1 || bytes.length > LIMITS.manifestInline
    ? null
    : { kind: "inline", bytes, keys };
}
