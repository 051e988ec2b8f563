// Archives that are small and much work, or say that they are what they are not.

import { crc32, deflateRawSync, gzipSync } from "node:zlib";

const MiB = 1024 * 1024;
const BLOCK = 512;

/** A header of a tar's member. */
function tarHeader(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name.slice(0, 100), 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\u{0}00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** A member of a tar with its bytes. */
function tarMember(name: string, bytes: Uint8Array, type = "0"): Buffer {
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([tarHeader(name, bytes.length, type), bytes, padding]);
}

const END = Buffer.alloc(2 * BLOCK);

/** A tar of one file. */
export function tarOf(name: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([tarMember(name, bytes), END]);
}
const NOTHING = Buffer.alloc(0);

/** The same bytes many times, each time a gzip member of their own. */
function repeatGzip(bytes: Uint8Array, times: number): Buffer {
  const member = gzipSync(bytes);
  return Buffer.concat(Array.from({ length: times }, () => member));
}

/** Records of an extended header, of so many bytes together. */
function paxRecords(size: number, record: (at: number) => string): Buffer {
  const records: string[] = [];
  for (let length = 0; length < size - 60;) {
    const text = record(records.length);
    records.push(text);
    length += text.length;
  }
  return Buffer.from(records.join(""));
}

function paxRecord(at: number): string {
  const key = at.toString(16);
  const length = key.length + (key.length + 4 < 10 ? 4 : 5);
  return `${length} ${key}=\n`;
}

/** Compressed once and sent as often as it is wanted: gzip allows members one after the other. */
function gzipTar(member: Buffer, times: number): Buffer {
  return Buffer.concat([
    repeatGzip(member, times),
    gzipSync(Buffer.concat([tarMember("last", Buffer.from("x")), END])),
  ]);
}

interface ZipEntry {
  name: string;
  offset: number;
  size: number;
  packed: number;
  sum: number;
}

function zipLocal({ name, size, packed, sum }: Omit<ZipEntry, "offset">): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(sum, 14);
  header.writeUInt32LE(packed, 18);
  header.writeUInt32LE(size, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name)]);
}

function zipCentral({ name, offset, size, packed, sum }: ZipEntry): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(8, 10);
  header.writeUInt32LE(sum, 16);
  header.writeUInt32LE(packed, 20);
  header.writeUInt32LE(size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, Buffer.from(name)]);
}

/** A zip whose directory names its members in an order that jumps from one end to the other. */
function jumpingZip(members: number, size: number): Buffer {
  const bytes = Buffer.alloc(size, "z");
  const body = deflateRawSync(bytes, { level: 0 });
  const locals: Buffer[] = [];
  const entries: ZipEntry[] = [];
  let offset = 0;
  for (let at = 0; at < members; at += 1) {
    const entry = { name: `m${at}`, size, packed: body.length, sum: crc32(bytes) };
    const local = Buffer.concat([zipLocal(entry), body]);
    locals.push(local);
    entries.push({ ...entry, offset });
    offset += local.length;
  }
  const order = entries.map((_, at) => (at % 2 === 0 ? at >> 1 : members - 1 - (at >> 1)));
  return closeZip(
    locals,
    order.flatMap((at) => entries[at] ?? []),
    offset,
  );
}

function closeZip(locals: Buffer[], entries: ZipEntry[], offset: number): Buffer {
  const directory = Buffer.concat(entries.map(zipCentral));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** A zip of empty members. */
function manyEntries(members: number): Buffer {
  const body = deflateRawSync(NOTHING);
  const entry = { size: 0, packed: body.length, sum: 0 };
  const locals: Buffer[] = [];
  const entries: ZipEntry[] = [];
  let offset = 0;
  for (let at = 0; at < members; at += 1) {
    const local = Buffer.concat([zipLocal({ name: `e${at}`, ...entry }), body]);
    locals.push(local);
    entries.push({ name: `e${at}`, ...entry, offset });
    offset += local.length;
  }
  return closeZip(locals, entries, offset);
}

/** A gzip member whose header has a long name and whose content is nothing. */
function emptyMember(nameLength: number): Buffer {
  const [plain, name] = [gzipSync(NOTHING), Buffer.alloc(nameLength + 1, "n")];
  name[nameLength] = 0;
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 8; // RFC 1952 §2.3.1: a name follows
  return Buffer.concat([header, name, plain.subarray(10)]);
}

function manyTimes(bytes: Uint8Array, size: number): Buffer {
  const times = Math.ceil(size / bytes.length);
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

/** By what is much about them. */
export const ARCHIVES: Record<string, () => Buffer> = {
  "gzip members of one byte": () => {
    const one = gzipSync(Buffer.from("a"));
    const count = Math.floor((4 * MiB) / one.length);
    return Buffer.concat([
      gzipSync(tarHeader("f", count, "0")),
      manyTimes(one, 4 * MiB),
      gzipSync(END),
    ]);
  },
  "gzip members of nothing": () =>
    Buffer.concat([gzipSync(tarHeader("f", 1, "0")), manyTimes(gzipSync(NOTHING), 4 * MiB)]),
  "gzip members of nothing with long names": () =>
    Buffer.concat([gzipSync(tarHeader("f", 1, "0")), manyTimes(emptyMember(1_000), 2 * MiB)]),
  "records of extended headers": () =>
    gzipTar(
      Buffer.concat([tarMember("p", paxRecords(MiB, paxRecord), "x"), tarMember("f", NOTHING)]),
      8,
    ),
  "one record of extended headers, repeated": () =>
    gzipTar(
      Buffer.concat([
        tarMember(
          "p",
          paxRecords(MiB, () => "5 a=\n"),
          "x",
        ),
        tarMember("f", NOTHING),
      ]),
      8,
    ),
  "global extended headers": () => gzipTar(tarMember("g", paxRecords(MiB, paxRecord), "g"), 8),
  "GNU names of a megabyte": () =>
    gzipTar(Buffer.concat([tarMember("././@LongLink", Buffer.alloc(MiB, "n"), "L")]), 8),
  "a file of the same two bytes": () => {
    const member = tarMember("f", Buffer.alloc(36 * MiB, "ab"));
    return gzipSync(Buffer.concat([member, END]));
  },
  folders: () =>
    gzipTar(Buffer.concat(Array.from({ length: 2_048 }, () => tarHeader("d/", 0, "5"))), 64),
  "links that are dropped": () =>
    gzipTar(Buffer.concat(Array.from({ length: 2_048 }, () => tarHeader("l", 0, "2"))), 64),
  "empty files": () =>
    gzipSync(
      Buffer.concat([
        ...Array.from({ length: 120_000 }, (_, at) => tarHeader(`e${at}`, 0, "0")),
        END,
      ]),
    ),
  "deep folders": () =>
    gzipSync(
      Buffer.concat([
        ...Array.from({ length: 3_000 }, (_, at) => tarHeader(`${`${at}/`.repeat(16)}f`, 0, "0")),
        END,
      ]),
    ),
  zeros: () => gzipSync(Buffer.concat([tarHeader("z", 512 * MiB, "0"), Buffer.alloc(64 * MiB)])),
  "a zip whose directory jumps": () => jumpingZip(200, 40_000),
  "a zip of empty members": () => manyEntries(60_000),
};
