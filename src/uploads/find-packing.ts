// What an upload is, by its first bytes, and where these tell nothing by its last.

import { isTarHeader } from "../archive/tar-header.ts";
import { endsAsZip } from "../archive/zip-end.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { UploadContext } from "./context.ts";
import { readArchive, sourceOf } from "./exploding.ts";
import type { Packing } from "./unpack.ts";

/** How the first bytes of an archive tell what it is; text is a character a byte. */
const MARKS = [
  { packing: "tar", offset: 257, text: "ustar" },
  { packing: "gzip", offset: 0, text: "\u001F\u008B" },
  { packing: "zip", offset: 0, text: "PK\u0003\u0004" },
] as const;

/** Archives that are not exploded, and what helps. */
const OTHERS = [
  { text: "\u0028\u00B5\u002F\u00FD", name: "Zstandard; send what `zstd -dc` gives" },
  { text: "\u00FD7zXZ\0", name: "xz; send what `xz -dc` gives" },
  { text: "BZh", name: "bzip2; send what `bzip2 -dc` gives" },
  { text: "LZIP", name: "lzip; send what `lzip -dc` gives" },
  { text: "\u001F\u009D", name: "compress; send what `uncompress -c` gives" },
  { text: "7z\u00BC\u00AF\u0027\u001C", name: "7z; unpack it and send a tar" },
  { text: "Rar!\u001A", name: "rar; unpack it and send a tar" },
  {
    text: "!<arch>\ndebian-binary",
    name: "a Debian package; send what `dpkg-deb --fsys-tarfile` gives",
  },
  { text: "!<arch>\n", name: "ar; unpack it and send a tar" },
  { text: "07070", name: "cpio; unpack it and send a tar" },
] as const;

/** Bytes of a tar without members: two blocks of zeros, and what they are filled up with. */
const EMPTY_TAR = LIMITS.walkStep;

/** How an upload that is at rest is packed; where it is nothing that is exploded, what it is, if that is known. */
export async function findPacking(
  context: UploadContext,
): Promise<{ packing: "tar" | Packing } | { packing: null; known: { detail: string } | null }> {
  const first = await readArchive(context, 0, 512);
  const text = String.fromCharCode(...first);
  const marked = MARKS.find((mark) => text.startsWith(mark.text, mark.offset));
  if (marked !== undefined) {
    return marked;
  }
  if (isTarHeader(first) || (await isEmptyTar(context))) {
    return { packing: "tar" };
  }
  const known = OTHERS.find((other) => text.startsWith(other.text));
  if (known !== undefined) {
    return { packing: null, known: { detail: `It is ${known.name}` } };
  }
  // One without members has no other record, and what unpacks itself has a program before.
  return (await endsAsZip(sourceOf(context))) ? { packing: "zip" } : { packing: null, known: null };
}

/** What is longer may be the image of a disk, which begins with zeros as well. */
async function isEmptyTar(context: UploadContext): Promise<boolean> {
  const { size } = sourceOf(context);
  const isShort = size >= 1_024 && size <= EMPTY_TAR && size % 512 === 0;
  return isShort && (await readArchive(context, 0, size)).every((byte) => byte === 0);
}
