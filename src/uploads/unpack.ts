// A compressed archive is unpacked into a further upload, the pack, as a plain tar, which is then exploded in its
// stead: (1) the pack is noted in the catalog, where the sweep finds it should it be left; (2) it gets the tar by
// the piece, while its members are noted here; (3) what can be refused of them is, and the upload stays for another
// use; (4) the artifact names the pack instead of us; (5) the pack is told to explode; (6) we end. What the
// pack holds needs no second sending after a crash, but to unpack again: the state of an inflation cannot be kept.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import { Gunzip } from "../archive/gunzip.ts";
import { Inflater } from "../archive/inflate.ts";
import { ReadAhead } from "../archive/read-ahead.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import { TarWalk } from "../archive/tar-walk.ts";
import { TAR_END, tarEntryLength, tarHeader, tarPadding } from "../archive/tar.ts";
import { COST } from "../archive/work.ts";
import type { Work } from "../archive/work.ts";
import { zipEntries } from "../archive/zip-directory.ts";
import { findZipDirectory } from "../archive/zip-end.ts";
import type { ArchiveSource } from "../archive/zip-end.ts";
import { checkLocalHeader, LOCAL_SIZE } from "../archive/zip-entry.ts";
import type { ZipEntry } from "../archive/zip-entry.ts";
import { RunningDigest } from "../blobs/checksums.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Is told of a member that is met. */
type Note = (member: Pick<TarMember, "path" | "size">) => void;

/** Bytes of extra fields that local headers mostly have at most. */
const LOCAL_EXTRA = 64;

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
  const noteLast: Note = (member) => {
    last = member.path;
    note(member);
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
  const walk = new TarWalk({ begin: note, bytes: () => {}, end: () => {} }, work);
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
    if (entry === null) {
      yield 0;
      continue;
    }
    note(entry);
    work.spend(COST.member);
    const whole = tarEntryLength(entry.path, entry.size);
    length += whole;
    if (length <= from) {
      yield whole;
    } else {
      yield* tarMember(members, entry, work);
    }
  }
  yield TAR_END;
}

async function* tarMember(
  archive: ReadAhead,
  entry: ZipEntry,
  work: Work,
): AsyncGenerator<Uint8Array> {
  const { path, name, size, packedSize, method, crc32 } = entry;
  const headLength = LOCAL_SIZE + new TextEncoder().encode(name).length;
  const likely = headLength + LOCAL_EXTRA + packedSize;
  const begin = checkLocalHeader(entry, await archive.read(entry.offset, headLength, likely));
  yield tarHeader({ path, size, modifiedAt: 0 });
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
  yield tarPadding(size);
}

/** @yields The same bytes, a few at a time. */
function* inSteps(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LIMITS.inflateStep) {
    yield bytes.subarray(at, at + LIMITS.inflateStep);
  }
}
