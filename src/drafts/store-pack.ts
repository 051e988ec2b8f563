// Small files that come whole, packed: those that come at the same time are one R2 object and one row of the draft. In this
// order: (1) one read of the catalog: what those who bring them may do, and whether the version lives; (2) a number for the pack; (3)
// one `put`, verified by R2; (4) one row makes the bytes the files'. A crash before (4) leaves an object whose number the
// draft knows.

import type { Checksums } from "../blobs/checksums.ts";
import { putObject } from "../blobs/objects.ts";
import type { Rights } from "../catalog/artifacts/bundles.ts";
import { findDraftRights } from "../catalog/publish/drafted.ts";
import type { Reader } from "../catalog/reader.ts";
import type { Draft } from "./draft.ts";
import { packKey } from "./draft.ts";

/** A small file as it came. */
export interface SmallFile {
  path: string;
  bytes: Uint8Array;
  checksums: Checksums;
}

/** A small file, and for whom. */
export interface Arrival {
  reader: Reader;
  file: SmallFile;
}

/** A declared file. */
export interface DraftFile {
  size: number;
  /** Lower-case hex. */
  sha256: string;
  isComplete: boolean;
}

/** What came of a file; `file` is as it was before, null when the draft has none of that path. `isStored`: these are its bytes,
 * and they are there now. `gone`: the draft has ended, or its artifact has. */
export type TakenIn =
  | ({ kind: "known"; file: DraftFile | null; isStored: boolean } & Rights)
  | { kind: "gone" };

/** Stores those of the files that are what the draft awaits. One that is not harms no other. */
export async function storePack(
  { DB: db, BUCKET: bucket }: Pick<Env, "DB" | "BUCKET">,
  draft: Draft,
  arrivals: readonly Arrival[],
): Promise<TakenIn[]> {
  const rights = await findRights(db, draft, arrivals);
  const pack = new Pack();
  const taken = arrivals.map(({ file }, index): TakenIn => {
    const may = rights[index] ?? null;
    if (may === null) {
      return { kind: "gone" };
    }
    const known = findFile(draft, file.path);
    const isStored = may.writable && known !== null && isAwaited(file, known);
    if (isStored) {
      pack.add(file);
    }
    return { kind: "known", file: known, isStored, ...may };
  });
  if (pack.isEmpty) {
    return taken;
  }
  const number = draft.takePackNumber();
  const key = packKey(draft.uuid, number);
  const bytes = pack.join();
  await putObject(bucket, key, bytes, await sha512(bytes));
  if (draft.isEnding) {
    return arrivals.map(() => ({ kind: "gone" })); // its number is on the list of what is removed
  }
  draft.take(`pack/${number}`, pack.contents(key), Date.now());
  return taken;
}

/** A file of the draft by its path. */
export function findFile(draft: Draft, path: string): DraftFile | null {
  const number = draft.declared.find(path);
  if (number === null) {
    return null;
  }
  const { size, sha256 } = draft.declared.contentAt(number);
  return { size, sha256: sha256.toHex(), isComplete: !draft.isMissing(number) };
}

/** What each of those who bring something may do. */
async function findRights(
  db: Env["DB"],
  draft: Draft,
  arrivals: readonly Arrival[],
): Promise<(Rights | null)[]> {
  const names = arrivals.map(({ reader }) => JSON.stringify(reader));
  const readers = new Map(arrivals.map(({ reader }, index) => [names[index] ?? "", reader]));
  const found = await findDraftRights(db, draft.uuid, [...readers.values()], Date.now());
  const byName = new Map([...readers.keys()].map((name, index) => [name, found[index] ?? null]));
  return names.map((name) => byName.get(name) ?? null);
}

function isAwaited({ bytes, checksums }: SmallFile, file: DraftFile): boolean {
  return !file.isComplete && file.size === bytes.length && file.sha256 === checksums.sha256;
}

/** Contents one behind the other; one that several files have is there once. */
class Pack {
  readonly #files: { file: SmallFile; start: number }[] = [];
  readonly #known = new Set<string>();
  #length = 0;

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  add(file: SmallFile): void {
    const { sha512: name } = file.checksums;
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.#files.push({ file, start: this.#length });
      this.#length += file.bytes.length;
    }
  }

  contents(key: string) {
    return this.#files.map(({ file: { bytes, checksums }, start }) => {
      const { length: size } = bytes;
      return { size, ...checksums, extents: [{ key, start, length: size }] };
    });
  }

  join(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    for (const { file, start } of this.#files) {
      bytes.set(file.bytes, start);
    }
    return bytes;
  }
}

async function sha512(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes)).toHex();
}
