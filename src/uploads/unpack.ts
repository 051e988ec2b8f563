// A compressed archive is unpacked into a further upload, the pack, as a plain tar, which is then exploded in its
// stead: (1) the pack is noted in the catalog, where the sweep finds it should it be left; (2) it gets the tar by
// the piece, while its members are noted here; (3) what can be refused of them is, and the upload stays for another
// use; (4) the artifact names the pack instead of us; (5) the pack is told to explode; (6) we end. What the
// pack holds needs no second sending after a crash, but to unpack again: the state of an inflation cannot be kept.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import { describeMember, LONGEST_TARGET } from "../archive/describe-member.ts";
import { Gunzip } from "../archive/gunzip.ts";
import { Inflater } from "../archive/inflate.ts";
import { decodeName } from "../archive/member-path.ts";
import { ReadAhead } from "../archive/read-ahead.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import { TarWalk } from "../archive/tar-walk.ts";
import { TAR_END, tarHeader, tarPadding } from "../archive/tar.ts";
import type { TarHead } from "../archive/tar.ts";
import { COST } from "../archive/work.ts";
import type { Work } from "../archive/work.ts";
import { zipEntries } from "../archive/zip-directory.ts";
import { findZipDirectory } from "../archive/zip-end.ts";
import type { ArchiveSource } from "../archive/zip-end.ts";
import { checkLocalHeader, LOCAL_SIZE } from "../archive/zip-entry.ts";
import type { ZipEntry } from "../archive/zip-entry.ts";
import { RunningDigest } from "../blobs/checksums.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NotedEntry } from "./read-entry.ts";

/** Is told of what is met. */
type Note = (entry: NotedEntry) => void;

/** Bytes of extra fields that local headers mostly have at most. */
const LOCAL_EXTRA = 64;

/** Why a device, fifo or socket is left out. */
const SPECIAL = "is a device";
/** In the place of a target that is none. */
const NO_TARGET = "x".repeat(LONGEST_TARGET + 1);

const encoder = new TextEncoder();

/** Counts the changes of the tar that a zip becomes: a pack that another one began is begun again. */
export const PACK_REVISION = 2;

/** How an archive that is not a plain tar is packed. */
export type Packing = "gzip" | "zip";

/** How an archive is unpacked: from which byte of the tar on it is wanted, who is told of members, who counts the work. */
interface Unpacking {
  from: number;
  note: Note;
  work: Work;
}

/**
 * Unpacks an archive and tells `note` of each member, those before `from` too.
 *
 * @yields Its members as a tar, from byte `from` of that on, and nothing now and then: whoever reads lets others in when `work`
 * says so. The bytes are valid until the next are asked for.
 */
export async function* unpackAsTar(
  source: ArchiveSource,
  packing: Packing,
  { from, note, work }: Unpacking,
): AsyncGenerator<Uint8Array> {
  const most = LIMITS.unpackedFree + source.size * LIMITS.unpackedRatio;
  let length = 0;
  let last: string | null = null;
  const noteLast: Note = (entry) => {
    last = entry.kind === "left out" ? last : entry.path;
    note(entry);
  };
  const unpacking = { from, note: noteLast, work };
  const unpacked = packing === "gzip" ? gunzip(source, unpacking) : zipAsTar(source, unpacking);
  for await (const bytes of unpacked) {
    const begin = length;
    length += typeof bytes === "number" ? bytes : bytes.length;
    if (length > Math.min(most, LIMITS.unpackedSize)) {
      const what = `the archive unpacks to more than ${begin} bytes`;
      throw new ArchiveProblem(last, last === null ? what : `is where ${what}`);
    }
    yield typeof bytes === "number" ? NOTHING : bytes.subarray(Math.max(0, from - begin));
  }
}

const NOTHING = new Uint8Array();

async function* gunzip(
  { size, read }: ArchiveSource,
  { note, work }: Unpacking,
): AsyncGenerator<Uint8Array> {
  const unpacker = new Gunzip(() => new RunningDigest("crc32"), work);
  // What is wrong with the tar is found here, before another upload takes over.
  const sink = {
    begin: ({ path, size: bytes }: TarMember) => note({ kind: "file", path, size: bytes }),
    bytes: () => {},
    end: () => {},
    beside: note,
  };
  const walk = new TarWalk(sink, work);
  for (let at = 0; at < size; at += LIMITS.unpackRead) {
    for (const bytes of unpacker.push(await read(at, Math.min(LIMITS.unpackRead, size - at)))) {
      walk.push(bytes);
      yield bytes;
    }
  }
  unpacker.finish();
  walk.finish();
}

/** @yields Bytes, or how many there are of a member that ends before `from`. */
async function* zipAsTar(
  source: ArchiveSource,
  { from, note, work }: Unpacking,
): AsyncGenerator<Uint8Array | number> {
  const directory = await findZipDirectory(source);
  if (directory.count > LIMITS.archiveMembers) {
    throw new ArchiveProblem(null, `the zip has ${directory.count} entries`);
  }
  const members = new ReadAhead(source, work);
  let length = 0;
  for await (const entry of zipEntries(source, directory, work)) {
    work.spend(COST.member);
    const { target, noted } = await describeEntry(members, entry, work);
    if (noted === null) {
      yield 0; // the root
      continue;
    }
    note(noted);
    const head = headOf(entry, target);
    const header = tarHeader(head);
    const padding = tarPadding(head.size);
    const whole = header.length + head.size + padding.length;
    length += whole;
    if (length <= from) {
      yield whole;
      continue;
    }
    yield header;
    if (entry.kind === "file") {
      yield* entryBytes(members, entry, work);
    }
    yield padding;
  }
  yield TAR_END;
}

/** What a member of a zip is to whoever reads the tar that it becomes; a link's target is read. */
async function describeEntry(
  archive: ReadAhead,
  entry: ZipEntry,
  work: Work,
): Promise<{ target: string; noted: NotedEntry | null }> {
  const target = entry.kind === "link" ? await readTarget(archive, entry, work) : "";
  const { type, ...head } = headOf(entry, target);
  const described = describeMember(encoder.encode(head.path), {
    kind: type === "device" ? "special" : (type ?? "file"),
    special: SPECIAL,
    target: encoder.encode(target),
    isHard: false,
  });
  switch (described.kind) {
    case "root":
      return { target, noted: null };
    case "file":
      return { target, noted: { ...described, size: head.size } };
    case "folder":
    case "link":
    case "left out":
      return { target, noted: described };
  }
}

/** The target of a link, which its bytes are. One that cannot be a target is replaced by one that is too long. */
async function readTarget(archive: ReadAhead, entry: ZipEntry, work: Work): Promise<string> {
  if (entry.size > LONGEST_TARGET) {
    return NO_TARGET;
  }
  const target = new Uint8Array(entry.size);
  let at = 0;
  for await (const bytes of entryBytes(archive, entry, work)) {
    target.set(bytes, at);
    at += bytes.length;
  }
  return decodeName(target) ?? NO_TARGET;
}

/** The header that says of a member what the zip does. */
function headOf(entry: ZipEntry, target: string): TarHead {
  const { name: path, kind, size, isExecutable, modifiedAt } = entry;
  switch (kind) {
    case "file":
      return { path, size, isExecutable, modifiedAt };
    case "folder":
      return { path, size: 0, modifiedAt, type: "folder" };
    case "link":
      return { path, size: 0, modifiedAt, type: "link", target };
    case "special":
      return { path, size: 0, modifiedAt, type: "device" };
  }
}

/** @yields The bytes of a member, unpacked and checked. */
async function* entryBytes(
  archive: ReadAhead,
  entry: ZipEntry,
  work: Work,
): AsyncGenerator<Uint8Array> {
  const { name, rawName, size, packedSize, method, crc32 } = entry;
  const headLength = LOCAL_SIZE + rawName.length;
  const likely = headLength + LOCAL_EXTRA + packedSize;
  const begin = checkLocalHeader(entry, await archive.read(entry.offset, headLength, likely));
  const checksum = new RunningDigest("crc32");
  const inflater = method === "deflated" ? new Inflater(name, size, work) : null;
  for (let at = 0; at < packedSize;) {
    const packed = await archive.readSome(begin + at, packedSize - at);
    at += packed.length;
    for (const bytes of inflater?.push(packed) ?? inSteps(packed)) {
      work.spend(bytes.length * COST.byte);
      checksum.update(bytes);
      yield bytes;
    }
  }
  inflater?.finish();
  if (checksum.digest().toHex() !== crc32) {
    throw new ArchiveProblem(name, "has damaged data: its checksum is not right");
  }
}

/** @yields The same bytes, a few at a time. */
function* inSteps(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LIMITS.inflateStep) {
    yield bytes.subarray(at, at + LIMITS.inflateStep);
  }
}
