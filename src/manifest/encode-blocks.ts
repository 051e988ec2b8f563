// A tree cut into blocks, in order.

import { LIMITS } from "../protocol/limits.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { encodeBlock } from "./encode-block.ts";
import type { NewEntry } from "./encode-block.ts";
import { commonLength } from "./front-coding.ts";
import type { Member } from "./members.ts";
import { walkTree } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** A block, what it was made of, and what tells it from the one before. */
export interface EncodedBlock {
  bytes: Uint8Array;
  entries: readonly NewEntry[];
  separator: Uint8Array;
  /** Where its lists begin among all. */
  listsStart: number;
}

/** Bytes that an entry takes at most beside its texts: numbers, and of a file its hashes. */
const ENTRY_COST = 160;

/**
 * Encodes a tree.
 *
 * @yields Blocks of up to so many entries, which are fewer where their texts are long. Lists of extents go to `lists`.
 */
export function* encodeBlocks(
  tree: Tree,
  mostEntries: number,
  lists: ByteWriter,
): Generator<EncodedBlock> {
  const context = { keys: tree.members.keys, lists };
  let gathered = new Gathered(tree.members.keys);
  let last: Uint8Array = new Uint8Array();
  const encode = ({ entries }: Gathered): EncodedBlock => {
    const listsStart = lists.length;
    const first = entries[0]?.path ?? last;
    // The shortest text that tells the two apart.
    const separator = first.slice(0, commonLength(last, first) + 1);
    last = entries.at(-1)?.path ?? last;
    return { bytes: encodeBlock(entries, context), entries, separator, listsStart };
  };
  for (const entry of entriesOf(tree)) {
    if (gathered.entries.length === mostEntries || !gathered.add(entry)) {
      yield encode(gathered);
      gathered = new Gathered(tree.members.keys);
      gathered.add(entry);
    }
  }
  if (gathered.entries.length > 0) {
    yield encode(gathered);
  }
}

/** The entries of a block to be, and the bytes that they take at most. */
class Gathered {
  readonly entries: NewEntry[] = [];
  readonly #keys: readonly string[];
  /** Texts that the block has once. */
  readonly #texts = new Set<string>();
  #cost = 0;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** Adds an entry if there is room for it, as there is for the first. */
  add(entry: NewEntry): boolean {
    const last = this.entries.at(-1)?.path;
    const shared = last === undefined ? 0 : commonLength(last, entry.path);
    const texts = entry.kind === "file" ? this.#costOfTexts(entry.file) : 0;
    const cost = this.#cost + ENTRY_COST + entry.path.length - shared + texts;
    if (cost > LIMITS.manifestBlock && this.entries.length > 0) {
      return false;
    }
    this.#cost = cost;
    this.entries.push(entry);
    return true;
  }

  /** Bytes of the texts of a file, without those that the block has, at three bytes a unit of UTF-16. */
  #costOfTexts({ extents, type, linkTarget }: Member): number {
    const key = extents[0]?.key ?? null;
    const more = this.#note(type) + this.#note(key === null ? null : (this.#keys[key] ?? null));
    return 3 * (more + (linkTarget?.length ?? 0));
  }

  /** The length of a text that is new here. */
  #note(text: string | null): number {
    const isNew = text !== null && !this.#texts.has(text);
    if (isNew) {
      this.#texts.add(text);
    }
    return isNew ? text.length : 0;
  }
}

function* entriesOf({ members, order, folders }: Tree): Generator<NewEntry> {
  let folder = 0;
  for (const step of walkTree(members, order)) {
    if (step.kind === "file") {
      yield { kind: "file", path: step.path, file: members.fileAt(step.position) };
    } else if (step.kind === "folder") {
      yield { kind: "folder", path: step.path, below: folders.get(folder) };
      folder += 1;
    }
  }
}
