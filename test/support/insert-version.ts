// Versions written straight into the catalog and R2, by the service's own writer of manifests: no call of the API makes
// such.

import { createHash } from "node:crypto";

import { LAYOUT_REVISION } from "../../src/archive/layout.ts";
import { indexContents, insertAllRefs } from "../../src/catalog/contents/version-rows.ts";
import { prepare, sql } from "../../src/catalog/sql.ts";
import { encodeManifest } from "../../src/manifest/encode.ts";
import { NOTHING_LEFT_OUT } from "../../src/manifest/left-out.ts";
import { Members, MemberWriter } from "../../src/manifest/members.ts";
import type { NewFile } from "../../src/manifest/members.ts";
import { planTree } from "../../src/manifest/tree.ts";
import type { Stores } from "./version-files.ts";
import { hexOf } from "./hex.ts";

/** A file of such a version, of the simplest kind unless it says more. */
export function newFile(
  file: Pick<NewFile, "path" | "size" | "sha256" | "sha512" | "crc32" | "extents">,
): NewFile {
  return { type: null, isExecutable: false, modifiedAt: null, linkTarget: null, ...file };
}

/** Adds a version to an artifact, behind its highest index, and gives its id. */
export async function insertVersion(
  { DB, BUCKET }: Stores,
  artifactId: number,
  files: Iterable<NewFile>,
  now: number = Date.now(),
): Promise<number> {
  const db = DB as D1Database;
  const writer = new MemberWriter();
  let last: NewFile | undefined;
  for (const file of files) {
    writer.addFile(file);
    last = file;
  }
  const options = { folders: 1_000_000, faults: 1, pause: async () => {} };
  const planned = await planTree(new Members(writer.takeChunks(), writer.keys), options);
  if (!planned.ok) {
    throw new Error(`Cannot insert a version: '${planned.faults[0]?.path}' is in the way`);
  }
  const { total } = planned.tree;
  const made = await encodeManifest(planned.tree, {
    layout: LAYOUT_REVISION,
    leftOut: NOTHING_LEFT_OUT,
    newSha256: () => new Digest(),
    pause: async () => {},
  });
  const key = made.kind === "inline" ? null : `manifests/${crypto.randomUUID()}/1`;
  if (made.kind === "object") {
    await (BUCKET as R2Bucket).put(key ?? "", new Uint8Array(Buffer.concat([...made.pieces()])));
  }
  const row = made.kind === "inline" ? made.bytes : made.index;
  const length = made.kind === "inline" ? row.length : made.length;
  const whole = { keys: made.keys, copied: new Set<string>(), manifest: { key, length, row } };
  const id = sql`(SELECT max(id) FROM versions WHERE artifact_id = ${artifactId})`;
  const indexed = total.files === 1 && total.entries === 1 ? [contentOf(last)] : [];
  const results = await db.batch<{ id: number }>([
    prepare(
      db,
      sql`INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
          manifest_key, manifest_length, manifest)
        SELECT id, highest_index + 1, ${now}, ${now}, ${total.files}, ${total.entries}, ${total.bytes},
          ${key}, ${length}, ${row} FROM artifacts WHERE id = ${artifactId}`,
    ),
    ...insertAllRefs(db, id, whole),
    ...indexContents(db, id, indexed, now),
    prepare(db, sql`UPDATE artifacts SET highest_index = highest_index + 1 WHERE id = ${artifactId}`),
    prepare(db, sql`SELECT ${id} AS id`),
  ]);
  return results.at(-1)?.results[0]?.id ?? 0;
}

function contentOf(file: NewFile | undefined) {
  if (file === undefined) {
    throw new Error("There is no file");
  }
  return {
    size: file.size,
    sha512: hexOf(file.sha512),
    sha256: hexOf(file.sha256),
    crc32: file.crc32.toString(16).padStart(8, "0"),
    fileNumber: 1,
  };
}

class Digest {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Uint8Array {
    return new Uint8Array(this.#hash.copy().digest());
  }
}
