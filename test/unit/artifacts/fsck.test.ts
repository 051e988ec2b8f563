import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { moveAudit } from "../../../src/artifacts/audit/move.ts";
import { readAudit } from "../../../src/artifacts/audit/read.ts";
import { declareArtifact } from "../../../src/drafts/declare.ts";
import { checkOn } from "../../../src/artifacts/fsck/fsck.ts";
import type { CheckCursor } from "../../../src/artifacts/fsck/fsck.ts";
import { comparePaths, numberEntries } from "../../../src/artifacts/numbering.ts";
import { storePack } from "../../../src/artifacts/pack.ts";
import { stageArtifact, stageEntries } from "../../../src/catalog/staging.ts";
import { insertUpload } from "../../../src/catalog/uploads.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { DIFFERENCE_KINDS } from "../../../src/protocol/differences.ts";
import type { Difference } from "../../../src/protocol/differences.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { smallFile } from "../support/small-file.ts";
import { Uploader } from "../support/uploader.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MiB = 1024 * 1024;

let workspace: Workspace;
let uploader: Uploader;
/** Versions by their names: one uploaded whole, one of parts, one of files in folders, and what they hold. */
let single: { versionId: number; blobId: number; uuid: Uuid; key: string; artifactId: number };
let tree: { versionId: number };
/** Kinds that a test here has made and seen. */
const seen = new Set<string>();

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  uploader = new Uploader(workspace);
  await uploader.publish("single", bytes(5_000, 2));
  single = (await env.DB.prepare(
    `SELECT f.version_id AS versionId, b.id AS blobId, b.uuid, e.key, v.artifact_id AS artifactId
     FROM files f JOIN blobs b ON b.id = f.blob_id JOIN extents e ON e.blob_id = b.id
     JOIN versions v ON v.id = f.version_id WHERE f.path = 'single'`,
  ).first()) as typeof single;
  await uploader.publish("large", bytes(17 * MiB, 3));
  const id = await declare({
    "a/b/one": bytes(100, 4),
    "a/b/two": bytes(200, 5),
    "a/c": bytes(300, 6),
    "a-d": new Uint8Array(),
  });
  tree = (await env.DB.prepare("SELECT id AS versionId FROM versions WHERE artifact_id = ?1")
    .bind(id)
    .first()) as typeof tree;
});

/** Declares an artifact of these files and brings their bytes; gives its id. */
async function declare(files: Record<string, Uint8Array>): Promise<number> {
  const declared = await Promise.all(
    Object.entries(files).map(async ([path, data]) => ({
      path,
      size: data.length,
      sha256: await hexDigest("SHA-256", data),
      contentType: null,
    })),
  );
  const about = { category: "test", data: "{}", expiresAt: null, actor: "owner/ci" };
  const sorted = declared.toSorted((one, other) => comparePaths(one.path, other.path));
  const declaration = { ...about, workspaceId: workspace.id, files: sorted };
  const id = await declareArtifact(env.DB, declaration, Date.now());
  const reader = { all: true, workspaceId: null, userId: null };
  const brought = Object.entries(files).map(([path, data]) => smallFile(path, data));
  await storePack(env, { reader, artifactId: id }, brought);
  return id;
}

interface Checked {
  differences: Difference[];
  rows: number;
  objects: number;
  uploads: number;
  bytes: number;
  young: number;
  calls: number;
}

/** The whole check, at a time after now. */
async function check({
  repairs = false,
  percent = 0,
  later = 0,
  auditMs = LIMITS.auditKept,
} = {}): Promise<Checked> {
  const context = { env, idleMs: DAY, auditMs, now: Date.now() + later, repairs, percent };
  const nothing = { rows: 0, objects: 0, uploads: 0, bytes: 0, young: 0, calls: 0 };
  const all: Checked = { differences: [], ...nothing };
  for (let cursor: CheckCursor | null = null; ;) {
    const { cursor: next, ...found }: Awaited<ReturnType<typeof checkOn>> = await checkOn(
      context,
      cursor,
    );
    for (const name of ["rows", "objects", "uploads", "bytes", "young"] as const) {
      all[name] += found[name];
    }
    all.differences.push(...found.differences);
    all.calls += 1;
    if (next === null) {
      return all;
    }
    cursor = next;
  }
}

function run(statement: string, ...values: unknown[]) {
  return env.DB.prepare(statement)
    .bind(...values)
    .run();
}

/** The kinds and subjects of what a check finds; notes them as seen. */
async function find(options: Parameters<typeof check>[0] = {}): Promise<[string, string][]> {
  const { differences } = await check(options);
  differences.forEach(({ kind }) => seen.add(kind));
  return differences.map(({ kind, subject }) => [kind, subject]);
}

/** Expects this difference alone, and that one repair ends it. */
async function expectRepaired(kind: string, subject: string, later = 0): Promise<void> {
  expect(await find({ later })).toEqual([[kind, subject]]);
  const { differences } = await check({ repairs: true, later });
  expect(differences).toMatchObject([{ kind, subject, isRepaired: true }]);
  expect(await find({ later })).toEqual([]);
}

async function versionOf(versionId: number): Promise<string> {
  const name = await env.DB.prepare(
    `SELECT a.uuid || ' version ' || v.version_index AS name
     FROM versions v JOIN artifacts a ON a.id = v.artifact_id WHERE v.id = ?1`,
  )
    .bind(versionId)
    .first<string>("name");
  return name ?? "";
}

describe("fsck (T26)", () => {
  it("finds no difference in what requests have made, and says how much it compared", async () => {
    const upload = await uploader.upload(bytes(MiB, 7));
    const all = await check({ percent: 100 });
    expect(all).toMatchObject({ differences: [], uploads: 1 });
    expect(all.bytes).toBe(17 * MiB + 5_000 + 600);
    expect(all.objects).toBe(3);
    // One for each check, and one more for the content: a blob larger than this is read in pieces.
    expect(17 * MiB).toBeGreaterThan(LIMITS.fsckBytes);
    expect(all.calls).toBe(12);
    await run("UPDATE uploads SET last_append_at = 0 WHERE uuid = ?1", upload);
  });

  it("finds what the sweep left for over an hour, and sweeps", async () => {
    expect(await find({ later: 3 * DAY })).toEqual([["sweep_behind", "idle uploads"]]);
    const { differences } = await check({ repairs: true, later: 3 * DAY });
    expect(differences).toMatchObject([{ isRepaired: true }]);
    expect(await find({ later: 3 * DAY })).toEqual([]);
  });

  it("finds an object that is gone or short, under its blob", async () => {
    const content = await (await env.BUCKET.get(single.key))?.bytes();
    await env.BUCKET.delete(single.key);
    expect(await find()).toEqual([["object_missing", single.key]]);
    expect(await find({ percent: 100 })).toEqual([
      ["object_missing", single.key],
      ["content_unreadable", single.uuid],
    ]);
    await env.BUCKET.put(single.key, content?.subarray(1) ?? "");
    expect(await find()).toEqual([["object_short", single.key]]);
    await env.BUCKET.put(
      single.key,
      content?.map((byte, at) => (at === 4_000 ? byte ^ 1 : byte)) ?? "",
    );
    expect(await find()).toEqual([]);
    expect(await find({ percent: 100 })).toEqual([["content_damaged", single.uuid]]);
    await env.BUCKET.put(single.key, content ?? "");
    expect(await find({ percent: 100 })).toEqual([]);
  });

  it("finds an object of an upload that is gone, and lists an upload again that has old ones", async () => {
    const upload = await uploader.upload(bytes(16 * MiB, 8));
    // A cut inside a part completes the open object.
    valueOf(await uploader.gateway.truncate(upload, 12 * MiB));
    const key = `uploads/${upload}/1`;
    const content = await (await env.BUCKET.get(key))?.bytes();
    await env.BUCKET.delete(key);
    expect(await find()).toEqual([["object_missing", key]]);
    await env.BUCKET.put(key, content ?? "");
    expect(await find()).toEqual([]);
    await run("DELETE FROM uploads WHERE uuid = ?1", upload);
    await expectRepaired("upload_unlisted", upload, DAY + 1_000);
    await uploader.gateway.truncate(upload, 0);
  });

  it("lists an old object that nothing names as garbage, and leaves a young one alone", async () => {
    const [key, direct] = [`uploads/${newUuid()}/1`, `files/${newUuid()}`];
    await env.BUCKET.put(key, "left");
    expect(await check()).toMatchObject({ differences: [], young: 1 });
    await expectRepaired("object_orphan", key, DAY + 1_000);
    await env.BUCKET.put(direct, "left");
    await expectRepaired("object_orphan", direct, DAY + 1_000);
    expect(await env.BUCKET.head(key)).not.toBe(null);
  });

  it("reports an object that is none of ours, and never touches it", async () => {
    await env.BUCKET.put("somebody/else", "theirs");
    const later = DAY + 1_000;
    expect(await find({ later, repairs: true })).toEqual([["object_foreign", "somebody/else"]]);
    expect(await find({ later })).toEqual([["object_foreign", "somebody/else"]]);
    await env.BUCKET.delete("somebody/else");
  });

  it("takes an object that a blob names off the list of garbage", async () => {
    await run("INSERT INTO garbage (key, since) VALUES (?1, ?2)", single.key, Date.now());
    await expectRepaired("garbage_referenced", single.key);
    expect(await env.BUCKET.head(single.key)).not.toBe(null);
  });

  it("removes a blob that no file holds", async () => {
    const uuid = newUuid();
    const key = `files/${newUuid()}`;
    await env.BUCKET.put(key, "left");
    await run(
      `INSERT INTO blobs (uuid, size, sha512, sha256, crc32, created_at) VALUES (?1, 4, ?1, ?1, '', 0)`,
      uuid,
    );
    await run(`INSERT INTO extents SELECT id, 0, ?2, 0, 4 FROM blobs WHERE uuid = ?1`, uuid, key);
    await expectRepaired("blob_unreferenced", uuid);
    const since = "SELECT since FROM garbage WHERE key = ?1";
    expect(await env.DB.prepare(since).bind(key).first("since")).not.toBe(null);
  });

  it("finds a blob whose extents do not make up its size", async () => {
    await run("UPDATE extents SET length = length - 1 WHERE blob_id = ?1", single.blobId);
    expect(await find()).toEqual([["blob_extents", single.uuid]]);
    await run("UPDATE extents SET length = length + 1 WHERE blob_id = ?1", single.blobId);
    expect(await find()).toEqual([]);
  });

  it("sums used_bytes again", async () => {
    await run("UPDATE workspaces SET used_bytes = used_bytes + 7 WHERE id = ?1", workspace.id);
    await expectRepaired("used_bytes", "owner");
  });

  it("sums used_entries again, also where that is beyond the quota", async () => {
    await run(
      "UPDATE workspaces SET used_entries = 1, quota_entries = 2 WHERE id = ?1",
      workspace.id,
    );
    await expectRepaired("used_entries", "owner");
    await run("UPDATE workspaces SET quota_entries = NULL WHERE id = ?1", workspace.id);
  });

  it("gives files the workspace and the sharing of their artifact", async () => {
    await run("UPDATE files SET shared = 1 WHERE version_id = ?1", tree.versionId);
    await expectRepaired("file_owner", await versionOf(tree.versionId));
    await run("UPDATE files SET workspace_id = 77 WHERE version_id = ?1", tree.versionId);
    await expectRepaired("file_owner", await versionOf(tree.versionId));
  });

  it("computes counts and sums of files and folders again", async () => {
    const version = await versionOf(tree.versionId);
    for (const change of [
      "UPDATE folders SET entry_count = entry_count + 1 WHERE path = 'a/b/'",
      "UPDATE folders SET total_bytes = total_bytes + 1 WHERE path = 'a/'",
      "UPDATE folders SET file_count = 9 WHERE path = ''",
      "UPDATE files SET file_number = 9 WHERE path = 'a/c'",
      "UPDATE files SET tar_end = tar_end + 512 WHERE path = 'a/b/one'",
    ]) {
      await run(`${change} AND version_id = ?1`, tree.versionId);
      await expectRepaired("version_sums", version);
    }
  });

  it("finds files and folders that are not numbered in the order of their paths", async () => {
    const version = await versionOf(tree.versionId);
    for (const [change, back] of [
      [
        "UPDATE files SET path = 'A' WHERE path = 'a/c'",
        "UPDATE files SET path = 'a/c' WHERE path = 'A'",
      ],
      [
        "UPDATE folders SET path = 'a/x/' WHERE path = 'a/b/'",
        "UPDATE folders SET path = 'a/b/' WHERE path = 'a/x/'",
      ],
      [
        "UPDATE files SET ordinal = 99 WHERE path = 'a/c'",
        "UPDATE files SET ordinal = 6 WHERE path = 'a/c'",
      ],
    ] as const) {
      await run(`${change} AND version_id = ?1`, tree.versionId);
      expect(await find({ repairs: true })).toEqual([["version_order", version]]);
      await run(`${back} AND version_id = ?1`, tree.versionId);
      expect(await find()).toEqual([]);
    }
  });

  it("finds files that repeat what their blob does not have", async () => {
    const version = await versionOf(single.versionId);
    const set = "UPDATE files SET sha256 = substr(?2 || sha256, 1, 64) WHERE version_id = ?1";
    const { sha256 } = (await env.DB.prepare("SELECT sha256 FROM files WHERE version_id = ?1")
      .bind(single.versionId)
      .first<{ sha256: string }>()) ?? { sha256: "" };
    await run(set, single.versionId, "00");
    expect(await find({ repairs: true })).toEqual([["file_blob", version]]);
    await run("UPDATE files SET sha256 = ?2 WHERE version_id = ?1", single.versionId, sha256);
    expect(await find()).toEqual([]);
  });

  it("seals a version that misses nothing, and reports a sealed one that does", async () => {
    await run("UPDATE versions SET sealed_at = NULL WHERE id = ?1", tree.versionId);
    await expectRepaired("version_state", await versionOf(tree.versionId));
    const path = "a/b/two";
    const lose = "UPDATE files SET blob_id = NULL WHERE version_id = ?1 AND path = ?2";
    const blob = await env.DB.prepare(
      "SELECT blob_id FROM files WHERE version_id = ?1 AND path = ?2",
    )
      .bind(tree.versionId, path)
      .first<number>("blob_id");
    await run(lose, tree.versionId, path);
    expect((await find()).map(([kind]) => kind).toSorted()).toEqual([
      "blob_unreferenced",
      "version_state",
    ]);
    const back = "UPDATE files SET blob_id = ?3 WHERE version_id = ?1 AND path = ?2";
    await run(back, tree.versionId, path, blob);
    expect(await find()).toEqual([]);
  });

  it("raises an artifact's highest index, and ends a wait for an upload that is gone", async () => {
    const name = "SELECT uuid FROM artifacts WHERE id = ?1";
    const uuid = (await env.DB.prepare(name).bind(single.artifactId).first<string>("uuid")) ?? "";
    await run("UPDATE artifacts SET highest_index = 0 WHERE id = ?1", single.artifactId);
    await expectRepaired("artifact_index", uuid);
    const wait = "UPDATE artifacts SET fetching = ?2 WHERE id = ?1";
    await run(wait, single.artifactId, newUuid());
    await expectRepaired("artifact_fetching", uuid);
    const state = "SELECT state FROM artifacts WHERE id = ?1";
    expect(await env.DB.prepare(state).bind(single.artifactId).first("state")).toBe("created");
  });

  it("forgets an upload that has no object for an hour", async () => {
    const uuid = newUuid();
    await insertUpload(env.DB, uuid, workspace.id, Date.now());
    expect(await find()).toEqual([]);
    await expectRepaired("upload_lost", uuid, HOUR + 1_000);
  });

  it("forgets an upload that ended", async () => {
    const uuid = await uploader.publish("ended", bytes(10, 9));
    await insertUpload(env.DB, uuid, workspace.id, Date.now());
    await expectRepaired("upload_ended", uuid);
  });

  it("reports an upload that belongs to another workspace than its object says", async () => {
    const uuid = await uploader.upload(bytes(10, 10));
    const other = await makeWorkspace("other");
    const set = "UPDATE uploads SET workspace_id = ?2 WHERE uuid = ?1";
    await run(set, uuid, other.id);
    expect(await find({ repairs: true })).toEqual([["upload_foreign", uuid]]);
    await run(set, uuid, workspace.id);
    expect(await find()).toEqual([]);
  });

  it("leaves what is on its way in alone", async () => {
    const uuid = newUuid();
    const artifact = { uuid, workspaceId: workspace.id, type: "other", sourceUrl: uuid, name: "x" };
    const rest = { category: null, data: null, expiresAt: null };
    const version = await stageArtifact(env.DB, { ...artifact, ...rest }, Date.now());
    const file = { path: "x/y", size: 5, sha256: "00", sha512: null, contentType: null };
    const [first] = numberEntries([file]);
    await stageEntries(env.DB, version, first === undefined ? [] : [first], Date.now());
    const incomplete = { path: "later", size: 3, sha256: "11", contentType: null };
    const about = { category: "test", data: "{}", expiresAt: null, actor: "owner/ci" };
    const declaration = { ...about, workspaceId: workspace.id, files: [incomplete] };
    await declareArtifact(env.DB, declaration, Date.now());
    expect(await find()).toEqual([]);
  });

  it("repairs without forgetting rows of the audit that the deployment keeps for longer", async () => {
    const at = Date.now() - 450 * DAY;
    await run("INSERT INTO audit (at, actor, action, detail) VALUES (?1, 'a', 'old', '{}')", at);
    await check({ repairs: true, auditMs: 500 * DAY });
    const about = { workspace: null, workspaceId: null, action: "old", after: null };
    const { rows } = await readAudit(env, { ...about, from: 0, to: Date.now() });
    expect(rows.map((row) => row.at)).toEqual([at]);
    expect(await find()).toEqual([]);
  });

  it("reports objects of the audit that are missing, altered or out of the chain, and keeps those that are named", async () => {
    for (const day of [12, 11, 10]) {
      const at = Date.now() - day * DAY;
      await run("INSERT INTO audit (at, actor, action, detail) VALUES (?1, 'a', 'b', '{}')", at);
    }
    expect(await find()).toEqual([["sweep_behind", "rows of the audit"]]);
    await moveAudit(env, Date.now());
    const findOfAudit = async () =>
      (await find({ later: 2 * DAY })).filter(([, subject]) => subject.startsWith("audit/"));
    expect(await findOfAudit()).toEqual([]);
    const { results } = await env.DB.prepare(
      "SELECT number, key FROM audit_objects ORDER BY number",
    ).all<{ number: number; key: string }>();
    const [first = "", second = "", third = ""] = results.map(({ key }) => key);

    await run("INSERT INTO garbage (key, since) VALUES (?1, ?2)", second, Date.now());
    await expectRepaired("garbage_referenced", second);

    const stored = new Uint8Array((await (await env.BUCKET.get(second))?.arrayBuffer()) ?? []);
    // The same length, and one byte less.
    for (const altered of [stored.with(12, (stored[12] ?? 0) ^ 1), stored.slice(1)]) {
      await env.BUCKET.put(second, altered);
      expect(await find({ repairs: true })).toEqual([["audit_altered", second]]);
    }
    await env.BUCKET.delete(second);
    expect(await find({ repairs: true })).toEqual([["audit_missing", second]]);
    await env.BUCKET.put(second, stored);
    expect(await find()).toEqual([]);

    // Past the triggers, as somebody who wants to hide something.
    await env.DB.exec("DROP TRIGGER audit_objects_are_kept");
    await run("DELETE FROM audit_objects WHERE key = ?1", second);
    expect(await findOfAudit()).toEqual([
      ["audit_chain", third],
      ["object_orphan", second],
    ]);
    await run("DELETE FROM audit_objects WHERE key IN (?1, ?2)", first, third);
    await env.BUCKET.delete([first, second, third]);
    expect(await find()).toEqual([]);
  });

  it("has a test for every kind of difference", () => {
    expect(DIFFERENCE_KINDS.filter((kind) => !seen.has(kind))).toEqual([]);
  });
});
