import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { freePort, startLiveServer } from "../support/live-server.ts";
import type { LiveServer } from "../support/live-server.ts";

const MiB = 1024 * 1024;

let state: string;
let server: LiveServer;

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), "stowage-kill-"));
  server = await startLiveServer(state, await freePort());
});

afterEach(async () => {
  await server.kill();
  rmSync(state, { recursive: true });
});

/** Begins an append, sends the first `sent` bytes of it, and leaves the rest unsent. */
async function beginAppend(uuid: string, bytes: Buffer, sent: number, bearer: string) {
  const append = request(`${server.service.origin}/upload/${uuid}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${bearer}`, "Content-Length": bytes.length },
  });
  append.on("error", () => {}); // the server is killed under it
  await new Promise((resolve) => append.write(bytes.subarray(0, sent), resolve));
  await delay(300);
}

describe("kill -9 in the middle of an append", () => {
  it("keeps every acknowledged byte, and the upload goes on to the right bytes", async () => {
    const bytes = randomBytes(24 * MiB);
    const system = await server.service.login("system", server.systemKey);
    const uuid = await server.service.openUpload(system);
    let acknowledged = 0;
    for (const sent of [1 * MiB, 9 * MiB]) {
      const acknowledge = acknowledged + 6 * MiB;
      const chunk = bytes.subarray(acknowledged, acknowledge);
      expect(await (await server.service.append(uuid, chunk, system)).json()).toBe(acknowledge);
      acknowledged = acknowledge;
      await beginAppend(uuid, bytes.subarray(acknowledged), sent, system);
      await server.kill();
      server = await startLiveServer(state, await freePort());
      const view = await server.service.fetch(`/upload/${uuid}`, { bearer: system });
      expect(await view.json()).toMatchObject({ uuid, size: acknowledged });
    }
    const rest = await server.service.append(uuid, bytes.subarray(acknowledged), system);
    expect(await rest.json()).toBe(bytes.length);
    const { id } = await server.service.convert(uuid, "survivor.bin", system);
    const file = await server.service.fetch(`/a/${id}/survivor.bin`, { bearer: system });
    const body = Buffer.from(await file.arrayBuffer());
    const sha512 = (data: Buffer) => createHash("sha512").update(data).digest("hex");
    expect(sha512(body)).toBe(sha512(bytes));
  }, 120_000);
});
