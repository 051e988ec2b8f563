// The files of a draft with their folders, numbered as in a version (docs/decisions/003). It is made when somebody first
// looks at the draft as at a version.

import { toText } from "../manifest/byte-reader.ts";
import { compareBytes } from "../manifest/front-coding.ts";
import { Members } from "../manifest/members.ts";
import { planTree, walkTree } from "../manifest/tree.ts";
import type { Tree } from "../manifest/tree.ts";
import type { Folder, OrdinalRange } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type { Declared } from "./declared.ts";

/** Units of work between two rests of planTree(). */
const PLAN_WORK = 1_000_000;

export class DraftTree {
  readonly #tree: Tree;
  readonly #declared: Declared;
  /** The ordinal of each file, by its number - 1. */
  readonly #files: Uint32Array;
  /** Of each folder, in order: its ordinal, the number of a file in it, the length of its path. */
  readonly #folders: Uint32Array;
  readonly #inside: Uint32Array;
  readonly #lengths: Uint32Array;

  constructor(tree: Tree, declared: Declared) {
    this.#tree = tree;
    this.#declared = declared;
    this.#files = new Uint32Array(tree.total.files);
    this.#folders = new Uint32Array(tree.folders.count);
    this.#inside = new Uint32Array(tree.folders.count);
    this.#lengths = new Uint32Array(tree.folders.count);
    let [ordinal, file, folder] = [0, 0, 0];
    for (const step of walkTree(tree.members, tree.order)) {
      if (step.kind === "file") {
        ordinal += 1;
        this.#files[file] = ordinal;
        file += 1;
      } else if (step.kind === "folder") {
        ordinal += 1;
        this.#folders[folder] = ordinal;
        this.#inside[folder] = file + 1;
        this.#lengths[folder] = step.path.length;
        folder += 1;
      }
    }
  }

  /** Numbers files that are in order and free of conflicts. */
  static async make(declared: Declared): Promise<DraftTree> {
    const pace = new Pace();
    // A record begins as that of a member does, and a plan looks no further.
    const planned = await planTree(new Members(declared.chunks, []), {
      folders: LIMITS.bundleFolders,
      faults: 1,
      pause: () => pace.spendAndRest(PLAN_WORK),
    });
    if (!planned.ok) {
      throw new Error("Cannot number the files of a draft: they are not one tree");
    }
    return new DraftTree(planned.tree, declared);
  }

  get root(): Folder {
    const { entries: entryCount, files: fileCount, bytes: totalBytes } = this.#tree.total;
    return { kind: "folder", path: "", ordinal: 0, entryCount, fileCount, totalBytes };
  }

  /** The ordinal of a file. */
  ordinalOf(number: number): number {
    return this.#files[number - 1] ?? 0;
  }

  /** The numbers of the files of a range: from the first up to, not including, the end. */
  filesIn({ after, last }: OrdinalRange): { first: number; end: number } {
    return { first: countUpTo(this.#files, after) + 1, end: countUpTo(this.#files, last) + 1 };
  }

  /** A folder by its path, which ends in a slash. */
  findFolder(path: string): Folder | null {
    const wanted = new TextEncoder().encode(path);
    let [low, high] = [0, this.#folders.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = compareBytes(this.#pathOf(middle), wanted);
      if (difference === 0) {
        return this.#folderAt(middle);
      }
      [low, high] = difference < 0 ? [middle + 1, high] : [low, middle];
    }
    return null;
  }

  /** What is at an ordinal: a folder, or the number of a file; null behind the last. */
  at(ordinal: number): Folder | number | null {
    const file = countUpTo(this.#files, ordinal);
    if (file > 0 && this.#files[file - 1] === ordinal) {
      return file;
    }
    const folder = countUpTo(this.#folders, ordinal) - 1;
    return this.#folders[folder] === ordinal ? this.#folderAt(folder) : null;
  }

  #folderAt(index: number): Folder {
    const below = this.#tree.folders.get(index);
    const { entries: entryCount, files: fileCount, bytes: totalBytes } = below;
    const path = toText(this.#pathOf(index));
    return {
      kind: "folder",
      path,
      ordinal: this.#folders[index] ?? 0,
      entryCount,
      fileCount,
      totalBytes,
    };
  }

  #pathOf(index: number): Uint8Array {
    return this.#declared.pathAt(this.#inside[index] ?? 1).subarray(0, this.#lengths[index]);
  }
}

/** How many of the numbers, which ascend, are not greater than one. */
function countUpTo(numbers: Uint32Array, most: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    [low, high] = (numbers[middle] ?? 0) <= most ? [middle + 1, high] : [low, middle];
  }
  return low;
}
