// Small files that come whole, packed: those that come at the same time are one R2 object and one batch of
// the catalog. In this order: (1) with the look-up of the files, the object's key is listed in `garbage`; (2) one
// `put`, verified by R2; (3) one batch makes the bytes the files', and the key leaves `garbage`. A crash at
// any line leaves a key in `garbage`, which the sweep removes.

import type { Checksums } from "../blobs/checksums.ts";
import { putObject } from "../blobs/objects.ts";
import { findDestinations } from "../catalog/contents.ts";
import type { Destination, Wanted } from "../catalog/contents.ts";
import { completePacked } from "../catalog/packs.ts";
import type { PackedContent } from "../catalog/packs.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";

/** A small file as it came. */
export interface SmallFile {
  path: string;
  bytes: Uint8Array;
  checksums: Checksums;
}

/** Where a file belongs, as it was before; null when there is no such artifact. `isStored`: these are its bytes, and
 * they are there now. */
export interface Placed {
  to: Destination | null;
  isStored: boolean;
}

/** Stores those of the files that are what the artifact awaits. One that is not harms no other. */
export async function storePack(
  { DB: db, BUCKET: bucket }: Pick<Env, "DB" | "BUCKET">,
  { reader, artifactId }: Omit<Wanted, "paths">,
  files: readonly SmallFile[],
): Promise<Placed[]> {
  const key = `files/${newUuid()}`;
  const paths = files.map(({ path }) => path);
  const destinations = await findDestinations(db, { reader, artifactId, paths }, key, Date.now());
  const pack = new Pack();
  const placed = files.map((file, index) => {
    const to = destinations[index] ?? null;
    return { to, insertion: to !== null && isAwaited(file, to) ? pack.add(file) : null };
  });
  const versionId = placed.find(({ insertion }) => insertion !== null)?.to?.file?.versionId;
  if (versionId === undefined) {
    return placed.map(({ to }) => ({ to, isStored: false }));
  }
  const bytes = pack.join();
  await putObject(bucket, key, bytes, await sha512(bytes));
  const taken = await completePacked(db, { versionId, key, contents: pack.contents }, Date.now());
  return placed.map(({ to, insertion }) => ({
    to,
    isStored: insertion !== null && taken.has(insertion),
  }));
}

function isAwaited({ bytes, checksums }: SmallFile, { file, writable }: Destination): boolean {
  return (
    writable &&
    file !== null &&
    !file.isComplete &&
    file.size === bytes.length &&
    file.sha256 === checksums.sha256
  );
}

/** Contents one behind the other; one that several files have is there once. */
class Pack {
  readonly contents: PackedContent[] = [];
  readonly #pieces: Uint8Array[] = [];
  readonly #insertions = new Map<string, Uuid>();
  #length = 0;

  /** Gives the `insertion` of the file's content. */
  add({ bytes, checksums }: SmallFile): Uuid {
    const known = this.#insertions.get(checksums.sha512);
    if (known !== undefined) {
      return known;
    }
    const insertion = newUuid();
    this.#insertions.set(checksums.sha512, insertion);
    this.contents.push({ insertion, size: bytes.length, ...checksums, start: this.#length });
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    return insertion;
  }

  join(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let end = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, end);
      end += piece.length;
    }
    return bytes;
  }
}

async function sha512(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes)).toHex();
}
