// The extents of a file that has several (docs/manifest.md, "Lists"): a head that tells of the pieces, then pieces of
// up to 256 extents, so that a range in the middle needs the head and one piece.

import type { FileExtent } from "../protocol/entries.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32 } from "./crc32.ts";
import { ManifestDamage } from "./damage.ts";
import { BOUNDS, LIST_PIECE } from "./format.ts";
import { readTable, sortTexts, writeTable } from "./front-coding.ts";

/** A list: its keys in the order of their bytes, and its pieces. */
interface ListHead {
  keys: string[];
  pieces: ListPiece[];
}

export interface ListPiece {
  /** Bytes of the piece, and where it begins among the pieces. */
  length: number;
  offset: number;
  /** Extents of it. */
  count: number;
  /** Bytes of the file that they hold, and where these begin in it. */
  size: number;
  position: number;
  crc: number;
}

/** Encodes a list; the body is what follows its head. */
export function encodeList(extents: readonly FileExtent[]): { head: Uint8Array; body: Uint8Array } {
  const keys = sortTexts(extents.flatMap(({ key }) => key ?? []));
  const numbers = new Map(keys.map((key, number) => [key, number + 1]));
  const head = new ByteWriter();
  const body = new ByteWriter();
  head.varint(extents.length);
  writeTable(head, keys);
  for (let from = 0; from < extents.length; from += LIST_PIECE) {
    const piece = extents.slice(from, from + LIST_PIECE);
    const start = body.length;
    writePiece(body, piece, numbers);
    head.varint(body.length - start).varint(piece.reduce((sum, { length }) => sum + length, 0));
    head.u32(crc32(body.view(start)));
  }
  head.u32(crc32(head.view()));
  return { head: head.view(), body: body.view() };
}

function writePiece(
  to: ByteWriter,
  extents: readonly FileExtent[],
  numbers: ReadonlyMap<string, number>,
): void {
  /** Where the last extent of each key ended, in this piece. */
  const ends = new Map<number, number>();
  for (const { key, start, length } of extents) {
    const number = key === null ? 0 : (numbers.get(key) ?? 0);
    to.varint(number);
    if (number > 0) {
      to.signed(start - (ends.get(number) ?? 0));
      ends.set(number, start + length);
    }
    to.varint(length);
  }
}

/** Decodes the head of the list of a file of `size` bytes, whose pieces have `bodyLength` bytes. */
export function decodeListHead(bytes: Uint8Array, size: number, bodyLength: number): ListHead {
  const content = bytes.subarray(0, -4);
  if (bytes.length < 4 || new ByteReader(bytes.subarray(-4)).u32() !== crc32(content)) {
    throw new ManifestDamage("the head of a list of extents is damaged");
  }
  const reader = new ByteReader(content);
  const extents = reader.count(BOUNDS.extents, "extents");
  const keys = readTable(reader, BOUNDS.key);
  const pieces: ListPiece[] = [];
  let [offset, position] = [0, 0];
  for (let from = 0; from < extents; from += LIST_PIECE) {
    const count = Math.min(LIST_PIECE, extents - from);
    const length = reader.count(24 * count, "bytes in a piece of a list");
    const held = reader.varint();
    pieces.push({ length, offset, count, size: held, position, crc: reader.u32() });
    offset += length;
    position += held;
  }
  reader.requireEnd("the head of a list");
  if (offset !== bodyLength || position !== size) {
    throw new ManifestDamage("a list of extents has not the bytes of its file");
  }
  return { keys, pieces };
}

/** Decodes a piece. */
export function decodeListPiece(
  bytes: Uint8Array,
  { count, size, crc }: ListPiece,
  keys: readonly string[],
): FileExtent[] {
  if (crc32(bytes) !== crc) {
    throw new ManifestDamage("a piece of a list of extents is damaged");
  }
  const reader = new ByteReader(bytes);
  const ends = new Map<number, number>();
  const extents = Array.from({ length: count }, () => readExtent(reader, keys, ends));
  reader.requireEnd("a piece of a list");
  if (extents.reduce((sum, { length }) => sum + length, 0) !== size) {
    throw new ManifestDamage("a piece of a list of extents has not the bytes that its head says");
  }
  return extents;
}

function readExtent(
  reader: ByteReader,
  keys: readonly string[],
  ends: Map<number, number>,
): FileExtent {
  const number = reader.varint();
  if (number === 0) {
    return { key: null, start: 0, length: reader.varint() };
  }
  const key = keys[number - 1];
  const start = reader.signed() + (ends.get(number) ?? 0);
  const length = reader.varint();
  if (key === undefined || start < 0 || !Number.isSafeInteger(start + length)) {
    throw new ManifestDamage("an extent is nowhere");
  }
  ends.set(number, start + length);
  return { key, start, length };
}

/** Cuts extents, which begin at `position` of a file, down to its bytes from `start` up to, not including, `end`. */
export function cutExtents(
  extents: readonly FileExtent[],
  position: number,
  { start, end }: { start: number; end: number },
): FileExtent[] {
  const cut: FileExtent[] = [];
  let at = position;
  for (const extent of extents) {
    const from = Math.max(start - at, 0);
    const length = Math.min(end - at, extent.length) - from;
    if (length > 0) {
      cut.push(
        extent.key === null
          ? { ...extent, length }
          : { ...extent, start: extent.start + from, length },
      );
    }
    at += extent.length;
  }
  return cut;
}
