// An upload's object that newer code has changed, and an older one, as a rollout has them.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { expireUpload, inspectUpload } from "../../../src/uploads/gateway.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";

let client: Client;
let uuid: string;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  uuid = await client.upload(bytes(1_000));
  await setFormat(99);
});

/** Leaves the tables as code of that many steps would, in an object that begins anew. */
async function setFormat(format: number): Promise<void> {
  await runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage }) => {
    storage.sql.exec("UPDATE upload SET format = ?", format);
  });
  await evictDurableObject(env.UPLOADS.getByName(uuid));
}

function rows(): Promise<unknown> {
  return runInDurableObject(env.UPLOADS.getByName(uuid), async (_object, { storage }) => {
    const names = ["upload", "extents", "parts", "tail", "boundaries", "garbage"];
    const alarm = await storage.getAlarm();
    return {
      alarm,
      rows: names.map((name) => storage.sql.exec(`SELECT * FROM ${name}`).toArray()),
    };
  });
}

describe("an upload that a newer version of the service keeps", () => {
  it.each([
    ["an append", () => client.append(uuid, bytes(10))],
    ["a look", () => client.send("GET", `/upload/${uuid}`)],
    ["a truncation", () => client.truncate(uuid, 5)],
    ["a conversion", () => client.convert(uuid, "file")],
    ["an explosion", () => client.convert(uuid, "file", { explode: true })],
  ])("answers %s with 503 and when to come again, and stays as it is", async (_, ask) => {
    const before = await rows();
    const response = await ask();
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "10"]);
    expect((await response.json<{ error: string }>()).error).toMatch(/newer version/u);
    expect(await rows()).toEqual(before);
  });

  it("is not removed by the sweep, nor read by the check", async () => {
    const before = await rows();
    await expect(expireUpload(env.UPLOADS, uuid as never, Date.now() * 2)).rejects.toThrow(
      "object_newer",
    );
    await expect(inspectUpload(env.UPLOADS, uuid as never)).rejects.toMatchObject({
      code: "object_newer",
    });
    expect(await rows()).toEqual(before);
  });

  it("keeps its alarm", async () => {
    const stub = env.UPLOADS.getByName(uuid);
    await runInDurableObject(stub, (_object, { storage }) =>
      storage.setAlarm(Date.now() + 100_000),
    );
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const alarm = await runInDurableObject(stub, (_object, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now() + LIMITS.newerPause / 2);
  });

  it("goes on where it was when the code knows its tables", async () => {
    await setFormat(1);
    expect(await client.json("POST", `/upload/${uuid}`, bytes(24))).toBe(1_024);
  });
});
