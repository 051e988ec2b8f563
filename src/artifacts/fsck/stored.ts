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
import { openChecked } from "./manifest.ts";

/** Units of work for an entry. */
const ENTRY_WORK = 300;

/** Position in a version: the last key. */
export const checkStored = eachVersion(async ({ env }, version, at, left) => {
  if (version.sealedAt === null) {
    return { work: 0 };
  }
  const of = `${version.artifactUuid} version ${version.index}`;
  const { manifestKey, manifestLength, entryCount } = version;
  const differences: Difference[] = [];
  if (manifestKey !== null && at.length === 0) {
    const sizes = await objectSizes(env.BUCKET, [manifestKey]);
    const named = { key: manifestKey, end: manifestLength ?? 0, of };
    differences.push(...compareObject(named, sizes.get(manifestKey) ?? null));
    if (differences.length > 0) {
      return { work: 1 / LIMITS.fsckKeys, differences };
    }
  }
  const ends = await findEnds(env.BUCKET, version).catch((error: unknown) => {
    if (error instanceof ManifestDamage) {
      return new Map<string, number>(); // the check of versions tells
    }
    throw error;
  });
  const after = String(at[0] ?? "");
  const keys = sortTexts([...ends.keys()]).filter((key) => key > after);
  const some = keys.slice(0, Math.max(1, Math.floor(left * LIMITS.fsckKeys)));
  const sizes = await objectSizes(env.BUCKET, some);
  for (const key of some) {
    const named = { key, end: ends.get(key) ?? 0, of };
    differences.push(...compareObject(named, sizes.get(key) ?? null));
  }
  const last = some.at(-1);
  return {
    work: some.length / LIMITS.fsckKeys + entryCount / LIMITS.fsckEntries,
    rows: some.length,
    differences,
    next: last === undefined || some.length === keys.length ? null : [last],
  };
});

/** The last byte of each object that the files of a version name. */
async function findEnds(
  bucket: Env["BUCKET"],
  version: CheckedVersion,
): Promise<Map<string, number>> {
  const reader = openChecked(bucket, version);
  const ends = new Map<string, number>();
  const pace = new Pace();
  for await (const entries of reader.walk({ after: 0, last: version.entryCount })) {
    for (const entry of entries) {
      if (entry.kind === "file") {
        await noteEnds(reader, entry, ends);
      }
    }
    await pace.spendAndRest(ENTRY_WORK * entries.length);
  }
  return ends;
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
