// Versions against their manifests, and these against themselves. Nothing of a sealed version changes, so it may be
// checked piece by piece; what looks wrong counts only if it lives to the end.

import type { IndexedContent } from "../../catalog/contents/version-rows.ts";
import { checkRefs } from "../../catalog/upkeep/check-versions.ts";
import type { CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { setManifestRow, setRefs } from "../../catalog/upkeep/repair.ts";
import { inspectDraft } from "../../drafts/call-draft.ts";
import { ManifestDamage } from "../../manifest/damage.ts";
import type { FileEntry } from "../../manifest/entries.ts";
import { sortTexts } from "../../manifest/front-coding.ts";
import type { VersionReader } from "../../manifest/version-reader.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { Pace } from "../../protocol/pace.ts";
import { eachVersion, isUnchanged, ofVersion } from "./each-version.ts";
import type { VersionPage } from "./each-version.ts";
import { compareHolders, contentOf } from "./holders.ts";
import { hasManifest, openChecked, readIndex } from "./manifest.ts";
import { numberAt } from "./page.ts";
import type { CheckContext, Position } from "./page.ts";
import { Renumbering } from "./renumber.ts";

/** Units of work for an entry. */
const ENTRY_WORK = 500;

/** Position in a version: the last entry. */
export const checkVersionRows = eachVersion(async (context, version, at) => {
  if (version.sealedAt === null) {
    return checkIncomplete(context, version);
  }
  if (!(await hasManifest(context.env.BUCKET, version))) {
    return { work: 0 };
  }
  try {
    const found = await new ManifestCheck(context, version).run(at);
    const { differences = [] } = found;
    const counts = differences.length === 0 || (await isUnchanged(context.env.DB, version));
    return { ...found, differences: counts ? differences : [] };
  } catch (error) {
    if (!(error instanceof ManifestDamage)) {
      throw error;
    }
    return { work: 1, differences: [ofVersion(version, "version_manifest", error.message)] };
  }
});

/** Its files are in a draft, which knows how many are missing. */
async function checkIncomplete(
  { env, now }: CheckContext,
  version: CheckedVersion,
): Promise<VersionPage> {
  const work = 1 / LIMITS.fsckUploads;
  const { draft, fileCount, createdAt } = version;
  const found = draft === null ? null : await inspectDraft(env.DRAFTS, draft);
  const old = now - LIMITS.fsckSlack;
  let why: string | null = null;
  if (found === null) {
    // Until then its client may still be declaring it.
    why = createdAt < old ? "its draft is gone" : null;
  } else if (found.missing > fileCount) {
    why = `its draft misses ${found.missing} of ${fileCount} files`;
  } else if (found.missing === 0 && found.progressAt < old) {
    why = "it misses no file, and is not sealed";
  }
  if (why === null || !(await isUnchanged(env.DB, version))) {
    return { work };
  }
  return { work, differences: [ofVersion(version, "version_state", why)] };
}

/** A version that is sealed, and its manifest. */
class ManifestCheck {
  readonly #context: CheckContext;
  #version: CheckedVersion;
  readonly #differences: Difference[] = [];
  readonly #pace = new Pace();

  constructor(context: CheckContext, version: CheckedVersion) {
    this.#context = context;
    this.#version = version;
  }

  /** Checks the whole at the beginning, then entries after a position. */
  async run(at: Position): Promise<VersionPage> {
    const { env } = this.#context;
    const differences = this.#differences;
    const after = numberAt(at, 0, 0);
    let work = 0;
    if (at.length === 0) {
      work = (this.#version.manifestLength ?? 0) / LIMITS.fsckBytes;
      if (!(await this.#compareBytes())) {
        return { work, differences };
      }
    }
    const reader = openChecked(env.BUCKET, this.#version);
    if (at.length === 0) {
      this.#compareCounts(reader);
      await this.#compareKeys(reader);
    }
    const { entryCount } = this.#version;
    const last = Math.min(after + LIMITS.fsckEntries, entryCount);
    await this.#compareEntries(reader, after, last);
    const rows = last - after;
    work += rows / LIMITS.fsckEntries;
    return { work, rows: rows + 1, differences, next: last < entryCount ? [last] : null };
  }

  /** Compares the object with its own checksum, and the row with the object; false where nothing more can be read. */
  async #compareBytes(): Promise<boolean> {
    const { env, repairs } = this.#context;
    const { id, manifestKey, manifestLength, row } = this.#version;
    if (manifestKey === null) {
      return true;
    }
    const read = await readIndex(env.BUCKET, manifestKey, manifestLength ?? 0);
    if (!read.ok) {
      this.#add("version_manifest", read.why);
      return false;
    }
    const index = read.index.toHex();
    if (index !== row.toLowerCase()) {
      if (repairs) {
        await setManifestRow(env.DB, id, read.index);
      }
      this.#add("version_manifest", "the row has another index than the manifest", repairs);
      this.#version = { ...this.#version, row: index };
    }
    return true;
  }

  #compareCounts({ root }: VersionReader): void {
    const { fileCount, entryCount, totalBytes } = this.#version;
    const { files, entries, bytes } = root.below;
    if (files !== fileCount || entries !== entryCount || bytes !== totalBytes) {
      const [has, says] = [
        [fileCount, entryCount, totalBytes],
        [files, entries, bytes],
      ];
      this.#add("version_sums", `the row has ${has.join(", ")}, the manifest ${says.join(", ")}`);
    }
  }

  /** The objects that its files name are those that the manifest lists, and that the version refers to. */
  async #compareKeys(reader: VersionReader): Promise<void> {
    const { env, now, repairs } = this.#context;
    const { id, manifestKey, entryCount } = this.#version;
    const named = new Set<string>();
    let misfits = 0;
    for await (const entries of reader.walk({ after: 0, last: entryCount })) {
      for (const entry of entries) {
        if (entry.kind === "file" && !(await addKeys(reader, entry, named))) {
          misfits += 1;
        }
      }
      await this.#pace.spendAndRest(ENTRY_WORK * entries.length);
    }
    if (misfits > 0) {
      this.#add("version_manifest", `${misfits} files have other sizes than their extents`);
    }
    if (String(await reader.keys()) !== String(sortTexts([...named]))) {
      this.#add("version_manifest", "it lists other objects than its files name");
    }
    if (manifestKey !== null) {
      named.add(manifestKey);
    }
    const refs = new Set(await checkRefs(env.DB, id));
    const missing = [...named.difference(refs)];
    const extra = [...refs.difference(named)];
    if (missing.length + extra.length > 0) {
      if (repairs) {
        await setRefs(env.DB, id, { missing, extra }, now);
      }
      const detail = `${missing.length} objects without a reference, ${extra.length} that it does not name`;
      this.#add("version_refs", detail, repairs);
    }
  }

  async #compareEntries(reader: VersionReader, after: number, last: number): Promise<void> {
    const numbering = await Renumbering.after(reader, after);
    const wrong = { order: 0, sums: 0 };
    const indexed: IndexedContent[] = [];
    const { fileCount, entryCount } = this.#version;
    const numbers = { first: (await reader.sums(after)).files + 1, last: Number.MAX_SAFE_INTEGER };
    for await (const entries of reader.walk({ after, last })) {
      for (const entry of entries) {
        const fault = numbering.take(entry);
        if (fault !== null) {
          wrong[fault] += 1;
        }
        if (entry.kind === "file" && (entry.size >= LIMITS.indexedFile || fileCount === 1)) {
          indexed.push(contentOf(entry));
        }
      }
      await this.#pace.spendAndRest(ENTRY_WORK * entries.length);
    }
    if (last === entryCount) {
      wrong.sums += numbering.finish(reader.root);
    } else {
      numbers.last = (await reader.sums(last)).files;
    }
    if (wrong.order > 0) {
      this.#add("version_order", `${wrong.order} or more entries`);
    }
    if (wrong.sums > 0) {
      this.#add("version_sums", `${wrong.sums} entries`);
    }
    const holders = await compareHolders(this.#context, this.#version, indexed, [
      numbers.first,
      numbers.last,
    ]);
    this.#differences.push(...holders);
  }

  #add(kind: Difference["kind"], detail: string, isRepaired = false): void {
    this.#differences.push(ofVersion(this.#version, kind, detail, isRepaired));
  }
}

/** Adds the keys of a file's objects; false where its extents have other bytes than it says. */
async function addKeys(
  reader: VersionReader,
  file: FileEntry,
  keys: Set<string>,
): Promise<boolean> {
  if (file.place.kind === "object") {
    keys.add(file.place.key);
    return true;
  }
  let held = 0;
  for await (const extents of reader.extents(file)) {
    for (const { key, length } of extents) {
      held += length;
      if (key !== null) {
        keys.add(key);
      }
    }
  }
  return held === file.size;
}
