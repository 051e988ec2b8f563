// A live server killed with -9 at random moments, under clients that upload, cut, convert, explode, declare, delete, sweep,
// check and repair, and started again on the same state. ROUNDS says how often (20), SEED what the clients do.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort, startLiveServer } from "../support/live-server.ts";
import type { LiveServer } from "../support/live-server.ts";
import { StateFolder } from "../support/state-folder.ts";
import { BundleClient } from "./bundle-client.ts";
import { ExplodeClient } from "./explode-client.ts";
import { Random } from "./random.ts";
import { deleteArtifacts, runRepairs, runSweeps, sweepOnce } from "./removers.ts";
import { UploadClient } from "./upload-client.ts";
import { verify } from "./verify.ts";
import { World } from "./world.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 20);
const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);
/** A round ends after so many answers at most, or when this time is over on a slow machine. */
const MOST_ANSWERS = 80;
const LONGEST_MS = 4_000;
const LIMIT_MS = 120_000;
const KEY = "the key of the workspace";
const FSCK = fileURLToPath(new URL("../../scripts/fsck.mjs", import.meta.url));

const random = new Random(SEED);
const world = new World(random);
let folder: string;
let state: StateFolder;
let port: number;
let server: LiveServer;
let bearer: string;
let clients: Promise<unknown>;
let kills = 0;

async function start(): Promise<void> {
  server = await startLiveServer(folder, port);
}

async function kill(): Promise<void> {
  world.down();
  await server.kill();
  kills += 1;
}

/** Waits for a number of answers, so that it depends little on how fast the machine is. */
async function randomMoment(): Promise<void> {
  const wanted = world.answers + random.upTo(MOST_ANSWERS);
  const latest = Date.now() + LONGEST_MS;
  while (world.answers < wanted && Date.now() < latest) {
    await delay(5);
  }
  await delay(random.upTo(50));
}

async function login(): Promise<void> {
  bearer = await server.service.login("crash", KEY);
}

beforeAll(async () => {
  console.log(`seed ${SEED}, ${ROUNDS} rounds`);
  folder = mkdtempSync(join(tmpdir(), "stowage-crash-"));
  state = new StateFolder(folder);
  port = await freePort();
  await start();
  const { service, systemKey } = server;
  const system = await service.login("system", systemKey);
  const namespace = { namespace: "crash", key_name: "ci", key: KEY };
  await service.json("POST", "/auth/namespaces", namespace, system);
  const person = { name: "carl", password: "a long password" };
  await service.json("POST", "/auth/users", person, system);
  const path = "/auth/namespaces/crash/members/carl";
  await service.json("PUT", path, { role: "contributor" }, system);
  const asked = { kind: "user", user: "carl", label: "crash" };
  const made = await service.json<{ token: string }>("POST", "/auth/tokens", asked, system);
  await login();
  world.up(server, bearer);
  clients = Promise.all([
    new UploadClient(world, "one", false).run(),
    new UploadClient(world, "two", false).run(),
    new UploadClient(world, "slow", true).run(),
    new BundleClient(world, made.token).run(),
    new ExplodeClient(world).run(),
    deleteArtifacts(world),
    runSweeps(world),
    runRepairs(world, systemKey),
  ]);
  clients.catch(() => {}); // what is wrong is in world.problems, and thrown at the end
}, LIMIT_MS);

afterAll(async () => {
  world.end();
  await server.kill();
  rmSync(folder, { recursive: true, force: true });
  report();
});

function report(): void {
  for (const [kind, count] of world.differences) {
    console.log(`repaired: ${count} ${kind}`);
  }
  const total = { answered: 0, lost: 0 };
  for (const [kind, { answered, lost }] of world.requests) {
    console.log(`${kind}: ${answered} answered, ${lost} lost`);
    total.answered += answered;
    total.lost += lost;
  }
  console.log(
    `${ROUNDS} rounds, ${kills} kills, ${total.answered} requests answered, ${total.lost} lost, ` +
      `${world.acknowledged} bytes acknowledged, ${world.verified} verified, ${world.problems.length} problems`,
  );
}

/** Compares everything; gives what `npm run fsck` prints last. */
function fsck(...args: string[]): Promise<string> {
  const env = { ...process.env, SYSTEM_KEY: server.systemKey };
  const all = [FSCK, "--url", server.service.origin, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

describe("kill -9 at a random moment", () => {
  it.each(Array.from({ length: ROUNDS }, (_, at) => at + 1))(
    "loses nothing that was acknowledged and shows nothing half-made, round %i",
    async () => {
      await randomMoment();
      await kill();
      state.ageDeleted();
      state.ageUploads(world.abandoned);
      state.ageObjects();
      world.abandoned.clear();
      await start();
      await login();
      await verify(world, { service: server.service, bearer }, false);
      expect(world.problems).toEqual([]);
      world.up(server, bearer);
    },
    LIMIT_MS,
  );

  it(
    "leaves nothing behind once the sweep ran after the grace",
    async () => {
      expect(world.problems).toEqual([]);
      world.isStopping = true;
      await clients;
      await kill();
      state.ageDeleted();
      state.ageUploads(null);
      await start();
      await login();
      world.up(server, bearer);
      // First uploads end, then what was deleted loses its rows, then R2 its objects.
      for (let round = 0; round < 4; round += 1) {
        await sweepOnce(world);
        state.ageDeleted();
      }
      await verify(world, { service: server.service, bearer }, true);
      expect(world.problems).toEqual([]);
      const checked = await fsck("--deep");
      console.log(checked.trim());
      expect(checked).toMatch(/ 0 uploads checked: 0 differences\n$/u);
      const named = state.rows<{ key: string }>(
        "SELECT DISTINCT key FROM object_refs ORDER BY key",
      );
      const { keys, openMultiparts } = state.r2();
      console.log(`${keys.length} objects in R2, ${openMultiparts} open multipart uploads`);
      expect(keys.toSorted()).toEqual(named.map(({ key }) => key));
      expect(state.rows("SELECT key FROM garbage")).toEqual([]);
      expect(world.acknowledged).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});
