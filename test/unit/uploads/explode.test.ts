// An archive that is exploded while calls fail and objects are evicted. What comes out is tested over HTTP in
// test/conformance/explode.test.ts.

import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gzipSync } from "fflate";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { insertUpload } from "../../../src/catalog/uploads.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { append } from "../../../src/uploads/append.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { removeLeftovers } from "../../../src/uploads/expire.ts";
import { continueExplode, explode } from "../../../src/uploads/explode.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { END, join, member } from "../archive/make-tar.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyBatches, faultyContext } from "../support/faults.ts";

const DAY = 24 * 3_600_000;
const TERMS = { offset: null, length: null, digest: null };
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

/** The files of the artifact's living versions. */
async function filesOf(name: string): Promise<FileRow[]> {
  const { results } = await env.DB.prepare(
    `SELECT f.path, b.sha512, e.key, e.start, e.length FROM artifacts a
     JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL AND v.version_index = 1
     JOIN files f ON f.version_id = v.id JOIN blobs b ON b.id = f.blob_id
     JOIN extents e ON e.blob_id = b.id WHERE a.name = ?1 ORDER BY f.path`,
  )
    .bind(name)
    .all<FileRow>();
  return results;
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

describe("the explosion of a compressed archive", () => {
  it("ends as one version, whichever call fails after its effect", async () => {
    let fired = true;
    let calls = 0;
    for (let from = 1; fired; from += 1) {
      const faults = new Faults(from, "after");
      const name = `packed ${from}`;
      await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
        const sound = faultyContext(storage, new Faults(Infinity, "after"));
        await appendTo(sound, newUuid(), gzipSync(archiveFor(100_000 + from * 10)));
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
    expect(calls).toBeGreaterThanOrEqual(6);
    expect(await count("uploads")).toBe(0);
  }, 30_000);
});

describe("an explosion", () => {
  it("goes on after an eviction, in the middle of a member too", async () => {
    const content = join(
      member({ name: "before" }, "b"),
      member({ name: "long" }, bytes(LIMITS.explodePiece + 5_000, 9_000)),
      member({ name: "z" }, "z"),
      END,
    );
    const uuid = newUuid();
    const gateway = new UploadGateway(env.UPLOADS, workspace.id);
    await insertUpload(env.DB, uuid, workspace.id, Date.now());
    await gateway.open(uuid);
    valueOf(await gateway.append(uuid, new Blob([content]).stream(), TERMS));
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

  it("leaves nothing when its artifact is deleted, but for what others share by now", async () => {
    const archive = archiveFor(70_000);
    const uuid = newUuid();
    await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      await appendTo(context, uuid, archive);
      valueOf(await explode(context, intentFor("deleted"), ANY));
      const { desk } = context;
      // Its members are staged, and then it is deleted.
      const publish = desk.publishMembers.bind(desk);
      context.desk = {
        ...desk,
        publishMembers: async (sealed) => {
          await env.DB.exec(
            "CREATE TRIGGER broken BEFORE DELETE ON uploads BEGIN SELECT raise(FAIL, 'no'); END",
          );
          await expect(publish(sealed)).rejects.toThrow("no");
          await env.DB.exec("DROP TRIGGER broken");
          await env.DB.exec("UPDATE artifacts SET deleted_at = 5 WHERE name = 'deleted'");
          return publish(sealed);
        },
      };
      expect(await continueExplode(context)).toBe(false);
      expect(context.ledger.state).toBeNull();
    });
    expect(await filesOf("deleted")).toEqual([]);
    const keys = `extents WHERE key LIKE 'uploads/${uuid}/%'`;
    expect(await count(keys)).toBe(2);

    // Somebody brings the same content: it becomes the blob that is there already.
    await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      await appendTo(context, newUuid(), join(member({ name: "x" }, bytes(1_000, 70_000)), END));
      valueOf(await explode(context, intentFor("sharer"), ANY));
      await continueExplode(context);
    });
    const now = Date.now();
    await sweep(env, DAY, now + 2 * DAY);
    await sweep(env, DAY, now + 4 * DAY);
    expect(await count(keys)).toBe(1);
    await expectReadable(await filesOf("sharer"));

    await env.DB.exec(
      "UPDATE versions SET deleted_at = 5 WHERE artifact_id = (SELECT id FROM artifacts WHERE name = 'sharer')",
    );
    await sweep(env, DAY, now + 6 * DAY);
    await sweep(env, DAY, now + 8 * DAY);
    expect((await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects).toEqual([]);
  });
});
