// A live server killed with -9 inside PATCHes of 64 MiB under /files/. ROUNDS says how often (20).

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort, startLiveServer } from "../support/live-server.ts";
import type { LiveServer } from "../support/live-server.ts";

const MiB = 1024 * 1024;
const ROUNDS = Number(process.env["ROUNDS"] ?? 20);
const PATCH = 64 * MiB;
/** Bytes that may be lost of what reached the object (docs/decisions/035). */
const LOST = 32 * MiB;
const FSCK = fileURLToPath(new URL("../../scripts/fsck.mjs", import.meta.url));
const KEY = { namespace: "killed", key_name: "ci", key: "the key of the workspace" };

let folder: string;
let port: number;
let server: LiveServer;
let bearer: string;

async function start(): Promise<void> {
  server = await startLiveServer(folder, port);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stowage-files-"));
  port = await freePort();
  await start();
  const system = await server.service.login("system", server.systemKey);
  await server.service.json("POST", "/auth/namespaces", KEY, system);
  bearer = await server.service.login(KEY.namespace, KEY.key);
}, 120_000);

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const headers = (more: Record<string, string> = {}) => ({
  Authorization: `Bearer ${bearer}`,
  "Tus-Resumable": "1.0.0",
  ...more,
});

/** Sends bytes; gives what was handed to the connection, and the status or 0 when it broke off. */
function send(path: string, offset: number, bytes: Buffer) {
  const sent = { bytes: 0, status: Promise.resolve(0) };
  sent.status = new Promise((resolve) => {
    const own = headers({
      "Upload-Offset": String(offset),
      "Content-Type": "application/offset+octet-stream",
      "Content-Length": String(bytes.length),
    });
    const out = request({ port, path, method: "PATCH", headers: own, agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    out.on("error", () => resolve(0));
    const write = () => {
      while (sent.bytes < bytes.length) {
        const piece = bytes.subarray(sent.bytes, sent.bytes + 256 * 1024);
        sent.bytes += piece.length;
        if (!out.write(piece)) {
          out.once("drain", write);
          return;
        }
      }
      out.end();
    };
    write();
  });
  return sent;
}

async function offsetOf(path: string): Promise<number> {
  for (let round = 0; round < 20; round += 1) {
    const reply = await fetch(server.service.origin + path, { method: "HEAD", headers: headers() });
    if (reply.status === 200) {
      return Number(reply.headers.get("Upload-Offset"));
    }
    await delay(500);
  }
  throw new Error(`No offset of ${path}`);
}

describe("kill -9 inside a PATCH", () => {
  it(
    `of 64 MiB costs no acknowledged byte and at most 32 MiB, ${ROUNDS} times`,
    async () => {
      const lost: number[] = [];
      let bytes = Buffer.alloc(0);
      let path = "";
      let acknowledged = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        if (acknowledged === bytes.length) {
          bytes = randomBytes(2 * PATCH);
          acknowledged = 0;
          const length = { "Upload-Length": String(bytes.length) };
          const made = await fetch(`${server.service.origin}/files/`, {
            method: "POST",
            headers: headers(length),
          });
          path = new URL(made.headers.get("Location") ?? "").pathname;
        }
        const sending = send(
          path,
          acknowledged,
          bytes.subarray(acknowledged, acknowledged + PATCH),
        );
        await delay(100 + Math.random() * 900);
        await server.kill();
        const status = await sending.status;
        await start();
        const offset = await offsetOf(path);
        const reached = acknowledged + sending.bytes;
        expect(offset).toBeGreaterThanOrEqual(status === 204 ? reached : acknowledged);
        expect(reached - offset).toBeLessThanOrEqual(LOST);
        lost.push(reached - offset);
        acknowledged = offset;
        while (acknowledged < bytes.length) {
          const rest = send(path, acknowledged, bytes.subarray(acknowledged, acknowledged + PATCH));
          expect(await rest.status).toBe(204);
          acknowledged = await offsetOf(path);
        }
        const whole = await fetch(server.service.origin + path, { headers: headers() });
        const digest = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");
        expect(digest(new Uint8Array(await whole.arrayBuffer()))).toBe(digest(bytes));
      }
      console.log(`Lost at most ${Math.max(...lost) / MiB} MiB`);
    },
    ROUNDS * 60_000,
  );

  it("leaves nothing that disagrees", async () => {
    const run = promisify(execFile);
    const env = { ...process.env, SYSTEM_KEY: server.systemKey };
    const all = [FSCK, "--url", server.service.origin];
    const { stdout } = await run(process.execPath, all, { env });
    expect(stdout).toMatch(/0 differences|no difference/iu);
  }, 120_000);
});
