// Files and folders that are to become a version, in any order, as bytes: 100,000 of them are 17 MB, not a million
// objects. Chunks may be kept between two requests and put together again (docs/manifest.md, "Members").

import type { FileExtent } from "../protocol/entries.ts";
import { findPathFault } from "../protocol/paths.ts";
import { ByteReader, toText } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { FileFacts } from "./entries.ts";
import { BOUNDS, HASHES } from "./format.ts";

/** Bytes of a chunk at most: a row of a Durable Object's SQLite has room for it. */
const CHUNK_BITS = 20;
export const MEMBERS_CHUNK: number = 2 ** CHUNK_BITS;
const FIRST_CAPACITY = 16 * 1024;

const SLASH = 0x2f;
const EXECUTABLE = 1;
const TYPED = 2;
const TIMED = 4;
const LINKED = 8;
/** The record is a name for another member: all that follows is the target. */
const ALIAS = 16;
const HARD = 32;

const encoder = new TextEncoder();

/** A file that is to be a member. */
export interface NewFile extends FileFacts {
  /** Together `size` bytes. */
  extents: readonly FileExtent[];
}

/** A file as it was added: `path` in UTF-8, extents with the numbers of their keys, null for a run of zeros. */
export interface Member extends Omit<FileFacts, "path"> {
  path: Uint8Array;
  extents: { key: number | null; start: number; length: number }[];
}

/** A name for another member that was not looked up yet. */
export interface Alias {
  path: Uint8Array;
  target: string;
  /** It is a name for what had the path `target` before it; otherwise a symbolic link. */
  isHard: boolean;
}

/** Writes members into chunks. `keys`, to which it adds, goes with them: extents name their keys by number. */
export class MemberWriter {
  readonly keys: string[];
  readonly #numbers: Map<string, number>;
  readonly #chunks: Uint8Array[] = [];
  #chunk = new ByteWriter(FIRST_CAPACITY);

  constructor(keys: readonly string[] = []) {
    this.keys = [...keys];
    this.#numbers = new Map(keys.map((key, number) => [key, number]));
  }

  addFile(file: NewFile): void {
    requireFile(file);
    const record = new ByteWriter(256).text(file.path);
    const { type, isExecutable, modifiedAt, linkTarget } = file;
    record.u8(
      (isExecutable ? EXECUTABLE : 0) |
        (type === null ? 0 : TYPED) |
        (modifiedAt === null ? 0 : TIMED) |
        (linkTarget === null ? 0 : LINKED),
    );
    record.varint(file.size).u32(file.crc32).bytes(file.sha256).bytes(file.sha512);
    record.varint(file.extents.length);
    for (const { key, start, length } of file.extents) {
      record.varint(key === null ? 0 : this.#numberOf(key) + 1);
      record.varint(start).varint(length);
    }
    if (type !== null) {
      record.text(type);
    }
    if (modifiedAt !== null) {
      record.signed(modifiedAt);
    }
    if (linkTarget !== null) {
      record.text(linkTarget);
    }
    this.#add(record.view());
  }

  /** Adds a folder, by its path without a slash; one that files are in needs no mention, nor does it harm. */
  addFolder(path: string): void {
    requirePath(path);
    this.#add(new ByteWriter(256).text(`${path}/`).view());
  }

  /** Adds a name for another member, which settleMembers() looks up. */
  addAlias({ path, target, isHard }: { path: string; target: string; isHard: boolean }): void {
    requirePath(path);
    const record = new ByteWriter(256).text(path).u8(ALIAS | (isHard ? HARD : 0));
    this.#add(record.varint(0).text(target).view());
  }

  /** The chunks so far; what is added later goes into others. */
  takeChunks(): Uint8Array[] {
    this.#endChunk();
    return this.#chunks.splice(0);
  }

  #add(record: Uint8Array): void {
    // A record, and its length before it, in at most four bytes.
    if (this.#chunk.length + record.length + 4 > MEMBERS_CHUNK) {
      this.#endChunk();
    }
    if (record.length + 4 > MEMBERS_CHUNK) {
      throw new Error(`Cannot add a member of ${record.length} bytes: its extents are too many`);
    }
    this.#chunk.varint(record.length).bytes(record);
  }

  #endChunk(): void {
    if (this.#chunk.length > 0) {
      this.#chunks.push(this.#chunk.view().slice());
      this.#chunk = new ByteWriter(FIRST_CAPACITY);
    }
  }

  #numberOf(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      return known;
    }
    if (!/^[!-~]{1,1024}$/.test(key)) {
      throw new Error(`Cannot name '${key}' in a manifest: it is no key of an R2 object of ours`);
    }
    this.#numbers.set(key, this.keys.length);
    return this.keys.push(key) - 1;
  }
}

function requirePath(path: string): void {
  const fault = findPathFault(path);
  if (fault !== null) {
    throw new Error(`Cannot add '${path}': it ${fault}`);
  }
}

/** Whoever adds a file has refused before what cannot be one. */
function requireFile(file: NewFile): void {
  requirePath(file.path);
  if (!isPlaced(file) || !isDescribed(file)) {
    throw new Error(
      `Cannot add '${file.path}': its extents, hashes or attributes are not those of a file`,
    );
  }
}

function isPlaced({ size, extents }: NewFile): boolean {
  return (
    extents.reduce((sum, { length }) => sum + length, 0) === size &&
    extents.length <= BOUNDS.extents &&
    extents.every(({ length }) => length > 0)
  );
}

function isDescribed({ sha256, sha512, type, modifiedAt, linkTarget }: NewFile): boolean {
  return (
    sha256.length === HASHES.sha256 &&
    sha512.length === HASHES.sha512 &&
    encoder.encode(type ?? "").length <= BOUNDS.type &&
    isWithin(encoder.encode(linkTarget ?? "-").length, 1, BOUNDS.link) &&
    isWithin(modifiedAt ?? 0, BOUNDS.earliest, BOUNDS.latest)
  );
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** Members in chunks. A position names one: its chunk and where it is in it. */
export class Members {
  readonly keys: readonly string[];
  readonly #chunks: readonly Uint8Array[];

  constructor(chunks: readonly Uint8Array[], keys: readonly string[]) {
    this.#chunks = chunks;
    this.keys = keys;
  }

  /** The positions of all members in the byte order of their paths, a folder's with its slash. */
  sorted(): Uint32Array {
    const positions = this.positions();
    const isSorted = positions.every(
      (position, at) => at === 0 || this.#compare(positions[at - 1] ?? 0, position) <= 0,
    );
    return isSorted ? positions : positions.toSorted((one, other) => this.#compare(one, other));
  }

  /** The path of a member in UTF-8; a folder's ends in a slash. */
  pathAt(position: number): Uint8Array {
    const reader = this.#at(position);
    return reader.take(reader.varint());
  }

  /** The path and size of a member; null is the size of a folder. */
  headAt(position: number): { path: Uint8Array; size: number | null } {
    const reader = this.#at(position);
    const path = reader.take(reader.varint());
    if (path.at(-1) === SLASH) {
      return { path, size: null };
    }
    reader.u8();
    return { path, size: reader.varint() };
  }

  /** A member that is a name for another one; null for a file or folder. */
  aliasAt(position: number): Alias | null {
    const reader = this.#at(position);
    const path = reader.take(reader.varint());
    const flags = path.at(-1) === SLASH ? 0 : reader.u8();
    if ((flags & ALIAS) === 0) {
      return null;
    }
    reader.varint();
    const target = toText(reader.take(reader.varint()));
    return { path, target, isHard: (flags & HARD) !== 0 };
  }

  /** The same members, and others behind them; the keys are those of both. */
  with(chunks: readonly Uint8Array[]): Members {
    return new Members([...this.#chunks, ...chunks], this.keys);
  }

  /** A member that is a file. */
  fileAt(position: number): Member {
    const reader = this.#at(position);
    const path = reader.take(reader.varint());
    const flags = reader.u8();
    const size = reader.varint();
    const crc = reader.u32();
    const sha256 = reader.take(HASHES.sha256);
    const sha512 = reader.take(HASHES.sha512);
    const extents = Array.from({ length: reader.varint() }, () => readExtent(reader));
    const text = () => toText(reader.take(reader.varint()));
    return {
      path,
      size,
      crc32: crc,
      sha256,
      sha512,
      extents,
      isExecutable: (flags & EXECUTABLE) !== 0,
      type: (flags & TYPED) === 0 ? null : text(),
      modifiedAt: (flags & TIMED) === 0 ? null : reader.signed(),
      linkTarget: (flags & LINKED) === 0 ? null : text(),
    };
  }

  /** The positions of all members as they were added. */
  positions(): Uint32Array {
    const readers = this.#chunks.map((chunk) => new ByteReader(chunk));
    const positions = new Uint32Array(readers.reduce((sum, reader) => sum + countIn(reader), 0));
    let at = 0;
    for (const [number, chunk] of this.#chunks.entries()) {
      for (const reader = new ByteReader(chunk); !reader.isAtEnd; at += 1) {
        const length = reader.varint();
        positions[at] = number * MEMBERS_CHUNK + reader.at;
        reader.take(length);
      }
    }
    return positions;
  }

  /** Compares two paths by their bytes; it is called two million times, so nothing is made for it. */
  #compare(one: number, other: number): number {
    const [a, b] = [this.#chunkOf(one), this.#chunkOf(other)];
    const [startOfA, startOfB] = [
      pathStart(a, one % MEMBERS_CHUNK),
      pathStart(b, other % MEMBERS_CHUNK),
    ];
    const [lengthOfA, lengthOfB] = [
      pathLength(a, one % MEMBERS_CHUNK),
      pathLength(b, other % MEMBERS_CHUNK),
    ];
    const shorter = Math.min(lengthOfA, lengthOfB);
    for (let at = 0; at < shorter; at += 1) {
      const difference = (a[startOfA + at] ?? 0) - (b[startOfB + at] ?? 0);
      if (difference !== 0) {
        return difference;
      }
    }
    return lengthOfA - lengthOfB;
  }

  /** Compares the path of a member with a text in UTF-8; it is called millions of times as well. */
  comparePath(position: number, path: Uint8Array): number {
    const chunk = this.#chunkOf(position);
    const start = pathStart(chunk, position % MEMBERS_CHUNK);
    const length = pathLength(chunk, position % MEMBERS_CHUNK);
    const shorter = Math.min(length, path.length);
    for (let at = 0; at < shorter; at += 1) {
      const difference = (chunk[start + at] ?? 0) - (path[at] ?? 0);
      if (difference !== 0) {
        return difference;
      }
    }
    return length - path.length;
  }

  #chunkOf(position: number): Uint8Array {
    return this.#chunks[position >>> CHUNK_BITS] ?? new Uint8Array();
  }

  #at(position: number): ByteReader {
    return new ByteReader(this.#chunkOf(position).subarray(position % MEMBERS_CHUNK));
  }
}

/** The length of a path in a record, a number of one or two bytes: it is below 2^14. */
function pathLength(chunk: Uint8Array, at: number): number {
  const low = chunk[at] ?? 0;
  return low < 0x80 ? low : (low & 0x7f) + 128 * (chunk[at + 1] ?? 0);
}

/** Where the path begins. */
function pathStart(chunk: Uint8Array, at: number): number {
  return (chunk[at] ?? 0) < 0x80 ? at + 1 : at + 2;
}

function countIn(reader: ByteReader): number {
  let count = 0;
  for (; !reader.isAtEnd; count += 1) {
    reader.take(reader.varint());
  }
  return count;
}

function readExtent(reader: ByteReader): Member["extents"][number] {
  const key = reader.varint();
  return { key: key === 0 ? null : key - 1, start: reader.varint(), length: reader.varint() };
}
