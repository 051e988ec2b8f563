// Requests that meet. Each race is run for several seeds, which make the calls to R2, D1 and upload objects take
// different times; whoever wins, both are told the truth and the invariants hold.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { updateWorkspace } from "../../../src/catalog/access/workspaces.ts";
import { deleteArtifact } from "../../../src/catalog/artifacts/change.ts";
import { listFiles } from "../../support/version-files.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema, byTest } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { expectInvariants, expectNothingLeft } from "../support/invariants.ts";
import { watchedEnv } from "../support/watched-worker.ts";

const DAY = 24 * 3_600_000;
const SEEDS = [1, 22, 333, 4_444];

let client: Client;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  vi.spyOn(console, "error").mockImplementation(() => {});
});

/** Runs a race for every seed. `race` gets a word of its own and begins what meets. */
async function raceEach(race: (word: string, salt: number) => Promise<void>): Promise<void> {
  for (const seed of SEEDS) {
    await race(`race-${seed}-${expect.getState().currentTestName?.length}`, seed);
    calls.heal();
    await expectInvariants();
  }
}

/** Runs all at once while the calls take their times. */
async function atOnce<T extends unknown[]>(
  seed: number,
  acts: { [Index in keyof T]: () => Promise<T[Index]> },
): Promise<T> {
  calls.shake(seed);
  const results = await Promise.all(acts.map((act) => act()));
  calls.heal();
  return results as T;
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status } = await response;
  return status;
}

/** The contents of an artifact's living versions, the oldest first. */
async function versionsOf(name: string): Promise<string[]> {
  const files = await listFiles(
    env,
    "a.name = ?1 AND a.deleted_at IS NULL AND v.deleted_at IS NULL",
    name,
  );
  return files.map(({ sha512 }) => sha512);
}

async function hashed(...contents: Uint8Array[]): Promise<string[]> {
  return Promise.all(contents.map((content) => hexDigest("SHA-512", content)));
}

async function usedBytes({ workspaceId }: Client): Promise<number | null> {
  return env.DB.prepare("SELECT used_bytes FROM workspaces WHERE id = ?1")
    .bind(workspaceId)
    .first("used_bytes");
}

describe("at once", () => {
  it("two seals of one upload under one name give one answer", () =>
    raceEach(async (word, salt) => {
      const content = bytes(1_000, salt);
      const uuid = await client.upload(content);
      const convert = async () => (await client.convert(uuid, word)).json();
      const [one, other] = await atOnce(salt, [convert, convert]);
      expect(one).toEqual(other);
      expect(await versionsOf(word)).toEqual(await hashed(content));
    }));

  it("of two seals of one upload under two names one succeeds, the other is told", () =>
    raceEach(async (word, salt) => {
      const uuid = await client.upload(bytes(1_001, salt));
      const statuses = await atOnce(salt, [
        () => statusOf(client.convert(uuid, `${word}-a`)),
        () => statusOf(client.convert(uuid, `${word}-b`)),
      ]);
      expect(statuses.toSorted()).toEqual([200, 409]);
      const made = [...(await versionsOf(`${word}-a`)), ...(await versionsOf(`${word}-b`))];
      expect(made).toHaveLength(1);
    }));

  it("a seal and an append: the version has the bytes whose append was acknowledged before, no others", () =>
    raceEach(async (word, salt) => {
      const [first, second] = [bytes(1_002, salt), bytes(500, salt + 1)];
      const uuid = await client.upload(first);
      const [appended, converted] = await atOnce(salt, [
        () => statusOf(client.append(uuid, second)),
        () => statusOf(client.convert(uuid, word)),
      ]);
      expect(converted).toBe(200);
      const whole = new Uint8Array([...first, ...second]);
      expect(await versionsOf(word)).toEqual(await hashed(appended === 200 ? whole : first));
    }));

  it("two uploads under one name become two versions, and of one content one", () =>
    raceEach(async (word, salt) => {
      const contents = [bytes(1_003, salt), bytes(1_004, salt)];
      const [one = "", other = ""] = await Promise.all(contents.map((data) => client.upload(data)));
      const again = await client.upload(bytes(1_003, salt));
      const statuses = await atOnce(salt, [
        () => statusOf(client.convert(one, word)),
        () => statusOf(client.convert(other, word)),
      ]);
      expect(statuses).toEqual([200, 200]);
      expect((await versionsOf(word)).toSorted()).toEqual((await hashed(...contents)).toSorted());
      await atOnce(salt, [
        () => statusOf(client.convert(again, `${word}-b`)),
        () => client.publish(`${word}-b`, bytes(1_003, salt)),
      ]);
      expect(await versionsOf(`${word}-b`)).toHaveLength(1);
    }));

  it("a sweep and an append: what was acknowledged stays", () =>
    raceEach(async (_word, salt) => {
      const uuid = await client.upload(bytes(1_005, salt));
      await scheduler.wait(2);
      const idleSince = Date.now();
      await scheduler.wait(2);
      const [status] = await atOnce(salt, [
        () => statusOf(client.append(uuid, bytes(10, salt))),
        () => sweep(watchedEnv, 0, idleSince),
      ]);
      const view = await client.send("GET", `/upload/${uuid}`);
      if (status === 200) {
        expect(await view.json()).toMatchObject({ size: 1_015 });
      } else {
        expect([status, view.status]).toEqual([404, 404]);
      }
    }));

  it("a sweep and the next piece of a file: what is open afterwards is listed, so that it ends", () =>
    raceEach(async (_word, salt) => {
      const content = bytes(2_002, salt);
      const { id } = await (await client.declare({ file: content })).json<{ id: number }>();
      const put = (from: number, to: number) =>
        client.send("PUT", `/api/1.0/artifact/${id}/files/file/`, content.subarray(from, to), {
          "Content-Range": `bytes ${from}-${to - 1}/${content.length}`,
        });
      await put(0, 1_000);
      await scheduler.wait(2);
      const idleSince = Date.now();
      await scheduler.wait(2);
      const [status] = await atOnce(salt, [
        () => statusOf(put(1_000, 1_500)),
        () => sweep(watchedEnv, 0, idleSince),
      ]);
      // 400: its first bytes were gone before; 503: they went meanwhile.
      expect([200, 206, 400, 404, 503]).toContain(status);
    }));

  it("a sweep and a seal: the upload becomes a version, or is gone", () =>
    raceEach(async (word, salt) => {
      const content = bytes(1_006, salt);
      const uuid = await client.upload(content);
      const later = Date.now() + 2 * DAY;
      const [status] = await atOnce(salt, [
        () => statusOf(client.convert(uuid, word)),
        () => sweep(watchedEnv, DAY, later),
      ]);
      expect([200, 404]).toContain(status);
      expect(await versionsOf(word)).toEqual(status === 200 ? await hashed(content) : []);
    }));

  it("two sweeps do what one does", () =>
    raceEach(async (word, salt) => {
      await client.upload(bytes(1_007, salt));
      const { uuid } = await client.publish(word, bytes(1_008, salt));
      await client.send("DELETE", `/artifacts/${uuid}`);
      const later = Date.now() + 2 * DAY;
      const reports = await atOnce(salt, [
        () => sweep(watchedEnv, DAY, later),
        () => sweep(watchedEnv, DAY, later),
      ]);
      expect(reports.map(({ failures }) => failures)).toEqual([0, 0]);
      expect(await env.DB.prepare("SELECT 1 FROM uploads").first()).toBeNull();
    }));

  it("the last reference to a blob goes while the same content comes again, uploaded and claimed", () =>
    raceEach(async (word, salt) => {
      const content = bytes(1_009, salt);
      const old = await client.publish(`${word}-old`, content);
      const uuid = await client.upload(content);
      await client.send("DELETE", `/artifacts/${old.uuid}`);
      const later = Date.now() + 2 * DAY;
      const [uploaded, claimed] = await atOnce(salt, [
        () => statusOf(client.convert(uuid, word)),
        () =>
          statusOf(
            client.send("POST", `/artifacts/upload/${word}-claim`, { blob_uuid: old.blob_uuid }),
          ),
        () => sweep(watchedEnv, 10 * DAY, later),
      ]);
      expect(uploaded).toBe(200);
      expect([200, 404]).toContain(claimed);
      expect(await versionsOf(`${word}-claim`)).toHaveLength(claimed === 200 ? 1 : 0);
      await sweep(env, 10 * DAY, later + 2 * DAY);
      expect(await versionsOf(word)).toEqual(await hashed(content));
    }));

  it("a download that began before its artifact was deleted and swept gets every byte", () =>
    raceEach(async (word, salt) => {
      const content = bytes(300_000, salt);
      const { id, uuid } = await client.publish(word, content);
      const response = await client.send("GET", `/a/${id}/${word}`);
      await atOnce(salt, [
        () => client.send("DELETE", `/artifacts/${uuid}`),
        () => sweep(watchedEnv, DAY, Date.now()),
      ]);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(content);
      expect((await client.send("GET", `/a/${id}/${word}`)).status).toBe(404);
    }));

  it("two bring the same file, whole and in pieces", () =>
    raceEach(async (_word, salt) => {
      const content = bytes(2_000, salt);
      const { id } = await (await client.declare({ file: content })).json<{ id: number }>();
      const path = `/api/1.0/artifact/${id}/files/file/`;
      const put = (from: number, to: number) => () =>
        statusOf(
          client.send("PUT", path, content.subarray(from, to), {
            "Content-Range": `bytes ${from}-${to - 1}/${content.length}`,
          }),
        );
      await atOnce(salt, [put(0, 1_000), put(0, 1_500), put(0, 2_000), put(0, 2_000)]);
      expect([200, 201]).toContain(await put(0, 2_000)());
      const files = await listFiles(env, "v.artifact_id = ?1", id);
      expect(files.map(({ sha512 }) => sha512)).toEqual(await hashed(content));
    }));

  it("a file comes while its artifact is deleted", () =>
    raceEach(async (_word, salt) => {
      const content = bytes(2_001, salt);
      const declared = await (await client.declare({ file: content })).json<{ id: number }>();
      const path = `/api/1.0/artifact/${declared.id}/files/file/`;
      const [status] = await atOnce(salt, [
        () => statusOf(client.send("PUT", path, content)),
        () => deleteArtifact(watchedEnv.DB, declared.id, { actor: "test", now: Date.now() }),
      ]);
      expect([201, 404]).toContain(status);
      expect((await client.send("GET", `/api/1.0/artifact/${declared.id}/`)).status).toBe(404);
    }));
});

describe("a quota that two reach at once", () => {
  it("lets one version in; the other upload is told so, and may still become smaller", async () => {
    const tight = await Client.make("tight");
    await updateWorkspace(env.DB, tight.workspaceId, { quotaBytes: 1_500 }, byTest());
    const uuids = await Promise.all([31, 32].map((salt) => tight.upload(bytes(1_000, salt))));
    const statuses = await atOnce<number[]>(
      7,
      uuids.map((uuid, index) => () => statusOf(tight.convert(uuid, `quota-${index}`))),
    );
    expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 507]);
    expect(await usedBytes(tight)).toBe(1_000);
    await expectInvariants();
    const loser = uuids[statuses.indexOf(507)] ?? "";
    await tight.truncate(loser, 500);
    expect((await tight.convert(loser, "smaller")).status).toBe(200);
    expect(await usedBytes(tight)).toBe(1_500);
  });

  it("lets one declared artifact in", () =>
    raceEach(async (word, salt) => {
      const tight = await Client.make(word);
      await updateWorkspace(env.DB, tight.workspaceId, { quotaBytes: 1_500 }, byTest());
      const statuses = await atOnce(salt, [
        () => statusOf(tight.declare({ a: bytes(1_000, salt) })),
        () => statusOf(tight.declare({ a: bytes(1_000, salt + 1) })),
      ]);
      expect(statuses.toSorted()).toEqual([201, 507]);
      expect(await usedBytes(tight)).toBe(1_000);
    }));
});

describe("after all of these", () => {
  it("nothing is left behind", async () => {
    await expectNothingLeft();
  });
});
