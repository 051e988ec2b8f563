// A version's manifest as the check opens it: its bytes against what names them, then entry by entry.

import { objectSize, readPiece } from "../../blobs/objects.ts";
import type { CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { BOUNDS, FOOTER_LENGTH, MAGIC } from "../../manifest/format.ts";
import { openManifest } from "../../manifest/open-manifest.ts";
import type { ReadBytes } from "../../manifest/open-manifest.ts";
import { VersionReader } from "../../manifest/version-reader.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { RunningSha256 } from "../sha256.ts";

/** Reads of at most so many bytes are made together with what follows: lists of extents lie in the order of their files. */
const SMALL_READ = 64 * 1024;

/** Is the R2 object of a manifest there, with all its bytes? The comparison with R2 tells where it is not. True for one
 * that is whole in its row. */
export async function hasManifest(
  bucket: Env["BUCKET"],
  { manifestKey, manifestLength }: CheckedVersion,
): Promise<boolean> {
  if (manifestKey === null) {
    return true;
  }
  return ((await objectSize(bucket, manifestKey)) ?? -1) >= (manifestLength ?? 0);
}

/** Opens the manifest of a version by what its row has, to be gone through in order. */
export function openChecked(
  bucket: Env["BUCKET"],
  { manifestKey, manifestLength, row }: CheckedVersion,
): VersionReader {
  const read: ReadBytes = (offset, length) => readPiece(bucket, manifestKey ?? "", offset, length);
  return new VersionReader(
    openManifest(Uint8Array.fromHex(row), readAhead(read, manifestLength ?? 0)),
  );
}

/** Reads ahead where little is asked for. */
function readAhead(read: ReadBytes, size: number): ReadBytes {
  let window: { offset: number; bytes: Uint8Array } = { offset: 0, bytes: new Uint8Array() };
  return async (offset, length) => {
    if (length > SMALL_READ) {
      return read(offset, length);
    }
    if (offset < window.offset || offset + length > window.offset + window.bytes.length) {
      const most = Math.max(Math.min(LIMITS.manifestRead, size - offset), length);
      window = { offset, bytes: await read(offset, most) };
    }
    const from = offset - window.offset;
    return window.bytes.subarray(from, from + length);
  };
}

/** The index of a manifest that is an R2 object, or what is wrong with its bytes. All of them are read. */
export async function readIndex(
  bucket: Env["BUCKET"],
  key: string,
  size: number,
): Promise<{ ok: true; index: Uint8Array } | { ok: false; why: string }> {
  const end = size - FOOTER_LENGTH;
  if (end < 0) {
    return { ok: false, why: `it has ${size} bytes` };
  }
  const footer = await readPiece(bucket, key, end, FOOTER_LENGTH);
  const length = new DataView(footer.buffer, footer.byteOffset).getUint32(0, true);
  const isOurs = MAGIC.every((byte, at) => footer.at(at - MAGIC.length) === byte);
  if (!isOurs || length > Math.min(end, BOUNDS.index)) {
    return { ok: false, why: "it does not end as a manifest" };
  }
  const hash = new RunningSha256();
  for (let from = 0; from < end; from += LIMITS.manifestRead) {
    hash.update(await readPiece(bucket, key, from, Math.min(LIMITS.manifestRead, end - from)));
  }
  if (hash.digest().toHex() !== footer.subarray(4, -MAGIC.length).toHex()) {
    return { ok: false, why: "it has not the SHA-256 that it ends in" };
  }
  return { ok: true, index: await readPiece(bucket, key, end - length, length) };
}
