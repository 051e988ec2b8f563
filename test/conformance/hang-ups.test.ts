// Clients that leave in the middle of an append: nothing of it counts (docs/conformance.md, Shaken Fist),
// and the upload goes on from where it was. Raw sockets, because no HTTP client breaks off as told.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { valueOf } from "../support/answers.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const MiB = 1024 * 1024;
const HELD = Buffer.from("held before");

let service: RunningService;
let token: string;

beforeAll(async () => {
  service = await startService();
  token = await service.makeWorkspace("ci");
});

afterAll(() => service[Symbol.asyncDispose]());

/** A new upload that holds HELD. */
async function begin(): Promise<string> {
  const uuid = await service.openUpload(token);
  await valueOf(service.append(uuid, HELD, token));
  return uuid;
}

async function sizeOf(uuid: string): Promise<number> {
  const { size } = await service.json<{ size: number }>("GET", `/upload/${uuid}`, undefined, token);
  return size;
}

async function contentOf(uuid: string): Promise<Buffer> {
  const { blob_uuid: blob } = await service.convert(uuid, uuid, token);
  const response = await service.fetch(`/blobs/${blob}/data`, { bearer: token });
  return Buffer.from(await response.arrayBuffer());
}

/** A connection on which an append has begun: its head and the first bytes behind it are sent. */
async function beginAppend(uuid: string, framing: string, body: Uint8Array): Promise<Socket> {
  const { hostname, port, host } = new URL(service.origin);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  // A reset is what some of these tests are about.
  socket.on("error", () => {});
  const head = [
    `POST /upload/${uuid} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${token}`,
    framing,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise((resolve) => {
    socket.write(body, resolve);
  });
  // Long enough for the service to have begun with the body.
  await sleep(100);
  return socket;
}

/** Everything that comes back until the service closes the connection. */
async function replyOn(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

const ENDS: Record<string, (socket: Socket) => void> = {
  "an orderly close": (socket) => socket.end(),
  "a reset": (socket) => socket.resetAndDestroy(),
};

const CHUNK = `3e8\r\n${"c".repeat(1000)}\r\n`;

/** What had been sent of the body when the client left. */
const BROKEN: Record<string, { framing: string; body: Uint8Array }> = {
  "no byte of a body with a length": { framing: "Content-Length: 1000", body: Buffer.of() },
  "all but the last byte of a small body": {
    framing: "Content-Length: 1000",
    body: Buffer.alloc(999, "x"),
  },
  "more than a part of a large body": {
    framing: `Content-Length: ${20 * MiB}`,
    body: Buffer.alloc(9 * MiB, "x"),
  },
  "a chunk without the last one": {
    framing: "Transfer-Encoding: chunked",
    body: Buffer.from(CHUNK),
  },
  "half a chunk": {
    framing: "Transfer-Encoding: chunked",
    body: Buffer.from(`${CHUNK}3e8\r\n${"c".repeat(500)}`),
  },
  "more than a part in chunks": {
    framing: "Transfer-Encoding: chunked",
    body: Buffer.concat([
      Buffer.from(`${(9 * MiB).toString(16)}\r\n`),
      Buffer.alloc(9 * MiB, "c"),
      Buffer.from("\r\n"),
    ]),
  },
};

const HANG_UPS = Object.entries(ENDS).flatMap(([end, leave]) =>
  Object.entries(BROKEN).map(([sent, request]) => ({ end, leave, sent, request })),
);

describe("an append that breaks off", () => {
  it.each(HANG_UPS)("with $end after $sent changes nothing", async ({ leave, request }) => {
    const uuid = await begin();
    const socket = await beginAppend(uuid, request.framing, request.body);
    leave(socket);
    expect(await sizeOf(uuid)).toBe(HELD.length);
    // Its turn comes after that of the broken one, so what is seen now is what became of that.
    const next = randomBytes(1000);
    expect(await valueOf(service.append(uuid, next, token))).toBe(HELD.length + next.length);
    expect(await contentOf(uuid)).toEqual(Buffer.concat([HELD, next]));
    socket.destroy();
  });

  it("changes nothing however often it does", async () => {
    const uuid = await begin();
    for (let round = 0; round < 5; round += 1) {
      const socket = await beginAppend(uuid, "Content-Length: 5000", Buffer.alloc(4999));
      socket.resetAndDestroy();
    }
    expect(await valueOf(service.truncate(uuid, HELD.length, token))).toBeNull();
    expect(await valueOf(service.append(uuid, "!", token))).toBe(HELD.length + 1);
  });

  it("does not take bytes behind its Content-Length", async () => {
    const uuid = await begin();
    const body = Buffer.from("abcdef\r\n\r\n");
    const socket = await beginAppend(uuid, "Content-Length: 3", body);
    expect(await replyOn(socket)).toMatch(/^HTTP\/1\.1 200 /u);
    expect((await contentOf(uuid)).toString()).toBe("held beforeabc");
  });
});

describe("an append whose answer is lost", () => {
  it("leaves the client where a truncate to its own total and a resend end right", async () => {
    const uuid = await begin();
    const chunk = randomBytes(100_000);
    const socket = await beginAppend(uuid, `Content-Length: ${chunk.length}`, chunk);
    socket.resetAndDestroy();
    // Sent again blindly, as the public client does: the service cannot know that it is the same chunk.
    const total = await valueOf<number>(service.append(uuid, chunk, token));
    expect([HELD.length + chunk.length, HELD.length + 2 * chunk.length]).toContain(total);
    expect(await valueOf(service.truncate(uuid, HELD.length, token))).toBeNull();
    const resent = await valueOf(service.append(uuid, chunk, token));
    expect(resent).toBe(HELD.length + chunk.length);
    expect(await contentOf(uuid)).toEqual(Buffer.concat([HELD, chunk]));
  });

  it("shows by GET /upload/<uuid> whether it counts", async () => {
    const uuid = await begin();
    const chunk = randomBytes(9 * MiB);
    const socket = await beginAppend(uuid, `Content-Length: ${chunk.length}`, chunk);
    socket.destroy();
    // An empty append waits for its turn.
    const settled = await valueOf<number>(service.append(uuid, "", token));
    expect(await sizeOf(uuid)).toBe(settled);
    const rest = Buffer.concat([HELD, chunk]).subarray(settled);
    await valueOf(service.append(uuid, rest, token));
    expect((await contentOf(uuid)).equals(Buffer.concat([HELD, chunk]))).toBe(true);
  });
});
