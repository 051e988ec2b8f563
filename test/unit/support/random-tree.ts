// Random trees with names that meet where order is easily wrong, from a number each: the same number gives the same tree.

import type { FileExtent } from "../../../src/protocol/entries.ts";
import { bytes } from "./bytes.ts";
import type { PlainFile } from "./plain-version.ts";

/** Numbers from 0 up to 1 (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e37_79b1);
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  isIn(chances: number): boolean {
    return this.next() < chances;
  }

  of<T>(all: readonly [T, ...T[]] | readonly T[]): T {
    const found = all[this.below(all.length)];
    if (found === undefined) {
      throw new Error("There is nothing to choose from");
    }
    return found;
  }
}

/** What R2 has, by the keys of its objects: files are parts of it. */
export const POOL: Readonly<Record<string, Uint8Array>> = {
  "pool/1": bytes(1_500_000, 1),
  "pool/2": bytes(600_000, 2),
  "other/pool": bytes(200_000, 3),
};
const KEYS = Object.keys(POOL);

/** A file with its place. */
export interface RandomFile extends PlainFile {
  extents: FileExtent[];
}

/** Names that begin alike, sort unlike in UTF-16 and UTF-8, mean something elsewhere, or are long. */
const NAMES = [
  ..."a b A - _ ~ ! ' \" # % & + = @ ? * é 中 z".split(" "),
  ..."a. a- a-b a0 ab a.. .a ... -rf %2F %00 a%2Fb CON __proto__ constructor toString".split(" "),
  ..."<b> index.html readme.txt ‮evil \u{E000} \u{FFFD} \u{FEFF}a 🗄 🗄️ \u{10FFFF} e\u0301 \u2028".split(
    " ",
  ),
  " ",
  " a",
  "a ",
  "a b",
  "\u00a0",
  "n".repeat(99),
  "n".repeat(100),
  "n".repeat(101),
  "m".repeat(155),
  "m".repeat(156),
  "é".repeat(127),
  "🗄".repeat(40),
];
const utf8 = new TextEncoder();

/** Files and folders that are one tree: from 1 to 2,000 files, most trees with few. */
export function drawTree(random: Random): { files: RandomFile[]; folders: string[] } {
  const count = drawCount(random);
  const isDeep = random.isIn(0.3);
  const folders = [""];
  const named: string[] = [];
  const paths = new Set<string>();
  const files: RandomFile[] = [];
  const contents = new Contents(random);
  const fits = (path: string) => utf8.encode(path).length <= 999;
  const isFree = (path: string) => !paths.has(path) && !paths.has(`${path}/`);
  while (files.length < count) {
    const parent = random.of(isDeep && random.isIn(0.7) ? folders.slice(-3) : folders);
    const name = drawName(random, count);
    const path = parent + name;
    if (!fits(path) || !isFree(path)) {
      continue;
    }
    if (random.isIn(folders.length === 1 ? 0.5 : 0.25)) {
      paths.add(`${path}/`);
      folders.push(`${path}/`);
      if (random.isIn(0.2)) {
        named.push(path);
      }
    } else {
      paths.add(path);
      files.push(contents.give(path));
    }
  }
  return { files, folders: named };
}

function drawCount(random: Random): number {
  const which = random.next();
  if (which < 0.65) {
    return 1 + random.below(12);
  }
  if (which < 0.92) {
    return 13 + random.below(48);
  }
  return which < 0.99 ? 61 + random.below(340) : 401 + random.below(1_600);
}

function drawName(random: Random, count: number): string {
  const name = random.of(NAMES);
  return random.isIn(count > 60 ? 0.8 : 0.15) ? `${name}${random.below(count)}` : name;
}

/** Gives files their bytes. */
class Contents {
  readonly #random: Random;
  readonly #given: RandomFile[] = [];
  #key: string;
  #at = 0;
  #large = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#key = random.of(KEYS);
  }

  give(path: string): RandomFile {
    const random = this.#random;
    const extents =
      this.#given.length > 0 && random.isIn(0.06)
        ? random.of(this.#given).extents
        : this.#drawExtents();
    const file: RandomFile = {
      path,
      data: bytesOf(extents),
      extents,
      type: random.isIn(0.1) ? random.of(["text/plain", "", "é/é", "x".repeat(255)]) : null,
      isExecutable: random.isIn(0.1),
      modifiedAt: random.isIn(0.2) ? random.of(TIMES) + random.below(3) : null,
      linkTarget: random.isIn(0.05) ? random.of(["../x", "é", "/", "t".repeat(1_000)]) : null,
    };
    this.#given.push(file);
    return file;
  }

  #drawExtents(): FileExtent[] {
    const random = this.#random;
    if (random.isIn(0.12)) {
      return [];
    }
    if (random.isIn(0.9)) {
      return [this.#drawExtent(this.#drawSize())];
    }
    const isLong = this.#given.length === 0 && random.isIn(0.2);
    const count = isLong ? 250 + random.below(300) : 2 + random.below(4);
    return Array.from({ length: count }, (): FileExtent => {
      const length = 1 + random.below(isLong ? 20 : 900);
      return random.isIn(0.2) ? { key: null, start: 0, length } : this.#drawExtent(length);
    });
  }

  /** Behind the last one, as in a pack, or anywhere. */
  #drawExtent(length: number): FileExtent {
    if (this.#random.isIn(0.05)) {
      this.#key = this.#random.of(KEYS);
      this.#at = this.#random.below(poolOf(this.#key).length);
    }
    const start = this.#at + length <= poolOf(this.#key).length ? this.#at : 0;
    this.#at = start + length;
    return { key: this.#key, start, length };
  }

  #drawSize(): number {
    const random = this.#random;
    if (this.#large < 2 && random.isIn(0.02)) {
      this.#large += 1;
      return 60_000 + random.below(80_000);
    }
    return random.isIn(0.2) ? random.of([1, 511, 512, 513, 1_024]) : 1 + random.below(900);
  }
}

/** Around the borders of what can be said, and today. */
const TIMES = [-62_135_596_800_000, -1, 0, 1_793_400_000_000, 253_402_300_799_990];

function poolOf(key: string): Uint8Array {
  return POOL[key] ?? new Uint8Array();
}

function bytesOf(extents: readonly FileExtent[]): Uint8Array {
  const data = new Uint8Array(extents.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { key, start, length } of extents) {
    if (key !== null) {
      data.set(poolOf(key).subarray(start, start + length), at);
    }
    at += length;
  }
  return data;
}

/** Paths of which some cannot be together, or are none; in any order. */
export function drawFaulty(random: Random, paths: readonly string[]): string[] {
  const faulty = [...paths];
  const add = (path: string) => faulty.splice(random.below(faulty.length + 1), 0, path);
  const isBad = random.isIn(0.3);
  for (let count = random.below(4); count >= 0; count -= 1) {
    const path = random.of(paths);
    if (isBad) {
      add(random.of(BAD.map((bad) => bad.replace("*", path))));
    } else if (random.isIn(0.4)) {
      add(path);
    } else if (random.isIn(0.5) && path.includes("/")) {
      add(path.slice(0, path.lastIndexOf("/")));
    } else {
      add(`${path}/${random.of(NAMES)}`);
    }
  }
  return faulty;
}

const BAD = [
  "",
  "/*",
  "*/",
  "./*",
  "*/..",
  "*/.",
  "../x",
  "..",
  "a//*",
  "*\\",
  "*\n",
  "\0",
  "a\u0085",
  "a\u007f",
  "\ud800",
  "*\udfff",
  "x".repeat(1_001),
  "é".repeat(501),
  `${"d/".repeat(500)}x`,
];
