// Who may take bytes that somebody still needs: ends that are cut off, checks that repair, sweeps, uploads that are forgotten.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import { deliverPiece } from "../../../src/artifacts/deliver.ts";
import { checkOn } from "../../../src/artifacts/fsck/fsck.ts";
import type { CheckCursor } from "../../../src/artifacts/fsck/fsck.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { expireDraft, inspectDraft } from "../../../src/drafts/call-draft.ts";
import type { Made } from "../../../src/drafts/declare.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { declare, put } from "../support/declare.ts";
import { Uploader } from "../support/uploader.ts";

const DAY = 24 * 3_600_000;

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
});

afterEach(() => calls.heal());

async function rows<T = Record<string, unknown>>(statement: string, ...values: unknown[]) {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all<T>();
  return results;
}

/** What a check finds, at a time after now, and repairs. */
async function repair(later = 0): Promise<string[]> {
  const now = Date.now() + later;
  const context = { env, idleMs: 90 * DAY, auditMs: 90 * DAY, now, repairs: true, percent: 100 };
  const found: string[] = [];
  for (let cursor: CheckCursor | null = null; ;) {
    const page: Awaited<ReturnType<typeof checkOn>> = await checkOn(context, cursor);
    found.push(...page.differences.map(({ kind, subject }) => `${kind} ${subject}`));
    if (page.cursor === null) {
      return found;
    }
    ({ cursor } = page);
  }
}

/** Ends the objects of an incomplete version, so that nothing of it is in the way of other tests. */
async function finish(made: Made): Promise<void> {
  await expireDraft(env.DRAFTS, made.draft, Date.now() + 1);
  await env.DB.prepare("UPDATE versions SET deleted_at = 1 WHERE draft = ?1")
    .bind(made.draft)
    .run();
  await sweep(env, 90 * DAY, Date.now());
  await sweep(env, 90 * DAY, Date.now() + 2 * DAY);
}

/** Sends a large file of a version to its end; gives the upload that brought it. */
async function deliver(made: Made, data: Uint8Array): Promise<Uuid> {
  const [version] = await rows<{ id: number }>(
    "SELECT id FROM versions WHERE draft = ?1",
    made.draft,
  );
  const to = {
    workspaceId: workspace.id,
    draft: made.draft,
    versionId: version?.id ?? 0,
    sha256: await hexDigest("SHA-256", data),
    size: data.length,
  };
  const body = new Blob([data]).stream();
  await deliverPiece(env, to, { start: 0, length: data.length, body });
  const [upload] = await rows<{ uuid: Uuid }>(
    `SELECT upload_uuid AS uuid FROM conversions ORDER BY created_at DESC LIMIT 1`,
  );
  return upload?.uuid as Uuid;
}

/** Lets the object of a sealed upload forget it, as it does after a week. */
async function forget(upload: Uuid): Promise<void> {
  const object = env.UPLOADS.getByName(upload);
  await runInDurableObject(object, (_, { storage }) => {
    storage.sql.exec("UPDATE upload SET sealed_at = 1");
  });
  await evictDurableObject(object);
  await runDurableObjectAlarm(object);
}

/** Does a version name only what is there? */
async function missingObjects({ draft }: Made): Promise<string[]> {
  const named = await rows<{ key: string }>(
    `SELECT r.key FROM object_refs r JOIN versions v ON v.id = r.version_id
     WHERE v.draft = ?1 AND v.sealed_at IS NOT NULL`,
    draft,
  );
  const missing: string[] = [];
  for (const { key } of named) {
    if ((await env.BUCKET.head(key)) === null) {
      missing.push(key);
    }
  }
  return missing;
}

describe("the end of a draft that fails in the middle", () => {
  it.each([
    ["before", "r2Free"],
    ["after", "r2Free"],
    ["crash", "r2Free"],
    ["before", "d1"],
    ["crash", "d1"],
  ] as const)("(%s a call of %s) takes no more files, and is gone on with", async (mode, kind) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const seed = 10 * (mode.length + 20 * kind.length);
    const files = { a: bytes(40, seed), b: bytes(41, seed + 1), c: bytes(42, seed + 2) };
    const made = await declare(workspace, files);
    await put(made, workspace, { a: files.a });
    await evictDurableObject(env.DRAFTS.getByName(made.draft));
    await put(made, workspace, { b: files.b }); // so that there are numbers that came to nothing
    calls.arm({ from: 1, mode, lasting: false, only: [kind] });
    await expireDraft(env.DRAFTS, made.draft, Date.now() + 1).catch(() => null);
    expect(calls.heal()).toBe(1);
    const late = await put(made, workspace, { c: files.c });
    expect(late).toEqual([{ ok: true, kind: "gone" }]);
    const { length } = await rows(
      "SELECT 1 FROM versions WHERE draft = ?1 AND sealed_at > 0",
      made.draft,
    );
    expect(length).toBe(0);
    await runDurableObjectAlarm(env.DRAFTS.getByName(made.draft));
    expect(await inspectDraft(env.DRAFTS, made.draft)).toBeNull();
    const { objects } = await env.BUCKET.list({ prefix: `packs/${made.draft}/` });
    expect(objects).toEqual([]);
    await finish(made);
  });
});

describe("a large file of a version that is filled for weeks", () => {
  it("is kept by a check that repairs, also once its upload is forgotten", async () => {
    const large = bytes(LIMITS.indexedFile + 9, 500);
    const made = await declare(workspace, { large, small: bytes(10, 501) });
    const upload = await deliver(made, large);
    await forget(upload);
    expect(await repair(2 * DAY)).toEqual([]);
    expect(await rows("SELECT key FROM garbage")).toEqual([]);
    await sweep(env, 90 * DAY, Date.now() + 10 * DAY);
    await put(made, workspace, { small: bytes(10, 501) });
    expect(await missingObjects(made)).toEqual([]);
    expect(await repair()).toEqual([]);
  });

  it("goes with its version, when that is given up", async () => {
    const large = bytes(LIMITS.indexedFile + 10, 510);
    const made = await declare(workspace, { large, small: bytes(10, 511) });
    const upload = await deliver(made, large);
    await finish(made);
    expect(await env.BUCKET.head(`uploads/${upload}/1`)).toBeNull();
    expect(await rows("SELECT key FROM garbage")).toEqual([]);
    expect(await rows("SELECT id FROM versions WHERE draft = ?1", made.draft)).toEqual([]);
  });

  it("stays the version's where the catalog has no room left when its upload is to end", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const only = bytes(LIMITS.indexedFile + 11, 520);
    const made = await declare(workspace, { only });
    // The draft takes it, and seals; the batch that ends the upload fails.
    const [version] = await rows<{ id: number }>(
      "SELECT id FROM versions WHERE draft = ?1",
      made.draft,
    );
    const uploader = new Uploader(workspace);
    const upload = await uploader.upload(only);
    await env.DB.prepare("UPDATE uploads SET version_id = ?2 WHERE uuid = ?1")
      .bind(upload, version?.id)
      .run();
    const sha256 = await hexDigest("SHA-256", only);
    const intent = { workspaceId: workspace.id, draft: made.draft, sha256, size: only.length };
    const trigger = `CREATE TRIGGER no_conversions BEFORE INSERT ON conversions BEGIN SELECT RAISE(ABORT, 'not now'); END`;
    await env.DB.prepare(trigger).run();
    const guard = { size: null, sha512: null };
    expect((await uploader.gateway.seal(upload, intent, guard)).ok).toBe(false);
    expect(await missingObjects(made)).toEqual([]);
    await env.DB.prepare("DROP TRIGGER no_conversions").run();
    const { catalogContent } = LIMITS;
    Object.assign(LIMITS, { catalogContent: 1 });
    await runDurableObjectAlarm(env.UPLOADS.getByName(upload));
    Object.assign(LIMITS, { catalogContent });
    // Whatever is left of the upload, nobody comes for it.
    await sweep(env, 1, Date.now() + 10 * DAY);
    await sweep(env, 1, Date.now() + 20 * DAY);
    expect(await missingObjects(made)).toEqual([]);
    expect(await repair()).toEqual([]);
  });
});

describe("a part of an upload that another has taken over", () => {
  it("answers for its objects when the sweep has met it, until the other must have become something", async () => {
    const uploader = new Uploader(workspace);
    const { gateway } = uploader;
    const part = newUuid();
    await insertUpload(env.DB, part, workspace.id, Date.now());
    const data = bytes(700, 700);
    const plan = {
      protocol: "tus",
      metadata: null,
      concat: "partial",
      intent: null,
      digests: [],
    } as const;
    valueOf(await gateway.begin(part, null, plan, data.length));
    const terms = {
      offset: 0,
      length: data.length,
      promise: { boundary: null, digests: [] },
      uploadLength: null,
      completes: "at length",
      endsWhenTooLong: false,
    } as const;
    valueOf(await gateway.put(part, new Blob([data]).stream(), terms));
    const { extents } = valueOf(await gateway.rest(part));
    valueOf(await gateway.take({ uuid: part, extents }, newUuid()));
    await sweep(env, 1, Date.now() + 2 * DAY);
    expect(await rows("SELECT uuid FROM uploads")).toEqual([]);
    expect(await repair(3 * DAY)).toEqual([]);
    expect(await rows("SELECT key FROM garbage")).toEqual([]);
  });
});

describe("the sweep", () => {
  it("deletes no object that a version names, whatever is listed as garbage", async () => {
    const made = await declare(workspace, { file: bytes(50, 600) });
    await put(made, workspace, { file: bytes(50, 600) });
    const key = `packs/${made.draft}/1`;
    await env.DB.prepare("INSERT INTO garbage (key, since) VALUES (?1, 1)").bind(key).run();
    await sweep(env, 90 * DAY, Date.now());
    expect(await env.BUCKET.head(key)).not.toBeNull();
    expect(await repair()).toEqual([`garbage_referenced ${key}`]);
    expect(await repair()).toEqual([]);
  });
});
