// The entries of a version, wherever it keeps them: in its manifest once it is sealed, in its draft before.

import { showName } from "../archive/member-path.ts";
import { draftEntries } from "../drafts/entries.ts";
import { ManifestDamage } from "../manifest/damage.ts";
import type { Entry } from "../manifest/entries.ts";
import type { VersionReader } from "../manifest/version-reader.ts";
import type {
  LeftOutMembers,
  OrdinalRange,
  VersionEntries,
  VersionEntry,
} from "../protocol/entries.ts";
import type { Uuid } from "../protocol/ids.ts";
import { openRow } from "./held.ts";

/** A version as a look-up gives it to who may read it. */
interface Located {
  draft: Uuid | null;
  manifest: { key: string | null; row: string } | null;
}

/** The entries of a version. */
export function entriesOf(env: Pick<Env, "BUCKET" | "DRAFTS">, version: Located): VersionEntries {
  const { draft, manifest } = version;
  if (manifest !== null) {
    return new SealedEntries(openRow(env.BUCKET, manifest));
  }
  if (draft === null) {
    throw new ManifestDamage("there is none, and no draft");
  }
  return draftEntries(env.DRAFTS, draft);
}

/** Those of a manifest, none of which is missing. */
class SealedEntries implements VersionEntries {
  readonly #reader: VersionReader;

  constructor(reader: VersionReader) {
    this.#reader = reader;
  }

  async find(path: string): Promise<VersionEntry | null> {
    const entry = await this.#reader.find(path);
    return entry && this.#toVersionEntry(entry);
  }

  async page(first: number, last: number): Promise<VersionEntry[]> {
    return (await this.#reader.page(first, last)).map((entry) => this.#toVersionEntry(entry));
  }

  async *walk(range: OrdinalRange): AsyncGenerator<VersionEntry[]> {
    for await (const entries of this.#reader.walk(range)) {
      yield entries.map((entry) => this.#toVersionEntry(entry));
    }
  }

  countMissing(): Promise<number> {
    return Promise.resolve(0);
  }

  async leftOut(): Promise<LeftOutMembers> {
    const { count, named } = await this.#reader.leftOut();
    return {
      count,
      named: named.map(({ path, reason }) => ({ path: showName(path), reason })),
    };
  }

  #toVersionEntry(entry: Entry): VersionEntry {
    const { path, ordinal } = entry;
    if (entry.kind === "folder") {
      const { entries: entryCount, files: fileCount, bytes: totalBytes } = entry.below;
      return { kind: "folder", path, ordinal, entryCount, fileCount, totalBytes };
    }
    const { size, sha256, sha512, crc32, type: contentType, isExecutable, modifiedAt } = entry;
    return {
      kind: "file",
      path,
      ordinal,
      size,
      sha512: sha512.toHex(),
      sha256: sha256.toHex(),
      crc32: crc32.toString(16).padStart(8, "0"),
      contentType,
      isExecutable,
      modifiedAt,
      extents: (start, end) => this.#reader.extents(entry, start, end),
    };
  }
}
