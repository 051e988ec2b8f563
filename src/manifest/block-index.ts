// The index of a manifest (docs/manifest.md, "Index"): where each block and section is, and what is before each block.
// A copy of it is in the row of the version; with it any entry is one read away.

import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32 } from "./crc32.ts";
import { ManifestDamage } from "./damage.ts";
import { addSums, NO_SUMS, SUM_PARTS } from "./entries.ts";
import type { Sums } from "./entries.ts";
import { BOUNDS, INDEX } from "./format.ts";
import { FrontReader, FrontWriter } from "./front-coding.ts";

/** What stands behind the blocks, in this order. */
const SECTIONS = ["lists", "hashes", "keys", "leftOut"] as const;

type SectionName = (typeof SECTIONS)[number];

/** A run of a manifest's bytes. `crc` is 0 for the lists, which have checksums of their own. */
interface Section {
  offset: number;
  length: number;
  crc: number;
}

/** A block as the index tells of it. */
export interface IndexedBlock {
  /** A text after which the paths of the block come, but not those of the one before; or its first path. */
  separator: Uint8Array;
  offset: number;
  length: number;
  crc: number;
  /** Entries before it, and in it. */
  before: number;
  entryCount: number;
  /** Sums over the files before it. */
  sums: Sums;
}

export interface BlockIndex {
  /** LAYOUT_REVISION of src/archive/layout.ts, by which the sums are made. */
  layout: number;
  blocks: IndexedBlock[];
  entryCount: number;
  /** Sums over all files. */
  total: Sums;
  sections: Record<SectionName, Section>;
}

/** A block that an index is to tell of; `sums` are over its own files. */
interface NewIndexedBlock {
  separator: Uint8Array;
  bytes: Uint8Array;
  entries: readonly unknown[];
  sums: Sums;
}

/** Collects the lines of an index. */
export class IndexWriter {
  readonly #lines = new ByteWriter();
  readonly #separators = new FrontWriter(this.#lines);
  #count = 0;
  /** Bytes of the blocks so far. */
  blocksLength = 0;

  add({ separator, bytes, entries, sums }: NewIndexedBlock): void {
    this.#separators.add(separator);
    this.#lines.varint(entries.length);
    for (const part of SUM_PARTS) {
      this.#lines.varint(sums[part]);
    }
    this.#lines.varint(bytes.length).u32(crc32(bytes));
    this.#count += 1;
    this.blocksLength += bytes.length;
  }

  finish(
    layout: number,
    sections: Record<SectionName, Pick<Section, "length" | "crc">>,
  ): Uint8Array {
    const to = new ByteWriter(this.#lines.length + 128);
    to.u8(INDEX).varint(layout);
    for (const name of SECTIONS) {
      to.varint(sections[name].length).u32(sections[name].crc);
    }
    to.varint(this.#count).bytes(this.#lines.view());
    return to.u32(crc32(to.view())).view();
  }
}

/** Decodes an index. */
export function decodeIndex(bytes: Uint8Array): BlockIndex {
  const content = bytes.subarray(0, -4);
  if (bytes.length > BOUNDS.index) {
    throw new ManifestDamage(`its index has ${bytes.length} bytes`);
  }
  if (bytes.length < 4 || new ByteReader(bytes.subarray(-4)).u32() !== crc32(content)) {
    throw new ManifestDamage("its index is damaged");
  }
  const reader = new ByteReader(content);
  if (reader.u8() !== INDEX) {
    throw new ManifestDamage("its index is of a revision that is not known here");
  }
  const layout = reader.varint();
  const lengths = SECTIONS.map((name) => ({ name, length: reader.varint(), crc: reader.u32() }));
  const { blocks, entryCount, total, end } = readBlocks(reader);
  reader.requireEnd("the index");
  let offset = end;
  const section = (at: number): Section => {
    const { length = 0, crc = 0 } = lengths[at] ?? {};
    const found = { offset, length, crc };
    offset += length;
    return found;
  };
  const sections = { lists: section(0), hashes: section(1), keys: section(2), leftOut: section(3) };
  if (!Number.isSafeInteger(offset)) {
    throw new ManifestDamage("its sections are nowhere");
  }
  return { layout, blocks, entryCount, total, sections };
}

function readBlocks(reader: ByteReader) {
  const count = reader.count(BOUNDS.blocks, "blocks");
  const separators = new FrontReader(reader, BOUNDS.path);
  const blocks: IndexedBlock[] = [];
  let before = 0;
  let sums = NO_SUMS;
  let end = 0;
  for (let at = 0; at < count; at += 1) {
    const separator = separators.next().slice();
    const entryCount = reader.varint();
    const own = { ...NO_SUMS };
    for (const part of SUM_PARTS) {
      own[part] = reader.varint();
    }
    const length = reader.count(BOUNDS.block, "bytes in a block");
    blocks.push({ separator, offset: end, length, crc: reader.u32(), before, entryCount, sums });
    end += length;
    before += entryCount;
    sums = addSums(sums, own);
  }
  if (!Object.values(sums).every(Number.isSafeInteger) || !Number.isSafeInteger(before)) {
    throw new ManifestDamage("its sums are past 2^53");
  }
  return { blocks, entryCount: before, total: sums, end };
}
