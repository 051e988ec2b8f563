// Versions written straight into the catalog and R2, by the service's own writer of manifests: no call of the API makes
// such.

import { createHash } from "node:crypto";

import type { D1Database, R2Bucket } from "@cloudflare/workers-types";

import { encodeManifest } from "../../src/manifest/encode.ts";
import { NOTHING_LEFT_OUT } from "../../src/manifest/left-out.ts";
import { Members, MemberWriter } from "../../src/manifest/members.ts";
import type { NewFile } from "../../src/manifest/members.ts";
import { planTree } from "../../src/manifest/tree.ts";
import { hexOf } from "./hex.ts";
import type { Stores } from "./version-files.ts";

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
  const keys = JSON.stringify(key === null ? made.keys : [...made.keys, key]);
  const isOnly = total.files === 1;
  const only = last && isOnly ? [last.size, hexOf(last.sha512), hexOf(last.sha256)] : [0, "", ""];
  const version = "(SELECT max(id) FROM versions WHERE artifact_id = ?1)";
  const results = await db.batch<{ id: number }>([
    db
      .prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
           manifest_key, manifest_length, manifest)
         SELECT id, highest_index + 1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM artifacts WHERE id = ?1`,
      )
      .bind(artifactId, now, total.files, total.entries, total.bytes, key, length, row),
    db
      .prepare(`INSERT INTO object_refs SELECT ${version}, value FROM json_each(?2)`)
      .bind(artifactId, keys),
    db
      .prepare(
        `INSERT INTO contents (size, sha512, sha256, crc32, created_at)
         SELECT ?1, unhex(?2), unhex(?3), printf('%08x', ?4), ?5 WHERE ?6 ON CONFLICT DO NOTHING`,
      )
      .bind(...only, last?.crc32 ?? 0, now, Number(isOnly)),
    db
      .prepare(
        `INSERT INTO holders SELECT c.id, a.workspace_id, ${version}, 1, a.shared
         FROM artifacts a, contents c WHERE a.id = ?1 AND ?4 AND c.sha512 = unhex(?2) AND c.size = ?3`,
      )
      .bind(artifactId, only[1], only[0], Number(isOnly)),
    db
      .prepare("UPDATE artifacts SET highest_index = highest_index + 1 WHERE id = ?1")
      .bind(artifactId),
    db.prepare(`SELECT ${version} AS id`).bind(artifactId),
  ]);
  return results.at(-1)?.results[0]?.id ?? 0;
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
