// What was written is held against what was meant while it is made: a manifest is for ever, and names alone lead to bytes.

import { decodeIndex } from "./block-index.ts";
import type { EncodedBlock } from "./encode-blocks.ts";
import { addSums, NO_SUMS, SUM_PARTS } from "./entries.ts";
import type { Sums } from "./entries.ts";
import { sortTexts } from "./front-coding.ts";
import type { Tree } from "./tree.ts";
import { verifyBlock } from "./verify-block.ts";

export class TreeCheck {
  /** Over the files so far. */
  sums: Sums = NO_SUMS;
  #entries = 0;
  readonly #tree: Tree;
  /** Whether each key of the members is that of an extent. */
  readonly #isUsed: Uint8Array;

  constructor(tree: Tree) {
    this.#tree = tree;
    this.#isUsed = new Uint8Array(tree.members.keys.length);
  }

  /** Reads a block again and gives the sums over its files; throws where it is not what was meant. */
  take(block: EncodedBlock, lists: Uint8Array): Sums {
    const start = { entries: this.#entries, sums: this.sums, layout: this.#tree.layout };
    const read = verifyBlock(block, { start, keys: this.#tree.members.keys, lists });
    const sums = addSums(read.end, this.sums, -1);
    this.sums = read.end;
    this.#entries += read.entryCount;
    for (const entry of block.entries) {
      for (const { key } of entry.kind === "file" ? entry.file.extents : []) {
        if (key !== null) {
          this.#isUsed[key] = 1;
        }
      }
    }
    return sums;
  }

  /** Reads the index again; throws where it is not that of the blocks. */
  takeIndex(index: Uint8Array): void {
    const { total, entryCount } = decodeIndex(index);
    if (entryCount !== this.#entries || SUM_PARTS.some((part) => total[part] !== this.sums[part])) {
      throw new Error("Cannot write a manifest: its index would be read as another");
    }
  }

  /** Compares the whole with the tree, and gives the keys that it names, sorted. */
  finish(): string[] {
    const { total, members } = this.#tree;
    const read = { ...this.sums, entries: this.#entries };
    if (Object.entries(read).some(([part, value]) => total[part as keyof typeof read] !== value)) {
      throw new Error("Cannot write a manifest: its sums would be read as others");
    }
    return sortTexts(members.keys.filter((_, key) => this.#isUsed[key] === 1));
  }
}
