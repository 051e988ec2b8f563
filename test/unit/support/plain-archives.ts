// A tar and a zip as the service promises them, written anew and as plainly as it goes: all bytes at once, from a list of
// files. POSIX.1-2017 (pax) and APPNOTE 6.3.10; docs/decisions/007 says when which header is there. Files are smaller than 8 GiB
// and archives have fewer than 65,535 of them.

import { crc32 } from "node:zlib";

/** A file of an archive, or an empty folder, whose path ends in a slash. What has no time of its own, in milliseconds, has that of
 * the archive, in seconds. */
export interface PlainMember {
  path: string;
  data: Uint8Array;
  isExecutable: boolean;
  modifiedAt: number | null;
}

/** Whole seconds of a member, as far as a format has them. */
function secondsOf({ modifiedAt }: PlainMember, seconds: number, [first, last]: Limits): number {
  const own = modifiedAt === null ? seconds : Math.floor(modifiedAt / 1_000);
  return Math.min(Math.max(own, first), last);
}

type Limits = readonly [first: number, last: number];
/** Eleven octal digits; a signed number of four bytes; the years of DOS. */
const TAR_TIMES: Limits = [0, 8 ** 11 - 1];
const UNIX_TIMES: Limits = [0, 2 ** 31 - 1];
const DOS_TIMES: Limits = [315_532_800, 4_354_819_198];

function modeOf({ path, isExecutable }: PlainMember): number {
  return isExecutable || path.endsWith("/") ? 0o755 : 0o644;
}

const utf8 = new TextEncoder();

/** The bytes of texts, numbers and arrays, one behind the other. */
function concat(...parts: (string | Uint8Array)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === "string" ? utf8.encode(part) : part));
  const all = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of bytes) {
    all.set(each, at);
    at += each.length;
  }
  return all;
}

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

/** A member of a tar: headers, bytes and padding. */
export function tarMember(member: PlainMember, seconds: number): Uint8Array {
  const { path, data } = member;
  const padding = zeros((512 - (data.length % 512)) % 512);
  const time = secondsOf(member, seconds, TAR_TIMES);
  const [type, mode] = [path.endsWith("/") ? "5" : "0", modeOf(member)];
  const own = { type, mode, size: data.length, time };
  const named = ustarName(path);
  if (named !== null) {
    return concat(ustarHeader({ ...named, ...own }), data, padding);
  }
  const record = paxPath(path);
  const base = path.split("/").findLast((segment) => segment !== "") ?? "";
  const printable = Array.from(path.endsWith("/") ? `${base}/` : base, (character) =>
    character >= " " && character <= "~" ? character : "_",
  );
  const extended = { type: "x", mode: 0o644, size: record.length, time };
  return concat(
    ustarHeader({ prefix: "", name: "././@PaxHeader", ...extended }),
    record,
    zeros((512 - (record.length % 512)) % 512),
    ustarHeader({ prefix: "", name: printable.join("").slice(0, 100), ...own }),
    data,
    padding,
  );
}

/** A path in the two fields of a header: as little as may be in the first; null where it does not fit, or is not printable
 * ASCII. */
function ustarName(path: string): { prefix: string; name: string } | null {
  if (Array.from(path).some((character) => character < " " || character > "~")) {
    return null;
  }
  if (path.length <= 100) {
    return { prefix: "", name: path };
  }
  const segments = path.split("/");
  for (let count = 1; count < segments.length; count += 1) {
    const [prefix, name] = [segments.slice(0, count).join("/"), segments.slice(count).join("/")];
    if (name.length <= 100) {
      return prefix.length <= 155 && name !== "" ? { prefix, name } : null;
    }
  }
  return null;
}

/** The record of a path: its length in decimal digits, which count themselves, a space, `path=`, a line feed. */
function paxPath(path: string): Uint8Array {
  for (let length = 1; ; length += 1) {
    const record = concat(`${length} path=${path}\n`);
    if (record.length === length) {
      return record;
    }
  }
}

interface UstarFields {
  prefix: string;
  name: string;
  type: string;
  mode: number;
  size: number;
  time: number;
}

function ustarHeader({ prefix, name, type, mode, size, time }: UstarFields): Uint8Array {
  const header = zeros(512);
  const put = (at: number, text: string) => header.set(utf8.encode(text), at);
  put(0, name);
  put(100, `${mode.toString(8).padStart(7, "0")}\0`);
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, `${time.toString(8).padStart(11, "0")}\0`);
  put(148, "        ");
  put(156, type);
  put(257, "ustar\x0000");
  put(329, "0000000\0");
  put(337, "0000000\0");
  put(345, prefix);
  let sum = 0;
  for (const byte of header) {
    sum += byte;
  }
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** A whole tar. */
export function plainTar(members: readonly PlainMember[], seconds: number): Uint8Array {
  return concat(...members.map((member) => tarMember(member, seconds)), zeros(1024));
}

function le(length: 1 | 2 | 4, value: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => Math.floor(value / 256 ** at) % 256);
}

/** What both headers of a file of a zip say, from the version to the sizes: stored, names in UTF-8. */
function zipCommon(member: PlainMember, seconds: number): Uint8Array {
  const { data } = member;
  const at = new Date(secondsOf(member, seconds, DOS_TIMES) * 1_000);
  const [hours, minutes, twos] = [
    at.getUTCHours(),
    at.getUTCMinutes(),
    Math.floor(at.getUTCSeconds() / 2),
  ];
  const time = hours * 2_048 + minutes * 32 + twos;
  const date = (at.getUTCFullYear() - 1_980) * 512 + (at.getUTCMonth() + 1) * 32 + at.getUTCDate();
  const sizes = [le(4, data.length), le(4, data.length)];
  return concat(le(2, 10), le(2, 2_048), le(2, 0), le(2, time), le(2, date), crcOf(data), ...sizes);
}

function crcOf(data: Uint8Array): Uint8Array {
  return le(4, crc32(data));
}

/** The time of a file in the extra field UT. */
function zipTime(member: PlainMember, seconds: number): Uint8Array {
  return concat("UT", le(2, 5), le(1, 1), le(4, secondsOf(member, seconds, UNIX_TIMES)));
}

/** A file of a zip before the directory. */
export function zipMember(member: PlainMember, seconds: number): Uint8Array {
  const name = utf8.encode(member.path);
  return concat(
    "PK\u0003\u0004",
    zipCommon(member, seconds),
    le(2, name.length),
    le(2, 9),
    name,
    zipTime(member, seconds),
    member.data,
  );
}

/** Its entry in the directory; `offset` is where its bytes begin. */
export function zipEntry(member: PlainMember, seconds: number, offset: number): Uint8Array {
  const name = utf8.encode(member.path);
  const isFolder = member.path.endsWith("/");
  return concat(
    "PK\u0001\u0002",
    le(1, 45),
    le(1, 3), // Unix
    zipCommon(member, seconds),
    le(2, name.length),
    le(2, 9),
    zeros(6), // comment, disk, kind of content
    le(2, isFolder ? 0x10 : 0), // attributes of DOS
    le(2, (isFolder ? 0o040000 : 0o100000) + modeOf(member)),
    le(4, offset),
    name,
    zipTime(member, seconds),
  );
}

/** A whole zip. */
export function plainZip(members: readonly PlainMember[], seconds: number): Uint8Array {
  const bodies: Uint8Array[] = [];
  const entries: Uint8Array[] = [];
  let offset = 0;
  for (const member of members) {
    const body = zipMember(member, seconds);
    entries.push(zipEntry(member, seconds, offset));
    bodies.push(body);
    offset += body.length;
  }
  const directory = concat(...entries);
  return concat(
    ...bodies,
    directory,
    "PK\u0005\u0006",
    zeros(4),
    le(2, members.length),
    le(2, members.length),
    le(4, directory.length),
    le(4, offset),
    zeros(2),
  );
}
