import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { moveAudit } from "../../../src/artifacts/audit/move.ts";
import { readAudit } from "../../../src/artifacts/audit/read.ts";
import { checkOn } from "../../../src/artifacts/fsck/fsck.ts";
import type { CheckCursor } from "../../../src/artifacts/fsck/fsck.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { checkVersions } from "../../../src/catalog/upkeep/check-versions.ts";
import { dropDraft } from "../../../src/drafts/call-draft.ts";
import { blobUuidOf } from "../../../src/protocol/blob-uuid.ts";
import { DIFFERENCE_KINDS } from "../../../src/protocol/differences.ts";
import type { Difference } from "../../../src/protocol/differences.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { changeDraft, openDraftOf } from "../support/declare.ts";
import { Uploader } from "../support/uploader.ts";
import { gather, makeIncomplete, makeVersion, plantTree } from "../support/whole-version.ts";
import type { MadeVersion } from "../support/whole-version.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MiB = 1024 * 1024;
/** Files of a version whose manifest has several blocks. */
const MANY = 1_100;
/** When the versions here were made: what comes after a seal has come. */
const BEFORE = Date.now() - 2 * HOUR;

let workspace: Workspace;
let uploader: Uploader;
/** Versions: of one file; of files in folders; of a file larger than what one call reads; of many files, whose manifest is an
 * R2 object. */
let single: MadeVersion & { key: string; uuid: Uuid };
let tree: MadeVersion;
let large: MadeVersion;
let many: MadeVersion & { key: string; manifestKey: string };
/** Kinds that a test here has made and seen. */
const seen = new Set<string>();

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  uploader = new Uploader(workspace);
  const content = bytes(5_000, 2);
  const uuid = blobUuidOf(await hexDigest("SHA-512", content));
  const at = { at: BEFORE };
  single = {
    uuid,
    ...(await makeVersion(workspace.id, "single", { single: content }, at)),
  } as typeof single;
  large = await makeVersion(
    workspace.id,
    "large",
    { "d/large": bytes(17 * MiB, 3), "d/small": bytes(9, 3) },
    at,
  );
  const hole = { key: null, start: 0, length: 3 * MiB } as const;
  const some = { key: single.key, start: 10, length: 20 };
  const holed = new Uint8Array(3 * MiB + 20);
  holed.set(content.subarray(10, 30), 3 * MiB);
  tree = await makeVersion(
    workspace.id,
    "tree",
    {
      "a/b/one": bytes(100, 4),
      "a/b/two": bytes(200, 5),
      "a/c": bytes(300, 6),
      "a-d": new Uint8Array(),
      holed: { data: holed, extents: [hole, some] },
    },
    { ...at, folders: ["empty", "a/nothing/here"] },
  );
  const files = Array.from({ length: MANY }, (_, n) => [
    `${n % 7}/${n % 31}/${n}.txt`,
    bytes(n % 50, n),
  ]);
  many = (await makeVersion(workspace.id, "many", Object.fromEntries(files), at)) as typeof many;
});

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
  const context = {
    env,
    idleMs: DAY,
    auditMs,
    now: Date.now() + later,
    repairs,
    percent,
  };
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

describe("fsck (T26)", () => {
  it("finds no difference in what writers have made, and says how much it compared", async () => {
    expect(many.manifestKey).not.toBeNull();
    const upload = await uploader.upload(bytes(MiB, 7));
    const all = await check({ percent: 100 });
    expect(all).toMatchObject({ differences: [], uploads: 1 });
    const small = Array.from({ length: MANY }, (_, n) => n % 50).reduce((sum, size) => sum + size);
    expect(all.bytes).toBe(20 * MiB + 20 + 5_000 + 600 + 9 + small);
    expect(all.objects).toBe(5);
    // One for each check, and two more for the content: a file larger than this is read in pieces.
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

  it("reads no more of versions at a time than so many bytes of their rows, and passes none over", async () => {
    const { versionId } = await makeIncomplete(workspace.id, "between");
    const { versionId: last } = await makeVersion(
      workspace.id,
      "between",
      { f: bytes(4, 19) },
      { at: BEFORE },
    );
    const { results } = await env.DB.prepare(
      "SELECT id FROM versions WHERE deleted_at IS NULL ORDER BY id",
    ).all<{ id: number }>();
    for (const most of [1, 300, 1_000, 100_000]) {
      const ids: number[] = [];
      for (let next = 0; ; next = (ids.at(-1) ?? 0) + 1) {
        const page = await checkVersions(env.DB, next, { limit: 100, bytes: most });
        if (page.length === 0) {
          break;
        }
        ids.push(...page.map(({ id }) => id));
      }
      expect([most, ids]).toEqual([most, results.map(({ id }) => id)]);
    }
    await run(
      "UPDATE versions SET deleted_at = ?2 WHERE id IN (?1, ?3)",
      versionId,
      Date.now(),
      last,
    );
  });

  it("finds as much when a call may do little", async () => {
    const limits = {
      fsckEntries: LIMITS.fsckEntries,
      fsckKeys: LIMITS.fsckKeys,
      fsckRows: LIMITS.fsckRows,
    };
    const whole = await check({ percent: 100 });
    Object.assign(LIMITS, { fsckEntries: 97, fsckKeys: 1, fsckRows: 2 });
    try {
      const pieces = await check({ percent: 100 });
      expect(pieces.differences).toEqual([]);
      expect(pieces.bytes).toBe(whole.bytes);
      expect(pieces.calls).toBeGreaterThan(40);
      await run("DELETE FROM object_refs WHERE version_id = ?1", many.versionId);
      expect(await find()).toEqual([["version_refs", many.name]]);
      expect((await check({ repairs: true })).differences).toMatchObject([{ isRepaired: true }]);
      expect(await find()).toEqual([]);
    } finally {
      Object.assign(LIMITS, limits);
    }
  });

  it("finds an object that is gone or short, under each version that names it", async () => {
    const content = (await (await env.BUCKET.get(single.key))?.bytes()) ?? new Uint8Array();
    await env.BUCKET.delete(single.key);
    const gone = ["object_missing", single.key];
    expect(await find()).toEqual([gone, gone]); // `tree` names some bytes of it
    expect((await find({ percent: 100 })).slice(2, 3)).toEqual([
      ["content_unreadable", single.uuid],
    ]);
    await env.BUCKET.put(single.key, content.subarray(1));
    expect(await find()).toEqual([["object_short", single.key]]);
    await env.BUCKET.put(single.key, content.with(4_000, (content[4_000] ?? 0) ^ 1));
    expect(await find()).toEqual([]);
    expect(await find({ percent: 100 })).toEqual([["content_damaged", single.uuid]]);
    await env.BUCKET.put(single.key, content);
    expect(await find({ percent: 100 })).toEqual([]);
  });

  it("finds a small file that is damaged among many, and one behind a run of zeros", async () => {
    for (const [key, at] of [
      [many.key, 500],
      [single.key, 15],
    ] as const) {
      const stored = (await (await env.BUCKET.get(key))?.bytes()) ?? new Uint8Array();
      await env.BUCKET.put(key, stored.with(at, (stored[at] ?? 0) ^ 1));
      const damaged = await find({ percent: 100 });
      expect(damaged.map(([kind]) => kind)).toEqual(
        Array.from({ length: key === many.key ? 1 : 2 }, () => "content_damaged"),
      );
      await env.BUCKET.put(key, stored);
    }
    expect(await find({ percent: 100 })).toEqual([]);
  });

  it("finds a manifest that is gone, short, longer or damaged", async () => {
    const key = many.manifestKey;
    const stored = (await (await env.BUCKET.get(key))?.bytes()) ?? new Uint8Array();
    await env.BUCKET.delete(key);
    expect(await find({ percent: 100 })).toEqual([["object_missing", key]]);
    await env.BUCKET.put(key, stored.slice(0, -1));
    expect(await find({ percent: 100 })).toEqual([["object_short", key]]);
    for (const at of [0, 70_000, stored.length - 100, stored.length - 20, stored.length - 1]) {
      await env.BUCKET.put(key, stored.with(at, (stored[at] ?? 0) ^ 1));
      expect(await find({ repairs: true })).toEqual([["version_manifest", many.name]]);
    }
    await env.BUCKET.put(key, stored);
    expect(await find()).toEqual([]);
  });

  it("gives a row the index of its manifest again", async () => {
    const { results } = await env.DB.prepare(
      "SELECT hex(manifest) AS row FROM versions WHERE id = ?1",
    )
      .bind(many.versionId)
      .all<{ row: string }>();
    const flipped = (results[0]?.row ?? "").replace(/.$/u, (digit) => (digit === "0" ? "1" : "0"));
    for (const row of [flipped, "0100", "81"]) {
      await run("UPDATE versions SET manifest = unhex(?2) WHERE id = ?1", many.versionId, row);
      await expectRepaired("version_manifest", many.name);
    }
  });

  it("finds a manifest that is whole in its row and damaged", async () => {
    const set = "UPDATE versions SET manifest = unhex(?2) WHERE id = ?1";
    const row = await env.DB.prepare("SELECT hex(manifest) AS row FROM versions WHERE id = ?1")
      .bind(tree.versionId)
      .first<string>("row");
    await run(
      set,
      tree.versionId,
      row?.replace(/.$/u, (digit) => (digit === "0" ? "1" : "0")),
    );
    expect(await find({ repairs: true, percent: 100 })).toEqual([["version_manifest", tree.name]]);
    await run(set, tree.versionId, row);
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
    for (const folder of ["uploads", "packs", "manifests"]) {
      const key = `${folder}/${newUuid()}/${folder === "manifests" ? newUuid() : 1}`;
      await env.BUCKET.put(key, "left");
      expect(await check()).toMatchObject({ differences: [], young: 1 });
      await expectRepaired("object_orphan", key, DAY + 1_000);
      expect(await env.BUCKET.head(key)).not.toBe(null);
      await env.BUCKET.delete(key);
      await run("DELETE FROM garbage");
    }
  });

  it("asks the draft of a pack that nothing names", async () => {
    const made = await makeIncomplete(workspace.id, "packed");
    const { draft, versionId } = made;
    const [held, left] = [`packs/${draft}/3`, `packs/${draft}/4`];
    await openDraftOf(made, workspace, [1]);
    await changeDraft(draft, "next_pack = 4");
    await env.BUCKET.put(held, "held");
    await env.BUCKET.put(left, "left");
    expect(await find({ later: DAY + 1_000 })).toEqual([["object_orphan", left]]);
    expect(await find({ later: DAY - HOUR })).toEqual([]);
    await run("DELETE FROM versions WHERE id = ?1", versionId);
    expect((await find({ later: DAY + 1_000 })).map(([, key]) => key)).toEqual([held, left]);
    await env.BUCKET.delete([held, left]);
    await dropDraft(env.DRAFTS, draft);
    await run("DELETE FROM garbage");
  });

  it("reports an object that is none of ours, and never touches it", async () => {
    const later = DAY + 1_000;
    for (const key of [
      "somebody/else",
      `packs/${newUuid()}/x`,
      `manifests/${newUuid()}/1`,
      `uploads/${newUuid()}/1/1`,
    ]) {
      await env.BUCKET.put(key, "theirs");
      expect(await find({ later, repairs: true })).toEqual([["object_foreign", key]]);
      expect(await find({ later })).toEqual([["object_foreign", key]]);
      await env.BUCKET.delete(key);
    }
  });

  it("takes an object that a version names off the list of garbage", async () => {
    await run("INSERT INTO garbage (key, since) VALUES (?1, ?2)", single.key, Date.now());
    await expectRepaired("garbage_referenced", single.key);
    expect(await env.BUCKET.head(single.key)).not.toBe(null);
  });

  it("removes a content that no version holds", async () => {
    const sha512 = "ab".repeat(64);
    await run(
      "INSERT INTO contents (size, sha512, sha256, crc32, created_at) VALUES (4, unhex(?1), unhex(?1), '', 0)",
      sha512,
    );
    await expectRepaired("content_unheld", blobUuidOf(sha512));
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

  it("notes again which objects a version names, and takes them off the list of garbage", async () => {
    await run(
      "DELETE FROM object_refs WHERE version_id = ?1 AND key = ?2",
      single.versionId,
      single.key,
    );
    await expectRepaired("version_refs", single.name);
    await run("DELETE FROM object_refs WHERE version_id = ?1", many.versionId);
    await run("INSERT INTO garbage (key, since) VALUES (?1, 5)", many.key);
    expect(await find()).toEqual([
      ["version_refs", many.name],
      ["sweep_behind", "objects that are garbage"],
    ]);
    // The sweep of this repair comes after it, or it would delete the object.
    await check({ repairs: true });
    expect(await env.BUCKET.head(many.key)).not.toBe(null);
    expect(await find()).toEqual([]);
    const extra = `packs/${newUuid()}/1`;
    await run("INSERT INTO object_refs VALUES (?1, ?2)", tree.versionId, extra);
    await expectRepaired("version_refs", tree.name);
    expect(await env.DB.prepare("SELECT key FROM garbage").first("key")).toBe(extra);
    await run("DELETE FROM garbage");
  });

  it("makes large and only files be found by their hashes again", async () => {
    for (const [change, version] of [
      ["DELETE FROM holders WHERE version_id = ?1", single],
      ["DELETE FROM holders WHERE version_id = ?1", large],
      ["UPDATE holders SET file_number = 2 WHERE version_id = ?1", large],
      ["UPDATE holders SET file_number = 99 WHERE version_id = ?1", single],
      ["UPDATE holders SET shared = 1 WHERE version_id = ?1", large],
      ["UPDATE holders SET workspace_id = 77 WHERE version_id = ?1", single],
      [
        "UPDATE contents SET crc32 = 'x' WHERE id IN (SELECT content_id FROM holders WHERE version_id = ?1)",
        large,
      ],
      [
        `INSERT INTO holders SELECT (SELECT content_id FROM holders WHERE version_id = ${single.versionId}), ${workspace.id}, ?1, 3, 0`,
        tree,
      ],
    ] as const) {
      await run(change, version.versionId);
      // A content that lost its last holder is none of these differences, and has its row again after the repair.
      const kinds = await find();
      expect([change, ...kinds.filter(([kind]) => kind !== "content_unheld")]).toEqual([
        change,
        ["version_contents", version.name],
      ]);
      await check({ repairs: true });
      expect([change, await find()]).toEqual([change, []]);
    }
  });

  it("waits for the index of what was just sealed", async () => {
    const young = await makeVersion(workspace.id, "young", { f: bytes(50, 20) });
    await run("DELETE FROM contents WHERE size = 50");
    expect(await find()).toEqual([]);
    expect(await find({ later: HOUR + 1_000 })).toEqual([["version_contents", young.name]]);
    await check({ repairs: true, later: HOUR + 1_000 });
    expect(await find({ later: HOUR + 1_000 })).toEqual([]);
  });

  it("finds a row that counts other files than its manifest", async () => {
    await env.DB.exec("DROP TRIGGER versions_are_not_changed");
    const set = "UPDATE versions SET file_count = file_count + ?2 WHERE id = ?1";
    await run(set, tree.versionId, 1);
    expect(await find({ repairs: true })).toEqual([["version_sums", tree.name]]);
    await run(set, tree.versionId, -1);
    expect(await find()).toEqual([]);
  });

  it("finds a file that is also a folder", async () => {
    const wrong = await makeVersion(
      workspace.id,
      "wrong",
      { a: bytes(5, 21), "a/b": bytes(6, 22) },
      {
        at: BEFORE,
        // The tree of paths that are as long, and may be together.
        plant: async (files) => {
          const shape = files.map((file) => (file.path === "a" ? { ...file, path: "0" } : file));
          const planted = await plantTree(shape);
          const members = gather(files);
          return { ...planted, members, order: members.sorted() };
        },
      },
    );
    expect(await find({ repairs: true })).toEqual([["version_order", wrong.name]]);
    await run("UPDATE versions SET deleted_at = ?2 WHERE id = ?1", wrong.versionId, Date.now());
    expect(await find()).toEqual([]);
  });

  it("finds an incomplete version whose draft is gone, or says something else", async () => {
    const made = await makeIncomplete(workspace.id, "incomplete", { at: Date.now() });
    expect(await find()).toEqual([]);
    const later = HOUR + 1_000;
    expect(await find({ later, repairs: true })).toEqual([["version_state", made.name]]);
    await openDraftOf(made, workspace, [1, 2, 3]);
    expect(await find()).toEqual([["version_state", made.name]]);
    await dropDraft(env.DRAFTS, made.draft);
    await openDraftOf(made, workspace, [0, 0]);
    expect(await find()).toEqual([]);
    expect(await find({ later })).toEqual([["version_state", made.name]]);
    await dropDraft(env.DRAFTS, made.draft);
    await openDraftOf(made, workspace, [1, 2]);
    expect(await find({ later })).toEqual([]);
    await dropDraft(env.DRAFTS, made.draft);
    await run("UPDATE versions SET deleted_at = ?2 WHERE id = ?1", made.versionId, Date.now());
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
