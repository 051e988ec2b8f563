// The files and folders of a version, from its manifest: any of them by its path, number or place in an archive, with
// one read of R2 beyond what its row has, and a second where a file has several extents.

import type { FileExtent, OrdinalRange } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import { countWhile } from "./block.ts";
import type { Block } from "./block.ts";
import { ByteReader } from "./byte-reader.ts";
import { crc32 } from "./crc32.ts";
import { ManifestDamage } from "./damage.ts";
import { measureSums, NO_SUMS } from "./entries.ts";
import type { Entry, FileEntry, FolderEntry, Measure, Sums } from "./entries.ts";
import { BOUNDS, HASH_ROW } from "./format.ts";
import { compareBytes, readTable, sortTexts } from "./front-coding.ts";
import { decodeLeftOut } from "./left-out.ts";
import type { LeftOut } from "./left-out.ts";
import { readExactly } from "./open-manifest.ts";
import type { OpenManifest } from "./open-manifest.ts";
import { BlockSource } from "./read-blocks.ts";
import type { KeptBlocks } from "./read-blocks.ts";
import { readExtents } from "./read-extents.ts";

const encoder = new TextEncoder();

export class VersionReader {
  readonly #manifest: OpenManifest;
  readonly #blocks: BlockSource;

  constructor(manifest: OpenManifest, kept: KeptBlocks | null = null) {
    this.#manifest = manifest;
    this.#blocks = new BlockSource(manifest, kept);
  }

  /** The folder that all is in. */
  get root(): FolderEntry {
    const { entryCount: entries, total } = this.#manifest.index;
    return { kind: "folder", path: "", ordinal: 0, before: NO_SUMS, below: { entries, ...total } };
  }

  /** LAYOUT_REVISION by which the sums are made. */
  get layout(): number {
    return this.#manifest.index.layout;
  }

  /** Finds a file, or a folder, whose path ends in a slash or is ''; null where there is none. */
  async find(path: string): Promise<Entry | null> {
    if (path === "") {
      return this.root;
    }
    const wanted = encoder.encode(path);
    const { blocks } = this.#manifest.index;
    const number =
      countWhile(blocks.length, (at) => {
        return compareBytes(blocks[at]?.separator ?? wanted, wanted) <= 0;
      }) - 1;
    // A longer path is in no manifest, and text that is not Unicode is encoded as something else.
    if (number < 0 || wanted.length > BOUNDS.path || !path.isWellFormed()) {
      return null;
    }
    const block = await this.#blocks.one(number);
    const index = block.find(wanted);
    return index === null ? null : firstOf(block.entries(index, index + 1));
  }

  /** The entries of a page, `first` and `last` included; what is not there is not on it. */
  async page(first: number, last: number): Promise<Entry[]> {
    const range = this.#clip({ after: first - 1, last });
    const from = this.#blockAt(range.after + 1);
    const to = range.after < range.last ? this.#blockAt(range.last) + 1 : from;
    const entries: Entry[] = [];
    for (let next = from; next < to;) {
      const end = this.#blocks.endOfRun(next, to, to);
      const blocks = await this.#blocks.run(next, end);
      for (const [at, block] of blocks.entries()) {
        entries.push(...this.#entriesIn(next + at, block, range));
      }
      next = end;
    }
    return entries;
  }

  /**
   * Goes through entries in order: few at first, so that a small range costs little, then up to 1 MiB of the manifest at
   * a time, the next while the caller is busy.
   *
   * @yields The entries of a block each time.
   */
  async *walk(range: OrdinalRange): AsyncGenerator<Entry[]> {
    const clipped = this.#clip(range);
    if (clipped.after >= clipped.last) {
      return;
    }
    const runs = this.#planRuns(this.#blockAt(clipped.after + 1), this.#blockAt(clipped.last) + 1);
    let ahead: Promise<Block[]> | null = null;
    for (const [at, { from, to }] of runs.entries()) {
      const blocks: Block[] = await (ahead ?? this.#blocks.run(from, to));
      const next = runs[at + 1];
      // The first run alone may be all that is wanted.
      ahead = at === 0 || next === undefined ? null : this.#blocks.run(next.from, next.to);
      ahead?.catch(() => undefined); // told to whoever asks for it, if anybody does
      for (const [number, block] of blocks.entries()) {
        yield this.#entriesIn(from + number, block, clipped);
      }
    }
  }

  /** Cuts blocks into runs to be read at once, each of up to four times as many as the one before. */
  #planRuns(first: number, end: number): { from: number; to: number }[] {
    const runs: { from: number; to: number }[] = [];
    let from = first;
    for (let most = 1; from < end; most *= 4) {
      const to = this.#blocks.endOfRun(from, end, most);
      runs.push({ from, to });
      from = to;
    }
    return runs;
  }

  /** The sums over the files among the first `ordinal` entries. */
  async sums(ordinal: number): Promise<Sums> {
    const { blocks, entryCount, total } = this.#manifest.index;
    if (ordinal >= entryCount) {
      return total;
    }
    const number = this.#blockAt(Math.max(ordinal, 0) + 1);
    const indexed = blocks[number];
    if (indexed === undefined || indexed.before >= ordinal) {
      return indexed?.sums ?? NO_SUMS;
    }
    return (await this.#blocks.one(number)).sumsAt(ordinal - indexed.before);
  }

  /** Finds, in a run of entries, the last place up to which the files do not reach beyond `position`, a value of the
   * measure: what follows it holds the byte there. */
  async place(range: OrdinalRange, measure: Measure, position: number): Promise<number> {
    const { after, last } = this.#clip(range);
    const { blocks } = this.#manifest.index;
    const number =
      countWhile(blocks.length, (at) => {
        return measureSums(measure, blocks[at]?.sums ?? NO_SUMS) <= position;
      }) - 1;
    const indexed = blocks[number];
    if (indexed === undefined || indexed.before >= last) {
      return number < 0 ? after : last;
    }
    if (indexed.before + indexed.entryCount <= after) {
      return after;
    }
    const block = await this.#blocks.one(number);
    const found = indexed.before + block.place(measure, position);
    return Math.min(Math.max(found, after), last);
  }

  /** The file with a number among the files, from 1; null where there is none. */
  async fileAt(number: number): Promise<FileEntry | null> {
    const { blocks, total } = this.#manifest.index;
    if (!Number.isInteger(number) || number < 1 || number > total.files) {
      return null;
    }
    const before = countWhile(blocks.length, (at) => (blocks[at]?.sums.files ?? 0) < number);
    const block = await this.#blocks.one(before - 1);
    const index = block.indexOfFile(number);
    const entry = firstOf(block.entries(index, index + 1));
    return entry?.kind === "file" ? entry : null;
  }

  /** @yields The extents that hold a file's bytes from `start` up to, not including, `end`, some thousands at a time. */
  extents(file: FileEntry, start = 0, end = file.size): AsyncGenerator<FileExtent[]> {
    return readExtents(this.#manifest, file, { start, end: Math.min(end, file.size) });
  }

  /** @yields The column of hashes, whole rows at a time; none of few files. It fails at its end where it is damaged. */
  async *hashes(): AsyncGenerator<Uint8Array> {
    const { offset, length, crc } = this.#manifest.index.sections.hashes;
    const most = LIMITS.manifestRead - (LIMITS.manifestRead % HASH_ROW);
    let read = 0;
    let seen = 0;
    for (; read < length; read += most) {
      const size = Math.min(most, length - read);
      const piece = await readExactly(this.#manifest.read, offset + read, size);
      seen = crc32(piece, seen);
      yield piece;
    }
    if (seen !== crc) {
      throw new ManifestDamage("its column of hashes is damaged");
    }
  }

  /** The keys of all objects that it names, sorted. */
  async keys(): Promise<string[]> {
    if (this.#manifest.index.sections.keys.length === 0) {
      return this.#gatherKeys();
    }
    const reader = new ByteReader(await this.#section("keys", BOUNDS.keys));
    const keys = readTable(reader, BOUNDS.key);
    reader.requireEnd("the keys");
    return keys;
  }

  /** What was left out when the version was made. */
  async leftOut(): Promise<LeftOut> {
    return decodeLeftOut(await this.#section("leftOut", BOUNDS.leftOut));
  }

  /** A manifest that is whole in its row has no section of keys. */
  async #gatherKeys(): Promise<string[]> {
    const keys: string[] = [];
    for (const entry of await this.page(1, this.#manifest.index.entryCount)) {
      if (entry.kind === "file") {
        for await (const extents of this.extents(entry)) {
          keys.push(...extents.flatMap(({ key }) => key ?? []));
        }
      }
    }
    return sortTexts(keys);
  }

  async #section(name: "keys" | "leftOut", most: number): Promise<Uint8Array> {
    const { offset, length, crc } = this.#manifest.index.sections[name];
    if (length > most) {
      throw new ManifestDamage(`a section has ${length} bytes`);
    }
    const bytes = await readExactly(this.#manifest.read, offset, length);
    if (crc32(bytes) !== crc) {
      throw new ManifestDamage("a section is damaged");
    }
    return bytes;
  }

  /** The entries of a block that are in a range. */
  #entriesIn(number: number, block: Block, { after, last }: OrdinalRange): Entry[] {
    const before = this.#manifest.index.blocks[number]?.before ?? 0;
    const first = Math.max(after - before, 0);
    return [...block.entries(first, Math.min(last - before, block.entryCount))];
  }

  #clip({ after, last }: OrdinalRange): OrdinalRange {
    return { after: Math.max(after, 0), last: Math.min(last, this.#manifest.index.entryCount) };
  }

  /** The number of the block that has an entry. */
  #blockAt(ordinal: number): number {
    const { blocks } = this.#manifest.index;
    return countWhile(blocks.length, (at) => (blocks[at]?.before ?? 0) < ordinal) - 1;
  }
}

function firstOf(entries: Iterable<Entry>): Entry | null {
  for (const entry of entries) {
    return entry;
  }
  return null;
}
