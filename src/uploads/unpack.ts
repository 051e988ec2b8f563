// A compressed archive is unpacked into a further upload, the pack, as a plain tar, which is then exploded in its
// stead: (1) the pack is noted in the catalog, where the sweep finds it should it be left; (2) it gets the tar by
// the piece, while its members are noted here; (3) what can be refused of them is, and the upload stays for another
// use; (4) the artifact names the pack instead of us; (5) the pack is told to explode; (6) we end. What the
// pack holds needs no second sending after a crash, but to unpack again: the state of an inflation cannot be kept.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import { Gunzip } from "../archive/gunzip.ts";
import { Inflater } from "../archive/inflate.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import { TarWalk } from "../archive/tar-walk.ts";
import { TAR_END, tarEntryLength, tarHeader, tarPadding } from "../archive/tar.ts";
import { zipEntries } from "../archive/zip-directory.ts";
import { findZipDirectory } from "../archive/zip-end.ts";
import type { ArchiveSource } from "../archive/zip-end.ts";
import { checkLocalHeader, LOCAL_SIZE } from "../archive/zip-entry.ts";
import type { ZipEntry } from "../archive/zip-entry.ts";
import { RunningDigest } from "../blobs/checksums.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Is told of a member that is met. */
type Note = (member: Pick<TarMember, "path" | "size">) => void;

/** How an archive that is not a plain tar is packed. */
export type Packing = "gzip" | "zip";

/**
 * Unpacks an archive and tells `note` of each member, those before `from` too.
 *
 * @yields Its members as a tar, from byte `from` of that on.
 */
export async function* unpackAsTar(
  source: ArchiveSource,
  packing: Packing,
  from: number,
  note: Note,
): AsyncGenerator<Uint8Array> {
  const most = LIMITS.unpackedFree + source.size * LIMITS.unpackedRatio;
  let length = 0;
  let last: string | null = null;
  const noteLast: Note = (member) => {
    last = member.path;
    note(member);
  };
  const unpacked = packing === "gzip" ? gunzip(source, noteLast) : zipAsTar(source, from, noteLast);
  for await (const bytes of unpacked) {
    const begin = length;
    length += typeof bytes === "number" ? bytes : bytes.length;
    if (length > Math.min(most, LIMITS.unpackedSize)) {
      const what = `the archive unpacks to more than ${begin} bytes`;
      throw new ArchiveProblem(last, last === null ? what : `is where ${what}`);
    }
    if (typeof bytes !== "number" && length > from) {
      yield bytes.subarray(Math.max(0, from - begin));
    }
  }
}

async function* gunzip({ size, read }: ArchiveSource, note: Note): AsyncGenerator<Uint8Array> {
  const unpacker = new Gunzip(() => new RunningDigest("crc32"));
  // What is wrong with the tar is found here, before another upload takes over.
  const walk = new TarWalk({ begin: note, bytes: () => {}, end: () => {} });
  for (let at = 0; at < size; at += LIMITS.explodePiece) {
    for (const bytes of unpacker.push(await read(at, Math.min(LIMITS.explodePiece, size - at)))) {
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
  from: number,
  note: Note,
): AsyncGenerator<Uint8Array | number> {
  const directory = await findZipDirectory(source);
  if (directory.count > LIMITS.archiveMembers) {
    throw new ArchiveProblem(null, `the zip has ${directory.count} entries`);
  }
  const members = inWindows(source);
  let length = 0;
  for await (const entry of zipEntries(source, directory)) {
    if (entry !== null) {
      note(entry);
      const whole = tarEntryLength(entry.path, entry.size);
      length += whole;
      if (length <= from) {
        yield whole;
      } else {
        yield* tarMember(members, entry);
      }
    }
  }
  yield TAR_END;
}

async function* tarMember(source: ArchiveSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const { path, name, size, packedSize, method, crc32 } = entry;
  const headLength = LOCAL_SIZE + new TextEncoder().encode(name).length;
  const begin = checkLocalHeader(entry, await source.read(entry.offset, headLength));
  yield tarHeader({ path, size, modifiedAt: 0 });
  const checksum = new RunningDigest("crc32");
  const inflater = method === "deflated" ? new Inflater(name, size) : null;
  for (let at = 0; at < packedSize; at += LIMITS.explodePiece) {
    const packed = await source.read(begin + at, Math.min(LIMITS.explodePiece, packedSize - at));
    for (const bytes of inflater?.push(packed) ?? [packed]) {
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

/** The same source, read ahead: members mostly follow each other. */
function inWindows({ size, read }: ArchiveSource): ArchiveSource {
  let [begin, window] = [0, new Uint8Array()];
  return {
    size,
    async read(offset, length) {
      if (offset < begin || offset + length > begin + window.length) {
        const wanted = Math.max(length, LIMITS.explodePiece);
        begin = offset;
        window = new Uint8Array(
          await read(offset, Math.max(length, Math.min(wanted, size - offset))),
        );
      }
      return window.subarray(offset - begin, offset - begin + length);
    },
  };
}
