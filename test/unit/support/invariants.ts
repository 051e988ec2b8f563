// What must hold of catalog, R2, upload objects and drafts at every moment at which nothing is under way, judged from the
// tables as docs/storage.md and docs/upkeep.md describe them and from the bytes, with hashes of our own.

import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";

import { readManifest } from "../../../src/artifacts/manifests.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { FileEntry } from "../../../src/manifest/entries.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { hexDigest } from "./bytes.ts";
import { calls } from "./calls.ts";

const DAY = 24 * 3_600_000;

/** Statements that find rows which contradict docs/storage.md: each must find none. */
const CONTRADICTIONS = {
  "used_bytes is not the sum of the living versions": `
    SELECT w.name, w.used_bytes, coalesce(sum(v.total_bytes), 0) AS counted FROM workspaces w
    LEFT JOIN artifacts a ON a.workspace_id = w.id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
    GROUP BY w.id HAVING w.used_bytes <> counted`,
  "used_entries is not the sum of what the rows count as": `
    SELECT w.name, w.used_entries FROM workspaces w WHERE w.used_entries <>
      (SELECT coalesce(sum(iif(a.deleted_at IS NULL, 8, 1) + length(CAST(
         a.type || a.source_url || a.name || coalesce(a.category, '') || coalesce(a.data, '') AS BLOB)) / 1024), 0)
       FROM artifacts a WHERE a.workspace_id = w.id)
      + (SELECT coalesce(sum(v.entry_count + 1), 0) FROM versions v JOIN artifacts a ON a.id = v.artifact_id
         WHERE a.workspace_id = w.id)
      + (SELECT coalesce(sum(1 + length(CAST(m.key || m.value AS BLOB)) / 1024), 0) FROM artifact_metadata m
         JOIN artifacts a ON a.id = m.artifact_id WHERE a.workspace_id = w.id)
      + (SELECT coalesce(sum(1 + length(CAST(key || value AS BLOB)) / 1024), 0) FROM (
           SELECT workspace_id, key, value FROM workspace_metadata
           UNION ALL SELECT workspace_id, key, value FROM blob_metadata) WHERE workspace_id = w.id)
      + (SELECT count(*) FROM relations r JOIN artifacts a ON a.id = r.artifact_id WHERE a.workspace_id = w.id)
      + (SELECT count(*) FROM trusts t WHERE t.workspace_id = w.id)
      + (SELECT count(*) FROM conversions c WHERE c.workspace_id = w.id)`,
  "a content that no version holds": `
    SELECT c.id FROM contents c WHERE NOT EXISTS (SELECT 1 FROM holders h WHERE h.content_id = c.id)`,
  "a holder that is not of its artifact's workspace and sharing": `
    SELECT h.version_id FROM holders h JOIN versions v ON v.id = h.version_id JOIN artifacts a ON a.id = v.artifact_id
    WHERE h.workspace_id <> a.workspace_id OR h.shared <> a.shared`,
  "a note of a content that its workspace does not hold": `
    SELECT m.key FROM blob_metadata m JOIN workspaces w ON w.id = m.workspace_id
    WHERE w.name <> 'system' AND NOT EXISTS (
      SELECT 1 FROM holders h WHERE h.content_id = m.content_id AND h.workspace_id = m.workspace_id)`,
  "an incomplete version that came without a draft": `
    SELECT id FROM versions WHERE sealed_at IS NULL AND (draft IS NULL OR progress_at IS NULL)`,
  "a version whose manifest it does not refer to": `
    SELECT v.id FROM versions v WHERE v.manifest_key IS NOT NULL AND v.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM object_refs r WHERE r.version_id = v.id AND r.key = v.manifest_key)`,
  "a version index that could be used again": `
    SELECT a.name FROM artifacts a JOIN versions v ON v.artifact_id = a.id
    WHERE v.version_index > a.highest_index`,
  "an artifact in the wrong state": `
    SELECT a.name, a.state FROM artifacts a WHERE a.deleted_at IS NULL AND (
      (a.state = 'initial' AND a.fetching IS NULL) OR (a.state = 'created') <> EXISTS (
        SELECT 1 FROM versions v WHERE v.artifact_id = a.id AND v.deleted_at IS NULL))`,
  "an artifact that is fetched by an upload nobody knows": `
    SELECT a.name FROM artifacts a
    WHERE a.fetching IS NOT NULL AND a.fetching NOT IN (SELECT uuid FROM uploads)`,
  "garbage that a version needs": `
    SELECT g.key FROM garbage g WHERE g.key IN (SELECT key FROM object_refs)`,
  "garbage that the audit needs": `
    SELECT g.key FROM garbage g WHERE g.key IN (SELECT key FROM audit_objects)`,
  "a row of the audit that is in an object as well": `
    SELECT a.id FROM audit a JOIN audit_objects o ON (a.at, a.id) >= (o.first_at, o.first_id)
      AND (a.at, a.id) <= (o.last_at, o.last_id) AND a.id <= o.highest_id`,
  "an object of the audit that does not follow the one before": `
    SELECT o.key FROM audit_objects o JOIN audit_objects b ON b.number = (
      SELECT max(number) FROM audit_objects WHERE number < o.number)
    WHERE b.number <> o.number - 1 OR b.sha256 <> o.previous
      OR (b.last_at, b.last_id) >= (o.first_at, o.first_id)`,
  "an upload that was converted and is listed as open": `
    SELECT u.uuid FROM uploads u JOIN conversions c ON c.upload_uuid = u.uuid`,
};

/** The keys of objects that something names. */
const NAMED = "SELECT key FROM object_refs UNION SELECT key FROM audit_objects";

/** Versions are immutable, and keys are never used twice: once is enough. */
const readBefore = new Set<string>();

/** Everything in its place; uploads, drafts and garbage may be under way. */
export async function expectInvariants(): Promise<void> {
  const found = await env.DB.batch(
    Object.values(CONTRADICTIONS).map((statement) => env.DB.prepare(statement)),
  );
  const names = Object.keys(CONTRADICTIONS);
  const contradictions = found.flatMap(({ results }, index) =>
    results.length === 0 ? [] : [{ [names[index] ?? ""]: results }],
  );
  expect(contradictions).toEqual([]);
  await expectReadableVersions();
  await expectKnownObjects();
}

/** The same, and nothing is left over once everything that is due to go had its time. */
export async function expectNothingLeft(): Promise<void> {
  const now = Date.now();
  const ids = await listDurableObjectIds(env.UPLOADS);
  const drafts = await listDurableObjectIds(env.DRAFTS);
  await sweep(env, DAY, now + 2 * DAY);
  await sweep(env, DAY, now + 4 * DAY);
  // One alarm may finish a seal, the next forgets it.
  for (const id of [...ids, ...ids]) {
    await runDurableObjectAlarm(env.UPLOADS.get(id));
  }
  for (const id of [...drafts, ...drafts]) {
    await runDurableObjectAlarm(env.DRAFTS.get(id));
  }
  await sweep(env, DAY, now + 6 * DAY); // what a seal had no use for
  await expectInvariants();
  expect(await rows("SELECT uuid FROM uploads")).toEqual([]);
  expect(await rows("SELECT key FROM garbage")).toEqual([]);
  const named = await rows<{ key: string }>(`${NAMED} ORDER BY key`);
  expect(await storedKeys()).toEqual(named.map(({ key }) => key));
  expect(await listObjectsWithRows()).toEqual([]);
  expect(await countRowsOfDrafts()).toBe(0);
  expect([...calls.openMultiparts.values()]).toEqual([]);
}

async function rows<T>(statement: string): Promise<T[]> {
  return (await env.DB.prepare(statement).all<T>()).results;
}

interface SealedRow {
  id: number;
  manifestKey: string | null;
  manifestLength: number;
  row: string;
  fileCount: number;
  entryCount: number;
  totalBytes: number;
}

/** What a sealed version's manifest says is what its row counts, what it refers to, and what R2 holds. */
async function expectReadableVersions(): Promise<void> {
  const sealed = await rows<SealedRow>(
    `SELECT id, manifest_key AS manifestKey, manifest_length AS manifestLength, hex(manifest) AS row,
       file_count AS fileCount, entry_count AS entryCount, total_bytes AS totalBytes
     FROM versions WHERE sealed_at IS NOT NULL AND deleted_at IS NULL`,
  );
  for (const { id, manifestKey: key, row, ...counts } of sealed) {
    const { fileCount, entryCount, totalBytes } = counts;
    if (readBefore.has(`${key} ${row}`)) {
      continue;
    }
    const reader = readManifest(env.BUCKET, { key, row: Uint8Array.fromHex(row) });
    const { files, entries, bytes } = reader.root.below;
    expect({ files, entries, bytes }).toEqual({
      files: fileCount,
      entries: entryCount,
      bytes: totalBytes,
    });
    const keys = new Set(key === null ? [] : [key]);
    const holders = await findHolders(id);
    for await (const some of reader.walk({ after: 0, last: entryCount })) {
      for (const file of some.filter((entry) => entry.kind === "file")) {
        await expectReadableFile(reader, file, keys);
        expectIndexed(file, holders, files);
      }
    }
    const refs = await rows<{ key: string }>(
      `SELECT key FROM object_refs WHERE version_id = ${id} ORDER BY key`,
    );
    expect(refs.map((ref) => ref.key)).toEqual([...keys].toSorted());
    readBefore.add(`${key} ${row}`);
  }
}

/** Reads a file, and notes the objects that hold it. */
async function expectReadableFile(
  reader: VersionReader,
  file: FileEntry,
  keys: Set<string>,
): Promise<void> {
  const content = new Uint8Array(file.size);
  let filled = 0;
  for await (const extents of reader.extents(file)) {
    for (const { key, start, length } of extents) {
      if (key !== null) {
        keys.add(key);
        const object = await env.BUCKET.get(key, { range: { offset: start, length } });
        expect(object, `object ${key}`).not.toBeNull();
        content.set(new Uint8Array((await object?.arrayBuffer()) ?? []), filled);
      }
      filled += length;
    }
  }
  expect({
    size: filled,
    sha512: await hexDigest("SHA-512", content),
    sha256: await hexDigest("SHA-256", content),
  }).toEqual({ size: file.size, sha512: file.sha512.toHex(), sha256: file.sha256.toHex() });
}

/** The hashes of contents that a version holds. */
async function findHolders(versionId: number): Promise<Set<string>> {
  const held = await rows<{ sha512: string }>(
    `SELECT lower(hex(c.sha512)) AS sha512 FROM holders h JOIN contents c ON c.id = h.content_id
     WHERE h.version_id = ${versionId}`,
  );
  return new Set(held.map(({ sha512 }) => sha512));
}

function expectIndexed(
  { path, size, sha512 }: FileEntry,
  holders: Set<string>,
  files: number,
): void {
  if (size >= LIMITS.indexedFile || files === 1) {
    expect([path, holders.has(sha512.toHex())]).toEqual([path, true]);
  }
}

async function storedKeys(): Promise<string[]> {
  const keys: string[] = [];
  let options: R2ListOptions | undefined = {};
  while (options !== undefined) {
    const page: R2Objects = await env.BUCKET.list(options);
    keys.push(...page.objects.map(({ key }) => key));
    options = page.truncated ? { cursor: page.cursor } : undefined;
  }
  return keys.toSorted();
}

/** Nothing names a missing object, and every object is known to somebody who will delete it in time. */
async function expectKnownObjects(): Promise<void> {
  const stored = await storedKeys();
  const named = await rows<{ key: string }>(NAMED);
  expect(named.filter(({ key }) => !stored.includes(key))).toEqual([]);
  const garbage = await rows<{ key: string }>("SELECT key FROM garbage");
  const known = new Set([...named, ...garbage].map(({ key }) => key));
  const others = stored.filter((key) => !known.has(key));
  const strange = await Promise.all(
    others.map(async (key) => ((await isKnownToWriter(key)) ? [] : [key])),
  );
  expect(strange.flat()).toEqual([]);
}

/** Does the upload or draft of a key know it, or the upload that took it over, and will it wake up or be asked by the sweep? */
async function isKnownToWriter(key: string): Promise<boolean> {
  const [folder, uuid = "", last = ""] = key.split("/");
  return folder === "packs" ? isKnownToDraft(uuid, Number(last)) : isKnownToUpload(key, uuid);
}

async function isKnownToDraft(uuid: string, number: number): Promise<boolean> {
  const version = await env.DB.prepare("SELECT 1 FROM versions WHERE draft = ?1")
    .bind(uuid)
    .first();
  const found = await env.DRAFTS.getByName(uuid).inspect();
  return version !== null && found !== null && number < found.nextPack;
}

async function isKnownToUpload(key: string, writer: string): Promise<boolean> {
  const taker = await takerOf(writer);
  return (await isKnownTo(taker ?? writer, key)) || (await isKnownTo(writer, key));
}

/** The upload that took the objects of another over. */
function takerOf(uuid: string): Promise<string | null> {
  return runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage }) => {
    const [row] = hasRows(storage)
      ? storage.sql.exec<{ standing: string | null }>("SELECT standing FROM upload").toArray()
      : [];
    const standing = JSON.parse(row?.standing ?? "{}") as { taker?: { uuid: string } | null };
    return standing.taker?.uuid ?? null;
  });
}

async function isKnownTo(uuid: string, key: string): Promise<boolean> {
  const isListed = await env.DB.prepare("SELECT 1 FROM uploads WHERE uuid = ?1").bind(uuid).first();
  return runInDurableObject(env.UPLOADS.getByName(uuid), async (_object, { storage }) => {
    const isAwaited = isListed !== null || (await storage.getAlarm()) !== null;
    const knows = (table: string) =>
      storage.sql.exec(`SELECT 1 FROM ${table} WHERE key = ?`, key).toArray().length > 0;
    const joins = () =>
      storage.sql.exec("SELECT 1 FROM upload WHERE instr(joining, ?)", key).toArray().length > 0;
    return isAwaited && hasRows(storage) && (knows("extents") || knows("garbage") || joins());
  });
}

function hasRows({ sql }: DurableObjectStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'upload'").toArray().length > 0;
}

async function listObjectsWithRows(): Promise<unknown[]> {
  const left: unknown[] = [];
  for (const id of await listDurableObjectIds(env.UPLOADS)) {
    await runInDurableObject(env.UPLOADS.get(id), (_object, { storage }) => {
      if (hasRows(storage)) {
        left.push(storage.sql.exec("SELECT uuid, phase FROM upload").one());
      }
    });
  }
  return left;
}

/** What drafts still have. */
async function countRowsOfDrafts(): Promise<number> {
  let count = 0;
  for (const id of await listDurableObjectIds(env.DRAFTS)) {
    await runInDurableObject(env.DRAFTS.get(id), (_object, { storage: { sql } }) => {
      const tables = sql.exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
      );
      for (const { name } of tables.toArray()) {
        count += sql.exec<{ rows: number }>(`SELECT count(*) AS rows FROM "${name}"`).one().rows;
      }
    });
  }
  return count;
}
