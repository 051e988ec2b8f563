// The seal of a draft: its version gets a manifest. Its steps, each of which may be repeated after a crash at any line: (1) phase
// `sealing`; (2) a manifest is written, listed as garbage before; (3) references to all R2 objects, then one batch with the rest of them
// and the manifest; (4) contents that are found by their hashes; (5) the draft forgets everything. What the catalog says
// of the version decides: the batch changes nothing where it is sealed or deleted.

import { writeManifest } from "../artifacts/manifests.ts";
import { WORK } from "../budget/shares.ts";
import { noteGarbage } from "../catalog/contents/version-rows.ts";
import type { IndexedContent } from "../catalog/contents/version-rows.ts";
import { repeatable } from "../catalog/database.ts";
import { findDraftVersion, indexSealed, sealVersion } from "../catalog/publish/drafted.ts";
import { Members, MemberWriter } from "../manifest/members.ts";
import { planTree } from "../manifest/tree.ts";
import type { Tree } from "../manifest/tree.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type { Draft } from "./draft.ts";
import type { PlacedContent } from "./places.ts";

type Stores = Pick<Env, "DB" | "BUCKET">;

/** Units of work for a member that is written, and between two rests of planTree(). */
const MEMBER_WORK = 600;
const PLAN_WORK = 1_000_000;

/** Seals the version of a draft that has all its files; may be repeated. Nothing is left to do then but to forget the draft. */
export async function sealDraft(stores: Stores, draft: Draft, owner: string): Promise<void> {
  const { DB: db } = stores;
  draft.beginSeal(Date.now());
  const indexed = await findIndexed(draft);
  const before = await findDraftVersion(db, draft.uuid);
  if (before !== null && !before.isSealed && !before.isDeleted) {
    const { count, length } = draft.declared;
    const bytes = LIMITS.sealLeast + 2 * length + LIMITS.sealPerFile * count;
    await WORK.run(bytes, owner, async () => {
      const made = await writeManifest(stores, await makeTree(draft), draft.uuid);
      await sealVersion(db, { draft: draft.uuid, ...made, indexed }, Date.now());
    });
  }
  await indexSealed(db, draft.uuid, indexed, Date.now());
  await listGarbage(db, draft);
}

/** Lists what no version names of what is the draft's own: all, where its version was deleted before it was sealed. */
export async function listGarbage(db: Env["DB"], draft: Draft): Promise<void> {
  const { packs, uploads, unnamed } = draft.ownKeys();
  const named = [...packs, ...uploads];
  const version = named.length === 0 ? null : await findDraftVersion(db, draft.uuid);
  await listKeys(db, version?.isSealed === true ? unnamed : [...named, ...unnamed]);
}

/** Lists objects as garbage that no version names. */
export async function listKeys(db: Env["DB"], keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
    await noteGarbage(repeatable(db), keys.slice(at, at + KEYS_AT_ONCE), Date.now()).run();
  }
}

const KEYS_AT_ONCE = 5_000;

/** The files of a draft as those of a version. */
async function makeTree(draft: Draft): Promise<Tree> {
  const writer = new MemberWriter();
  const pace = new Pace();
  for (const content of draft.contents()) {
    for (const number of content.numbers) {
      addMember(writer, draft, number, content);
      await pace.spendAndRest(MEMBER_WORK);
    }
  }
  const planned = await planTree(new Members(writer.takeChunks(), writer.keys), {
    folders: LIMITS.bundleFolders,
    faults: 1,
    pause: () => pace.spendAndRest(PLAN_WORK),
  });
  if (!planned.ok) {
    throw new Error(`Cannot seal draft ${draft.uuid}: its files are not one tree`);
  }
  return planned.tree;
}

function addMember(
  writer: MemberWriter,
  { declared }: Draft,
  number: number,
  { crc32, sha512, extents }: PlacedContent,
): void {
  const { path, size, contentType: type } = declared.fileAt(number);
  const { sha256 } = declared.contentAt(number);
  const attributes = { isExecutable: false, modifiedAt: null, linkTarget: null };
  writer.addFile({ path, size, crc32, sha256, sha512, type, ...attributes, extents });
}

/** The contents that are found by their hashes: large files, and an only one. Files have the numbers of the manifest; of those of one
 * content the first counts. */
async function findIndexed(draft: Draft): Promise<IndexedContent[]> {
  const { declared } = draft;
  const isOnly = declared.count === 1;
  const pace = new Pace();
  const indexed = new Map<string, IndexedContent>();
  for (let fileNumber = 1; fileNumber <= declared.count; fileNumber += 1) {
    const { size, sha256: bytes } = declared.contentAt(fileNumber);
    if (isOnly || size >= LIMITS.indexedFile) {
      const sha256 = bytes.toHex();
      const name = `${size} ${sha256}`;
      if (!indexed.has(name)) {
        const { crc32, sha512 } = draft.placeOf(fileNumber);
        const sums = { sha512: sha512.toHex(), crc32: crc32.toString(16).padStart(8, "0") };
        indexed.set(name, { size, sha256, ...sums, fileNumber });
      }
    }
    await pace.spendAndRest(100);
  }
  return [...indexed.values()];
}
