// PKWARE's APPNOTE 6.3.10: members stored as they are, so that every length follows from path and size. A
// directory entry has a zip64 extra when the archive as a whole needs one, never by its own place in it: what an
// entry takes is then the same in the archive of every folder.

import type { EntryHead } from "./entry.ts";

const LOCAL_HEADER = 30;
const DIRECTORY_HEADER = 46;
/** "Extended timestamp" of Info-ZIP: DOS times have neither odd seconds nor a zone. */
const TIME_EXTRA = 9;
/** In a local header: both sizes. */
const LOCAL_ZIP64_EXTRA = 20;
/** In the directory: both sizes and the place of the member. */
export const DIRECTORY_ZIP64_EXTRA = 28;
const END = 22;
const ZIP64_END = 56;
const ZIP64_LOCATOR = 20;

/** The first values that do not fit four and two bytes: they say "see zip64". */
const LIMIT_32 = 0xffff_ffff;
const LIMIT_16 = 0xffff;

const VERSION = 10;
const VERSION_ZIP64 = 45;
const BY_UNIX = 3 << 8;
/** Names are UTF-8. */
const FLAGS = 1 << 11;
/** Modes as Unix says them, in the upper half; a folder for DOS as well. */
const FILE = 0o100644 * 0x10000;
const EXECUTABLE = 0o100755 * 0x10000;
const FOLDER = 0o040755 * 0x10000 + 0x10;
/** The last second that an extended timestamp can say. */
const LAST_SECOND = 2 ** 31 - 1;
const FIRST_DOS_TIME = Date.UTC(1980, 0, 1);
const LAST_DOS_TIME = Date.UTC(2107, 11, 31, 23, 59, 58);

const encoder = new TextEncoder();

/** What the headers of a member say. */
export interface ZipHead extends EntryHead {
  /** Eight hex digits. */
  crc32: string;
}

/** What the end of an archive says. */
export interface ZipShape {
  count: number;
  /** Bytes before the directory. */
  bodyLength: number;
  /** Bytes of the directory without zip64 extras. */
  plainDirectoryLength: number;
}

/** Counts the bytes that a member takes before the directory: its local header and its own bytes. */
export function zipEntryLength(path: string | Uint8Array, size: number): number {
  const zip64 = size < LIMIT_32 ? 0 : LOCAL_ZIP64_EXTRA;
  return LOCAL_HEADER + nameLength(path) + zip64 + TIME_EXTRA + size;
}

/** Counts the bytes that a member takes in the directory of an archive without zip64. */
export function zipDirectoryEntryLength(path: string | Uint8Array): number {
  return DIRECTORY_HEADER + nameLength(path) + TIME_EXTRA;
}

function nameLength(path: string | Uint8Array): number {
  return typeof path === "string" ? encoder.encode(path).length : path.length;
}

/** Tells whether an archive is beyond what its plain end record can say. */
export function needsZip64({ count, bodyLength }: ZipShape): boolean {
  // With fewer members than that, the directory cannot come near four bytes' worth.
  return count >= LIMIT_16 || bodyLength >= LIMIT_32;
}

/** Makes what precedes a member's bytes. */
export function zipLocalHeader(head: ZipHead, isZip64: boolean): Uint8Array {
  const { path, size } = head;
  const name = encoder.encode(path);
  const isLarge = size >= LIMIT_32;
  const extraLength = (isLarge ? LOCAL_ZIP64_EXTRA : 0) + TIME_EXTRA;
  const record = new RecordWriter(LOCAL_HEADER + name.length + extraLength);
  record.u32(0x0403_4b50);
  writeCommon(record, head, { isZip64, size: isLarge ? LIMIT_32 : size });
  record.u16(name.length).u16(extraLength).bytes(name);
  if (isLarge) {
    record.u16(1).u16(LOCAL_ZIP64_EXTRA - 4);
    record.u64(size).u64(size);
  }
  writeTime(record, head.modifiedAt);
  return record.done();
}

/** Makes a member's entry in the directory; `offset` is where its local header begins. */
export function zipDirectoryEntry(head: ZipHead, offset: number, isZip64: boolean): Uint8Array {
  const { path, size } = head;
  const name = encoder.encode(path);
  const extraLength = TIME_EXTRA + (isZip64 ? DIRECTORY_ZIP64_EXTRA : 0);
  const record = new RecordWriter(DIRECTORY_HEADER + name.length + extraLength);
  record.u32(0x0201_4b50).u16(BY_UNIX | VERSION_ZIP64);
  writeCommon(record, head, { isZip64, size: isZip64 ? LIMIT_32 : size });
  record.u16(name.length).u16(extraLength).u16(0); // no comment
  record.u16(0).u16(0).u32(attributesOf(head)); // disk, internal and external attributes
  record.u32(isZip64 ? LIMIT_32 : offset).bytes(name);
  if (isZip64) {
    record.u16(1).u16(DIRECTORY_ZIP64_EXTRA - 4);
    record.u64(size).u64(size).u64(offset);
  }
  writeTime(record, head.modifiedAt);
  return record.done();
}

/** Makes what follows the directory. */
export function zipEnd(shape: ZipShape): Uint8Array {
  const { count, bodyLength, plainDirectoryLength } = shape;
  const isZip64 = needsZip64(shape);
  const directoryLength = plainDirectoryLength + (isZip64 ? count * DIRECTORY_ZIP64_EXTRA : 0);
  const record = new RecordWriter((isZip64 ? ZIP64_END + ZIP64_LOCATOR : 0) + END);
  if (isZip64) {
    record.u32(0x0606_4b50).u64(ZIP64_END - 12);
    record.u16(BY_UNIX | VERSION_ZIP64).u16(VERSION_ZIP64);
    record.u32(0).u32(0).u64(count).u64(count); // this disk, the directory's disk
    record.u64(directoryLength).u64(bodyLength);
    record.u32(0x0706_4b50).u32(0);
    record.u64(bodyLength + directoryLength).u32(1); // the place of the record above, disks in all
  }
  const count16 = Math.min(count, LIMIT_16);
  record.u32(0x0605_4b50).u16(0).u16(0).u16(count16).u16(count16);
  record.u32(Math.min(directoryLength, LIMIT_32)).u32(Math.min(bodyLength, LIMIT_32));
  record.u16(0); // no comment
  return record.done();
}

function attributesOf({ type, isExecutable = false }: ZipHead): number {
  if (type === "folder") {
    return FOLDER;
  }
  return isExecutable ? EXECUTABLE : FILE;
}

/** Writes what both headers of a member have in common, from the version needed to the sizes. */
function writeCommon(
  record: RecordWriter,
  { crc32, modifiedAt }: ZipHead,
  { isZip64, size }: { isZip64: boolean; size: number },
): void {
  const { time, date } = dosTime(modifiedAt);
  record
    .u16(isZip64 ? VERSION_ZIP64 : VERSION)
    .u16(FLAGS)
    .u16(0); // stored
  record.u16(time).u16(date);
  record.u32(Number.parseInt(crc32, 16)).u32(size).u32(size);
}

function writeTime(record: RecordWriter, modifiedAt: number): void {
  record.u16(0x5455).u16(TIME_EXTRA - 4);
  const seconds = Math.min(Math.max(Math.floor(modifiedAt / 1000), 0), LAST_SECOND);
  record.u8(1).u32(seconds); // the time of the last change alone
}

/** A time in UTC as DOS has it, from 1980 to 2107 and in steps of two seconds. */
function dosTime(modifiedAt: number): { time: number; date: number } {
  const at = new Date(Math.min(Math.max(modifiedAt, FIRST_DOS_TIME), LAST_DOS_TIME));
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}

/** Fills a record of a known length, little-endian. */
class RecordWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#take(1), value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#take(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#take(4), value, true);
    return this;
  }

  u64(value: number): this {
    this.#view.setBigUint64(this.#take(8), BigInt(value), true);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#take(value.length));
    return this;
  }

  /** The record, which must be full. */
  done(): Uint8Array {
    if (this.#at !== this.#bytes.length) {
      throw new Error(`Cannot end a zip record at ${this.#at} of ${this.#bytes.length} bytes`);
    }
    return this.#bytes;
  }

  #take(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}
