// What `npm run fsck -- --repair` writes: what manifests say, sums computed again, and rows that nothing stands behind any
// more. Each statement asks once more for what makes it safe; none takes away what a version needs.

import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { indexContents, insertRefs, noteGarbage } from "../contents/version-rows.ts";
import type { IndexedContent } from "../contents/version-rows.ts";
import { SETTLED_STATE } from "../publish/artifact-key.ts";
import { hasChanged, prepare, rowsOf, sql } from "../sql.ts";
import { isNamed, USED_BYTES, USED_ENTRIES } from "./check-rows.ts";

/** Sets what the row of a version has of its manifest. */
export async function setManifestRow(
  db: D1Database,
  versionId: number,
  row: Uint8Array,
): Promise<void> {
  await prepare(
    db,
    sql`UPDATE versions SET manifest = unhex(${row.toHex()}) WHERE id = ${versionId} AND sealed_at IS NOT NULL`,
  ).run();
}

/** Adds references of a version that are missing, and takes their objects off the list of garbage; ends those that its
 * manifest does not name. */
export async function setRefs(
  db: D1Database,
  versionId: number,
  { missing, extra }: { missing: readonly string[]; extra: readonly string[] },
  now: number,
): Promise<void> {
  await db.batch([
    ...insertRefs(db, sql`${versionId}`, missing),
    prepare(
      db,
      sql`DELETE FROM garbage WHERE key IN (
        SELECT r.key FROM ${rowsOf(missing)} JOIN object_refs r ON r.version_id = ${versionId} AND r.key = e.value)`,
    ),
    prepare(
      db,
      sql`DELETE FROM object_refs WHERE version_id = ${versionId} AND key IN (SELECT e.value FROM ${rowsOf(extra)})`,
    ),
    noteGarbage(db, extra, now),
  ]);
}

/** Makes contents of a version be found by their hashes, in place of rows that do not agree with its manifest. */
export async function setHolders(
  db: D1Database,
  versionId: number,
  { wrong, contents }: { wrong: readonly number[]; contents: readonly IndexedContent[] },
  now: number,
): Promise<void> {
  const batches: (readonly IndexedContent[])[] = [];
  for (let from = 0; from < contents.length; from += LIMITS.rowsAtOnce) {
    batches.push(contents.slice(from, from + LIMITS.rowsAtOnce));
  }
  await db.batch([
    prepare(
      db,
      sql`DELETE FROM holders WHERE version_id = ${versionId} AND content_id IN (SELECT e.value FROM ${rowsOf(wrong)})`,
    ),
    ...indexContents(db, sql`${versionId}`, contents, now),
    ...batches.map((batch) => {
      const rows = batch.map(({ sha512, size, sha256, crc32 }) => [sha512, size, sha256, crc32]);
      return prepare(
        db,
        sql`
          UPDATE contents SET sha256 = unhex(e.value ->> 2), crc32 = e.value ->> 3 FROM ${rowsOf(rows)}
          WHERE contents.sha512 = unhex(e.value ->> 0) AND contents.size = e.value ->> 1`,
      );
    }),
  ]);
}

/** Removes a content that no version holds. */
export async function removeUnheld(db: D1Database, contentId: number): Promise<boolean> {
  return hasChanged(
    await prepare(
      db,
      sql`DELETE FROM contents WHERE id = ${contentId}
        AND NOT EXISTS (SELECT 1 FROM holders h WHERE h.content_id = contents.id)`,
    ).run(),
  );
}

/** Lists objects that nothing names as garbage. */
export async function noteOrphans(
  db: D1Database,
  keys: readonly string[],
  now: number,
): Promise<void> {
  await prepare(
    db,
    sql`INSERT INTO garbage (key, since) SELECT e.value, ${now} FROM ${rowsOf(keys)}
      WHERE NOT ${isNamed(sql`e.value`)} ON CONFLICT DO NOTHING`,
  ).run();
}

/** Takes an object that a version or the audit names off the list of garbage. */
export async function keepReferenced(db: D1Database, key: string): Promise<void> {
  await prepare(
    db,
    sql`DELETE FROM garbage WHERE key = ${key} AND ${isNamed(sql`garbage.key`)}`,
  ).run();
}

/** Raises an artifact's highest index to that of its versions. */
export async function raiseIndex(db: D1Database, artifactId: number): Promise<void> {
  await prepare(
    db,
    sql`
      UPDATE artifacts SET highest_index = max(highest_index,
        (SELECT coalesce(max(version_index), 0) FROM versions WHERE artifact_id = ${artifactId}))
      WHERE id = ${artifactId}`,
  ).run();
}

/** Notes that what an artifact waited for is gone. */
export async function endFetch(db: D1Database, artifactId: number): Promise<boolean> {
  return hasChanged(
    await prepare(
      db,
      sql`
        UPDATE artifacts SET fetching = NULL, error_message = 'its upload is gone', state = ${SETTLED_STATE}
        WHERE id = ${artifactId} AND NOT EXISTS (SELECT 1 FROM uploads WHERE uuid = artifacts.fetching)`,
    ).run(),
  );
}

/** Sums a workspace's used_bytes again. */
export async function sumUsedBytes(db: D1Database, workspaceId: number): Promise<void> {
  await prepare(
    db,
    sql`UPDATE workspaces AS w SET used_bytes = ${USED_BYTES} WHERE id = ${workspaceId}`,
  ).run();
}

/** Sums a workspace's used_entries again, also to more than its quota. */
export async function sumUsedEntries(db: D1Database, workspaceId: number): Promise<void> {
  await db.batch([
    prepare(db, sql`UPDATE workspaces SET used_entries = -1 WHERE id = ${workspaceId}`),
    prepare(
      db,
      sql`UPDATE workspaces AS w SET used_entries = ${USED_ENTRIES} WHERE id = ${workspaceId}`,
    ),
  ]);
}

/** Lists an upload again, as old as its object says; false when its workspace is gone. */
export async function listUpload(
  db: D1Database,
  upload: { uuid: Uuid; workspaceId: number; createdAt: number; lastAppendAt: number },
): Promise<boolean> {
  const { uuid, workspaceId, createdAt, lastAppendAt } = upload;
  return hasChanged(
    await prepare(
      db,
      sql`
        INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
        SELECT ${uuid}, id, ${createdAt}, ${lastAppendAt} FROM workspaces
        WHERE id = ${workspaceId} ON CONFLICT DO NOTHING`,
    ).run(),
  );
}
