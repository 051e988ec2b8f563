// A model of the whole store: random sequences of what clients do and of what happens to the service, compared step
// by step with plain data, and the invariants of docs/reliability.md after each. STOWAGE_RUNS and STOWAGE_SEED
// choose how many and which; `npm run test:soak` runs thousands.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, inject, it, vi } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { calls } from "../support/calls.ts";
import { applySchema } from "../support/catalog.ts";
import * as artifactCommands from "./artifact-commands.ts";
import { asked, expectSame, expectStatus, settle } from "./ask.ts";
import { endFaults, ran } from "./command.ts";
import * as filesCommands from "./files-commands.ts";
import { expectEmpty } from "./left-over.ts";
import type { Model } from "./model.ts";
import * as platformCommands from "./platform-commands.ts";
import { makeClients, takeClock } from "./service.ts";
import * as uploadCommands from "./upload-commands.ts";

const DAY = 24 * 3_600_000;
const QUOTA = 6 * 1024 * 1024;
/** Runs that share a store before it is emptied, and must then be empty. */
const SHARED = 20;

const { runs, steps, seed: given } = inject("model");
const seed = given ?? Math.floor(Math.random() * 2 ** 31);

/** Models of the runs whose artifacts are still in the store. */
let kept: Model[] = [];
let done = 0;

beforeAll(async () => {
  // As small as R2 allows.
  Object.assign(LIMITS, { partSize: 5 * 1024 * 1024 });
  vi.spyOn(console, "error").mockImplementation(() => {});
  // The pauses between attempts at R2.
  vi.spyOn(scheduler, "wait").mockResolvedValue();
  takeClock();
  await applySchema();
  // They go by SQLite's clock, which nobody can move.
  await env.DB.exec("DROP TRIGGER audit_is_kept");
  await env.DB.exec("DROP TRIGGER audit_objects_are_kept");
});

afterAll(() => {
  const figures = {
    seed,
    runs: done,
    ...asked,
    commands: Object.fromEntries(ran),
    faults: Object.fromEntries(calls.injected),
  };
  console.log(`Model test: ${JSON.stringify(figures)}`);
});

async function startRun(): Promise<Model> {
  done += 1;
  const clients = await makeClients([null, QUOTA]);
  return { clients, uploads: [], files: [], artifacts: [], converted: [], deleted: [], salt: done };
}

/** What is open becomes a version, as far as there is room; then everything is read and looked at. */
async function endRun(model: Model): Promise<void> {
  for (const upload of model.uploads.slice()) {
    const { size } = await uploadCommands.viewUpload(upload);
    expectSame(size, upload.bytes.length, "the size of an open upload");
    await uploadCommands.convertUpload(model, upload, "last", true);
  }
  for (const upload of model.files.slice()) {
    await filesCommands.endUpload(model, upload);
  }
  await artifactCommands.readEverything(model);
  await platformCommands.expectSound(model);
  await calls.costOf(async () => {}); // forgets what it has counted
}

/** Deletes everything, lets a month go by and expects an empty store. */
async function emptyStore(models: readonly Model[]): Promise<void> {
  const all = models.flatMap(({ clients }) => clients);
  for (const client of all) {
    const body = { confirm: true, namespace: client.name };
    expectStatus(await settle(client, "/artifacts", { method: "DELETE", body }), "delete all", 200);
  }
  const nobody = {
    clients: all,
    uploads: [],
    files: [],
    artifacts: [],
    converted: [],
    deleted: [],
    salt: 0,
  };
  for (const days of [1.1, 1.1, 31]) {
    await platformCommands.passTime(nobody, days * DAY);
  }
  for (const { uuid } of models.flatMap(({ converted }) => converted)) {
    await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
  }
  await expectEmpty();
}

/** After a failure: whatever is left would be met by the runs that look for a shorter way to it. */
async function wipeStore(): Promise<void> {
  const tables = ["relations", "conversions", "garbage", "uploads", "contents", "object_refs"];
  await env.DB.batch(
    [...tables, "versions", "artifacts"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  );
  await env.DB.prepare("UPDATE workspaces SET used_bytes = 0").run();
  const { objects } = await env.BUCKET.list();
  const keys = objects.map(({ key }) => key);
  await env.BUCKET.delete(keys.filter((key) => !key.startsWith("audit/")));
}

async function runOne(commands: Iterable<fc.AsyncCommand<Model, object>>): Promise<void> {
  const model = await startRun();
  try {
    await fc.asyncModelRun(() => ({ model, real: {} }), commands);
    endFaults();
    await endRun(model);
    kept.push(model);
    if (kept.length === SHARED) {
      const models = kept;
      kept = [];
      await emptyStore(models);
    }
  } catch (error) {
    endFaults();
    kept = [];
    await wipeStore();
    throw error;
  }
}

const commands = [uploadCommands, filesCommands, artifactCommands, platformCommands].flatMap(
  (group) => Object.values(group).flatMap((member) => (Array.isArray(member) ? member : [])),
);

describe("any sequence of requests, faults, restarts and sweeps", () => {
  it(`leaves the store as a plain model says (STOWAGE_SEED=${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: steps, size: "max" }), runOne),
      { numRuns: runs, seed },
    );
    await emptyStore(kept);
  }, 3_600_000);
});
