// Small files packed: what comes at the same time shares an R2 object and a batch, and nothing else.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { declareArtifact } from "../../../src/artifacts/declare.ts";
import { Groups } from "../../../src/artifacts/groups.ts";
import { takeIn } from "../../../src/artifacts/intake.ts";
import { comparePaths } from "../../../src/artifacts/numbering.ts";
import { storePack } from "../../../src/artifacts/pack.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import { WORK } from "../../../src/budget/shares.ts";
import { deleteArtifact } from "../../../src/catalog/artifact-changes.ts";
import { findDestinations } from "../../../src/catalog/contents.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";
import { Faults, faultyStores } from "../support/faults.ts";
import { smallFile } from "../support/small-file.ts";

const HOUR = 3_600_000;
const IDLE = 24 * HOUR;
const READER = { all: false, workspaceId: 0, userId: null };

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  READER.workspaceId = workspace.id;
});

type Files = Record<string, Uint8Array>;

/** Declares an artifact of these files in the workspace and gives it as a place that takes them. */
async function declare(files: Files) {
  const declared = await Promise.all(
    Object.entries(files).map(async ([path, data]) => ({
      path,
      size: data.length,
      sha256: await hexDigest("SHA-256", data),
      contentType: null,
    })),
  );
  const artifactId = await declareArtifact(
    env.DB,
    {
      workspaceId: workspace.id,
      category: "c",
      data: "{}",
      expiresAt: null,
      actor: "test",
      files: declared.toSorted((one, other) => comparePaths(one.path, other.path)),
    },
    Date.now(),
  );
  return { reader: READER, artifactId, actor: "owner/ci" };
}

const asSent = (files: Files) => Object.entries(files).map(([path, data]) => smallFile(path, data));

async function rows<T = unknown>(statement: string, ...values: unknown[]): Promise<T[]> {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all<T>();
  return results;
}

async function packs(): Promise<string[]> {
  return (await env.BUCKET.list({ prefix: "files/" })).objects.map(({ key }) => key);
}

/** The bytes of an artifact's file, from where the catalog says that they are; null while they are missing. */
async function read(artifactId: number, path: string): Promise<Uint8Array | null> {
  const [run] = await rows<{ key: string; start: number; length: number }>(
    `SELECT e.key, e.start, e.length FROM extents e JOIN files f ON f.blob_id = e.blob_id
     JOIN versions v ON v.id = f.version_id WHERE v.artifact_id = ?1 AND f.path = ?2`,
    artifactId,
    path,
  );
  const { key, start: offset, length } = run ?? { key: "", start: 0, length: 1 };
  const object = await env.BUCKET.get(key, { range: { offset, length } });
  return object && object.bytes();
}

async function isSealed(artifactId: number): Promise<boolean> {
  const [row] = await rows<{ sealed_at: number | null }>(
    "SELECT sealed_at FROM versions WHERE artifact_id = ?1",
    artifactId,
  );
  return row?.sealed_at !== null;
}

async function remove(artifactId: number): Promise<void> {
  await deleteArtifact(env.DB, artifactId, { actor: "test", now: Date.now() });
}

/** Everything that the sweep removes when nothing more happens: rows after a day, objects after another. */
async function sweepAll(): Promise<void> {
  await sweep(env, 10 * IDLE, Date.now() + 25 * HOUR);
  await sweep(env, 10 * IDLE, Date.now() + 50 * HOUR);
}

describe("storePack()", () => {
  it("stores files in one object, a content of several paths once, and seals with the last", async () => {
    const files = { "a/1": bytes(10, 1), "a/2": bytes(2_000, 2), b: bytes(10, 1) };
    const last = bytes(30, 3);
    const place = await declare({ ...files, last });
    const before = await packs();
    const placed = await storePack(env, place, asSent(files));
    expect(placed.map(({ isStored }) => isStored)).toEqual([true, true, true]);
    const added = (await packs()).filter((key) => !before.includes(key));
    expect(added).toHaveLength(1);
    expect((await env.BUCKET.head(added[0] ?? ""))?.size).toBe(2_010);
    expect(await isSealed(place.artifactId)).toBe(false);
    await storePack(env, place, asSent({ last }));
    expect(await isSealed(place.artifactId)).toBe(true);
    for (const [path, data] of Object.entries(files)) {
      expect(await read(place.artifactId, path)).toEqual(data);
    }
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
  });

  it("stores the neighbours of a file that is not what was declared, and nothing of that one", async () => {
    const files = { good: bytes(50, 10), swapped: bytes(60, 11), wrong: bytes(70, 12) };
    const place = await declare(files);
    const sent = { ...files, wrong: bytes(70, 13), swapped: files.good, unknown: bytes(5, 14) };
    const placed = await storePack(env, place, asSent(sent));
    expect(placed.map(({ isStored, to }) => [isStored, to?.file?.isComplete])).toEqual([
      [true, false],
      [false, false],
      [false, false],
      [false, undefined],
    ]);
    expect(await read(place.artifactId, "good")).toEqual(files.good);
    expect(await read(place.artifactId, "wrong")).toBeNull();
    expect(await read(place.artifactId, "swapped")).toBeNull();
    const again = await storePack(env, place, asSent(files));
    expect(again.map(({ isStored, to }) => [isStored, to?.file?.isComplete])).toEqual([
      [false, true],
      [true, false],
      [true, false],
    ]);
    expect(await isSealed(place.artifactId)).toBe(true);
  });

  it("stores nothing for a reader who may not write, and lists no object for it", async () => {
    const files = { file: bytes(20, 20) };
    const { artifactId } = await declare(files);
    const before = [await packs(), await rows("SELECT * FROM garbage")];
    for (const reader of [
      { ...READER, workspaceId: workspace.id + 1 },
      { ...READER, workspaceId: null },
    ]) {
      const [placed] = await storePack(env, { reader, artifactId }, asSent(files));
      expect(placed).toMatchObject({ isStored: false, to: { writable: false } });
    }
    const [nowhere] = await storePack(env, { reader: READER, artifactId: 999_999 }, asSent(files));
    expect(nowhere).toEqual({ to: null, isStored: false });
    expect([await packs(), await rows("SELECT * FROM garbage")]).toEqual(before);
  });

  it("leaves its object to the sweep where the same content came in first, or the artifact went", async () => {
    const twice = { file: bytes(40, 30) };
    const other = { file: bytes(40, 31) };
    const [first, gone] = [await declare(twice), await declare(other)];
    const before = await packs();
    const stored = await Promise.all([1, 2].map(() => storePack(env, first, asSent(twice))));
    expect(stored.flat().filter(({ isStored }) => isStored).length).toBeGreaterThan(0);
    const late = faultyStores({ beforePut: () => remove(gone.artifactId) });
    const [placed] = await storePack(late, gone, asSent(other));
    expect(placed).toMatchObject({ isStored: false });
    const named = await rows<{ key: string }>("SELECT DISTINCT key FROM extents");
    const garbage = await rows<{ key: string }>("SELECT key FROM garbage");
    const listed = new Set([...named, ...garbage].map(({ key }) => key));
    expect((await packs()).every((key) => listed.has(key))).toBe(true);
    await sweepAll();
    expect((await packs()).filter((key) => !before.includes(key))).toHaveLength(1);
    expect(await read(first.artifactId, "file")).toEqual(twice.file);
  });

  it("keeps a pack while one of its files lives, and removes it after the last", async () => {
    await sweepAll();
    const shared = bytes(80, 40);
    const doomed = await declare({ "of/doomed": bytes(81, 41), shared });
    const before = await packs();
    await storePack(env, doomed, asSent({ "of/doomed": bytes(81, 41), shared }));
    const heir = await declare({ inherited: shared });
    expect(await isSealed(heir.artifactId)).toBe(true);
    await remove(doomed.artifactId);
    await sweepAll();
    expect(await read(heir.artifactId, "inherited")).toEqual(shared);
    await remove(heir.artifactId);
    await sweepAll();
    expect(await packs()).toEqual(before);
  });

  it("ends complete by a repeat whichever of its calls fails, and what is left over is swept", async () => {
    await sweepAll();
    const before = await packs();
    for (const mode of ["before", "after"] as const) {
      let fired = true;
      for (let call = 1; fired; call += 1) {
        const seed = 50 + 10 * call + (mode === "after" ? 1 : 0);
        const files = { one: bytes(90, seed), two: bytes(91, seed) };
        const place = await declare(files);
        const faults = new Faults(call, mode);
        const first = await storePack(faultyStores({ faults }), place, asSent(files)).catch(
          () => [],
        );
        ({ fired } = faults);
        if (first.some(({ isStored }) => !isStored) || first.length === 0) {
          await storePack(env, place, asSent(files));
        }
        expect(await isSealed(place.artifactId)).toBe(true);
        expect(await read(place.artifactId, "two")).toEqual(files.two);
        await remove(place.artifactId);
      }
    }
    await sweepAll();
    expect(await packs()).toEqual(before);
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
  });

  it("reads no more rows for a file of 1,000 than for one of 10", async () => {
    const costs: number[] = [];
    for (const count of [10, 1_000]) {
      const files: Files = {};
      for (let number = 0; number < count; number += 1) {
        files[`f${number}`] = bytes(8, 1_000 * count + number);
      }
      const place = await declare(files);
      const sent = asSent({ f5: files["f5"] ?? bytes(0) });
      costs.push(await CountingDatabase.count((DB) => storePack({ ...env, DB }, place, sent)));
    }
    const [small = 0, large = 0] = costs;
    expect(large).toBeLessThan(small + 20);
  });
});

describe("takeIn()", () => {
  it("packs what comes at the same time: 20 files, the same ones twice, in few objects", async () => {
    const files: Files = {};
    for (let number = 0; number < 20; number += 1) {
      files[`dir/${number}`] = bytes(100 + number, 2_000 + number);
    }
    const place = await declare(files);
    const before = await packs();
    const sent = [...asSent(files), ...asSent(files)];
    const taken = await Promise.all(sent.map((file) => takeIn(env.INTAKES, place, file)));
    expect(taken.every((each) => each.ok && (each.isStored || each.to?.file?.isComplete))).toBe(
      true,
    );
    expect(await isSealed(place.artifactId)).toBe(true);
    expect((await packs()).length - before.length).toBeLessThan(10);
    for (const [path, data] of Object.entries(files)) {
      expect(await read(place.artifactId, path)).toEqual(data);
    }
  });

  it("is refused when there is no memory for the file in time, and stores it when there is", async () => {
    const file = bytes(400 * 1024, 90); // not among the small claims, which have a lane of their own
    const place = await declare({ file });
    const { memoryPatience } = LIMITS;
    Object.assign(LIMITS, { memoryPatience: 50 });
    const lease = WORK.open(LIMITS.memoryShares.work, "test");
    expect(WORK.tryGrow(lease, LIMITS.memoryShares.work)).toBe(true);
    const refused = await takeIn(env.INTAKES, place, smallFile("file", file));
    Object.assign(LIMITS, { memoryPatience });
    expect(refused).toEqual({ ok: false, code: "service_busy" });
    const [to] = await findDestinations(env.DB, { ...place, paths: ["file"] }, null, Date.now());
    expect(to?.file?.isComplete).toBe(false);
    const waiting = takeIn(env.INTAKES, place, smallFile("file", file));
    await scheduler.wait(20);
    WORK.end(lease);
    expect(await waiting).toMatchObject({ ok: true, isStored: true });
    expect(WORK.held).toBe(0);
  });
});

describe("Groups", () => {
  const size = (item: number) => item;

  it("runs the first at once and alone, and those that come meanwhile together, within bounds", async () => {
    const runs: number[][] = [];
    const gate = Promise.withResolvers<undefined>();
    const groups = new Groups<number, number>(
      async (items) => {
        runs.push(items);
        await gate.promise;
        return items.map((item) => -item);
      },
      { count: 3, total: 10, size, pause: 1 },
    );
    const results = [1, 2, 3, 4, 5, 6, 50, 7].map((item) => groups.add(item));
    expect(runs).toEqual([[1]]);
    gate.resolve(undefined);
    expect(await Promise.all(results)).toEqual([-1, -2, -3, -4, -5, -6, -50, -7]);
    expect(runs).toEqual([[1], [2, 3, 4], [5], [6], [50], [7]]);
  });

  it("fails all of a group that throws, and goes on with the next", async () => {
    let round = 0;
    const groups = new Groups<number, number>(
      async (items) => {
        round += 1;
        await Promise.resolve();
        if (round === 2) {
          throw new Error("broken");
        }
        return items;
      },
      { count: 10, total: 10, size, pause: 1 },
    );
    const settled = await Promise.allSettled([1, 2, 3].map((item) => groups.add(item)));
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(await groups.add(4)).toBe(4);
  });
});
