// The bytes of an upload become those of declared files: first the draft takes them, then one batch of the catalog notes that its
// version refers to them and ends the upload. A crash between the two leaves an upload that is sealing: its repeat is told the same by the draft, or, where that has
// ended, finds what the version names.

import { openDatabase } from "../catalog/database.ts";
import { findConversion } from "../catalog/publish/conversions.ts";
import { areReferred, endBrought } from "../catalog/publish/drafted.ts";
import { refusalIn } from "../catalog/refusals.ts";
import { isCatalogFull, hasRoom } from "../catalog/size.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { ContentIntent, SealedUpload, SealResult } from "../protocol/uploads.ts";
import { bringUpload, holdsUpload } from "./call-draft.ts";

/** Gives a sealed upload to the draft that awaits its content; a repeat gives the result of the first. An upload that is refused is
 * open again, and may expire with its objects: never one that was given away before. */
export async function completeDeclared(
  env: Pick<Env, "DB" | "DRAFTS">,
  { uuid, intent, blob, extents }: SealedUpload<ContentIntent>,
): Promise<Outcome<{ result: SealResult }>> {
  const db = openDatabase(env.DB);
  const before = await findConversion(db, uuid);
  if (before !== null) {
    return { ok: true, result: before };
  }
  const keys = extents.map(({ key }) => key);
  const isGiven = async () =>
    (await holdsUpload(env.DRAFTS, intent.draft, uuid)) || (await areReferred(db, keys));
  if (!(await hasRoom(db)) && !(await isGiven())) {
    return { ok: false, code: "catalog_full" };
  }
  const { size, sha512, sha256, crc32 } = blob;
  const content = { size, sha512, sha256, crc32, extents };
  const brought = await bringUpload(env.DRAFTS, intent.draft, uuid, content);
  const ended = { draft: intent.draft, keys, isTaken: brought === "taken" };
  try {
    const result = await endBrought(db, uuid, ended, Date.now());
    if (result === null) {
      throw new Error(`Cannot find what upload ${uuid} was published as`);
    }
    return { ok: true, result };
  } catch (error) {
    const committed = await findConversion(db, uuid);
    if (committed !== null) {
      return { ok: true, result: committed };
    }
    if (isCatalogFull(error)) {
      // What the draft took, it keeps: the upload must not be opened again.
      throw error;
    }
    if (refusalIn(error) === "artifact_not_found") {
      return { ok: false, code: "artifact_not_found" };
    }
    throw error;
  }
}
