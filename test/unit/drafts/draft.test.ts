// A version that is filled in its draft: declared, brought, sealed; and what is left when anything of it fails.

import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { checkOn } from "../../../src/artifacts/fsck/fsck.ts";
import { readManifest } from "../../../src/artifacts/manifests.ts";
import { WORK } from "../../../src/budget/shares.ts";
import { updateWorkspace } from "../../../src/catalog/access/workspaces.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { deleteArtifact } from "../../../src/catalog/artifacts/change.ts";
import { openDatabase } from "../../../src/catalog/database.ts";
import {
  bringUpload,
  dropDraft,
  expireDraft,
  inspectDraft,
  openDraft,
} from "../../../src/drafts/call-draft.ts";
import { completeDeclared } from "../../../src/drafts/complete.ts";
import type { Made } from "../../../src/drafts/declare.ts";
import { draftEntries } from "../../../src/drafts/entries.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";
import { declare, put } from "../support/declare.ts";
import type { Files } from "../support/declare.ts";
import { smallFile } from "../support/small-file.ts";
import { watchedEnv } from "../support/watched-worker.ts";

const DAY = 24 * 3_600_000;

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
});

async function rows<T = unknown>(statement: string, ...values: unknown[]): Promise<T[]> {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all<T>();
  return results;
}

async function manifestOf({ draft }: Made) {
  const [version] = await rows<{ key: string | null; row: string }>(
    'SELECT manifest_key AS "key", hex(manifest) AS "row" FROM versions WHERE draft = ?1 AND sealed_at IS NOT NULL',
    draft,
  );
  return version === undefined
    ? null
    : readManifest(env.BUCKET, { key: version.key, row: Uint8Array.fromHex(version.row) });
}

/** The bytes of a file of a sealed version; null while it is not sealed, or has no such file. */
async function read(made: Made, path: string): Promise<Uint8Array | null> {
  const reader = await manifestOf(made);
  const entry = await reader?.find(path);
  if (!reader || entry?.kind !== "file") {
    return null;
  }
  const parts: Uint8Array[] = [];
  for await (const extents of reader.extents(entry)) {
    for (const { key, start: offset, length } of extents) {
      const object = await env.BUCKET.get(key ?? "", { range: { offset, length } });
      parts.push(new Uint8Array((await object?.arrayBuffer()) ?? []));
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const isStored = (taken: Awaited<ReturnType<typeof put>>) =>
  taken.map((each) => each.ok && each.kind === "known" && each.isStored);

describe("a draft", () => {
  it("takes small files, a content of several paths at once, and is sealed with the last", async () => {
    const files: Files = {
      "a/1": bytes(10, 1),
      "a/2": bytes(2_000, 2),
      b: bytes(10, 1),
      empty: bytes(0),
    };
    const last = { "last.html": bytes(30, 3) };
    const made = await declare(workspace, { ...files, ...last });
    expect(made.isComplete).toBe(false);
    expect(isStored(await put(made, workspace, { "a/1": bytes(10, 1) }))).toEqual([true]);
    expect(await inspectDraft(env.DRAFTS, made.draft)).toMatchObject({
      phase: "open",
      missing: 2,
    });
    expect(isStored(await put(made, workspace, { "a/2": bytes(2_000, 2) }))).toEqual([true]);
    expect(await manifestOf(made)).toBeNull();
    expect(isStored(await put(made, workspace, last))).toEqual([true]);
    for (const [path, data] of Object.entries({ ...files, ...last })) {
      expect(await read(made, path)).toEqual(data);
    }
    const entry = await (await manifestOf(made))?.find("last.html");
    expect(entry).toMatchObject({ kind: "file", type: "text/html" });
    expect(await inspectDraft(env.DRAFTS, made.draft)).toBeNull();
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
    expect(await rows("SELECT * FROM audit WHERE action = 'version sealed'")).toHaveLength(1);
  });

  it("shows the entries of an incomplete version", async () => {
    const files: Files = { "d/e/f": bytes(5, 11), "d/g": bytes(6, 12), z: bytes(7, 13) };
    const made = await declare(workspace, files);
    await put(made, workspace, { "d/g": bytes(6, 12) });
    const entries = draftEntries(env.DRAFTS, made.draft);
    expect(await entries.find("")).toMatchObject({ entryCount: 5, fileCount: 3, totalBytes: 18 });
    expect(await entries.find("d/e/")).toMatchObject({ kind: "folder", ordinal: 2, fileCount: 1 });
    expect(await entries.find("d/e")).toBeNull();
    const page = await entries.page(1, 50);
    expect(page.map(({ kind, path, ordinal }) => [kind, path, ordinal])).toEqual([
      ["folder", "d/", 1],
      ["folder", "d/e/", 2],
      ["missing", "d/e/f", 3],
      ["file", "d/g", 4],
      ["missing", "z", 5],
    ]);
    expect(await entries.countMissing({ after: 1, last: 4 })).toBe(1);
    const file = await entries.find("d/g");
    const extents = file?.kind === "file" ? await Array.fromAsync(file.extents(2, 4)) : [];
    expect(extents.flat()).toEqual([{ key: `packs/${made.draft}/1`, start: 2, length: 2 }]);
  });
});

/** A content as an upload object brings it: in an R2 object of its own. */
async function stored(data: Uint8Array) {
  const key = `uploads/${newUuid()}/1`;
  await env.BUCKET.put(key, data);
  const { checksums } = smallFile("", data);
  return { size: data.length, ...checksums, extents: [{ key, start: 0, length: data.length }] };
}

const keysOf = async (prefix: string) =>
  (await env.BUCKET.list({ prefix })).objects.map(({ key }) => key);

const garbage = async () =>
  (await rows<{ key: string }>("SELECT key FROM garbage")).map(({ key }) => key);

/** Makes a draft be made of its rows again. */
const evict = ({ draft }: Made) => evictDurableObject(env.DRAFTS.getByName(draft));

const remove = ({ id }: Made) => deleteArtifact(env.DB, id, byTest());

describe("files that come into a draft", () => {
  it("are stored beside one that is not what was declared, of which nothing is", async () => {
    const files = { good: bytes(50, 20), swapped: bytes(60, 21), wrong: bytes(70, 22) };
    const made = await declare(workspace, files);
    const sent = { ...files, wrong: bytes(70, 23), swapped: files.good, unknown: bytes(5, 24) };
    const taken = await put(made, workspace, sent);
    expect(isStored(taken)).toEqual([true, false, false, false]);
    expect(taken.map((each) => each.ok && each.kind === "known" && each.file !== null)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    const again = await put(made, workspace, files);
    expect(isStored(again)).toEqual([false, true, true]);
    expect(await read(made, "wrong")).toEqual(files.wrong);
  });

  it("are not taken from who may not write, nor for an artifact that is gone", async () => {
    const files = { file: bytes(20, 30) };
    const made = await declare(workspace, files);
    const stranger = await makeWorkspace("stranger");
    expect(await put(made, stranger, files)).toMatchObject([
      { ok: true, kind: "known", readable: false, writable: false, isStored: false },
    ]);
    await remove(made);
    expect(await put(made, workspace, files)).toEqual([{ ok: true, kind: "gone" }]);
    expect(await keysOf(`packs/${made.draft}/`)).toEqual([]);
  });

  it("share objects when they come at the same time, the same ones twice", async () => {
    const files: Files = {};
    for (let number = 0; number < 20; number += 1) {
      files[`dir/${number}`] = bytes(100 + number, 2_000 + number);
    }
    const made = await declare(workspace, files);
    const taken = await Promise.all([put(made, workspace, files), put(made, workspace, files)]);
    expect(taken.flat().every(({ ok }) => ok)).toBe(true);
    expect((await keysOf(`packs/${made.draft}/`)).length).toBeLessThan(10);
    for (const [path, data] of Object.entries(files)) {
      expect(await read(made, path)).toEqual(data);
    }
  });

  it("are refused when there is no memory for them in time, and stored when there is", async () => {
    const file = bytes(400 * 1024, 90); // not among the small claims, which have a lane of their own
    const made = await declare(workspace, { file, other: bytes(1, 91) });
    const { memoryPatience } = LIMITS;
    Object.assign(LIMITS, { memoryPatience: 50 });
    const lease = WORK.open(LIMITS.memoryShares.work, "test");
    expect(WORK.tryGrow(lease, LIMITS.memoryShares.work)).toBe(true);
    expect(await put(made, workspace, { file })).toEqual([{ ok: false, code: "service_busy" }]);
    Object.assign(LIMITS, { memoryPatience });
    const waiting = put(made, workspace, { file });
    await scheduler.wait(20);
    WORK.end(lease);
    expect(isStored(await waiting)).toEqual([true]);
    expect(WORK.held).toBe(0);
  });

  it("stay when the draft is evicted, and pack numbers are not used again", async () => {
    const files: Files = { a: bytes(11, 40), b: bytes(12, 41), c: bytes(13, 42) };
    const made = await declare(workspace, files);
    await put(made, workspace, { a: bytes(11, 40) });
    await evict(made);
    expect(await inspectDraft(env.DRAFTS, made.draft)).toMatchObject({ missing: 2 });
    await put(made, workspace, { b: bytes(12, 41) });
    expect(await keysOf(`packs/${made.draft}/`)).toEqual([
      `packs/${made.draft}/1`,
      `packs/${made.draft}/${1 + LIMITS.packNumbers}`,
    ]);
    // fsck knows each pack's draft, whatever became of the numbers before it.
    const context = { env, idleMs: 2 * DAY, auditMs: DAY, repairs: false, percent: 0 };
    const later = { ...context, now: Date.now() + DAY + 1_000 };
    const { young, differences } = await checkOn(later, { check: "objects", from: [] });
    expect([young, differences]).toEqual([0, []]);
    await put(made, workspace, { c: bytes(13, 42) });
    expect(await read(made, "a")).toEqual(files["a"]);
    expect(await read(made, "c")).toEqual(files["c"]);
    // Numbers of an earlier life may have been used.
    expect(await garbage()).toHaveLength(LIMITS.packNumbers - 1);
    await env.DB.prepare("DELETE FROM garbage").run();
  });
});

describe("a large file", () => {
  it("comes by an upload, completes all files of its content, and is found by its hash", async () => {
    const large = bytes(LIMITS.indexedFile + 5, 50);
    const made = await declare(workspace, { one: large, two: large, small: bytes(3, 51) });
    await put(made, workspace, { small: bytes(3, 51) });
    const content = await stored(large);
    const [upload] = [newUuid()];
    const [version] = await rows<{ id: number }>(
      "SELECT id FROM versions WHERE draft = ?1",
      made.draft,
    );
    const { extents, ...facts } = content;
    const sealed = {
      uuid: upload,
      intent: {
        workspaceId: workspace.id,
        versionId: version?.id ?? 0,
        draft: made.draft,
        sha256: facts.sha256,
        size: facts.size,
      },
      blob: facts,
      extents,
      isFetch: false,
    };
    const first = await completeDeclared(env, sealed);
    expect(first).toMatchObject({ ok: true, result: { versionIndex: 1 } });
    expect(await completeDeclared(env, sealed)).toEqual(first);
    expect(await read(made, "two")).toEqual(large);
    expect(
      await rows(
        "SELECT file_number FROM holders JOIN versions v ON v.id = version_id WHERE v.draft = ?1",
        made.draft,
      ),
    ).toEqual([{ file_number: 1 }]);
    expect(await garbage()).toEqual([]);
  });

  it("is garbage when its content came in before, or nobody awaits it", async () => {
    const data = bytes(4_000, 55);
    const made = await declare(workspace, { file: data, rest: bytes(1, 56) });
    await put(made, workspace, { file: data });
    const content = await stored(data);
    const [version] = await rows<{ id: number }>(
      "SELECT id FROM versions WHERE draft = ?1",
      made.draft,
    );
    const { extents, ...facts } = content;
    const intent = {
      workspaceId: workspace.id,
      versionId: version?.id ?? 0,
      draft: made.draft,
      sha256: facts.sha256,
      size: facts.size,
    };
    const sealed = {
      uuid: newUuid(),
      intent,
      blob: facts,
      extents,
      isFetch: false,
    };
    expect(await completeDeclared(env, sealed)).toMatchObject({ ok: true });
    expect(await garbage()).toEqual([extents[0]?.key]);
    await remove(made);
    await dropDraft(env.DRAFTS, made.draft);
    const late = { ...sealed, uuid: newUuid() };
    expect(await completeDeclared(env, late)).toEqual({ ok: false, code: "artifact_not_found" });
    await env.DB.prepare("DELETE FROM garbage").run();
  });
});

describe("what a workspace holds already", () => {
  it("completes declared files: moved, small and large, and seals at once where nothing is missing", async () => {
    const files: Files = { "old/a": bytes(77, 60), "old/b": bytes(LIMITS.indexedFile, 61) };
    const first = await declare(workspace, files);
    await put(first, workspace, { "old/a": bytes(77, 60) });
    await bringUpload(
      env.DRAFTS,
      first.draft,
      newUuid(),
      await stored(bytes(LIMITS.indexedFile, 61)),
    );
    expect(await manifestOf(first)).not.toBeNull();
    const moved = {
      "new/x": bytes(77, 60),
      "new/y": bytes(LIMITS.indexedFile, 61),
      "new/z": bytes(77, 60),
    };
    const second = await declare(workspace, moved, env, "another");
    expect(second.isComplete).toBe(true);
    expect(await read(second, "new/z")).toEqual(bytes(77, 60));
    const more = await declare(workspace, { ...moved, extra: bytes(9, 62) });
    expect(await inspectDraft(env.DRAFTS, more.draft)).toMatchObject({ missing: 1, nextPack: 1 });
    const other = await makeWorkspace("other");
    const strange = await declare(other, moved);
    expect(await inspectDraft(env.DRAFTS, strange.draft)).toMatchObject({ missing: 3 });
    await remove(first);
    await remove(second);
    await remove(more);
  });

  it("is found by hashes in versions of many files, whole and exactly", async () => {
    const files: Files = {};
    for (let number = 0; number < 400; number += 1) {
      files[`d${number % 7}/${number}`] = bytes(20 + (number % 9), 5_000 + number);
    }
    const first = await declare(workspace, files);
    await put(first, workspace, files);
    expect(await manifestOf(first)).not.toBeNull();
    const changed = Object.fromEntries(
      Object.entries(files).map(([path, data], index) => [
        `x/${path}`,
        index % 100 === 0 ? bytes(25, 9_000 + index) : data,
      ]),
    );
    const second = await declare(workspace, changed);
    expect(await inspectDraft(env.DRAFTS, second.draft)).toMatchObject({ missing: 4 });
    const few = await declare(workspace, { one: files["d3/10"] ?? bytes(0), new: bytes(4, 99) });
    expect(await inspectDraft(env.DRAFTS, few.draft)).toMatchObject({ missing: 1 });
    await put(second, workspace, changed);
    for (const [path, data] of Object.entries(changed).slice(0, 20)) {
      expect(await read(second, path)).toEqual(data);
    }
  });

  it("is looked for again where it goes meanwhile", async () => {
    const files = { file: bytes(33, 70) };
    const first = await declare(workspace, files);
    await put(first, workspace, files);
    const db = new Proxy(env.DB, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        return typeof value !== "function"
          ? value
          : async (...args: unknown[]) => {
              if (name === "batch") {
                await env.DB.prepare(
                  "DELETE FROM object_refs WHERE version_id = (SELECT id FROM versions WHERE draft = ?1)",
                )
                  .bind(first.draft)
                  .run();
                await remove(first);
              }
              return Reflect.apply(value, target, args) as unknown;
            };
      },
    });
    const prepare = env.DB.prepare.bind(env.DB);
    const stores = { ...env, DB: Object.assign(Object.create(db) as Env["DB"], { prepare }) };
    const second = await declare(workspace, files, stores);
    expect(second.isComplete).toBe(false);
    expect(await inspectDraft(env.DRAFTS, second.draft)).toMatchObject({ missing: 1 });
  });
});

describe("a declaration", () => {
  it("is refused beyond the quota, also when that is reached meanwhile, and leaves no draft", async () => {
    const small = await makeWorkspace("small");
    await updateWorkspace(env.DB, small.id, { quotaBytes: 100 }, byTest());
    await expect(declare(small, { a: bytes(101, 1) })).rejects.toMatchObject({
      code: "quota_exceeded",
    });
    const opened: string[] = [];
    const drafts = new Proxy(env.DRAFTS, {
      get: (target, name) =>
        name === "getByName"
          ? (uuid: string) => {
              opened.push(uuid);
              return target.getByName(uuid);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const batch = async (statements: D1PreparedStatement[]) => {
      await updateWorkspace(env.DB, small.id, { quotaBytes: 1 }, byTest());
      return env.DB.batch(statements);
    };
    const prepare = env.DB.prepare.bind(env.DB);
    const stores = { ...env, DRAFTS: drafts, DB: { prepare, batch } as unknown as Env["DB"] };
    await expect(declare(small, { a: bytes(50, 1) }, stores)).rejects.toMatchObject({
      code: "quota_exceeded",
    });
    expect(opened.length).toBeGreaterThan(0);
    for (const uuid of opened) {
      expect(await inspectDraft(env.DRAFTS, uuid as Made["draft"])).toBeNull();
    }
    expect(await rows("SELECT * FROM artifacts WHERE workspace_id = ?1", small.id)).toEqual([]);
  });

  it("that never became a version ends by its alarm, one that did stays", async () => {
    const uuid = newUuid();
    await openDraft(env.DRAFTS, { uuid, artifactUuid: newUuid(), workspaceId: workspace.id }, []);
    expect(await inspectDraft(env.DRAFTS, uuid)).not.toBeNull();
    await runDurableObjectAlarm(env.DRAFTS.getByName(uuid));
    expect(await inspectDraft(env.DRAFTS, uuid)).toBeNull();
    const made = await declare(workspace, { file: bytes(8, 80) });
    await runDurableObjectAlarm(env.DRAFTS.getByName(made.draft));
    expect(await inspectDraft(env.DRAFTS, made.draft)).not.toBeNull();
  });
});

describe("the end of a draft", () => {
  it("comes when it is idle, with its objects", async () => {
    const files = { a: bytes(15, 85), b: bytes(16, 86) };
    const made = await declare(workspace, files);
    await put(made, workspace, { a: files.a });
    const upload = await stored(bytes(16, 87));
    expect(await bringUpload(env.DRAFTS, made.draft, newUuid(), upload)).toBe("not needed");
    const kept = await expireDraft(env.DRAFTS, made.draft, Date.now() - 60_000);
    expect(kept.kind).toBe("kept");
    expect(await expireDraft(env.DRAFTS, made.draft, Date.now() + 1)).toEqual({ kind: "expired" });
    expect(await expireDraft(env.DRAFTS, made.draft, Date.now() + 1)).toEqual({ kind: "unknown" });
    expect(await keysOf(`packs/${made.draft}/`)).toEqual([]);
    expect(await garbage()).toEqual([]);
  });

  it("leaves to the sweep what its version may name, when that is deleted while it is sealed", async () => {
    const files = { a: bytes(15, 88), b: bytes(16, 89) };
    const made = await declare(workspace, files);
    await put(made, workspace, { a: files.a });
    calls.arm({ from: 3, mode: "before", lasting: true, only: ["d1"] });
    vi.spyOn(console, "error").mockImplementation(() => {});
    await put(made, workspace, { b: files.b });
    calls.heal();
    expect(await inspectDraft(env.DRAFTS, made.draft)).toMatchObject({ phase: "sealing" });
    await remove(made);
    await evict(made);
    await runDurableObjectAlarm(env.DRAFTS.getByName(made.draft));
    expect(await inspectDraft(env.DRAFTS, made.draft)).toBeNull();
    const left = await garbage();
    for (const key of await keysOf(`packs/${made.draft}/`)) {
      expect(left).toContain(key);
    }
    await env.DB.prepare("DELETE FROM garbage").run();
  });
});

describe("a crash", () => {
  it.each(["before", "after", "crash"] as const)(
    "at any call (%s) ends in a sealed version after a repeat, and nothing unlisted",
    async (mode) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      let count = 0;
      for (let from = 1, fired = 1; fired > 0; from += 1) {
        // Paths that are long enough for a manifest of its own.
        const files: Files = {};
        for (let number = 0; number < 66; number += 1) {
          files[`${mode}-${from}/${number}`] = bytes(40, 100_000 + 1_000 * from + number);
        }
        const made = await declare(workspace, files);
        calls.arm({ from, mode, lasting: false });
        await put(made, workspace, files).catch(() => []);
        fired = calls.heal();
        count += fired;
        for (let round = 0; round < 3 && (await manifestOf(made)) === null; round += 1) {
          await put(made, workspace, files).catch(() => []);
          await runDurableObjectAlarm(env.DRAFTS.getByName(made.draft)).catch(() => false);
        }
        await runDurableObjectAlarm(env.DRAFTS.getByName(made.draft)).catch(() => false);
        for (const [path, data] of Object.entries(files).slice(0, 3)) {
          expect(await read(made, path)).toEqual(data);
        }
        expect(await inspectDraft(env.DRAFTS, made.draft)).toBeNull();
        const named = await rows<{ key: string }>(
          "SELECT key FROM object_refs UNION SELECT key FROM garbage",
        );
        const known = new Set(named.map(({ key }) => key));
        for (const prefix of ["packs/", "manifests/"]) {
          expect(
            (await keysOf(`${prefix}${made.draft}/`)).filter((key) => !known.has(key)),
          ).toEqual([]);
        }
        expect(
          await rows("SELECT g.key FROM garbage g JOIN object_refs r ON r.key = g.key"),
        ).toEqual([]);
        await remove(made);
      }
      expect(count).toBeGreaterThan(5);
    },
  );
});

describe("a declaration that fails", () => {
  it.each(["before", "after", "late"] as const)(
    "at any call (%s) made its artifact whole, or nothing that stays",
    async (mode) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      const home = await makeWorkspace(`home-${mode}`);
      const held = { file: bytes(30, 400) };
      await put(await declare(home, held), home, held);
      for (let from = 1, fired = 1; fired > 0; from += 1) {
        const drafts: string[] = [];
        const watchedDrafts = new Proxy(watchedEnv.DRAFTS, {
          get: (target, name) =>
            name === "getByName"
              ? (uuid: string) => {
                  drafts.push(uuid);
                  return target.getByName(uuid);
                }
              : (Reflect.get(target, name) as unknown),
        });
        const before = await rows("SELECT id FROM artifacts WHERE workspace_id = ?1", home.id);
        const files = { ...held, new: bytes(31, 500 + from) };
        calls.arm({ from, mode, lasting: false });
        const stores = { ...watchedEnv, DB: openDatabase(watchedEnv.DB), DRAFTS: watchedDrafts };
        const made = await declare(home, files, stores).catch(() => null);
        fired = calls.heal();
        await calls.deliverLate();
        const after = await rows("SELECT id FROM artifacts WHERE workspace_id = ?1", home.id);
        if (made !== null) {
          expect(after).toHaveLength(before.length + 1);
          expect(await inspectDraft(env.DRAFTS, made.draft)).toMatchObject({ missing: 1 });
          expect(isStored(await put(made, home, { new: files.new }))).toEqual([true]);
          expect(await read(made, "file")).toEqual(held.file);
        }
        for (const uuid of new Set(drafts)) {
          await runDurableObjectAlarm(env.DRAFTS.getByName(uuid));
          const [version] = await rows("SELECT id FROM versions WHERE draft = ?1", uuid);
          if (version === undefined) {
            expect(await inspectDraft(env.DRAFTS, uuid as Made["draft"])).toBeNull();
          }
        }
      }
    },
  );
});

describe("an upload", () => {
  it("that ends while its draft is sealed leaves its objects to the version, however often it repeats", async () => {
    const data = bytes(2_000, 600);
    const made = await declare(workspace, { only: data });
    const upload = newUuid();
    const content = await stored(data);
    expect(await bringUpload(env.DRAFTS, made.draft, upload, content)).toBe("taken");
    expect(await inspectDraft(env.DRAFTS, made.draft)).toBeNull();
    const [version] = await rows<{ id: number }>(
      "SELECT id FROM versions WHERE draft = ?1",
      made.draft,
    );
    const { extents, ...facts } = content;
    const { sha256, size } = facts;
    const sealed = {
      uuid: upload,
      intent: {
        workspaceId: workspace.id,
        versionId: version?.id ?? 0,
        draft: made.draft,
        sha256,
        size,
      },
      blob: facts,
      extents,
      isFetch: false,
    };
    // Deleted before the catalog was told: what the version names is not the upload's any more.
    await remove(made);
    expect(await completeDeclared(env, sealed)).toMatchObject({ ok: true });
    expect(await garbage()).not.toContain(extents[0]?.key);
  });
});
