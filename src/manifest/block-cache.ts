// Blocks that an isolate keeps, of all manifests together: those that were not asked for the longest go first. What a
// key names never changes, so nothing is ever out of date; who may read it is asked elsewhere, each time.

import { LIMITS } from "../protocol/limits.ts";
import type { Block } from "./block.ts";
import type { KeptBlocks } from "./read-blocks.ts";

export class BlockCache {
  /** By the key of the manifest and the number of the block; a Map keeps the order in which they were put in. */
  readonly #blocks = new Map<string, Block>();
  #weight = 0;

  /** The blocks of one manifest, which is an object and has a key. */
  of(manifestKey: string): KeptBlocks {
    return {
      find: (number) => {
        const name = `${manifestKey} ${number}`;
        const block = this.#blocks.get(name) ?? null;
        if (block !== null) {
          this.#blocks.delete(name);
          this.#blocks.set(name, block);
        }
        return block;
      },
      keep: (number, block) => this.#keep(`${manifestKey} ${number}`, block),
    };
  }

  #keep(name: string, block: Block): void {
    this.#weight += block.weight - (this.#blocks.get(name)?.weight ?? 0);
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    for (const [oldest, { weight }] of this.#blocks) {
      if (this.#weight <= LIMITS.blocksKept) {
        break;
      }
      this.#blocks.delete(oldest);
      this.#weight -= weight;
    }
  }
}
