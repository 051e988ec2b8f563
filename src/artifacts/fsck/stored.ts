// Versions against R2: what their manifests name is there, as many bytes of each object as they name.

import { objectSizes } from "../../blobs/list.ts";
import type { CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { ManifestDamage } from "../../manifest/damage.ts";
import type { FileEntry } from "../../manifest/entries.ts";
import { sortTexts } from "../../manifest/front-coding.ts";
import type { VersionReader } from "../../manifest/version-reader.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { Pace } from "../../protocol/pace.ts";
import { eachVersion } from "./each-version.ts";
import { hasManifest, openChecked } from "./manifest.ts";

/** Units of work for an entry. */
const ENTRY_WORK = 300;

/** Position in a version: the last key. */
export const checkStored = eachVersion(async ({ env }, version, at, left) => {
  if (version.sealedAt === null) {
    return { work: 0 };
  }
  const after = String(at[0] ?? "");
  const { ends, entries } = await findEnds(env.BUCKET, version);
  const keys = sortTexts([...ends.keys()]).filter((key) => key > after);
  const some = keys.slice(0, Math.max(1, Math.floor(left * LIMITS.fsckKeys)));
  const sizes = await objectSizes(env.BUCKET, some);
  const of = `${version.artifactUuid} version ${version.index}`;
  const last = some.at(-1);
  return {
    work: some.length / LIMITS.fsckKeys + entries / LIMITS.fsckEntries,
    rows: some.length,
    differences: some.flatMap((key) => {
      return compareObject({ key, end: ends.get(key) ?? 0, of }, sizes.get(key) ?? null);
    }),
    next: last === undefined || some.length === keys.length ? null : [last],
  };
});

/** The last byte of each object that a version names: that of its manifest, and where this can be read those with its files,
 * so many entries. */
async function findEnds(
  bucket: Env["BUCKET"],
  version: CheckedVersion,
): Promise<{ ends: Map<string, number>; entries: number }> {
  const { manifestKey, manifestLength, entryCount } = version;
  const ends = new Map<string, number>();
  if (manifestKey !== null) {
    ends.set(manifestKey, manifestLength ?? 0);
  }
  if (!(await hasManifest(bucket, version))) {
    return { ends, entries: 0 };
  }
  try {
    await noteFiles(openChecked(bucket, version), entryCount, ends);
  } catch (error) {
    // The check of versions tells.
    if (!(error instanceof ManifestDamage)) {
      throw error;
    }
  }
  return { ends, entries: entryCount };
}

/** Notes the last byte of each object that files name. */
async function noteFiles(
  reader: VersionReader,
  entryCount: number,
  ends: Map<string, number>,
): Promise<void> {
  const pace = new Pace();
  for await (const entries of reader.walk({ after: 0, last: entryCount })) {
    for (const entry of entries) {
      if (entry.kind === "file") {
        await noteEnds(reader, entry, ends);
      }
    }
    await pace.spendAndRest(ENTRY_WORK * entries.length);
  }
}

async function noteEnds(
  reader: VersionReader,
  file: FileEntry,
  ends: Map<string, number>,
): Promise<void> {
  const note = (key: string, end: number) => ends.set(key, Math.max(end, ends.get(key) ?? 0));
  if (file.place.kind === "object") {
    note(file.place.key, file.place.start + file.size);
    return;
  }
  for await (const extents of reader.extents(file)) {
    for (const { key, start, length } of extents) {
      if (key !== null) {
        note(key, start + length);
      }
    }
  }
}

/** Compares what names bytes up to `end` of an object with the object's size. */
export function compareObject(
  { key, end, of }: { key: string; end: number; of: string },
  size: number | null,
): Difference[] {
  if (size === null) {
    return [difference("object_missing", key, `${end} bytes of ${of}`)];
  }
  return size < end ? [difference("object_short", key, `${size} of ${end} bytes of ${of}`)] : [];
}
