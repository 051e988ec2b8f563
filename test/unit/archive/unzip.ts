// A whole zip unpacked in memory by the readers, in the order of the bytes, as a test wants it.

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { Inflater } from "../../../src/archive/inflate.ts";
import { memberPath } from "../../../src/archive/member-path.ts";
import { zipEntries } from "../../../src/archive/zip-directory.ts";
import { findZipDirectory } from "../../../src/archive/zip-end.ts";
import { checkLocalHeader, LOCAL_SIZE } from "../../../src/archive/zip-entry.ts";
import { collect, freely } from "./make-tar.ts";

/** The paths of the files of a zip, each with its bytes. */
export async function unzip(zip: Uint8Array): Promise<Map<string, Uint8Array>> {
  const source = {
    size: zip.length,
    read: async (offset: number, length: number) => {
      if (offset < 0 || offset + length > zip.length) {
        throw new Error(`Cannot read ${length} bytes at ${offset} of ${zip.length}`);
      }
      return zip.slice(offset, offset + length);
    },
  };
  const directory = await findZipDirectory(source);
  const entries = await Array.fromAsync(zipEntries(source, directory, freely()));
  const files = new Map<string, Uint8Array>();
  for (const entry of entries) {
    const named = memberPath(entry.name, "file");
    if (entry.kind !== "file" || named.kind !== "path") {
      continue;
    }
    const head = zip.subarray(entry.offset, entry.offset + LOCAL_SIZE + 1000);
    const start = checkLocalHeader(entry, head);
    const packed = zip.subarray(start, start + entry.packedSize);
    if (packed.length < entry.packedSize) {
      throw new ArchiveProblem(entry.name, "is cut off");
    }
    files.set(named.path, entry.method === "stored" ? packed : inflate(entry, packed));
  }
  return files;
}

function inflate({ name, size }: { name: string; size: number }, packed: Uint8Array): Uint8Array {
  const inflater = new Inflater(name, size, freely());
  const bytes = collect(inflater.push(packed));
  inflater.finish();
  return bytes;
}
