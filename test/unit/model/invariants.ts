// What must be true of the catalog, the upload objects and R2 at any time, whatever happened: the store is looked
// at directly, not through the service.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";

import { usedBy } from "./model.ts";
import type { Model } from "./model.ts";

/** Each query finds what must not be there. */
const FAULTS: Record<string, string> = {
  "I8: used_bytes is not the sum of the living versions": `
    SELECT w.name, w.used_bytes, coalesce(sum(f.size), 0) AS found FROM workspaces w
    LEFT JOIN artifacts a ON a.workspace_id = w.id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
    LEFT JOIN files f ON f.version_id = v.id
    GROUP BY w.id HAVING w.used_bytes <> coalesce(sum(f.size), 0)`,
  "I6: the extents of a blob are not as long as the blob": `
    SELECT b.uuid, b.size, coalesce(sum(e.length), 0) AS found FROM blobs b
    LEFT JOIN extents e ON e.blob_id = b.id
    GROUP BY b.id HAVING b.size <> coalesce(sum(e.length), 0)`,
  "I7: what an extent names is listed as garbage":
    "SELECT g.key FROM garbage g JOIN extents e ON e.key = g.key",
  "I6: a blob that no file points at":
    "SELECT uuid FROM blobs WHERE size > 0 AND id NOT IN (SELECT blob_id FROM files WHERE blob_id IS NOT NULL)",
  "I4: a file does not say what its blob says": `
    SELECT f.path FROM files f JOIN blobs b ON b.id = f.blob_id
    WHERE f.size <> b.size OR f.sha256 <> b.sha256 OR f.sha512 <> b.sha512`,
  "I4: a living version is sealed with a file missing, or not sealed with none": `
    SELECT v.id FROM versions v WHERE v.deleted_at IS NULL AND (v.sealed_at IS NULL) <>
      EXISTS (SELECT 1 FROM files f WHERE f.version_id = v.id AND f.blob_id IS NULL)`,
  "I4: a living version of a deleted artifact, or a living artifact without one": `
    SELECT a.uuid FROM artifacts a WHERE (a.deleted_at IS NULL) <>
      EXISTS (SELECT 1 FROM versions v WHERE v.artifact_id = a.id AND v.deleted_at IS NULL)`,
  "I5: an upload that was converted is listed still":
    "SELECT uuid FROM uploads JOIN conversions ON upload_uuid = uuid",
  "I9: a file is noted for another workspace than its artifact's": `
    SELECT f.path FROM files f JOIN versions v ON v.id = f.version_id
    JOIN artifacts a ON a.id = v.artifact_id WHERE a.workspace_id <> f.workspace_id`,
};

/** Everything in R2, by key. */
export async function listObjects(): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  let cursor: string | undefined;
  do {
    const page = await env.BUCKET.list(cursor === undefined ? {} : { cursor });
    page.objects.forEach(({ key, size }) => sizes.set(key, size));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return sizes;
}

async function rows<T>(statement: string): Promise<T[]> {
  return (await env.DB.prepare(statement).all<T>()).results;
}

/** The R2 keys that an upload object looks after. */
function keysOf(uuid: string): Promise<string[]> {
  return runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage }) => {
    const { sql } = storage;
    const tables = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'garbage'").toArray();
    return tables.length === 0
      ? []
      : sql
          .exec<{ key: string }>("SELECT key FROM extents UNION SELECT key FROM garbage")
          .toArray()
          .map(({ key }) => key);
  });
}

/** The catalog says nothing that cannot be, and what the model says. */
async function expectCatalog(model: Model): Promise<void> {
  const statements = Object.values(FAULTS).map((statement) => env.DB.prepare(statement));
  const results = await env.DB.batch(statements);
  Object.keys(FAULTS).forEach((name, index) => {
    expect(results[index]?.results, name).toEqual([]);
  });
  const used = await rows<{ id: number; used_bytes: number }>(
    "SELECT id, used_bytes FROM workspaces",
  );
  for (const client of model.clients) {
    const found = used.find(({ id }) => id === client.id)?.used_bytes;
    expect(found, `I8: bytes used by ${client.name}`).toBe(usedBy(model, client));
  }
}

/** R2 has all that the catalog names, and nothing that nobody will delete. */
async function expectObjects(): Promise<void> {
  const objects = await listObjects();
  const extents = await rows<{ key: string; end: number }>(
    "SELECT key, max(start + length) AS end FROM extents GROUP BY key",
  );
  for (const { key, end } of extents) {
    expect(objects.get(key) ?? -1, `I6: the R2 object ${key}`).toBeGreaterThanOrEqual(end);
  }
  const garbage = await rows<{ key: string }>("SELECT key FROM garbage");
  const known = new Set([...extents, ...garbage].map(({ key }) => key));
  const unknown = [...objects.keys()].filter((key) => !known.has(key));
  for (const uuid of new Set(unknown.map((key) => key.split("/")[1] ?? ""))) {
    const own = await keysOf(uuid);
    expect(
      unknown.filter((key) => key.split("/")[1] === uuid && !own.includes(key)),
      "I6: R2 objects that nobody will delete",
    ).toEqual([]);
  }
}

/** The store is sound. */
export async function expectSound(model: Model): Promise<void> {
  await expectCatalog(model);
  await expectObjects();
}

/** Nothing is left: everything was deleted, and time went by. */
export async function expectEmpty(): Promise<void> {
  const tables = ["uploads", "artifacts", "versions", "files", "folders", "blobs", "extents"];
  const counts = await env.DB.batch<{ rows: number }>(
    [...tables, "garbage", "conversions", "events"].map((table) =>
      env.DB.prepare(`SELECT '${table}' AS name, count(*) AS rows FROM ${table}`),
    ),
  );
  const left = counts.flatMap(({ results }) => results).filter(({ rows: count }) => count > 0);
  expect(left, "rows that the sweep forgot").toEqual([]);
  expect([...(await listObjects()).keys()], "R2 objects that the sweep forgot").toEqual([]);
}
