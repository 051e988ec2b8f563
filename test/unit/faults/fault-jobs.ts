// The jobs whose calls to R2, D1 and upload objects are made to fail, one after the other, until a run comes to its end without a fault;
// then the client goes on as its API's documents say. Whatever happened, the invariants hold.
// A test file that imports this has a catalog and a client of its own.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, vi } from "vitest";

import { moveAudit } from "../../../src/artifacts/audit/move.ts";
import { readAudit } from "../../../src/artifacts/audit/read.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { listFiles } from "../../support/version-files.ts";
import { END, join, member } from "../archive/make-tar.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import type { FaultMode, FaultPlan } from "../support/calls.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { expectInvariants } from "../support/invariants.ts";
import { watchedEnv } from "../support/watched-worker.ts";
import { TusClient } from "./files-jobs.ts";

// As small as R2 allows: no fault depends on it.
export const PART = 5 * 1024 * 1024;
Object.assign(LIMITS, { partSize: PART });
const DAY = 24 * 3_600_000;

export let client: Client;
/** Every run has content of its own: none is met by an earlier one's blob. */
let salt = 0;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  // What fails says so; here that is expected, again and again.
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(scheduler, "wait").mockResolvedValue();
});

/** A job of one run. */
interface Run {
  /** What is done while calls fail; says whether the client was told that it is done. */
  act(): Promise<boolean>;
  /** What the client does when it was not. */
  recover(): Promise<void>;
  /** What is to be seen then. */
  verify(): Promise<void>;
}

export const MODES: FaultMode[] = ["before", "after", "crash"];

/** Runs a job again and again, the n-th call failing, with another of the `errors` each time, until none fails. Says how
 * many calls there were. */
export async function failEach(
  prepare: () => Promise<Run>,
  plan: Omit<FaultPlan, "from">,
  errors: readonly string[] = [],
) {
  for (let from = 1; from < 100; from += 1) {
    salt += 1;
    const run = await prepare();
    const error = errors[from % errors.length];
    calls.arm({ ...plan, from, ...(error !== undefined && { error }) });
    const isDone = await run.act().catch(() => false);
    const fired = calls.heal();
    if (!isDone) {
      expect(fired).toBeGreaterThan(0);
      await run.recover();
    }
    await run.verify();
    await expectInvariants();
    if (fired === 0) {
      return from - 1;
    }
  }
  throw new Error("The faults do not end");
}

/** Repeats a request until it succeeds, as clients do; an upload that is being sealed may need a moment. */
export async function insist(send: () => Promise<Response>): Promise<Response> {
  let response = await send();
  for (let round = 1; round < 4 && !response.ok; round += 1) {
    response = await send();
  }
  if (!response.ok) {
    throw new Error(`Still refused: ${response.status} ${await response.text()}`);
  }
  return response;
}

async function isOk(response: Promise<Response>): Promise<boolean> {
  return (await response).ok;
}

/** A seal that the upload's object refuses, as the catalog became full meanwhile: the upload can be used as before. */
async function sealWithoutRoom(): Promise<Run> {
  const [name, content] = [`full-${salt}`, bytes(1_000, salt)];
  const uuid = (await client.upload(content)) as Uuid;
  const intent = {
    workspaceId: client.workspaceId,
    type: "image",
    name,
    sourceUrl: `sf://upload/owner/${name}`,
    shared: false,
    actor: "owner/ci",
    gift: false,
  };
  const gateway = new UploadGateway(watchedEnv.UPLOADS, client.workspaceId);
  const room = LIMITS.catalogContent;
  const seal = async () => {
    Object.assign(LIMITS, { catalogContent: 1 });
    try {
      const sealed = await gateway.seal(uuid, intent, { size: null, sha512: null });
      return !sealed.ok && sealed.code === "catalog_full";
    } finally {
      Object.assign(LIMITS, { catalogContent: room });
    }
  };
  return {
    act: seal,
    async recover() {
      expect(await seal()).toBe(true);
    },
    async verify() {
      expect(await filesOf(name)).toEqual({});
      await resend(uuid, 900, content.subarray(900));
      await insist(() => client.convert(uuid, name));
      await expectPublished(name, content);
    },
  };
}

/** The living files of an artifact by path, with their checksums. */
async function filesOf(name: string): Promise<Record<string, string>> {
  const files = await listFiles(
    env,
    "a.name = ?1 AND a.deleted_at IS NULL AND v.deleted_at IS NULL",
    name,
  );
  return Object.fromEntries(files.map(({ path, sha512 }) => [path, sha512]));
}

export async function expectPublished(name: string, content: Uint8Array): Promise<void> {
  expect(await filesOf(name)).toEqual({ [name]: await hexDigest("SHA-512", content) });
}

/** The documented way on of an upload: ask what is there, cut at what was acknowledged, send the rest again. */
async function resend(uuid: string, acknowledged: number, rest: Uint8Array): Promise<void> {
  await insist(() => client.truncate(uuid, acknowledged));
  const appended = await insist(() => client.append(uuid, rest));
  expect(await appended.json()).toBe(acknowledged + rest.length);
}

/** Appends `length` bytes to an upload that has some. */
async function appendOf(length: number): Promise<Run> {
  const [name, content] = [`append-${salt}`, bytes(length + 100, salt)];
  const uuid = await client.upload(content.subarray(0, 100));
  const rest = content.subarray(100);
  return {
    act: () => isOk(client.append(uuid, rest)),
    recover: () => resend(uuid, 100, rest),
    async verify() {
      expect(await client.json("GET", `/upload/${uuid}`)).toMatchObject({ size: content.length });
      await insist(() => client.convert(uuid, name, { sha512: null }));
      await expectPublished(name, content);
    },
  };
}

async function truncateInsidePart(): Promise<Run> {
  const [name, content] = [`truncate-${salt}`, bytes(PART + 2_000, salt)];
  const uuid = await client.upload(content);
  const cut = 2_000;
  return {
    act: () => isOk(client.truncate(uuid, cut)),
    async recover() {
      await insist(() => client.truncate(uuid, cut));
    },
    async verify() {
      expect(await client.json("GET", `/upload/${uuid}`)).toMatchObject({ size: cut });
      await insist(() => client.append(uuid, content.subarray(0, 10)));
      await insist(() => client.convert(uuid, name));
      await expectPublished(name, join(content.subarray(0, cut), content.subarray(0, 10)));
    },
  };
}

async function sealOf(content: Uint8Array): Promise<Run> {
  const name = `seal-${salt}`;
  const uuid = await client.upload(content);
  let answer: unknown;
  const convert = async () => {
    const response = await client.convert(uuid, name);
    answer = response.ok ? await response.clone().json() : null;
    return response;
  };
  return {
    act: () => isOk(convert()),
    async recover() {
      await insist(convert);
    },
    async verify() {
      await expectPublished(name, content);
      const first = answer;
      await insist(convert);
      expect(answer).toEqual(first);
    },
  };
}

async function sealAgain(): Promise<Run> {
  const content = bytes(1_000, salt);
  await client.publish(`there-${salt}`, content);
  return sealOf(content);
}

async function deletion(): Promise<Run> {
  const name = `delete-${salt}`;
  const { uuid } = await client.publish(name, bytes(1_000, salt));
  const send = () => client.send("DELETE", `/artifacts/${uuid}`);
  return {
    act: () => isOk(send()),
    async recover() {
      await insist(send);
    },
    async verify() {
      expect(await filesOf(name)).toEqual({});
    },
  };
}

async function copy(): Promise<Run> {
  const [name, content] = [`copy-${salt}`, bytes(1_000, salt)];
  const { blob_uuid: blob } = await client.publish(`source-${salt}`, content);
  const send = () => client.send("POST", `/artifacts/upload/${name}`, { blob_uuid: blob });
  return {
    act: () => isOk(send()),
    async recover() {
      await insist(send);
    },
    verify: () => expectPublished(name, content),
  };
}

/** An artifact that is declared, with its id in the answer. */
async function creation(): Promise<Run> {
  const files = { "a/b": bytes(10, salt), empty: new Uint8Array() };
  let id = 0;
  const send = async () => {
    const response = await client.declare(files);
    id = response.ok ? (await response.clone().json<{ id: number }>()).id : 0;
    return response;
  };
  return {
    act: () => isOk(send()),
    async recover() {
      await insist(send);
    },
    async verify() {
      const put = await client.send("PUT", `/api/1.0/artifact/${id}/files/a/b/`, files["a/b"]);
      expect(put.status).toBe(201);
    },
  };
}

/** Bytes for a declared file: whole, or the second half of two. */
async function delivery(pieces: 1 | 2): Promise<Run> {
  const content = bytes(3_000, salt);
  const declared = await client.declare({ x: content, same: content });
  const { id } = await declared.json<{ id: number }>();
  const path = `/api/1.0/artifact/${id}/files/x/`;
  const put = (from: number, to: number) =>
    client.send("PUT", path, content.subarray(from, to), {
      "Content-Range": `bytes ${from}-${to - 1}/${content.length}`,
    });
  if (pieces === 2) {
    expect((await put(0, 1_000)).status).toBe(200);
  }
  const send = () => (pieces === 2 ? put(1_000, 3_000) : put(0, 3_000));
  return {
    act: () => isOk(send()),
    async recover() {
      await insist(send);
    },
    async verify() {
      const sha512 = await hexDigest("SHA-512", content);
      // Its files are there; where a call failed, alarms seal the version and end the upload.
      await ringUploads();
      await vi.waitFor(async () => {
        const files = await listFiles(env, "v.artifact_id = ?1", id);
        expect(files.map((file) => file.sha512)).toEqual([sha512, sha512]);
      }, 10_000);
    },
  };
}

/** Does at once what uploads that are listed would do in some seconds. */
async function ringUploads(): Promise<void> {
  const { results } = await env.DB.prepare("SELECT uuid FROM uploads").all<{ uuid: string }>();
  for (const { uuid } of results) {
    await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
  }
}

/** An idle upload that has an R2 object, a deleted artifact and a declared one that nobody went on with. */
async function sweeping(): Promise<Run> {
  const last = await env.DB.prepare("SELECT max(id) AS id FROM artifacts").first("id");
  const idle = await client.upload(bytes(1_000, salt));
  expect((await client.convert(idle, "no-archive", { explode: true })).status).toBe(400);
  const { uuid } = await client.publish(`swept-${salt}`, bytes(2_000, salt));
  await insist(() => client.send("DELETE", `/artifacts/${uuid}`));
  await client.declare({ missing: bytes(10, salt) });
  const at = Date.now() + 2 * DAY;
  return {
    async act() {
      const { failures } = await sweep(watchedEnv, DAY, at);
      return failures === 0;
    },
    async recover() {
      expect(await sweep(watchedEnv, DAY, at)).toMatchObject({ failures: 0 });
    },
    async verify() {
      const left =
        "SELECT uuid FROM uploads UNION ALL SELECT name FROM artifacts WHERE deleted_at IS NULL AND id > ?1";
      await sweep(env, DAY, at + 2 * DAY);
      const { results } = await env.DB.prepare(left).bind(last).all();
      expect(results).toEqual([]);
      expect(await filesOf(`swept-${salt}`)).toEqual({});
    },
  };
}

/** Rows of two days that go to R2, and one object that expires; each is in one place afterwards. */
async function moving(): Promise<Run> {
  const now = Date.now();
  const action = `moved ${salt}`;
  const add = (daysAgo: number) =>
    env.DB.prepare("INSERT INTO audit (at, actor, action, detail) VALUES (?1, 'a', ?2, '{}')").bind(
      now - daysAgo * DAY + salt,
      action,
    );
  // Rows that are older than what is in R2 would stay in the catalog.
  await env.DB.batch(
    [
      "DROP TRIGGER IF EXISTS audit_objects_are_kept",
      "INSERT INTO garbage (key, since) SELECT key, 0 FROM audit_objects",
      "DELETE FROM audit_objects",
    ].map((statement) => env.DB.prepare(statement)),
  );
  await env.DB.batch([40, 40, 39, 9, 9, 8].map(add));
  await moveAudit(env, now - 30 * DAY);
  const act = async () => {
    const { failures } = await sweep(watchedEnv, DAY, now, 39 * DAY);
    return failures === 0;
  };
  return {
    act,
    async recover() {
      expect(await act()).toBe(true);
    },
    async verify() {
      const everything = { workspace: null, workspaceId: null, from: 0, to: now, after: null };
      const { rows, next } = await readAudit(env, { ...everything, action });
      const days = rows.map(({ at }) => Math.round((now - at) / DAY));
      expect([days, next]).toEqual([[8, 9, 9, 39], null]);
      const left = "SELECT id FROM audit WHERE action = ?1";
      expect((await env.DB.prepare(left).bind(action).all()).results).toEqual([]);
    },
  };
}

/** A tar of two members. The alarm goes on after the answer. */
async function explosion(): Promise<Run> {
  const name = `explode-${salt}`;
  const members = { "dir/a": bytes(1_000, salt), b: bytes(500, salt + 1_000_000) };
  const archive = join(
    ...Object.entries(members).map(([path, data]) => member({ name: path }, data)),
    END,
  );
  const uuid = await client.upload(archive);
  const send = () => client.convert(uuid, name, { explode: true });
  /** Looks into the upload object; a stub is of no use any more once it saw a crash. */
  const look = <T>(at: (storage: DurableObjectStorage) => T | Promise<T>) =>
    runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage }) => at(storage));
  const phaseOf = () =>
    look(({ sql }) => sql.exec<{ phase: string }>("SELECT phase FROM upload").one().phase);
  /** Waits until nothing is under way: it has ended, or tries again later. */
  const settle = () =>
    vi.waitUntil(
      async () => {
        const alarm = await look((storage) => storage.getAlarm());
        return (await phaseOf()) !== "sealing" || (alarm !== null && alarm > Date.now() + 1_000);
      },
      { interval: 5, timeout: 5_000 },
    );
  return {
    async act() {
      const begun = await send();
      await settle();
      return begun.ok && Object.keys(await filesOf(name)).length > 0;
    },
    async recover() {
      await insist(send);
      if ((await phaseOf()) === "sealing") {
        await look((storage) => storage.setAlarm(Date.now()));
        await settle();
      }
    },
    async verify() {
      const entries = Object.entries(members).map(async ([path, data]) => [
        path,
        await hexDigest("SHA-512", data),
      ]);
      expect(await filesOf(name)).toEqual(Object.fromEntries(await Promise.all(entries)));
    },
  };
}

/** An upload by tus whose last byte comes. */
async function patchOf(length: number): Promise<Run> {
  const [name, content] = [`patch-${salt}`, bytes(length, salt)];
  const tus = new TusClient(client);
  const path = await tus.open(name, length);
  expect((await tus.patch(path, 0, content.subarray(0, 100))).status).toBe(204);
  return {
    act: () => isOk(tus.patch(path, 100, content.subarray(100))),
    recover: () => tus.goOn(path, content, 100),
    verify: () => expectPublished(name, content),
  };
}

/** An upload by tus that comes with its creation. */
async function createWith(): Promise<Run> {
  const [name, content] = [`create-${salt}`, bytes(1_000, salt)];
  const tus = new TusClient(client);
  const headers = {
    "Upload-Length": "1000",
    "Content-Type": "application/offset+octet-stream",
  };
  const send = () => tus.create(name, headers, content);
  return {
    act: () => isOk(send()),
    async recover() {
      await insist(send);
    },
    verify: () => expectPublished(name, content),
  };
}

/** Three parts that become one; who gets no answer sends them again. */
async function joining(): Promise<Run> {
  const [name, content] = [`join-${salt}`, bytes(3_000, salt)];
  const tus = new TusClient(client);
  const pieces = [
    content.subarray(0, 1_000),
    content.subarray(1_000, 1_001),
    content.subarray(1_001),
  ];
  const concat = await tus.parts(pieces);
  const isPublished = async () => Object.keys(await filesOf(name)).length > 0;
  return {
    async act() {
      return (await isOk(tus.create(name, { "Upload-Concat": concat }))) && (await isPublished());
    },
    async recover() {
      const again = await tus.parts(pieces);
      await insist(() => tus.create(name, { "Upload-Concat": again }));
    },
    verify: () => expectPublished(name, content),
  };
}

/** A folder of three uploads, one of them of several parts, that become one artifact. */
async function bundling(): Promise<Run> {
  const name = `bundle-${salt}`;
  const files = {
    "a/large": bytes(PART + 1_000, salt),
    "a/small": bytes(1_000, salt + 1),
    empty: new Uint8Array(),
  };
  const tus = new TusClient(client);
  const uploads = await tus.filesOf(name, files);
  const tie = () => tus.tie(name, uploads);
  return {
    act: () => isOk(tie()),
    async recover() {
      await insist(tie);
    },
    async verify() {
      const sums = await Promise.all(
        Object.values(files).map((content) => hexDigest("SHA-512", content)),
      );
      const expected = Object.fromEntries(Object.keys(files).map((path, at) => [path, sums[at]]));
      expect(await filesOf(name)).toEqual(expected);
    },
  };
}

async function termination(): Promise<Run> {
  const tus = new TusClient(client);
  const path = await tus.open(`end-${salt}`, 1_000);
  await tus.patch(path, 0, bytes(500, salt));
  return {
    act: async () => (await tus.terminate(path)) === 204,
    async recover() {
      expect([204, 404]).toContain(await tus.terminate(path));
    },
    async verify() {
      expect((await client.send("HEAD", path, null, { "Tus-Resumable": "1.0.0" })).status).toBe(
        404,
      );
    },
  };
}

const R2: Job["kinds"] = ["r2A", "r2B", "r2Body", "r2Free"];

interface Job {
  prepare: () => Promise<Run>;
  /** The calls that are made to fail; the others are those of another job. */
  kinds?: NonNullable<FaultPlan["only"]>;
  modes?: FaultMode[];
}

/** For what the Worker does alone: no object can die. */
export const BY_WORKER: FaultMode[] = ["before", "after"];

export const JOBS: Record<string, Job> = {
  "an append that stays in the object": { prepare: () => appendOf(3_000) },
  "an append that fills a part": { prepare: () => appendOf(PART + 2_000), kinds: R2 },
  "a truncate inside a part": { prepare: truncateInsidePart, kinds: R2 },
  "a seal of a small upload": { prepare: () => sealOf(bytes(1_000, salt)) },
  "a seal of a multipart upload": { prepare: () => sealOf(bytes(PART + 2_000, salt)), kinds: R2 },
  "a seal of content that is there already": { prepare: sealAgain, modes: ["after"] },
  // It ends in the turns of an alarm, which the runtime repeats only after seconds when the object dies.
  "an explosion": { prepare: explosion, modes: BY_WORKER },
  "a seal that a full catalog refuses": { prepare: sealWithoutRoom },
  "a PATCH that completes an upload": { prepare: () => patchOf(3_000) },
  "a PATCH that fills a part": { prepare: () => patchOf(PART + 2_000), kinds: R2 },
  "a creation with all of its bytes": { prepare: createWith },
  "a concatenation": { prepare: joining },
  "a bundle": { prepare: bundling },
  "a termination": { prepare: termination },
  "a deletion": { prepare: deletion, modes: BY_WORKER },
  "a copy of a blob": { prepare: copy, modes: BY_WORKER },
  "a creation with declared files": { prepare: creation, modes: BY_WORKER },
  "a small file that comes whole": { prepare: () => delivery(1), modes: BY_WORKER },
  "the rest of a file": { prepare: () => delivery(2) },
  "a sweep": { prepare: sweeping, modes: BY_WORKER },
  "a sweep that moves the audit to R2": { prepare: moving, modes: BY_WORKER },
};
