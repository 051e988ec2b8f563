// Zips for tests of the reader, record by record: what real tools write, and what none does.

import { deflateSync } from "fflate";

import { RunningDigest } from "../../../src/blobs/checksums.ts";
import { join } from "./make-tar.ts";

const encoder = new TextEncoder();

/** How a record is to differ from what is right. */
interface Oddities {
  /** Unix mode; 0 for none. */
  mode?: number;
  method?: number;
  flags?: number;
  /** What the directory says. */
  size?: number;
  packedSize?: number;
  crc32?: number;
  offset?: number;
  /** The packed bytes. */
  packed?: Uint8Array;
  /** What the local header says. */
  localName?: string;
  localSize?: number;
  localMethod?: number;
  /** Sizes in a zip64 field, and 32-bit ones at their maximum. */
  isWide?: boolean;
  extra?: Uint8Array;
  rawName?: Uint8Array;
  /** The system that made it; 3 is Unix. */
  host?: number;
  /** The date in the upper half. */
  dosTime?: number;
}

export interface ZipFile extends Oddities {
  name: string;
  data?: string;
}

/** What the end records say. */
export interface EndOddities {
  comment?: Uint8Array;
  count?: number;
  offset?: number;
  disk?: number;
  isWide?: boolean;
  prefix?: Uint8Array;
  /** The directory lists the members in another order than they lie in. */
  isShuffled?: boolean;
}

function crcOf(bytes: Uint8Array): number {
  const running = new RunningDigest("crc32");
  running.update(bytes);
  return Number.parseInt(running.digest().toHex(), 16);
}

/** Little-endian numbers of the given widths, in bytes. */
function record(...fields: [value: number, width: 2 | 4 | 8][]): Uint8Array {
  const parts = fields.map(([value, width]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(value), true);
    return new Uint8Array(view.buffer, 0, width);
  });
  return join(...parts);
}

function toRecords(file: ZipFile, at: number): { local: Uint8Array; central: Uint8Array } {
  const { name, data = "", mode = 0o100644, flags = 0x0800 } = file;
  const bytes = encoder.encode(data);
  const method = file.method ?? 8;
  const packed = file.packed ?? (method === 8 ? deflateSync(bytes) : bytes);
  const size = file.size ?? bytes.length;
  const packedSize = file.packedSize ?? packed.length;
  const crc = file.crc32 ?? crcOf(bytes);
  const nameBytes = file.rawName ?? encoder.encode(name);
  const localName = file.localName === undefined ? nameBytes : encoder.encode(file.localName);
  const isStreamed = (flags & 8) !== 0;
  const said = (value: number) => (isStreamed ? 0 : value);
  const wide = (value: number) => (file.isWide === true ? 0xffffffff : value);
  const wideField = (...values: number[]) =>
    file.isWide === true
      ? record([1, 2], [values.length * 8, 2], ...values.map((v): [number, 8] => [v, 8]))
      : new Uint8Array();
  const localExtra = wideField(said(size), said(packedSize));
  const extra = join(
    wideField(size, packedSize, file.offset ?? at),
    file.extra ?? new Uint8Array(),
  );
  const descriptor = isStreamed
    ? record([0x08074b50, 4], [crc, 4], [packedSize, 4], [size, 4])
    : new Uint8Array();
  return {
    local: join(
      record([0x04034b50, 4], [20, 2], [flags, 2], [file.localMethod ?? method, 2], [0, 4]),
      record([said(crc), 4], [wide(said(packedSize)), 4], [wide(said(file.localSize ?? size)), 4]),
      record([localName.length, 2], [localExtra.length, 2]),
      localName,
      localExtra,
      packed,
      descriptor,
    ),
    central: join(
      record([0x02014b50, 4], [(file.host ?? 3) * 256 + 30, 2], [20, 2], [flags, 2], [method, 2]),
      record([file.dosTime ?? 0, 4], [crc, 4]),
      record([wide(packedSize), 4], [wide(size), 4], [nameBytes.length, 2], [extra.length, 2]),
      record([0, 2], [0, 2], [0, 2], [mode * 0x10000, 4], [wide(file.offset ?? at), 4]),
      nameBytes,
      extra,
    ),
  };
}

/** In an order in which nearly none follows its predecessor. */
function shuffled<T>(items: T[]): T[] {
  return items
    .map((item, place) => ({ item, key: (place * 7_919) % 10_007 }))
    .toSorted((one, other) => one.key - other.key)
    .map(({ item }) => item);
}

/** A whole zip. */
export function makeZip(files: ZipFile[], end: EndOddities = {}): Uint8Array {
  let body = end.prefix ?? new Uint8Array();
  const entries: Uint8Array[] = [];
  for (const file of files) {
    const { local, central } = toRecords(file, body.length - (end.prefix?.length ?? 0));
    body = join(body, local);
    entries.push(central);
  }
  const directory = join(...(end.isShuffled === true ? shuffled(entries) : entries));
  const { disk = 0, comment = new Uint8Array() } = end;
  const count = end.count ?? files.length;
  const offset = end.offset ?? body.length - (end.prefix?.length ?? 0);
  const isWide = end.isWide === true;
  const wideEnd = isWide
    ? join(
        record([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [disk, 4], [disk, 4]),
        record([count, 8], [count, 8], [directory.length, 8], [offset, 8]),
        record([0x07064b50, 4], [0, 4], [offset + directory.length, 8], [1, 4]),
      )
    : new Uint8Array();
  const narrow = (value: number, maximum: number) => (isWide ? maximum : value);
  return join(
    body,
    directory,
    wideEnd,
    record([0x06054b50, 4], [disk, 2], [disk, 2]),
    record([narrow(count, 0xffff), 2], [narrow(count, 0xffff), 2]),
    record([narrow(directory.length, 0xffffffff), 4], [narrow(offset, 0xffffffff), 4]),
    record([comment.length, 2]),
    comment,
  );
}
