// Declared files whose bytes their workspace has already. Large ones are found by the index of contents; all others in its newest
// versions, by the hashes in their manifests. A hash never gives bytes from another workspace, and counts only whole,
// with the size.

import { readManifest } from "../artifacts/manifests.ts";
import { findHoldings, listKnownVersions, readManifestRows } from "../catalog/publish/declare.ts";
import type { KnownVersion } from "../catalog/publish/declare.ts";
import type { FileEntry } from "../manifest/entries.ts";
import { HASH_ROW, HASHED_FILES } from "../manifest/format.ts";
import { compareBytes } from "../manifest/front-coding.ts";
import { matchHashes } from "../manifest/hash-column.ts";
import type { VersionReader } from "../manifest/version-reader.ts";
import type { FileExtent } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { sortInSteps } from "../protocol/sort-in-steps.ts";
import type { Declared } from "./declared.ts";
import type { PlacedContent } from "./places.ts";
import { PlacesWriter } from "./places.ts";

/** Files that were found: rows of their places, the R2 objects of those, and how many files they are. */
export interface FoundFiles {
  rows: Uint8Array[];
  keys: string[];
  count: number;
}

export const NOTHING_FOUND: FoundFiles = { rows: [], keys: [], count: 0 };

/** Units of work for a file that is looked at. */
const FILE_WORK = 100;

/** Files of a version, for each that is found one in so many, from which on it is cheaper to go through all of them. */
const DENSE = 50;

/** Looks for the bytes of declared files. */
export async function findFiles(
  stores: Pick<Env, "DB" | "BUCKET">,
  declared: Declared,
  { workspaceId, category }: { workspaceId: number; category: string },
  now: number,
): Promise<FoundFiles> {
  const search = new Search(stores, declared);
  await search.lookUpLarge(workspaceId, now);
  await search.lookThrough(await listKnownVersions(stores.DB, workspaceId, category, now));
  return search.finish();
}

class Search {
  readonly #stores: Pick<Env, "DB" | "BUCKET">;
  readonly #declared: Declared;
  readonly #pace = new Pace();
  /** By number - 1: is the file not found yet? Empty ones are not looked for. */
  readonly #isWanted: Uint8Array;
  readonly #found: PlacedContent[] = [];
  /** Contents that were looked at: a version may have each in as many files as it has. */
  readonly #known = new Set<string>();
  #count = 0;

  constructor(stores: Pick<Env, "DB" | "BUCKET">, declared: Declared) {
    this.#stores = stores;
    this.#declared = declared;
    this.#isWanted = Uint8Array.from({ length: declared.count }, (_, index) =>
      Number(declared.contentAt(index + 1).size > 0),
    );
  }

  /** Finds large files by the index of contents. */
  async lookUpLarge(workspaceId: number, now: number): Promise<void> {
    const large = await this.#largeContents();
    for (let at = 0; at < large.length; at += LIMITS.contentsAtOnce) {
      const contents = large.slice(at, at + LIMITS.contentsAtOnce);
      const holdings = await findHoldings(this.#stores.DB, workspaceId, contents, now);
      const byVersion = Map.groupBy(holdings, ({ versionId }) => versionId);
      // Those of the newest versions: each costs a read.
      const ids = [...byVersion.keys()].toSorted((one, other) => other - one);
      for await (const readers of this.#open(ids.slice(0, LIMITS.contentsAtOnce))) {
        for (const { id, reader } of readers) {
          const numbers = (byVersion.get(id) ?? []).map(({ fileNumber }) => fileNumber);
          await this.#readFiles(reader, numbers);
        }
      }
    }
  }

  /** Finds files in versions, as far as these may be read. */
  async lookThrough(versions: readonly KnownVersion[]): Promise<void> {
    let room = LIMITS.knownBytes;
    const affordable = versions.filter((version) => {
      const cost = hasHashes(version) ? version.fileCount * HASH_ROW : version.manifestLength;
      const isIn = cost <= room;
      room -= isIn ? cost : 0;
      return isIn;
    });
    const byId = new Map(affordable.map((version) => [version.id, version]));
    for await (const readers of this.#open([...byId.keys()])) {
      const hashes = await this.#wantedHashes();
      const matches = await Promise.all(
        readers.map(async ({ id, reader }) => {
          const version = byId.get(id);
          return version !== undefined && hasHashes(version)
            ? this.#match(reader, hashes, version.fileCount)
            : { reader, numbers: null, isDense: true };
        }),
      );
      for (const { reader, numbers, isDense } of matches) {
        await (isDense ? this.#readAll(reader, numbers) : this.#readFiles(reader, numbers ?? []));
      }
    }
  }

  /** All that was found, in the order of the files. */
  finish(): FoundFiles {
    const writer = new PlacesWriter();
    const keys = new Set<string>();
    const inOrder = this.#found.toSorted(
      (one, other) => (one.numbers[0] ?? 0) - (other.numbers[0] ?? 0),
    );
    for (const content of inOrder) {
      writer.add(content);
      for (const { key } of content.extents) {
        if (key !== null) {
          keys.add(key);
        }
      }
    }
    return { rows: writer.finish(), keys: [...keys], count: this.#count };
  }

  /** @yields The manifests of some versions at a time, while something is wanted. */
  async *#open(ids: readonly number[]): AsyncGenerator<{ id: number; reader: VersionReader }[]> {
    for (let at = 0; at < ids.length; at += LIMITS.manifestsAtOnce) {
      if (!this.#isWanted.includes(1)) {
        return;
      }
      const some = ids.slice(at, at + LIMITS.manifestsAtOnce);
      const rows = await readManifestRows(this.#stores.DB, some);
      yield rows.map(({ id, key, row }) => {
        const bytes = Uint8Array.fromHex(row);
        return { id, reader: readManifest(this.#stores.BUCKET, { key, row: bytes }) };
      });
    }
  }

  /** What is wanted of large contents, each once. */
  async #largeContents(): Promise<{ size: number; sha256: string }[]> {
    const large = new Map<string, { size: number; sha256: string }>();
    for (const number of this.#wanted()) {
      const { size, sha256 } = this.#declared.contentAt(number);
      if (size >= LIMITS.indexedFile) {
        const content = { size, sha256: sha256.toHex() };
        large.set(nameOf(content), content);
      }
      await this.#pace.spendAndRest(FILE_WORK);
    }
    return [...large.values()];
  }

  /** The hashes of what is wanted, sorted. */
  #wantedHashes(): Promise<Uint8Array[]> {
    const hashes = this.#wanted().map((number) => this.#declared.contentAt(number).sha256);
    return sortInSteps(hashes, compareBytes, this.#pace);
  }

  /** Finds the numbers of the files of a version that may have one of some hashes. */
  async #match(
    reader: VersionReader,
    sorted: readonly Uint8Array[],
    fileCount: number,
  ): Promise<{ reader: VersionReader; numbers: Set<number>; isDense: boolean }> {
    const numbers = new Set<number>();
    for await (const fileNumber of matchHashes(reader.hashes(), sorted)) {
      numbers.add(fileNumber);
      await this.#pace.spendAndRest(FILE_WORK);
    }
    return { reader, numbers, isDense: numbers.size * DENSE > fileCount };
  }

  async #readFiles(reader: VersionReader, numbers: Iterable<number>): Promise<void> {
    for (const number of [...numbers].toSorted((one, other) => one - other)) {
      const file = await reader.fileAt(number);
      if (file !== null) {
        await this.#take(reader, file);
      }
    }
  }

  /** Goes through all files of a version, for those of some numbers or any. */
  async #readAll(reader: VersionReader, numbers: ReadonlySet<number> | null = null): Promise<void> {
    for await (const entries of reader.walk({ after: 0, last: reader.root.below.entries })) {
      for (const entry of entries) {
        if (entry.kind === "file" && (numbers === null || numbers.has(entry.sums.files))) {
          await this.#take(reader, entry);
        }
      }
    }
  }

  /** Takes the bytes of a file for the declared ones of its content. */
  async #take(reader: VersionReader, file: FileEntry): Promise<void> {
    const { size, sha256, sha512, crc32 } = file;
    await this.#pace.spendAndRest(FILE_WORK);
    const name = nameOf({ size, sha256: sha256.toHex() });
    if (this.#known.has(name)) {
      return;
    }
    this.#known.add(name);
    const same = this.#declared.withContent(sha256, size);
    await this.#pace.spendAndRest(FILE_WORK * same.length);
    const numbers = same.filter((number) => this.#isWanted[number - 1] === 1);
    if (numbers.length === 0) {
      return;
    }
    const extents: FileExtent[] = [];
    for await (const some of reader.extents(file)) {
      extents.push(...some);
    }
    if (extents.length > LIMITS.extents) {
      return;
    }
    this.#found.push({ numbers, crc32, sha512: sha512.slice(), extents });
    this.#count += numbers.length;
    for (const number of numbers) {
      this.#isWanted[number - 1] = 0;
    }
  }

  #wanted(): number[] {
    return [...this.#isWanted].flatMap((isWanted, index) => (isWanted === 1 ? index + 1 : []));
  }
}

function nameOf({ size, sha256 }: { size: number; sha256: string }): string {
  return `${size} ${sha256}`;
}

function hasHashes({ hasObject, fileCount }: KnownVersion): boolean {
  return hasObject && fileCount >= HASHED_FILES;
}
