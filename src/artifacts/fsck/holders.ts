// What is found by its hashes against the manifest of the version that holds it.

import type { IndexedContent } from "../../catalog/contents/version-rows.ts";
import { checkHolders, findUnheld } from "../../catalog/upkeep/check-versions.ts";
import type { CheckedHolder, CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { setHolders } from "../../catalog/upkeep/repair.ts";
import type { FileEntry } from "../../manifest/entries.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { ofVersion } from "./each-version.ts";
import type { CheckContext } from "./page.ts";

/** Compares what is found by hashes in a version's files of these numbers with those of them that have to be. */
export async function compareHolders(
  { env, now, repairs }: CheckContext,
  version: CheckedVersion,
  indexed: readonly IndexedContent[],
  numbers: readonly [first: number, last: number],
): Promise<Difference[]> {
  const { id, sealedAt } = version;
  const holders = await checkHolders(env.DB, id, numbers);
  const files = new Map(indexed.map((content) => [content.fileNumber, content]));
  const wrong = holders.filter((holder) => !isAsIn(files.get(holder.fileNumber), holder));
  const held = new Set(holders.map(({ fileNumber }) => fileNumber));
  const others = indexed.filter(({ fileNumber }) => !held.has(fileNumber));
  // A content that comes twice in a version is held by one of its files.
  const unheld = await findUnheld(
    env.DB,
    id,
    others.map(({ sha512, size }) => [sha512, size]),
  );
  // They come after the seal.
  const isOld = (sealedAt ?? 0) < now - LIMITS.fsckSlack;
  const misplaced = new Set(wrong.map(({ sha512 }) => sha512));
  const missing = others.filter(
    ({ sha512 }) => misplaced.has(sha512) || (isOld && unheld.has(sha512)),
  );
  if (wrong.length + missing.length === 0) {
    return [];
  }
  if (repairs) {
    const again = wrong.flatMap(({ fileNumber }) => files.get(fileNumber) ?? []);
    const ids = wrong.map(({ contentId }) => contentId);
    await setHolders(env.DB, id, { wrong: ids, contents: [...missing, ...again] }, now);
  }
  const detail = `${missing.length} contents are not found by their hashes, ${wrong.length} in a wrong place`;
  return [ofVersion(version, "version_contents", detail, repairs)];
}

function isAsIn(file: IndexedContent | undefined, holder: CheckedHolder): boolean {
  const { isOwned, size, sha512, sha256, crc32 } = holder;
  const said = [file?.size, file?.sha512, file?.sha256, file?.crc32];
  return isOwned === 1 && String([size, sha512, sha256, crc32]) === String(said);
}

/** A file as it is found by its hashes. */
export function contentOf({ size, crc32, sha256, sha512, sums }: FileEntry): IndexedContent {
  return {
    size,
    sha512: sha512.toHex(),
    sha256: sha256.toHex(),
    crc32: crc32.toString(16).padStart(8, "0"),
    fileNumber: sums.files,
  };
}
