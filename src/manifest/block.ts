// A block in memory: every column is read and checked once; texts are made for what is asked for.

import { entryLengthsOfBytes } from "../archive/lengths.ts";
import {
  cutColumns,
  readBits,
  readFolders,
  readLinks,
  readNumbers,
  readPlaces,
  readTexts,
  readTimes,
} from "./block-columns.ts";
import type { BlockColumns } from "./block-columns.ts";
import { ByteReader, toText } from "./byte-reader.ts";
import { ManifestDamage } from "./damage.ts";
import { addSums, measureSums, NO_SUMS, SUM_PARTS, sumsOfEmptyFolder } from "./entries.ts";
import type { Entry, FileEntry, FolderSums, Measure, Place, Sums } from "./entries.ts";
import { BOUNDS, HASHES } from "./format.ts";
import { commonLength, compareBytes, FrontReader } from "./front-coding.ts";

const SLASH = 0x2f;

/** What is before a block: entries, and sums over the files, those of archives by a layout. */
export interface BlockStart {
  entries: number;
  sums: Sums;
  layout: number;
}

export class Block {
  readonly entryCount: number;
  readonly fileCount: number;
  /** Bytes that it takes in memory, about. */
  readonly weight: number;
  readonly #start: BlockStart;
  readonly #columns: BlockColumns;
  readonly #crc32s: DataView;
  /** Of each path: how much it shares with the one before, where its other bytes are, how many. */
  readonly #shared: Uint16Array;
  readonly #restStart: Uint32Array;
  readonly #restLength: Uint16Array;
  /** Before each entry, and at the end: sums over the files of the version. */
  readonly #sums: Record<keyof Sums, Float64Array>;
  readonly #sizes: Float64Array;
  readonly #folders: FolderSums[];
  readonly #places: Place[];
  readonly #types: Float64Array;
  readonly #typeTexts: string[];
  readonly #executables: Uint8Array;
  readonly #times: (number | null)[];
  readonly #links: ReadonlyMap<number, string>;

  constructor(bytes: Uint8Array, start: BlockStart) {
    this.#start = start;
    this.#columns = cutColumns(bytes);
    const { entryCount, fileCount, optional, hashes } = this.#columns;
    this.#crc32s = new DataView(hashes.crc32.buffer, hashes.crc32.byteOffset);
    this.entryCount = entryCount;
    this.fileCount = fileCount;
    this.weight = bytes.length + 200 * entryCount;
    this.#sizes = readNumbers(optional.sizes, fileCount);
    this.#folders = readFolders(optional, entryCount - fileCount);
    this.#places = readPlaces(optional, this.#sizes);
    this.#typeTexts = readTexts(optional.typeTexts, BOUNDS.type);
    this.#types = readNumbers(optional.types, fileCount, this.#typeTexts.length);
    this.#executables = readBits(optional.executables, fileCount);
    this.#times = readTimes(optional.times, fileCount);
    this.#links = readLinks(optional.links, fileCount);
    this.#shared = new Uint16Array(entryCount);
    this.#restStart = new Uint32Array(entryCount);
    this.#restLength = new Uint16Array(entryCount);
    this.#sums = newSums(entryCount + 1, start.sums);
    this.#readPaths();
  }

  /** The sums behind the last entry. */
  get end(): Sums {
    return this.sumsAt(this.entryCount);
  }

  /** The sums before an entry of the block, counted from 0. */
  sumsAt(index: number): Sums {
    const at = (part: keyof Sums) => this.#sums[part][index] ?? 0;
    return {
      files: at("files"),
      bytes: at("bytes"),
      tar: at("tar"),
      zip: at("zip"),
      directory: at("directory"),
      emptyFolders: at("emptyFolders"),
    };
  }

  /** Finds an entry by its path in UTF-8; null where there is none. No path is put together: as long as an entry shares
   * more with the one before than that one does with `path`, it differs from it in the same byte. */
  find(path: Uint8Array): number | null {
    let matched = 0;
    for (let index = 0; index < this.entryCount; index += 1) {
      const shared = this.#shared[index] ?? 0;
      if (shared < matched) {
        return null; // it differs earlier, and later ones are greater still
      }
      if (shared === matched) {
        const rest = this.#restOf(index);
        const wanted = path.subarray(matched);
        const order = compareBytes(rest, wanted);
        if (order >= 0) {
          return order === 0 ? index : null;
        }
        matched += commonLength(rest, wanted);
      }
    }
    return null;
  }

  /** @yields The entries from one place in the block up to, not including, another. */
  *entries(from = 0, to = this.entryCount): Generator<Entry> {
    for (const { index, path } of this.#walk(to)) {
      if (index >= from) {
        yield this.#entryAt(index, toText(path));
      }
    }
  }

  /** The path of the first entry, and of the last, in UTF-8. */
  ends(): { first: Uint8Array; last: Uint8Array } {
    let [first, last] = [new Uint8Array(), new Uint8Array()];
    for (const { index, path } of this.#walk(this.entryCount)) {
      if (index === 0) {
        first = path.slice();
      }
      if (index === this.entryCount - 1) {
        last = path.slice();
      }
    }
    return { first, last };
  }

  /** Finds the last place in the block up to which the files do not reach beyond `position`; 0 is before its first entry. */
  place(measure: Measure, position: number): number {
    return countWhile(this.entryCount, (index) => {
      return measureSums(measure, this.sumsAt(index + 1)) <= position;
    });
  }

  /** The index of the file that has a number among the files of the version. */
  indexOfFile(number: number): number {
    return countWhile(this.entryCount, (index) => (this.#sums.files[index + 1] ?? 0) < number);
  }

  *#walk(to: number): Generator<{ index: number; path: Uint8Array }> {
    const path = new Uint8Array(BOUNDS.path);
    for (let index = 0; index < to; index += 1) {
      const shared = this.#shared[index] ?? 0;
      const rest = this.#restOf(index);
      path.set(rest, shared);
      yield { index, path: path.subarray(0, shared + rest.length) };
    }
  }

  /** What the path of an entry does not share with the one before. */
  #restOf(index: number): Uint8Array {
    const start = this.#restStart[index] ?? 0;
    return this.#columns.paths.subarray(start, start + (this.#restLength[index] ?? 0));
  }

  #entryAt(index: number, path: string): Entry {
    const ordinal = this.#start.entries + index + 1;
    const file = (this.#sums.files[index] ?? 0) - this.#start.sums.files;
    if (this.#sums.files[index + 1] !== this.#sums.files[index]) {
      return { kind: "file", path, ordinal, ...this.#fileAt(file), sums: this.sumsAt(index + 1) };
    }
    const below = this.#folders[index - file];
    if (below === undefined) {
      throw new ManifestDamage("a folder is missing");
    }
    return { kind: "folder", path, ordinal, before: this.sumsAt(index), below };
  }

  #fileAt(file: number): Omit<FileEntry, "kind" | "path" | "ordinal" | "sums"> {
    const { hashes } = this.#columns;
    const hash = (name: "sha256" | "sha512") =>
      hashes[name].subarray(file * HASHES[name], (file + 1) * HASHES[name]);
    const type = this.#types[file] ?? 0;
    return {
      size: this.#sizes[file] ?? 0,
      place: this.#places[file] ?? { kind: "none" },
      crc32: this.#crc32s.getUint32(file * HASHES.crc32, true),
      sha256: hash("sha256"),
      sha512: hash("sha512"),
      type: type === 0 ? null : (this.#typeTexts[type - 1] ?? null),
      isExecutable: ((this.#executables[file >>> 3] ?? 0) & (1 << (file % 8))) !== 0,
      modifiedAt: this.#times[file] ?? null,
      linkTarget: this.#links.get(file) ?? null,
    };
  }

  /** Reads all paths, and adds up the sums, which follow from paths and sizes. */
  #readPaths(): void {
    const reader = new ByteReader(this.#columns.paths);
    const front = new FrontReader(reader, BOUNDS.path);
    let files = 0;
    for (let index = 0; index < this.entryCount; index += 1) {
      const path = front.next();
      const length = path.length - front.shared;
      this.#shared[index] = front.shared;
      this.#restLength[index] = length;
      this.#restStart[index] = reader.at - length;
      const isFile = path.at(-1) !== SLASH;
      const own = isFile ? this.#sumsOfFile(path, files) : this.#sumsOfFolder(path, index - files);
      this.#setSums(index + 1, addSums(this.sumsAt(index), own));
      files += Number(isFile);
    }
    reader.requireEnd("the paths");
    if (files !== this.fileCount || !Object.values(this.end).every(Number.isSafeInteger)) {
      throw new ManifestDamage("a block has not the files that it says");
    }
  }

  /** What a folder adds to the sums: nothing, if it is not empty. */
  #sumsOfFolder(path: Uint8Array, folder: number): Sums {
    return this.#folders[folder]?.entries === 0
      ? sumsOfEmptyFolder(path, this.#start.layout)
      : NO_SUMS;
  }

  #sumsOfFile(path: Uint8Array, file: number): Sums {
    const bytes = this.#sizes[file] ?? 0;
    return { files: 1, bytes, emptyFolders: 0, ...entryLengthsOfBytes(path, bytes) };
  }

  #setSums(index: number, sums: Sums): void {
    for (const part of SUM_PARTS) {
      this.#sums[part][index] = sums[part];
    }
  }
}

function newSums(length: number, first: Sums): Record<keyof Sums, Float64Array> {
  const column = (part: keyof Sums) => {
    const values = new Float64Array(length);
    values[0] = first[part];
    return values;
  };
  return {
    files: column("files"),
    bytes: column("bytes"),
    tar: column("tar"),
    zip: column("zip"),
    directory: column("directory"),
    emptyFolders: column("emptyFolders"),
  };
}

/** Counts the indexes from 0 for which something holds, where it holds for all before one and for none behind. */
export function countWhile(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
