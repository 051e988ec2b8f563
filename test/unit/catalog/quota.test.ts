// SECURITY.md: T23.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import schema from "../../../schema.sql?raw";
import { catalogDesk, publishClaim } from "../../../src/artifacts/publish.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import { requireWorkspace, updateWorkspace } from "../../../src/catalog/access/workspaces.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { findSeenBlob } from "../../../src/catalog/contents/seen-blobs.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { readMetrics } from "../../../src/catalog/upkeep/metrics.ts";
import { declareArtifact } from "../../../src/drafts/declare.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { append } from "../../../src/uploads/append.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { Ledger } from "../../../src/uploads/ledger.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";

const ANY = { size: null, sha512: null };
const DAY = 24 * 3_600_000;
const ALL = { all: true, workspaceId: null, userId: null };

beforeAll(applySchema);

/** A workspace that may hold `quota` bytes. */
async function workspaceOf(name: string, quota: number): Promise<Workspace> {
  const { id } = await makeWorkspace(name);
  await updateWorkspace(env.DB, id, { quotaBytes: quota }, byTest());
  return requireWorkspace(env.DB, name);
}

async function upload({ id }: Workspace, size: number, seed: number): Promise<Uuid> {
  const gateway = new UploadGateway(env.UPLOADS, id);
  const uuid = newUuid();
  valueOf(await gateway.open(uuid));
  const terms = { offset: null, length: size };
  valueOf(await gateway.append(uuid, new Blob([bytes(size, seed)]).stream(), terms));
  return uuid;
}

function seal({ id }: Workspace, name: string, uuid: Uuid) {
  const sourceUrl = `sf://upload/${id}/${name}`;
  const intent = {
    workspaceId: id,
    type: "image",
    name,
    sourceUrl,
    shared: false,
    actor: "test",
    gift: false,
  };
  return new UploadGateway(env.UPLOADS, id).seal(uuid, intent, ANY);
}

async function publish(workspace: Workspace, name: string, size: number, seed: number) {
  return seal(workspace, name, await upload(workspace, size, seed));
}

/** What the workspace uses: as noted, and summed again over the versions. */
async function usage({ id, name }: Workspace): Promise<[number, number]> {
  const row = await env.DB.prepare(
    `SELECT coalesce(sum(v.total_bytes), 0) AS counted
     FROM versions v JOIN artifacts a ON a.id = v.artifact_id
     WHERE a.workspace_id = ?1 AND v.deleted_at IS NULL`,
  )
    .bind(id)
    .first<{ counted: number }>();
  return [(await requireWorkspace(env.DB, name)).usedBytes, row?.counted ?? -1];
}

describe("the quota of a workspace (T27)", () => {
  it("refuses a version that goes over it, changes nothing, and takes the upload once there is room", async () => {
    const workspace = await workspaceOf("full", 1_000);
    valueOf(await publish(workspace, "first", 600, 1));
    const uuid = await upload(workspace, 500, 2);
    const refused = { ok: false, code: "quota_exceeded", detail: "600 of 1000 bytes are used" };
    expect(await seal(workspace, "second", uuid)).toEqual(refused);
    expect(await seal(workspace, "second", uuid)).toEqual(refused);
    expect(await usage(workspace)).toEqual([600, 600]);
    const found = await env.DB.prepare("SELECT 1 FROM artifacts WHERE name = 'second'").all();
    expect(found.results).toEqual([]);

    const gateway = new UploadGateway(env.UPLOADS, workspace.id);
    expect(valueOf(await gateway.truncate(uuid, 300)).size).toBe(300);
    valueOf(await seal(workspace, "second", uuid));
    expect(await usage(workspace)).toEqual([900, 900]);
  });

  it("counts a publication once, however often it is repeated, and no version of the same content", async () => {
    const workspace = await workspaceOf("repeats", 1_000);
    const uuid = await upload(workspace, 700, 3);
    const [one, other] = await Promise.all([
      seal(workspace, "a", uuid),
      seal(workspace, "a", uuid),
    ]);
    expect(valueOf(one)).toEqual(valueOf(other));
    const desk = catalogDesk(env);
    const facts = { size: 700, sha512: "x", sha256: "y", crc32: "z" };
    const sourceUrl = `sf://upload/${workspace.id}/a`;
    const intent = {
      workspaceId: workspace.id,
      type: "image",
      name: "a",
      sourceUrl,
      shared: false,
      actor: "test",
      gift: false,
    };
    valueOf(await desk.publish({ uuid, intent, blob: facts, extents: [], isFetch: false }));
    expect(await usage(workspace)).toEqual([700, 700]);
    await updateWorkspace(env.DB, workspace.id, { quotaBytes: 100 }, byTest());
    valueOf(await publish(workspace, "a", 700, 3));
    expect(await usage(workspace)).toEqual([700, 700]);
  });

  it("counts what is left when a version makes the oldest go", async () => {
    const workspace = await workspaceOf("prunes", 100);
    for (const seed of [10, 11, 12, 13]) {
      valueOf(await publish(workspace, "rolling", 30, seed));
    }
    expect(await usage(workspace)).toEqual([90, 90]);
    expect(await publish(workspace, "rolling", 41, 14)).toMatchObject({ code: "quota_exceeded" });
    valueOf(await publish(workspace, "rolling", 40, 15));
    expect(await usage(workspace)).toEqual([100, 100]);
    await sweep(env, DAY, Date.now() + 2 * DAY);
    expect(await usage(workspace)).toEqual([100, 100]);
  });

  it("counts no version of an artifact that expired or was deleted", async () => {
    const workspace = await workspaceOf("ends", 1_000);
    valueOf(await publish(workspace, "brief", 300, 20));
    valueOf(await publish(workspace, "other", 200, 21));
    await env.DB.prepare("UPDATE artifacts SET expires_at = 5 WHERE name = 'brief'").run();
    await sweep(env, DAY, Date.now());
    expect(await usage(workspace)).toEqual([200, 200]);
    await sweep(env, DAY, Date.now() + 2 * DAY);
    expect(await usage(workspace)).toEqual([200, 200]);
  });

  it("opens no upload where there is no room, and tells an upload how much there is", async () => {
    const workspace = await workspaceOf("opens", 100);
    expect(await insertUpload(env.DB, newUuid(), workspace.id, 1)).toEqual({ ok: true, room: 100 });
    valueOf(await publish(workspace, "all", 100, 30));
    const refused = await insertUpload(env.DB, newUuid(), workspace.id, 1);
    expect(refused).toMatchObject({ ok: false, code: "quota_exceeded" });
    const free = await makeWorkspace("free");
    expect(await insertUpload(env.DB, newUuid(), free.id, 1)).toEqual({ ok: true, room: null });
  });
});

describe("the bound of every workspace", () => {
  const declare = (workspace: Workspace, sizes: number[]) =>
    declareArtifact(
      env,
      {
        workspaceId: workspace.id,
        category: "test",
        data: "{}",
        expiresAt: null,
        actor: "test",
        files: sizes.map((size, n) => ({
          path: String(n).padStart(4, "0"),
          size,
          sha256: String(n).padStart(64, "0"),
          contentType: null,
        })),
      },
      Date.now(),
    );

  it("is what schema.sql says", () => {
    expect(schema).toContain(`NEW.used_bytes > ${LIMITS.workspaceBytes})`);
  });

  it("holds for what is declared, however it is spread: every sum stays an exact number", async () => {
    const workspace = await makeWorkspace("declares");
    const tooMany = Array.from({ length: 1_000 }, () => LIMITS.uploadSize);
    await expect(declare(workspace, tooMany)).rejects.toMatchObject({ code: "quota_exceeded" });
    const some = tooMany.slice(0, 400);
    await declare(workspace, some);
    await declare(workspace, some);
    await expect(declare(workspace, some)).rejects.toMatchObject({ code: "quota_exceeded" });
    const { usedBytes } = await requireWorkspace(env.DB, workspace.name);
    expect(usedBytes).toBe(800 * LIMITS.uploadSize);
    expect(usedBytes).toBeLessThanOrEqual(LIMITS.workspaceBytes);
  });

  it("holds for bytes that are there, whichever way they become a version", async () => {
    const workspace = await makeWorkspace("publishes");
    valueOf(await publish(workspace, "first", 50, 41));
    await env.DB.prepare("UPDATE workspaces SET used_bytes = ?2 WHERE id = ?1")
      .bind(workspace.id, LIMITS.workspaceBytes - 10)
      .run();
    expect(await publish(workspace, "second", 50, 42)).toMatchObject({ code: "quota_exceeded" });
    const sha512 = await hexDigest("SHA-512", bytes(50, 41));
    const blob = await findSeenBlob(env.DB, ALL, { sha512 }, Date.now());
    const intent = {
      workspaceId: workspace.id,
      type: "image",
      name: "third",
      sourceUrl: "sf://upload/publishes/third",
      shared: false,
      actor: "test",
      gift: false,
    };
    const claim = blob && { blob, maxVersions: null };
    expect(claim && (await publishClaim(env, ALL, intent, claim))).toMatchObject({
      code: "quota_exceeded",
    });
    await expect(declare(workspace, [11])).rejects.toMatchObject({ code: "quota_exceeded" });
    await declare(workspace, [10]);
  });

  it("leaves what all of them use together a number that metrics tell", async () => {
    const full = Array.from({ length: 2_100 }, (_, n) => `full-${n}`);
    await env.DB.prepare(
      `INSERT INTO workspaces (name, used_bytes, created_at)
       SELECT value, ?2, 1 FROM json_each(?1)`,
    )
      .bind(JSON.stringify(full), LIMITS.workspaceBytes)
      .run();
    const { usedBytes } = await readMetrics(env.DB, 0);
    expect(usedBytes).toBeGreaterThan(2 ** 63);
  });
});

describe("an append", () => {
  it("of 4 KiB, refused or not, calls neither D1 nor R2; with a length or without", async () => {
    const stub = env.UPLOADS.getByName(newUuid());
    await runInDurableObject(stub, async (_object, { storage }) => {
      let calls = 0;
      const counted = <T extends object>(target: T): T =>
        new Proxy(target, {
          get(object, name) {
            calls += 1;
            return Reflect.get(object, name) as unknown;
          },
        });
      const context = {
        ledger: new Ledger(storage),
        bucket: counted(env.BUCKET),

        uploads: env.UPLOADS,
        desk: counted(catalogDesk(env)),
        openExtentConfirmed: false,
        owner: "test",
        contestedFloor: () => 0,
      };
      context.ledger.open(newUuid(), 1, Date.now(), { room: 10_000, fetch: null });
      const body = () => new Blob([bytes(4_096)]).stream();
      const terms = { offset: null, length: 4_096 };
      expect(await append(context, body(), terms)).toEqual({ ok: true, offset: 4_096 });
      const unknown = { ...terms, length: null };
      expect(await append(context, body(), unknown)).toEqual({ ok: true, offset: 8_192 });
      for (const length of [4_096, null]) {
        expect(await append(context, body(), { ...terms, length })).toMatchObject({
          ok: false,
          code: "quota_exceeded",
        });
      }
      const rest = new Blob([bytes(1_808)]).stream();
      expect(await append(context, rest, { ...terms, length: 1_808 })).toMatchObject({ ok: true });
      expect(calls).toBe(0);
    });
  });
});
