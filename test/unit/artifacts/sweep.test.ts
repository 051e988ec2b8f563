import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { deleteArtifact } from "../../../src/catalog/artifacts/change.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { pickDoomed, removeDoomed } from "../../../src/catalog/upkeep/sweep-steps.ts";
import { inspectDraft } from "../../../src/drafts/call-draft.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";
import { changeDraft, openDraftOf } from "../support/declare.ts";
import { Uploader } from "../support/uploader.ts";
import { makeIncomplete, makeVersion } from "../support/whole-version.ts";

const HOUR = 3_600_000;
const IDLE = 24 * HOUR;

let workspace: Workspace;
let uploader: Uploader;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  uploader = new Uploader(workspace);
});

async function countKeys(uuid: Uuid): Promise<number> {
  return (await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects.length;
}

async function rows(statement: string, ...values: unknown[]): Promise<unknown[]> {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all();
  return results;
}

/** Does R2 have an object? */
async function isStored(key: string | null): Promise<boolean> {
  return key !== null && (await env.BUCKET.head(key)) !== null;
}

function end(versionId: number, at: number): Promise<unknown> {
  return env.DB.prepare("UPDATE versions SET deleted_at = ? WHERE id = ?")
    .bind(at, versionId)
    .run();
}

describe("sweep() (T26)", () => {
  it("removes an upload without a byte for 24 hours, with its R2 data, and keeps a younger one", async () => {
    const uuid = await uploader.upload(bytes(LIMITS.partSize + 1, 1));
    const now = Date.now();
    expect(await sweep(env, IDLE, now + 23 * HOUR)).toMatchObject({ uploadsExpired: 0 });
    expect(valueOf(await uploader.gateway.view(uuid)).size).toBe(LIMITS.partSize + 1);
    expect(await sweep(env, IDLE, now + 25 * HOUR)).toMatchObject({ uploadsExpired: 1 });
    expect(await uploader.gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    expect(await rows("SELECT * FROM uploads WHERE uuid = ?", uuid)).toEqual([]);
    expect(await sweep(env, IDLE, now + 25 * HOUR)).toMatchObject({ uploadsExpired: 0 });
  });

  it("lets the object decide when the catalog's time of the last append is old", async () => {
    const uuid = await uploader.upload(bytes(100, 2));
    await env.DB.prepare("UPDATE uploads SET last_append_at = 5 WHERE uuid = ?").bind(uuid).run();
    expect(await sweep(env, IDLE, Date.now())).toMatchObject({ uploadsExpired: 0 });
    const [row] = await rows("SELECT last_append_at FROM uploads WHERE uuid = ?", uuid);
    const { lastAppendAt } = valueOf(await uploader.gateway.view(uuid));
    expect(row).toEqual({ last_append_at: lastAppendAt });
  });

  it("forgets an upload whose object was never opened", async () => {
    const uuid = newUuid();
    await insertUpload(env.DB, uuid, workspace.id, Date.now() - 2 * IDLE);
    await sweep(env, IDLE, Date.now());
    expect(await rows("SELECT * FROM uploads WHERE uuid = ?", uuid)).toEqual([]);
  });

  it("removes a deleted version and its bytes, each after a day, and nothing that is still named", async () => {
    const data = bytes(500, 3);
    const first = await makeVersion(workspace.id, "kept", { f: data });
    const named = [{ key: first.key ?? "", start: 0, length: 500 }];
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`d/${n}`, bytes(10, 100 + n)]),
    );
    const doomed = await makeVersion(workspace.id, "pruned", {
      ...many,
      again: { data, extents: named },
    });
    const living = await makeVersion(workspace.id, "pruned", { f: bytes(501, 4) });
    expect(doomed.manifestKey).not.toBeNull();
    const now = Date.now();
    await end(doomed.versionId, now - 1);
    await sweep(env, 10 * IDLE, now);
    expect(
      await rows("SELECT * FROM object_refs WHERE version_id = ?", doomed.versionId),
    ).toHaveLength(3);
    expect(await sweep(env, 10 * IDLE, now + 25 * HOUR)).toMatchObject({ versionsRemoved: 1 });
    expect(await rows("SELECT key FROM garbage ORDER BY key")).toEqual(
      [doomed.manifestKey, doomed.key].map((key) => ({ key })),
    );
    expect(await isStored(doomed.key)).toBe(true);
    expect(await sweep(env, 10 * IDLE, now + 50 * HOUR)).toMatchObject({ objectsDeleted: 2 });
    expect(await isStored(doomed.key)).toBe(false);
    expect(await isStored(doomed.manifestKey)).toBe(false);
    expect(await isStored(first.key)).toBe(true);
    expect(await isStored(living.key)).toBe(true);
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
    expect(await rows("SELECT * FROM versions WHERE id = ?", doomed.versionId)).toEqual([]);
  });

  it("keeps bytes that another version named in the meantime", async () => {
    const data = bytes(700, 8);
    const original = await makeVersion(workspace.id, "comes-back", { f: data });
    const now = Date.now();
    await end(original.versionId, now - 1);
    const extents = [{ key: original.key ?? "", start: 0, length: 700 }];
    await makeVersion(workspace.id, "claims", { g: { data, extents } });
    await sweep(env, 10 * IDLE, now + 25 * HOUR);
    await sweep(env, 10 * IDLE, now + 50 * HOUR);
    expect(await isStored(original.key)).toBe(true);
    expect(await rows("SELECT 1 FROM object_refs WHERE key = ?", original.key)).toHaveLength(1);
  });

  it("forgets contents with the last version that holds them, and notes with the workspace's last", async () => {
    const other = await makeWorkspace("holds-too");
    const data = bytes(800, 9);
    const ours = await makeVersion(workspace.id, "noted", { f: data });
    const theirs = await makeVersion(other.id, "noted", { f: data });
    const content = `(SELECT content_id FROM holders WHERE version_id = ${ours.versionId})`;
    await env.DB.batch(
      [workspace.id, other.id].map((id) =>
        env.DB.prepare(
          `INSERT INTO blob_metadata (content_id, workspace_id, key, value) VALUES (${content}, ?, 'k', '1')`,
        ).bind(id),
      ),
    );
    const now = Date.now();
    await end(ours.versionId, now - 1);
    await sweep(env, 10 * IDLE, now + 25 * HOUR);
    expect(await rows("SELECT workspace_id FROM blob_metadata")).toEqual([
      { workspace_id: other.id },
    ]);
    const held = await rows(
      "SELECT version_id FROM holders WHERE content_id IN (SELECT content_id FROM blob_metadata)",
    );
    expect(held).toEqual([{ version_id: theirs.versionId }]);
    await end(theirs.versionId, now - 1);
    await sweep(env, 10 * IDLE, now + 25 * HOUR);
    expect(await rows("SELECT * FROM blob_metadata")).toEqual([]);
    expect(await rows("SELECT 1 FROM contents WHERE size = 800")).toEqual([]);
    const entries = `SELECT used_entries AS used, (SELECT count(*) * 8 FROM artifacts WHERE workspace_id = w.id) AS kept
      FROM workspaces w WHERE id = ?`;
    expect(await rows(entries, other.id)).toEqual([{ used: 8, kept: 8 }]);
  });

  it("takes a version of more references than one batch piece by piece, at 15 rows read an object", async () => {
    const { versionId } = await makeVersion(workspace.id, "huge", { f: bytes(10, 14) });
    const small = await makeVersion(workspace.id, "small", { f: bytes(10, 15) });
    await env.DB.prepare(
      `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
       INSERT INTO object_refs SELECT ?, 'packs/x/' || n FROM n`,
    )
      .bind(versionId)
      .run();
    const now = Date.now();
    await end(versionId, now - 2);
    await end(small.versionId, now - 1);
    const limits = { limit: 2_000, drafts: 10 };
    const removed: number[] = [];
    await env.DB.prepare("DELETE FROM garbage").run();
    const read = await CountingDatabase.count(async (db) => {
      for (let isCut = true; isCut;) {
        const picked = await pickDoomed(db, now, limits);
        removed.push(await removeDoomed(db, picked, now));
        ({ isCut } = picked);
      }
    });
    expect(removed).toEqual([0, 0, 2]);
    expect(await rows("SELECT 1 FROM garbage")).toHaveLength(5_002);
    expect(read / 5_002).toBeLessThan(15);
    await env.DB.prepare("DELETE FROM garbage").run();
  });

  it("reads no more rows for versions that share their objects", async () => {
    const data = bytes(10, 16);
    const first = await makeVersion(workspace.id, "sharing", { f: data });
    const file = { data, extents: [{ key: first.key ?? "", start: 0, length: 10 }] };
    const made = [first.versionId];
    while (made.length < 300) {
      made.push((await makeVersion(workspace.id, "sharing", { f: file })).versionId);
    }
    const now = Date.now();
    await env.DB.prepare(
      "UPDATE versions SET deleted_at = 1 WHERE id IN (SELECT value FROM json_each(?))",
    )
      .bind(JSON.stringify(made))
      .run();
    const read = await CountingDatabase.count(async (db) => {
      await removeDoomed(db, await pickDoomed(db, now, { limit: 2_000, drafts: 10 }), now);
    });
    expect(await rows("SELECT key FROM garbage")).toEqual([{ key: first.key }]);
    expect(read / 300).toBeLessThan(60);
    await env.DB.prepare("DELETE FROM garbage").run();
  });

  it("deletes artifacts whose time has come", async () => {
    await makeVersion(workspace.id, "brief", { f: bytes(10, 12) });
    const now = Date.now();
    await env.DB.prepare("UPDATE artifacts SET expires_at = ? WHERE name = 'brief'")
      .bind(now)
      .run();
    await sweep(env, 10 * IDLE, now);
    expect(await rows("SELECT deleted_at FROM artifacts WHERE name = 'brief'")).toEqual([
      { deleted_at: now },
    ]);
    expect(
      await rows(
        `SELECT e.message, e.actor FROM events e JOIN artifacts a ON a.id = e.artifact_id
         WHERE a.name = 'brief' ORDER BY number DESC LIMIT 1`,
      ),
    ).toEqual([{ message: "artifact expired", actor: "stowage" }]);
    expect(
      await rows(
        `SELECT v.deleted_at FROM versions v JOIN artifacts a ON a.id = v.artifact_id
         WHERE a.name = 'brief'`,
      ),
    ).toEqual([{ deleted_at: now }]);
  });

  it("forgets a deleted artifact after 30 days, with its metadata and events, and no other", async () => {
    await makeVersion(workspace.id, "forgotten", { f: bytes(10, 30) });
    await makeVersion(workspace.id, "remembered", { f: bytes(10, 31) });
    const of = "artifact_id IN (SELECT id FROM artifacts WHERE name = ?)";
    const [{ id } = { id: 0 }] = (await rows(
      "SELECT id FROM artifacts WHERE name = 'forgotten'",
    )) as { id: number }[];
    const now = Date.now();
    const author = { actor: "owner/ci", now };
    await env.DB.prepare("INSERT INTO artifact_metadata VALUES (?, 'k', '1')").bind(id).run();
    expect(await deleteArtifact(env.DB, id, author)).toBe(true);
    await sweep(env, 100 * IDLE, now + 29 * 24 * HOUR);
    expect(await rows("SELECT * FROM versions WHERE artifact_id = ?", id)).toEqual([]);
    const events = await rows(
      `SELECT message FROM events WHERE ${of} ORDER BY number`,
      "forgotten",
    );
    expect(events).toEqual([{ message: "artifact deleted" }]);
    await sweep(env, 100 * IDLE, now + 31 * 24 * HOUR);
    expect(await rows("SELECT * FROM artifacts WHERE id = ?", id)).toEqual([]);
    expect(await rows("SELECT * FROM events WHERE artifact_id = ?", id)).toEqual([]);
    expect(await rows("SELECT * FROM artifact_metadata WHERE artifact_id = ?", id)).toEqual([]);
    expect(await rows("SELECT 1 FROM artifacts WHERE name = 'remembered'")).toHaveLength(1);
  });

  it("removes an artifact whose files are missing once its draft expired, and tells no draft twice", async () => {
    const now = Date.now();
    const made = await makeIncomplete(workspace.id, "declared", { at: now });
    await openDraftOf(made, workspace, [1]);
    const isOpen = async () => (await inspectDraft(env.DRAFTS, made.draft)) !== null;
    const living = () =>
      rows("SELECT 1 FROM artifacts WHERE id = ? AND deleted_at IS NULL", made.artifactId);
    await sweep(env, IDLE, now + 23 * HOUR);
    expect([await living(), await isOpen()]).toEqual([[{ 1: 1 }], true]);
    await sweep(env, IDLE, now + 25 * HOUR);
    expect([await living(), await isOpen()]).toEqual([[], false]);
    await sweep(env, IDLE, now + 50 * HOUR);
    expect(await rows("SELECT * FROM versions WHERE artifact_id = ?", made.artifactId)).toEqual([]);
  });

  it("lets the draft decide when the catalog's time of the last file is old, and keeps other versions", async () => {
    const now = Date.now();
    const slow = await makeIncomplete(workspace.id, "slow", { at: 5 });
    const lost = await makeIncomplete(workspace.id, "lost", { at: 5 });
    const whole = await makeVersion(workspace.id, "lost", { f: bytes(3, 17) });
    await openDraftOf(slow, workspace, [1]);
    await changeDraft(slow.draft, `opened_at = ${now}`);
    await sweep(env, IDLE, now + HOUR);
    const state =
      "SELECT progress_at AS progress, deleted_at AS deleted FROM versions WHERE id = ?";
    expect(await rows(state, slow.versionId)).toEqual([{ progress: now, deleted: null }]);
    expect(await rows(state, lost.versionId)).toEqual([{ progress: 5, deleted: now + HOUR }]);
    expect(await rows("SELECT deleted_at FROM artifacts WHERE id = ?", whole.artifactId)).toEqual([
      { deleted_at: null },
    ]);
    await end(slow.versionId, 1);
    await end(lost.versionId, 1);
  });

  it("does not ask the draft while bytes of a missing file come in", async () => {
    const now = Date.now();
    const made = await makeIncomplete(workspace.id, "coming", { at: 5 });
    await insertUpload(env.DB, newUuid(), workspace.id, now);
    await env.DB.prepare(
      "UPDATE uploads SET version_id = ?, sha256 = 'a', size = 1 WHERE created_at = ?",
    )
      .bind(made.versionId, now)
      .run();
    await sweep(env, IDLE, now + HOUR);
    const state = "SELECT deleted_at AS deleted FROM versions WHERE id = ?";
    expect(await rows(state, made.versionId)).toEqual([{ deleted: null }]);
    await env.DB.prepare("DELETE FROM uploads WHERE version_id = ?").bind(made.versionId).run();
    await end(made.versionId, 1);
  });

  it("tells the draft of a deleted version to go before its rows do, and keeps them while it does not answer", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const now = Date.now();
    const [made, other] = [
      await makeIncomplete(workspace.id, "dropped", { at: now }),
      await makeIncomplete(workspace.id, "dropped-too", { at: now }),
    ];
    await end(made.versionId, 1);
    await end(other.versionId, 1);
    await openDraftOf(made, workspace, [1]);
    await openDraftOf(other, workspace, [1]);
    await changeDraft(made.draft, "format = format + 1"); // newer code was here
    const isOpen = async ({ draft }: { draft: Uuid }) =>
      (await inspectDraft(env.DRAFTS, draft)) !== null;
    const exists = () =>
      rows("SELECT id FROM versions WHERE id IN (?, ?)", made.versionId, other.versionId);
    expect(await sweep(env, IDLE, now)).toMatchObject({ failures: 1 });
    expect([await exists(), await isOpen(other)]).toEqual([[{ id: made.versionId }], false]);
    await changeDraft(made.draft, "format = format - 1");
    expect(await isOpen(made)).toBe(true);
    expect(await sweep(env, IDLE, now)).toMatchObject({ failures: 0 });
    expect([await exists(), await isOpen(made)]).toEqual([[], false]);
  });

  it("goes on with everything else when one upload cannot be asked", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const [broken, other] = [
      await uploader.upload(bytes(10, 20)),
      await uploader.upload(bytes(10, 21)),
    ];
    const unreachable = { fetch: () => Promise.reject(new Error("Network connection lost.")) };
    const uploads = new Proxy(env.UPLOADS, {
      get: (target, property) =>
        property === "getByName"
          ? (name: string) => (name === broken ? unreachable : target.getByName(name))
          : Reflect.get(target, property),
    });
    const report = await sweep({ ...env, UPLOADS: uploads }, IDLE, Date.now() + 25 * HOUR);
    expect(report).toMatchObject({ failures: 1 });
    expect(await uploader.gateway.view(other)).toMatchObject({ code: "upload_not_found" });
    await env.DB.prepare("DELETE FROM uploads WHERE uuid = ?").bind(broken).run();
  });

  it("removes sessions and failed logins that count for nothing any more, and no others", async () => {
    const now = Date.now();
    await env.DB.batch([
      env.DB.prepare("INSERT INTO users VALUES (1, 'ann', 'none', 0)"),
      env.DB.prepare("INSERT INTO sessions VALUES ('dead', 1, 0, ?1)").bind(
        now - LIMITS.sessionIdle,
      ),
      env.DB.prepare("INSERT INTO sessions VALUES ('alive', 1, 0, ?1)").bind(
        now - LIMITS.sessionIdle + 1,
      ),
      env.DB.prepare("INSERT INTO login_failures VALUES ('past', 9, ?1, 0)").bind(
        now - LIMITS.loginMemory,
      ),
      env.DB.prepare("INSERT INTO login_failures VALUES ('present', 9, ?1, 0)").bind(
        now - LIMITS.loginMemory + 1,
      ),
    ]);
    await sweep(env, 10 * IDLE, now);
    expect(await rows("SELECT id_hash FROM sessions")).toEqual([{ id_hash: "alive" }]);
    expect(await rows("SELECT subject FROM login_failures")).toEqual([{ subject: "present" }]);
  });

  it("gives the same result when two run at once", async () => {
    const uuid = await uploader.upload(bytes(LIMITS.partSize + 5, 13));
    const at = Date.now() + 25 * HOUR;
    await Promise.all([sweep(env, IDLE, at), sweep(env, IDLE, at)]);
    expect(await uploader.gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    expect(await countKeys(uuid)).toBe(0);
  });
});
