// The entries of a version numbered once more, by nothing but their paths and sizes: the numbers and sums of a manifest
// have to come out again. In memory bounded by the depth of the folders, from any entry on.

import { entryLengths, LAYOUTS } from "../../archive/lengths.ts";
import { addSums, SUM_PARTS, sumsOfEmptyFolder } from "../../manifest/entries.ts";
import type { Entry, FolderEntry, Sums } from "../../manifest/entries.ts";
import type { VersionReader } from "../../manifest/version-reader.ts";
import { comparePaths, findPathFault } from "../../protocol/paths.ts";

const encoder = new TextEncoder();

/** What is wrong with an entry: its place among the others, or what it says of them. */
export type EntryFault = "order" | "sums";

export class Renumbering {
  /** Paths of files that a folder might still follow: each begins what comes before the next entry. */
  #files: string[] = [];
  #open: FolderEntry[] = [];
  #previous: string;
  #ordinal: number;
  #sums: Sums;
  /** Sums of archives are those of a layout, which may be none that is known here. */
  readonly #layout: number;
  readonly #parts: readonly (keyof Sums)[];

  private constructor(
    layout: number,
    { ordinal, path, sums }: { ordinal: number; path: string; sums: Sums },
  ) {
    this.#ordinal = ordinal;
    this.#previous = path;
    this.#sums = sums;
    this.#layout = layout;
    const isKnown = layout === LAYOUTS.plain || layout === LAYOUTS.withEmptyFolders;
    this.#parts = isKnown ? SUM_PARTS : (["files", "bytes", "emptyFolders"] as const);
  }

  /** Goes on behind an entry; what is before it was numbered by another. */
  static async after(reader: VersionReader, ordinal: number): Promise<Renumbering> {
    const [last] = ordinal === 0 ? [] : await reader.page(ordinal, ordinal);
    const path = last?.path ?? "";
    // The last entry may be an empty folder, which ends, and counts, before the next one.
    const sums = last?.kind === "file" ? last.sums : (last?.before ?? reader.root.before);
    const begun = new Renumbering(reader.layout, { ordinal, path, sums });
    await begun.#reopen(reader, path);
    return begun;
  }

  async #reopen(reader: VersionReader, path: string): Promise<void> {
    for (let end = 1; end <= path.length; end += 1) {
      const prefix = path.slice(0, end);
      if (prefix.endsWith("/")) {
        const folder = await reader.find(prefix);
        if (folder?.kind === "folder") {
          this.#open.push(folder);
        }
      } else if (end === path.length || (path[end] ?? "/") < "/") {
        const file = await reader.find(prefix);
        if (file?.kind === "file") {
          this.#files.push(prefix);
        }
      }
    }
  }

  /** Takes the next entry. */
  take(entry: Entry): EntryFault | null {
    const { path } = entry;
    const wrong = this.#close(path);
    const isInOrder = this.#isNext(entry);
    this.#ordinal += 1;
    this.#previous = path;
    const isSummed = entry.kind === "file" ? this.#addFile(entry) : this.#isEqual(entry.before);
    if (entry.kind === "folder") {
      this.#sums = entry.before;
      this.#open.push(entry);
    } else {
      this.#files.push(path);
    }
    if (!isInOrder) {
      return "order";
    }
    return isSummed && wrong === 0 ? null : "sums";
  }

  /** Ends the folders that are open, and compares all with the root; gives how many are wrong. */
  finish(root: FolderEntry): number {
    const wrong = this.#close(null);
    const isWhole = this.#ordinal === root.below.entries && this.#isEqual(root.below);
    return wrong + Number(!isWhole);
  }

  #isNext({ path, ordinal, kind }: Entry): boolean {
    this.#files = this.#files.filter((file) => path.startsWith(file));
    const name = kind === "folder" ? path.slice(0, -1) : path;
    return (
      ordinal === this.#ordinal + 1 &&
      comparePaths(this.#previous, path) < 0 &&
      findPathFault(name) === null &&
      name.slice(0, name.lastIndexOf("/") + 1) === (this.#open.at(-1)?.path ?? "") &&
      !(kind === "folder" && this.#files.includes(name))
    );
  }

  /** Adds a file, and tells whether it says the same sums; those that it says count from then on. */
  #addFile({ path, size, sums }: Entry & { kind: "file" }): boolean {
    const own = { files: 1, bytes: size, emptyFolders: 0, ...entryLengths(path, size) };
    this.#sums = addSums(this.#sums, own);
    const isEqual = this.#isEqual(sums);
    this.#sums = sums;
    return isEqual;
  }

  /** Ends the folders that `path` is not in, all without a path, and gives how many are not what they say. */
  #close(path: string | null): number {
    let wrong = 0;
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (path?.startsWith(last.path)) {
        break;
      }
      this.#open.pop();
      const entries = this.#ordinal - last.ordinal;
      const sums = addSums(this.#sums, last.before, -1);
      wrong += Number(entries !== last.below.entries || !this.#isEqual(last.below, sums));
      if (entries === 0) {
        this.#sums = addSums(
          this.#sums,
          sumsOfEmptyFolder(encoder.encode(last.path), this.#layout),
        );
      }
    }
    return wrong;
  }

  #isEqual(sums: Sums, counted: Sums = this.#sums): boolean {
    return this.#parts.every((part) => sums[part] === counted[part]);
  }
}
