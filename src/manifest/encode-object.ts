// A manifest that is an R2 object, made block by block. R2 wants length and SHA-256 before the first byte, so it is made
// twice and never held: once to be checked and hashed, then again each time it is sent.

import { IndexWriter } from "./block-index.ts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32 } from "./crc32.ts";
import { encodeBlocks } from "./encode-blocks.ts";
import type { EncodedBlock } from "./encode-blocks.ts";
import { HASHED_FILES, MAGIC } from "./format.ts";
import { encodeTable } from "./front-coding.ts";
import { HashColumn } from "./hash-column.ts";
import { encodeLeftOut } from "./left-out.ts";
import type { LeftOut } from "./left-out.ts";
import { TreeCheck } from "./tree-check.ts";
import type { Tree } from "./tree.ts";

/** A SHA-256 in the making; after a digest more may follow. */
interface RunningHash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** What an encoder needs beside the tree. */
export interface EncodeOptions {
  leftOut: LeftOut;
  newSha256: () => RunningHash;
  /** Lets others have their turn; called after each block. */
  pause: () => Promise<void>;
}

/** A manifest that becomes an R2 object. */
export interface ObjectManifest {
  kind: "object";
  length: number;
  sha256: Uint8Array;
  /** What the row of its version has of it. */
  index: Uint8Array;
  /** The keys of the R2 objects that it names, sorted. */
  keys: string[];
  /** @yields Its bytes, the same each time. */
  pieces(): Generator<Uint8Array>;
}

/** Makes the manifest of a tree, with so many entries in a block at most. */
export async function encodeObject(
  tree: Tree,
  mostEntries: number,
  { leftOut, newSha256, pause }: EncodeOptions,
): Promise<ObjectManifest> {
  const lists = new ByteWriter();
  const check = new TreeCheck(tree);
  const column = tree.total.files < HASHED_FILES ? null : new HashColumn(tree.total.files);
  const index = new IndexWriter();
  const sha256 = newSha256();
  for (const block of encodeBlocks(tree, mostEntries, lists)) {
    noteHashes(column, block, check.sums.files);
    index.add({ ...block, sums: check.take(block, lists.view()) });
    sha256.update(block.bytes);
    await pause();
  }
  const keys = check.finish();
  const sections = {
    lists: lists.view(),
    hashes: column?.sorted() ?? new Uint8Array(),
    keys: encodeTable(keys),
    leftOut: encodeLeftOut(leftOut),
  };
  const indexBytes = index.finish(tree.layout, {
    lists: { length: lists.length, crc: 0 },
    hashes: measured(sections.hashes),
    keys: measured(sections.keys),
    leftOut: measured(sections.leftOut),
  });
  check.takeIndex(indexBytes);
  const tail = [sections.hashes, sections.keys, sections.leftOut, indexBytes];
  for (const bytes of [sections.lists, ...tail]) {
    sha256.update(bytes);
  }
  const footer = new ByteWriter().u32(indexBytes.length).bytes(sha256.digest()).bytes(MAGIC).view();
  sha256.update(footer);
  return {
    kind: "object",
    length:
      index.blocksLength +
      [sections.lists, ...tail, footer].reduce((sum, { length }) => sum + length, 0),
    sha256: sha256.digest(),
    index: indexBytes,
    keys,
    pieces: () => makePieces(tree, mostEntries, [...tail, footer]),
  };
}

function* makePieces(
  tree: Tree,
  mostEntries: number,
  tail: readonly Uint8Array[],
): Generator<Uint8Array> {
  const lists = new ByteWriter();
  for (const { bytes } of encodeBlocks(tree, mostEntries, lists)) {
    yield bytes;
  }
  for (const bytes of [lists.view(), ...tail]) {
    if (bytes.length > 0) {
      yield bytes;
    }
  }
}

/** Notes the files of a block that have bytes; `before` is the number of the last one before it. */
function noteHashes(column: HashColumn | null, { entries }: EncodedBlock, before: number): void {
  let number = before;
  for (const entry of entries) {
    if (entry.kind === "file") {
      number += 1;
      if (entry.file.size > 0) {
        column?.add(entry.file.sha256, number);
      }
    }
  }
}

function measured(bytes: Uint8Array): { length: number; crc: number } {
  return { length: bytes.length, crc: crc32(bytes) };
}
