// Files with their places -> a version whose manifest is written.

import type { WholeVersion, IndexedContent } from "../catalog/contents/version-rows.ts";
import { Members, MemberWriter } from "../manifest/members.ts";
import { planTree } from "../manifest/tree.ts";
import type { Tree } from "../manifest/tree.ts";
import type { FileExtent } from "../protocol/entries.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type { BlobFacts } from "../protocol/uploads.ts";
import { writeManifest } from "./manifests.ts";

/** Writes the manifest of a version that is one file. `copied`: its bytes are those of another version. */
export async function makeSingleFile(
  stores: Pick<Env, "DB" | "BUCKET">,
  file: {
    path: string;
    facts: BlobFacts;
    type: string | null;
    extents: readonly FileExtent[];
    isCopied: boolean;
  },
  writer: Uuid,
): Promise<WholeVersion> {
  const { path, facts, type, extents, isCopied } = file;
  const members = new MemberWriter();
  members.addFile({
    path,
    size: facts.size,
    crc32: Number.parseInt(facts.crc32, 16),
    sha256: Uint8Array.fromHex(facts.sha256),
    sha512: Uint8Array.fromHex(facts.sha512),
    type,
    isExecutable: false,
    modifiedAt: null,
    linkTarget: null,
    extents,
  });
  const planned = await planTree(new Members(members.takeChunks(), members.keys), {
    folders: 0,
    faults: 1,
    pause: async () => {},
  });
  if (!planned.ok) {
    throw new Error(`Cannot make a version of '${path}': it is no path of a file`);
  }
  const { manifest, keys } = await writeManifest(stores, planned.tree, writer);
  const copied = new Set(isCopied ? keys : []);
  const indexed = [{ ...facts, fileNumber: 1 }];
  return { ...countsOf(planned.tree), manifest, keys, copied, indexed };
}

/** What a version's row counts of a tree. */
export function countsOf({
  total,
}: Tree): Pick<WholeVersion, "fileCount" | "entryCount" | "totalBytes"> {
  return { fileCount: total.files, entryCount: total.entries, totalBytes: total.bytes };
}

/** Units of work for a member that is looked at. */
const MEMBER_WORK = 100;

/** The contents of a tree that are found by their hashes: large files, and an only one. */
export async function indexedOf({ members, order, total }: Tree): Promise<IndexedContent[]> {
  const pace = new Pace();
  const indexed: IndexedContent[] = [];
  let fileNumber = 0;
  for (const position of order) {
    const { size } = members.headAt(position);
    if (size !== null) {
      fileNumber += 1;
      if (size >= LIMITS.indexedFile || total.files === 1) {
        const { crc32, sha256, sha512 } = members.fileAt(position);
        indexed.push({
          size,
          sha512: sha512.toHex(),
          sha256: sha256.toHex(),
          crc32: crc32.toString(16).padStart(8, "0"),
          fileNumber,
        });
      }
    }
    await pace.spendAndRest(MEMBER_WORK);
  }
  return indexed;
}
