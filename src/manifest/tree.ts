// Members in the order of a version (docs/decisions/003), with the folders that their paths name and sums over what is
// in each. What cannot be one tree is found here.

import { entryLengthsOfBytes, LAYOUTS } from "../archive/lengths.ts";
import { toText } from "./byte-reader.ts";
import { addSums, FOLDER_PARTS, NO_SUMS, sumsOfEmptyFolder } from "./entries.ts";
import type { FolderSums, Sums } from "./entries.ts";
import { commonLength, compareBytes } from "./front-coding.ts";
import { NOTHING_LEFT_OUT } from "./left-out.ts";
import type { LeftOut } from "./left-out.ts";
import type { Members } from "./members.ts";

const SLASH = 0x2f;

/** Paths that cannot be in one tree: one that is there twice, or is also a folder of `below`; null where the folders are
 * too many. */
export type TreeFault =
  | { kind: "twice"; path: string }
  | { kind: "folder"; path: string; below: string }
  | { kind: "folders"; path: null };

/** A tree without faults. */
export interface Tree {
  members: Members;
  /** Positions of the members, in order. */
  order: Uint32Array;
  folders: FolderTable;
  total: FolderSums;
  /** What was left out of it. */
  leftOut: LeftOut;
  /** One of LAYOUTS, by which the sums are made. */
  layout: number;
}

/** A step through a tree: a file; a folder, before all that is below it, with the path of the first member that is;
 * the end of a folder. */
type Step =
  | { kind: "file"; path: Uint8Array; position: number; size: number }
  | { kind: "folder"; path: Uint8Array; member: Uint8Array }
  | { kind: "end" };

/** Steps after which others get their turn: some milliseconds. */
const STEPS_AT_ONCE = 2_048;

interface PlanOptions {
  /** Positions of the members that are to be in it, in order; absent: all of them. */
  order?: Uint32Array;
  leftOut?: LeftOut;
  /** The layout of a tree with empty folders. */
  layout?: number;
  /** Folders that a tree may have, and faults that are named. */
  folders: number;
  faults: number;
  /** Lets others have their turn. */
  pause: () => Promise<void>;
}

/** Puts members in order, and sums up their folders; gives the faults where there are any. */
export async function planTree(
  members: Members,
  options: PlanOptions,
): Promise<{ ok: true; tree: Tree } | { ok: false; faults: TreeFault[] }> {
  const { leftOut = NOTHING_LEFT_OUT, layout = LAYOUTS.withEmptyFolders } = options;
  const planner = new Planner(members, options.order ?? members.sorted(), layout, options.folders);
  const faults = await takeAll(planner, options);
  if (faults.length > 0) {
    return { ok: false, faults };
  }
  return { ok: true, tree: { ...planner.result(), leftOut } };
}

async function takeAll(planner: Planner, options: PlanOptions): Promise<TreeFault[]> {
  const faults: TreeFault[] = [];
  let steps = 0;
  for (const step of planner.steps()) {
    const fault = planner.take(step);
    if (fault !== null) {
      faults.push(fault);
    }
    if (faults.length >= options.faults || fault?.kind === "folders") {
      break;
    }
    steps += 1;
    if (steps % STEPS_AT_ONCE === 0) {
      await options.pause();
    }
  }
  return faults;
}

/** @yields The steps through a tree. A folder that is a member, too, is there once. */
export function* walkTree(members: Members, order: Uint32Array): Generator<Step> {
  /** Lengths of the paths of the folders that are open; all of them begin `previous`. */
  const open: number[] = [];
  let previous: Uint8Array = new Uint8Array();
  for (const position of order) {
    const { path, size } = members.headAt(position);
    const common = commonLength(previous, path);
    while ((open.at(-1) ?? 0) > common) {
      open.pop();
      yield { kind: "end" };
    }
    for (let at = open.at(-1) ?? 0; at < path.length; at += 1) {
      if (path[at] === SLASH) {
        open.push(at + 1);
        yield { kind: "folder", path: path.subarray(0, at + 1), member: path };
      }
    }
    if (size !== null) {
      yield { kind: "file", path, position, size };
    }
    previous = path;
  }
  for (let rest = open.length; rest > 0; rest -= 1) {
    yield { kind: "end" };
  }
}

/** The sums of folders, in the order in which they begin. */
class FolderTable {
  #values = new Float64Array(64 * FOLDER_PARTS.length);
  count = 0;

  /** Adds a folder and gives its number. */
  add(): number {
    if (this.count * FOLDER_PARTS.length === this.#values.length) {
      const larger = new Float64Array(2 * this.#values.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.count += 1;
    return this.count - 1;
  }

  /** Notes the sums before a folder, later those below it. */
  set(folder: number, sums: FolderSums): void {
    for (const [at, part] of FOLDER_PARTS.entries()) {
      this.#values[folder * FOLDER_PARTS.length + at] = sums[part];
    }
  }

  get(folder: number): FolderSums {
    const at = folder * FOLDER_PARTS.length;
    const [entries = 0, files = 0, bytes = 0, tar = 0, zip = 0, directory = 0, emptyFolders = 0] =
      this.#values.subarray(at, at + FOLDER_PARTS.length);
    return { entries, files, bytes, tar, zip, directory, emptyFolders };
  }
}

class Planner {
  readonly #folders = new FolderTable();
  #sums: FolderSums = { ...NO_SUMS, entries: 0 };
  readonly #members: Members;
  readonly #order: Uint32Array;
  readonly #mostFolders: number;
  readonly #layout: number;
  readonly #open: { folder: number; path: Uint8Array }[] = [];
  /** The path of the last file. */
  #previous: Uint8Array | null = null;

  constructor(members: Members, order: Uint32Array, layout: number, mostFolders: number) {
    this.#members = members;
    this.#order = order;
    this.#layout = layout;
    this.#mostFolders = mostFolders;
  }

  steps(): Generator<Step> {
    return walkTree(this.#members, this.#order);
  }

  take(step: Step): TreeFault | null {
    switch (step.kind) {
      case "file":
        return this.#addFile(step.path, step.size);
      case "folder":
        return this.#begin(step.path, step.member);
      case "end":
        this.#end();
        return null;
    }
  }

  /** The tree, once all steps are taken and none was a fault. */
  result(): Omit<Tree, "leftOut"> {
    return {
      members: this.#members,
      order: this.#order,
      folders: this.#folders,
      total: this.#sums,
      layout: this.#sums.emptyFolders === 0 ? LAYOUTS.plain : this.#layout,
    };
  }

  #addFile(path: Uint8Array, size: number): TreeFault | null {
    const { entries, ...sums } = this.#sums;
    const file: Sums = {
      files: 1,
      bytes: size,
      emptyFolders: 0,
      ...entryLengthsOfBytes(path, size),
    };
    this.#sums = { entries: entries + 1, ...addSums(sums, file) };
    const isTwice = this.#previous !== null && compareBytes(this.#previous, path) === 0;
    this.#previous = path;
    return isTwice ? { kind: "twice", path: toText(path) } : null;
  }

  /** Begins a folder; `member` is in it. */
  #begin(path: Uint8Array, member: Uint8Array): TreeFault | null {
    if (this.#folders.count === this.#mostFolders) {
      return { kind: "folders", path: null };
    }
    this.#sums = { ...this.#sums, entries: this.#sums.entries + 1 };
    const folder = this.#folders.add();
    this.#folders.set(folder, this.#sums);
    this.#open.push({ folder, path });
    const name = path.subarray(0, -1);
    return this.#hasFile(name)
      ? { kind: "folder", path: toText(name), below: toText(member) }
      : null;
  }

  #end(): void {
    const last = this.#open.pop();
    if (last === undefined) {
      return;
    }
    const { folder, path } = last;
    const before = this.#folders.get(folder);
    const { entries, ...sums } = this.#sums;
    const below = { entries: entries - before.entries, ...addSums(sums, before, -1) };
    this.#folders.set(folder, below);
    if (below.entries === 0) {
      this.#sums = { entries, ...addSums(sums, sumsOfEmptyFolder(path, this.#layout)) };
    }
  }

  /** Looks a file up by halving. */
  #hasFile(path: Uint8Array): boolean {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = compareBytes(this.#members.pathAt(this.#order[middle] ?? 0), path);
      if (difference === 0) {
        return true;
      }
      [low, high] = difference < 0 ? [middle + 1, high] : [low, middle];
    }
    return false;
  }
}
