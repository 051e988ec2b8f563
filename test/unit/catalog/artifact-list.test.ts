import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { walkArtifacts } from "../../../src/catalog/artifacts/list.ts";
import type { ListedArtifact } from "../../../src/catalog/artifacts/list.ts";
import type { Reader } from "../../../src/catalog/reader.ts";
import { blobUuidOf } from "../../../src/protocol/blob-uuid.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";

const LIMITS = { page: 50, versions: 2 };
const LIVING = 500;
const NOW = 1_000;
const SHA512 = "b".repeat(128);

let mine: Reader;
let friend: Reader;

beforeAll(async () => {
  await applySchema();
  const [noise, own, other] = [
    await makeWorkspace("noise"),
    await makeWorkspace("mine"),
    await makeWorkspace("friend"),
  ];
  mine = { all: false, workspaceId: own.id, userId: null };
  friend = { all: false, workspaceId: other.id, userId: null };
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO contents (id, size, sha512, sha256, crc32, created_at)
       VALUES (1, 7, unhex(?1), x'01', '', 1), (2, 7, unhex(?2), x'02', '', 1)`,
    ).bind(SHA512, "c".repeat(128)),
    env.DB.prepare(
      "INSERT INTO trusts (workspace_id, trusted_id, accepted_at) VALUES (?1, ?2, 1)",
    ).bind(own.id, other.id),
    insert(noise.id, "noise", LIVING, null),
    insert(own.id, "gone", 3 * LIVING, 5),
    insert(own.id, "mine", LIVING, null),
    insert(own.id, "expired", 3, null, NOW),
    env.DB.prepare(
      `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
         manifest)
       SELECT a.id, n.value, 1, 1, 1, 1, 7, x'00'
       FROM artifacts a, json_each('[1, 2, 3]') n WHERE a.deleted_at IS NULL`,
    ),
    env.DB.prepare(
      `INSERT INTO holders (content_id, workspace_id, version_id, file_number, shared)
       SELECT iif(a.name = 'noise', 2, 1), a.workspace_id, v.id, 1, a.shared
       FROM versions v JOIN artifacts a ON a.id = v.artifact_id`,
    ),
  ]);
});

function insert(
  workspaceId: number,
  name: string,
  count: number,
  deletedAt: number | null,
  expiresAt: number | null = null,
): D1PreparedStatement {
  return env.DB.prepare(
    `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at,
       deleted_at, expires_at)
     SELECT ?2 || n.value, ?1, 'other', ?2 || n.value, ?2, 0, 1, ?4, ?5 FROM json_each(?3) n`,
  ).bind(
    workspaceId,
    name,
    JSON.stringify(Array.from({ length: count }, (_, at) => at)),
    deletedAt,
    expiresAt,
  );
}

async function listAll(reader: Reader): Promise<ListedArtifact[]> {
  return (await Array.fromAsync(walkArtifacts(env.DB, reader, NOW, LIMITS))).flat();
}

describe("walkArtifacts()", () => {
  it.each([
    ["the workspace itself", () => mine],
    ["one that it trusts", () => friend],
  ])("gives %s each living artifact once", async (_, reader) => {
    const listed = await listAll(reader());
    expect(new Set(listed.map(({ uuid }) => uuid)).size).toBe(LIVING);
    expect(listed).toHaveLength(LIVING);
    expect(new Set(listed.map(({ name }) => name))).toEqual(new Set(["mine"]));
  });

  it("gives who reads all the artifacts of all", async () => {
    expect(await listAll({ all: true, workspaceId: null, userId: null })).toHaveLength(2 * LIVING);
  });

  it("gives nobody nothing", async () => {
    expect(await listAll({ all: false, workspaceId: null, userId: 77 })).toEqual([]);
  });

  it("gives the newest versions in order, and how often their blob is read", async () => {
    const [first] = await listAll(mine);
    expect(first?.versions).toEqual([
      { index: 2, uuid: blobUuidOf(SHA512), size: 7, references: 1000 },
      { index: 3, uuid: blobUuidOf(SHA512), size: 7, references: 1000 },
    ]);
  });

  it.each([
    ["the workspace itself", () => mine],
    ["one that it trusts", () => friend],
  ])("reads for %s as many rows for the last page as for the first", async (_, reader) => {
    const rows: number[] = [];
    await CountingDatabase.count(async (db) => {
      const counting = db as unknown as CountingDatabase;
      let before = 0;
      for await (const page of walkArtifacts(db, reader(), NOW, LIMITS)) {
        if (page.length === LIMITS.page) {
          rows.push(counting.rowsRead - before);
        }
        before = counting.rowsRead;
      }
    });
    expect(rows).toHaveLength(LIVING / LIMITS.page);
    expect(Math.max(...rows)).toBeLessThan(1.1 * Math.min(...rows));
    // What a page holds and the counts of one blob, nothing of the other rows.
    expect(Math.max(...rows)).toBeLessThan(30 * LIMITS.page + 6_000);
  });
});
