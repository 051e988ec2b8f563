// Blocks of a manifest, read in runs and checked; an isolate keeps some of them, as they never change.

import { LIMITS } from "../protocol/limits.ts";
import type { IndexedBlock } from "./block-index.ts";
import { Block } from "./block.ts";
import { crc32 } from "./crc32.ts";
import { ManifestDamage } from "./damage.ts";
import { SUM_PARTS } from "./entries.ts";
import { compareBytes } from "./front-coding.ts";
import { readExactly } from "./open-manifest.ts";
import type { OpenManifest } from "./open-manifest.ts";

/** The blocks that are kept of one manifest. */
export interface KeptBlocks {
  find(block: number): Block | null;
  keep(block: number, read: Block): void;
}

export class BlockSource {
  readonly #manifest: OpenManifest;
  readonly #kept: KeptBlocks | null;

  constructor(manifest: OpenManifest, kept: KeptBlocks | null) {
    this.#manifest = manifest;
    this.#kept = kept;
  }

  async one(number: number): Promise<Block> {
    const [block] = await this.run(number, number + 1);
    if (block === undefined) {
      throw new ManifestDamage(`it has no block ${number}`);
    }
    return block;
  }

  /** Gives the blocks from one up to, not including, another, by one read where none of them is kept. */
  async run(from: number, to: number): Promise<Block[]> {
    const wanted = this.#manifest.index.blocks.slice(from, to);
    const kept = wanted.map((_, at) => this.#kept?.find(from + at) ?? null);
    const first = kept.indexOf(null);
    const last = kept.lastIndexOf(null);
    const [head, tail] = [wanted[first], wanted[last]];
    if (head === undefined || tail === undefined) {
      return kept.filter((block) => block !== null);
    }
    const length = tail.offset + tail.length - head.offset;
    const bytes = await readExactly(this.#manifest.read, head.offset, length);
    return wanted.map((indexed, at) => {
      const known = kept[at] ?? null;
      if (known !== null) {
        return known;
      }
      const start = indexed.offset - head.offset;
      // A copy: what is kept does not hold the whole run in memory.
      const block = this.#decode(from + at, bytes.slice(start, start + indexed.length));
      this.#kept?.keep(from + at, block);
      return block;
    });
  }

  /** Where a run that begins at `from` ends: before block `to`, and before it has more bytes than one read may. */
  endOfRun(from: number, to: number, mostBlocks: number): number {
    const { blocks } = this.#manifest.index;
    let end = from;
    for (let length = 0; end < to && end - from < mostBlocks; end += 1) {
      length += blocks[end]?.length ?? 0;
      if (length > LIMITS.manifestRead && end > from) {
        break;
      }
    }
    return end;
  }

  #decode(number: number, bytes: Uint8Array): Block {
    const { blocks, total, layout } = this.#manifest.index;
    const indexed = blocks[number];
    if (indexed === undefined || crc32(bytes) !== indexed.crc) {
      throw new ManifestDamage(`block ${number} is damaged`);
    }
    const block = new Block(bytes, { entries: indexed.before, sums: indexed.sums, layout });
    const next: IndexedBlock | undefined = blocks[number + 1];
    const { first, last } = block.ends();
    const after = next?.sums ?? total;
    const isAsIndexed =
      block.entryCount === indexed.entryCount &&
      SUM_PARTS.every((part) => block.end[part] === after[part]) &&
      compareBytes(indexed.separator, first) <= 0 &&
      (next === undefined || compareBytes(last, next.separator) < 0);
    if (!isAsIndexed) {
      throw new ManifestDamage(`block ${number} is not what its index says`);
    }
    return block;
  }
}
