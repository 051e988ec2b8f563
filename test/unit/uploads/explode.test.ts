// An archive that is exploded while calls fail and objects are evicted. What comes out is tested over HTTP in
// test/conformance/explode.test.ts.

import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gzipSync, zipSync } from "fflate";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { findArtifactByUuid } from "../../../src/catalog/artifacts/find.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { Pace } from "../../../src/protocol/pace.ts";
import { append } from "../../../src/uploads/append.ts";
import { completeExtent, confirmOpenExtent } from "../../../src/uploads/context.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { removeLeftovers } from "../../../src/uploads/expire.ts";
import { continueExplode, explode } from "../../../src/uploads/explode.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { listFiles } from "../../support/version-files.ts";
import { END, join, member, walkBytes } from "../archive/make-tar.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyBatches, faultyContext } from "../support/faults.ts";

// Small, as no fault depends on it: fewer bytes are moved.
const PIECE = 2 * 1024 * 1024;
Object.assign(LIMITS, { explodePiece: PIECE, unpackPiece: PIECE, partSize: 5 * 1024 * 1024 });

const DAY = 24 * 3_600_000;
const TERMS = { offset: null, length: null };
const ANY = { size: null, sha512: null };

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  vi.spyOn(console, "error").mockImplementation(() => {});
});

function intentFor(name: string) {
  const made = { workspaceId: workspace.id, type: "image", name, sourceUrl: `sf://${name}` };
  return { ...made, shared: false, actor: "test", gift: false, explode: true } as const;
}

/** Two members of their own and one that all archives have. */
function archiveFor(salt: number): Uint8Array {
  return join(
    member({ name: "dir/a" }, bytes(1_000, salt)),
    member({ name: "common" }, "common"),
    member({ name: "dir/b" }, bytes(2_000, salt + 1)),
    END,
  );
}

/** The same, packed. */
function packedFor(packing: "gzip" | "zip", salt: number): Uint8Array {
  return packing === "gzip"
    ? gzipSync(archiveFor(salt))
    : zipSync(Object.fromEntries(walkBytes(archiveFor(salt))));
}

/** Opens an upload object and gives it the bytes. */
async function openUpload(content: Uint8Array) {
  const uuid = newUuid();
  const gateway = new UploadGateway(env.UPLOADS, workspace.id);
  await insertUpload(env.DB, uuid, workspace.id, Date.now());
  await gateway.open(uuid);
  valueOf(await gateway.append(uuid, new Blob([content]).stream(), TERMS));
  return { uuid, gateway, stub: env.UPLOADS.getByName(uuid) };
}

async function appendTo(context: UploadContext, uuid: Uuid, content: Uint8Array): Promise<void> {
  await insertUpload(env.DB, uuid, workspace.id, Date.now());
  context.ledger.open(uuid, workspace.id, Date.now());
  await append(context, new Blob([content]).stream(), TERMS);
}

interface FileRow {
  path: string;
  sha512: string;
  key: string;
  start: number;
  length: number;
}

/** The files of the artifact's first version, a row for each of their extents. */
async function filesOf(name: string): Promise<FileRow[]> {
  const first = "a.name = ?1 AND v.deleted_at IS NULL AND v.version_index = 1";
  const files = await listFiles(env, first, name);
  return files.flatMap(({ path, sha512, extents }) =>
    extents.map(({ key, start, length }) => ({ path, sha512, key: key ?? "", start, length })),
  );
}

async function expectReadable(rows: readonly FileRow[]): Promise<void> {
  for (const { key, start, length, sha512 } of rows) {
    const object = await env.BUCKET.get(key, { range: { offset: start, length } });
    const content = new Uint8Array((await object?.arrayBuffer()) ?? []);
    expect(await hexDigest("SHA-512", content)).toBe(sha512);
  }
}

async function count(sql: string, ...values: string[]): Promise<number> {
  const row = await env.DB.prepare(`SELECT count(*) AS n FROM ${sql}`)
    .bind(...values)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

describe.each(["before", "after"] as const)(
  "an explosion with a call that fails %s its effect",
  (mode) => {
    it("ends as one version, whichever call it is", async () => {
      let fired = true;
      let calls = 0;
      for (let from = 1; fired; from += 1) {
        const faults = new Faults(from, mode);
        const name = `${mode} ${from}`;
        const uuid = newUuid();
        await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
          const sound = faultyContext(storage, new Faults(Infinity, mode));
          await appendTo(sound, uuid, archiveFor(from * 10 + (mode === "after" ? 5 : 0)));
          const broken = faultyContext(storage, faults, faultyBatches(faults));
          await explode(broken, intentFor(name), ANY).catch(() => null);
          await continueExplode(broken).catch(() => null);
          const healed = faultyContext(storage, new Faults(Infinity, mode));
          expect(await explode(healed, intentFor(name), ANY)).toMatchObject({ ok: true });
          if (healed.ledger.state?.phase === "sealing") {
            expect(await continueExplode(healed)).toBe(false);
          }
          expect(healed.ledger.state?.phase).toBe("sealed");
        });
        const files = await filesOf(name);
        expect(files.map(({ path }) => path)).toEqual(["common", "dir/a", "dir/b"]);
        await expectReadable(files);
        ({ fired } = faults);
        calls += fired ? 1 : 0;
      }
      // The put, three reads, and the catalog: begin, check, publish with its two batches and more.
      expect(calls).toBeGreaterThanOrEqual(8);
      expect(await count("uploads")).toBe(0);
      expect(await count("artifacts WHERE state <> 'created' OR fetching IS NOT NULL")).toBe(0);
    }, 30_000);
  },
);

describe.each([
  ["gzip", "before"],
  ["gzip", "after"],
  ["zip", "after"],
] as const)("the explosion of a %s with a call that fails %s its effect", (packing, mode) => {
  it("ends as one version, whichever call it is", async () => {
    let fired = true;
    let calls = 0;
    for (let from = 1; fired; from += 1) {
      const faults = new Faults(from, mode);
      const name = `${packing} ${mode} ${from}`;
      const salt = 100_000 * (["gzip", "zip"].indexOf(packing) * 2 + (mode === "after" ? 1 : 2));
      await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
        const sound = faultyContext(storage, new Faults(Infinity, "after"));
        await appendTo(sound, newUuid(), packedFor(packing, salt + from * 10));
        const broken = faultyContext(storage, faults, faultyBatches(faults));
        await explode(broken, intentFor(name), ANY).catch(() => null);
        await continueExplode(broken).catch(() => null);
        const healed = faultyContext(storage, new Faults(Infinity, "after"));
        valueOf(await explode(healed, intentFor(name), ANY));
        if (healed.ledger.state?.phase === "sealing") {
          await continueExplode(healed);
        }
        expect(healed.ledger.state?.phase).toBe("sealed");
        await removeLeftovers(healed);
      });
      const files = await vi.waitUntil(async () => {
        const found = await filesOf(name);
        return found.length > 0 ? found : null;
      });
      expect(files.map(({ path }) => path)).toEqual(["common", "dir/a", "dir/b"]);
      await expectReadable(files);
      ({ fired } = faults);
      calls += fired ? 1 : 0;
    }
    // The put, two reads, and the catalog: begin, the pack, the check, the hand-over, the end.
    expect(calls).toBeGreaterThanOrEqual(8);
    expect(await count("uploads")).toBe(0);
  }, 30_000);
});

describe("an explosion", () => {
  it.each([
    ["tar", (tar: Uint8Array) => tar],
    ["gzip", (tar: Uint8Array) => gzipSync(tar, { level: 0 })],
  ])("reads a %s that lies in several R2 objects", async (name, packed) => {
    const long = bytes(LIMITS.partSize, name.length);
    const tar = join(member({ name: "a" }, "a"), member({ name: "long" }, long), END);
    await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      await appendTo(context, newUuid(), packed(tar));
      const open = await confirmOpenExtent(context);
      expect(open?.length).toBe(LIMITS.partSize);
      await (open && completeExtent(context, open));
      valueOf(await explode(context, intentFor(`extents ${name}`), ANY));
      expect(context.ledger.state).toMatchObject({ extents: { length: 2 } });
      await continueExplode(context);
    });
    const rows = await vi.waitUntil(
      async () => {
        const found = await filesOf(`extents ${name}`);
        return found.length > 0 ? found : null;
      },
      { timeout: 20_000 },
    );
    const runs = rows.filter(({ path }) => path === "long");
    if (name === "tar") {
      expect(runs).toHaveLength(2);
    }
    const parts = runs.map(async ({ key, start, length }) => {
      const object = await env.BUCKET.get(key, { range: { offset: start, length } });
      return new Uint8Array((await object?.arrayBuffer()) ?? []);
    });
    expect(await hexDigest("SHA-512", join(...(await Promise.all(parts))))).toBe(
      await hexDigest("SHA-512", long),
    );
  });

  it("goes on unpacking where its pack ends after an eviction", async () => {
    const content = join(member({ name: "long" }, bytes(PIECE + 5_000, 8_000)), END);
    const { uuid, gateway, stub } = await openUpload(gzipSync(content, { level: 1 }));
    await runInDurableObject(stub, async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      vi.spyOn(context.ledger, "setAlarm").mockImplementation(() => {});
      valueOf(await explode(context, intentFor("unpacked"), ANY));
      let appends = 0;
      // The second append to the pack does not come through, and the object is gone.
      const getByName = (name: string) => ({
        fetch: (url: string, init: RequestInit) => {
          appends += url.endsWith("/append") ? 1 : 0;
          return appends > 1
            ? Promise.reject(new Error("gone"))
            : env.UPLOADS.getByName(name).fetch(url, init);
        },
      });
      context.uploads = { getByName } as unknown as typeof context.uploads;
      await expect(continueExplode(context)).rejects.toThrow("answer of the upload was lost");
    });
    const pack = await env.DB.prepare("SELECT uuid FROM uploads WHERE uuid <> ?1")
      .bind(uuid)
      .first<Uuid>("uuid");
    expect(await gateway.view(pack ?? uuid)).toMatchObject({ size: PIECE });
    await evictDurableObject(stub);
    await runInDurableObject(stub, (_object, { storage }) => storage.setAlarm(Date.now() + DAY));
    await runDurableObjectAlarm(stub);
    const files = await vi.waitUntil(async () => {
      const found = await filesOf("unpacked");
      return found.length > 0 ? found : null;
    });
    expect(files.map(({ path, length }) => [path, length])).toEqual([["long", PIECE + 5_000]]);
    await expectReadable(files);
    expect(await count("uploads")).toBe(0);
  });

  it("reports how far it is, and keeps nobody waiting", async () => {
    const { uuid, gateway, stub } = await openUpload(archiveFor(60_000));
    // Its turn lasts until this is over.
    const { workSlice } = LIMITS;
    Object.assign(LIMITS, { workSlice: 0 });
    const turns = { areHeld: true };
    const rests = vi.spyOn(Pace.prototype, "rest").mockImplementation(async () => {
      while (turns.areHeld) {
        await scheduler.wait(2);
      }
    });
    const intent = intentFor("reported");
    const { artifactUuid } = valueOf(await gateway.explode(uuid, intent, ANY));
    const turn = runDurableObjectAlarm(stub);
    await vi.waitUntil(() => rests.mock.calls.length > 0);

    expect(await gateway.explode(uuid, intent, ANY)).toEqual({ ok: true, artifactUuid });
    expect(await gateway.explode(uuid, intentFor("other"), ANY)).toMatchObject({
      code: "upload_converted",
    });
    const { explode: _, ...plain } = intent;
    const refused = [
      await gateway.seal(uuid, plain, ANY),
      await gateway.append(uuid, new Blob(["more"]).stream(), TERMS),
      await gateway.truncate(uuid, 0),
    ];
    expect(refused).toEqual(refused.map(() => ({ ok: false, code: "upload_sealing" })));
    const reader = { all: true, workspaceId: null, userId: null };
    const found = await findArtifactByUuid(env.DB, reader, artifactUuid);
    const totalBytes = archiveFor(60_000).length;
    expect(found?.progress).toEqual({ phase: "reading", bytes: 0, totalBytes, files: 0 });

    turns.areHeld = false;
    await turn;
    await vi.waitUntil(async () => (await filesOf("reported")).length > 0);
    rests.mockRestore();
    Object.assign(LIMITS, { workSlice });
    expect((await findArtifactByUuid(env.DB, reader, artifactUuid))?.progress).toBeNull();
    expect(await count("explosions")).toBe(0);
  });

  it("ends when its pack has ended while it was away", async () => {
    await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      await appendTo(context, newUuid(), packedFor("gzip", 50_000));
      vi.spyOn(context.ledger, "setAlarm").mockImplementation(() => {});
      valueOf(await explode(context, intentFor("away"), ANY));
      const { desk } = context;
      context.desk = { ...desk, giveUp: () => Promise.reject(new Error("gone")) };
      await expect(continueExplode(context)).rejects.toThrow("gone");
      await vi.waitUntil(async () => (await filesOf("away")).length > 0);
      context.desk = desk;
      expect(await continueExplode(context)).toBe(false);
      expect(context.ledger.state?.phase).toBe("sealed");
    });
    expect(await filesOf("away")).toHaveLength(3);
    expect(await count("uploads")).toBe(0);
    expect(await count("artifacts WHERE state <> 'created' OR fetching IS NOT NULL")).toBe(0);
  });

  it("goes on after an eviction, in the middle of a member too", async () => {
    const content = join(
      member({ name: "before" }, "b"),
      member({ name: "long" }, bytes(LIMITS.explodePiece + 5_000, 9_000)),
      member({ name: "z" }, "z"),
      END,
    );
    const { uuid, gateway } = await openUpload(content);
    const now = vi.spyOn(Date, "now");
    // Time flies: each turn of the alarm reads one piece.
    let time = Date.now();
    now.mockImplementation(() => (time += LIMITS.explodeSlice / 2));
    valueOf(await gateway.explode(uuid, intentFor("evicted"), ANY));
    let turns = 0;
    for (; turns < 20 && (await filesOf("evicted")).length === 0; turns += 1) {
      await abortAllDurableObjects();
      await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
    }
    now.mockRestore();
    expect(turns).toBeGreaterThan(1);
    const files = await filesOf("evicted");
    expect(files.map(({ path }) => path)).toEqual(["before", "long", "z"]);
    await expectReadable(files);
  });

  it("leaves nothing when its artifact is deleted before it is published", async () => {
    const archive = archiveFor(70_000);
    const uuid = newUuid();
    await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      await appendTo(context, uuid, archive);
      valueOf(await explode(context, intentFor("deleted"), ANY));
      const { desk } = context;
      // Its batch fails, and then it is deleted.
      const publish = desk.publishMembers.bind(desk);
      context.desk = {
        ...desk,
        publishMembers: async (sealed, members) => {
          await env.DB.exec(
            "CREATE TRIGGER broken BEFORE DELETE ON uploads BEGIN SELECT raise(FAIL, 'no'); END",
          );
          await expect(publish(sealed, members)).rejects.toThrow("no");
          await env.DB.exec("DROP TRIGGER broken");
          await env.DB.exec("UPDATE artifacts SET deleted_at = 5 WHERE name = 'deleted'");
          return publish(sealed, members);
        },
      };
      expect(await continueExplode(context)).toBe(false);
      expect(context.ledger.state).toBeNull();
    });
    expect(await filesOf("deleted")).toEqual([]);
    const own = `WHERE key LIKE 'uploads/${uuid}/%'`;
    expect(await count(`object_refs ${own}`)).toBe(0);
    expect(await count(`garbage ${own}`)).toBe(1);
    const now = Date.now();
    await sweep(env, DAY, now + 2 * DAY);
    expect((await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects).toEqual([]);
  });
});
