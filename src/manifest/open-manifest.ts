// What a version's row has of its manifest, taken apart: an index, or a manifest that is whole in it.

import { decodeIndex } from "./block-index.ts";
import type { BlockIndex } from "./block-index.ts";
import { Block } from "./block.ts";
import { ByteReader } from "./byte-reader.ts";
import { crc32 } from "./crc32.ts";
import { ManifestDamage } from "./damage.ts";
import { NO_SUMS } from "./entries.ts";
import { BOUNDS, FOOTER_LENGTH, INLINE, MAGIC } from "./format.ts";
import { compareBytes } from "./front-coding.ts";

/** Reads bytes of a manifest that is an object: `length` of them, no more and no less. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

/** A manifest of which any part can be read. */
export interface OpenManifest {
  index: BlockIndex;
  read: ReadBytes;
}

/** Opens what a row has; `read` is asked for the rest where it is an index. */
export function openManifest(row: Uint8Array, read: ReadBytes): OpenManifest {
  return row[0] === INLINE ? openInline(row) : { index: decodeIndex(row), read };
}

/** Opens an object of `size` bytes by itself. */
export async function openObject(size: number, read: ReadBytes): Promise<OpenManifest> {
  const end = size - FOOTER_LENGTH;
  const footer = new ByteReader(await readExactly(read, Math.max(end, 0), FOOTER_LENGTH));
  const length = footer.u32();
  const isManifest = compareBytes(footer.bytes.subarray(-MAGIC.length), MAGIC) === 0;
  if (!isManifest || length > Math.min(end, BOUNDS.index)) {
    throw new ManifestDamage("it does not end as one");
  }
  const index = decodeIndex(await readExactly(read, end - length, length));
  const last = index.sections.leftOut;
  if (last.offset + last.length !== end - length) {
    throw new ManifestDamage("its sections have not the bytes that its index says");
  }
  return { index, read };
}

/** Reads bytes, and refuses others than were asked for. */
export async function readExactly(
  read: ReadBytes,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = length === 0 ? new Uint8Array() : await read(offset, length);
  if (bytes.length !== length) {
    throw new ManifestDamage(`there are ${bytes.length} of ${length} bytes at ${offset}`);
  }
  return bytes;
}

/** Gives a manifest that is whole in its row the index that it would have. */
function openInline(row: Uint8Array): OpenManifest {
  const content = row.subarray(0, -4);
  if (row.length < 5 || new ByteReader(row.subarray(-4)).u32() !== crc32(content)) {
    throw new ManifestDamage("it is damaged");
  }
  const reader = new ByteReader(content);
  reader.u8();
  const layout = reader.varint();
  const listsLength = reader.varint();
  const leftOutLength = reader.varint();
  const offset = reader.at;
  const length = content.length - offset - listsLength - leftOutLength;
  if (length < 0) {
    throw new ManifestDamage("it ends too early");
  }
  const block = content.subarray(offset, offset + length);
  const lists = { offset: offset + length, length: listsLength, crc: 0 };
  const leftOut = content.subarray(lists.offset + listsLength);
  const none = { offset: 0, length: 0, crc: 0 };
  return {
    index: {
      layout,
      ...indexOf(block, offset, layout),
      sections: {
        lists,
        hashes: none,
        keys: none,
        leftOut: {
          offset: lists.offset + listsLength,
          length: leftOutLength,
          crc: crc32(leftOut),
        },
      },
    },
    read: async (from, count) => content.subarray(from, from + count),
  };
}

/** What an index would tell of an only block, which may be missing. */
function indexOf(
  bytes: Uint8Array,
  offset: number,
  layout: number,
): Pick<BlockIndex, "blocks" | "entryCount" | "total"> {
  if (bytes.length === 0) {
    return { blocks: [], entryCount: 0, total: NO_SUMS };
  }
  const block = new Block(bytes, { entries: 0, sums: NO_SUMS, layout });
  const { entryCount, end: total } = block;
  const { first: separator } = block.ends();
  const where = { offset, length: bytes.length, crc: crc32(bytes) };
  const indexed = { separator, ...where, before: 0, entryCount, sums: NO_SUMS };
  return { blocks: [indexed], entryCount, total };
}
