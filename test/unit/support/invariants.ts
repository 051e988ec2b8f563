// What must hold of catalog, R2 and upload objects at every moment at which nothing is under way, judged from the
// tables as docs/storage.md describes them and from the bytes, with hashes of our own.

import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { hexDigest } from "./bytes.ts";
import { calls } from "./calls.ts";

const DAY = 24 * 3_600_000;

/** Statements that find rows which contradict docs/storage.md: each must find none. */
const CONTRADICTIONS = {
  "used_bytes is not the sum of the living files": `
    SELECT w.name, w.used_bytes, coalesce(sum(f.size), 0) AS counted FROM workspaces w
    LEFT JOIN artifacts a ON a.workspace_id = w.id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
    LEFT JOIN files f ON f.version_id = v.id
    GROUP BY w.id HAVING w.used_bytes <> counted`,
  "used_entries is not the sum of what the rows count as": `
    SELECT w.name, w.used_entries FROM workspaces w WHERE w.used_entries <>
      (SELECT coalesce(sum(iif(a.deleted_at IS NULL, 8, 1) + length(CAST(
         a.type || a.source_url || a.name || coalesce(a.category, '') || coalesce(a.data, '') AS BLOB)) / 1024), 0)
       FROM artifacts a WHERE a.workspace_id = w.id)
      + (SELECT count(*) FROM files f JOIN versions v ON v.id = f.version_id JOIN artifacts a ON a.id = v.artifact_id
         WHERE a.workspace_id = w.id AND EXISTS (
           SELECT 1 FROM folders d WHERE d.version_id = v.id AND d.ordinal = 0 AND d.file_count > 0))
      + (SELECT count(*) FROM folders d JOIN versions v ON v.id = d.version_id JOIN artifacts a ON a.id = v.artifact_id
         WHERE a.workspace_id = w.id AND EXISTS (
           SELECT 1 FROM folders r WHERE r.version_id = v.id AND r.ordinal = 0))
      + (SELECT coalesce(sum(1 + length(CAST(m.key || m.value AS BLOB)) / 1024), 0) FROM artifact_metadata m
         JOIN artifacts a ON a.id = m.artifact_id WHERE a.workspace_id = w.id)
      + (SELECT coalesce(sum(1 + length(CAST(key || value AS BLOB)) / 1024), 0) FROM (
           SELECT workspace_id, key, value FROM workspace_metadata
           UNION ALL SELECT workspace_id, key, value FROM blob_metadata) WHERE workspace_id = w.id)
      + (SELECT count(*) FROM relations r JOIN artifacts a ON a.id = r.artifact_id WHERE a.workspace_id = w.id)
      + (SELECT count(*) FROM trusts t WHERE t.workspace_id = w.id)
      + (SELECT count(*) FROM conversions c WHERE c.workspace_id = w.id)`,
  "a blob that no file points at": `
    SELECT b.uuid FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_id = b.id)`,
  "a blob that is not as long as its extents": `
    SELECT b.uuid FROM blobs b LEFT JOIN extents e ON e.blob_id = b.id
    GROUP BY b.id HAVING b.size <> coalesce(sum(e.length), 0)`,
  "a file that is not its blob": `
    SELECT f.path FROM files f JOIN blobs b ON b.id = f.blob_id
    WHERE (f.size, f.sha256, f.sha512) <> (b.size, b.sha256, b.sha512)`,
  "a living version without its root, or with other totals": `
    SELECT v.id FROM versions v
    LEFT JOIN folders d ON d.version_id = v.id AND d.ordinal = 0
    LEFT JOIN files f ON f.version_id = v.id
    WHERE v.deleted_at IS NULL GROUP BY v.id
    HAVING d.file_count IS NOT count(f.path) OR d.total_bytes IS NOT coalesce(sum(f.size), 0)`,
  "a living version with a gap in its numbers": `
    SELECT v.id FROM versions v JOIN folders d ON d.version_id = v.id AND d.ordinal = 0
    WHERE v.deleted_at IS NULL AND d.entry_count <> (
      SELECT count(*) FROM (
        SELECT ordinal FROM files WHERE version_id = v.id
        UNION SELECT ordinal FROM folders WHERE version_id = v.id AND ordinal > 0)
      WHERE ordinal BETWEEN 1 AND d.entry_count)`,
  "a version that is sealed with a file missing, or open with none": `
    SELECT v.id FROM versions v WHERE v.deleted_at IS NULL AND (v.sealed_at IS NULL) <> EXISTS (
      SELECT 1 FROM files f WHERE f.version_id = v.id AND f.blob_id IS NULL)`,
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
  "garbage that a blob needs": `
    SELECT g.key FROM garbage g WHERE g.key IN (SELECT key FROM extents)`,
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
  "what a file is of": `
    SELECT f.path FROM files f JOIN versions v ON v.id = f.version_id
    JOIN artifacts a ON a.id = v.artifact_id
    WHERE f.workspace_id <> a.workspace_id OR f.shared <> a.shared`,
};

/** The keys of objects that something names. */
const NAMED = "SELECT key FROM extents UNION SELECT key FROM audit_objects";

/** Content is immutable, and keys are never used twice: once is enough. */
const readBefore = new Set<string>();

/** Everything in its place; uploads and garbage may be under way. */
export async function expectInvariants(): Promise<void> {
  const found = await env.DB.batch(
    Object.values(CONTRADICTIONS).map((statement) => env.DB.prepare(statement)),
  );
  const names = Object.keys(CONTRADICTIONS);
  const contradictions = found.flatMap(({ results }, index) =>
    results.length === 0 ? [] : [{ [names[index] ?? ""]: results }],
  );
  expect(contradictions).toEqual([]);
  await expectReadableBlobs();
  await expectKnownObjects();
}

/** The same, and nothing is left over once everything that is due to go had its time. */
export async function expectNothingLeft(): Promise<void> {
  const now = Date.now();
  const ids = await listDurableObjectIds(env.UPLOADS);
  await sweep(env, DAY, now + 2 * DAY);
  await sweep(env, DAY, now + 4 * DAY);
  // One alarm may finish a seal, the next forgets it.
  for (const id of [...ids, ...ids]) {
    await runDurableObjectAlarm(env.UPLOADS.get(id));
  }
  await sweep(env, DAY, now + 6 * DAY); // what a seal had no use for
  await expectInvariants();
  expect(await rows("SELECT uuid FROM uploads")).toEqual([]);
  expect(await rows("SELECT key FROM garbage")).toEqual([]);
  const named = await rows<{ key: string }>(`${NAMED} ORDER BY key`);
  expect(await storedKeys()).toEqual(named.map(({ key }) => key));
  expect(await listObjectsWithRows()).toEqual([]);
  expect([...calls.openMultiparts.values()]).toEqual([]);
}

async function rows<T>(statement: string): Promise<T[]> {
  return (await env.DB.prepare(statement).all<T>()).results;
}

interface BlobRow {
  uuid: string;
  sha512: string;
  sha256: string;
  size: number;
  extents: string;
}

async function expectReadableBlobs(): Promise<void> {
  const { results } = await env.DB.prepare(
    `SELECT b.uuid, b.sha512, b.sha256, b.size, (
       SELECT json_group_array(json_array(key, start, length)) FROM (
         SELECT key, start, length FROM extents WHERE blob_id = b.id ORDER BY position)) AS extents
     FROM blobs b`,
  ).all<BlobRow>();
  for (const { uuid, extents, ...blob } of results) {
    if (readBefore.has(uuid + extents)) {
      continue;
    }
    const content = await readExtents(JSON.parse(extents) as [string, number, number][], blob.size);
    expect({
      size: content.length,
      sha512: await hexDigest("SHA-512", content),
      sha256: await hexDigest("SHA-256", content),
    }).toEqual(blob);
    readBefore.add(uuid + extents);
  }
}

async function readExtents(
  extents: readonly [key: string, start: number, length: number][],
  size: number,
): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  let filled = 0;
  for (const [key, start, length] of extents) {
    const object = await env.BUCKET.get(key, { range: { offset: start, length } });
    expect(object, `object ${key}`).not.toBeNull();
    const piece = new Uint8Array((await object?.arrayBuffer()) ?? []);
    content.set(piece, filled);
    filled += piece.length;
  }
  return content.subarray(0, filled);
}

async function storedKeys(): Promise<string[]> {
  const { objects, truncated } = await env.BUCKET.list();
  expect(truncated).toBe(false);
  return objects.map(({ key }) => key).toSorted();
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
    others.map(async (key) => ((await isKnownToUpload(key)) ? [] : [key])),
  );
  expect(strange.flat()).toEqual([]);
}

/** Does the upload object of a key know it, or the one that took it over, and will it wake up or be asked by the sweep? */
async function isKnownToUpload(key: string): Promise<boolean> {
  const [, writer = ""] = key.split("/");
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
