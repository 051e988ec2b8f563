// What no HTTP client sends to /files/, over raw connections.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FilesClient } from "../support/files-client.ts";
import { exchange, headOf, openSocket, readAll, statusOf } from "../support/raw-socket.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const MiB = 1024 * 1024;

let service: RunningService;
let client: FilesClient;

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
});

afterAll(() => service[Symbol.asyncDispose]());

function head(path: string, ...more: string[]): Buffer {
  return headOf(
    `PATCH ${path} HTTP/1.1`,
    "Host: x",
    `Authorization: Bearer ${client.bearer}`,
    "Tus-Resumable: 1.0.0",
    "Content-Type: application/offset+octet-stream",
    ...more,
  );
}

async function offsetBecomes(path: string, offset: number): Promise<void> {
  await expect.poll(() => client.offset(path), { timeout: 15_000 }).toBe(offset);
}

describe("a body that breaks off", { timeout: 30_000 }, () => {
  it.each([
    ["a known length", "Content-Length: 9000000", (bytes: Buffer) => bytes],
    [
      "chunks",
      "Transfer-Encoding: chunked",
      (bytes: Buffer) =>
        Buffer.concat([
          Buffer.from(`${bytes.length.toString(16)}\r\n`),
          bytes,
          Buffer.from("\r\n"),
        ]),
    ],
  ])(
    "of %s is kept as far as it came, and the upload goes on from there",
    async (_, framing, frame) => {
      const bytes = randomBytes(9_000_000);
      const path = await client.open(bytes.length);
      const socket = await openSocket(service.origin);
      socket.write(head(path, "Upload-Offset: 0", framing));
      await new Promise((resolve) => {
        socket.write(frame(bytes.subarray(0, 3 * MiB)), resolve);
      });
      await sleep(300);
      socket.destroy();
      await offsetBecomes(path, 3 * MiB);
      const rest = await client.patch(path, 3 * MiB, bytes.subarray(3 * MiB));
      expect(rest.status).toBe(204);
      expect((await client.content(path)).equals(bytes)).toBe(true);
    },
  );

  it("is nothing with a checksum", async () => {
    const path = await client.open(1000);
    const socket = await openSocket(service.origin);
    const checksum = `Upload-Checksum: sha1 ${Buffer.alloc(20).toString("base64")}`;
    socket.write(head(path, "Upload-Offset: 0", "Content-Length: 1000", checksum));
    socket.write(randomBytes(500));
    await sleep(200);
    socket.destroy();
    await sleep(200);
    expect(await client.offset(path)).toBe(0);
  });
});

describe("a request that stands still", { timeout: 30_000 }, () => {
  it("is ended by a newcomer at once, and what it brought is kept", async () => {
    const path = await client.open(1000);
    const socket = await openSocket(service.origin);
    socket.write(head(path, "Upload-Offset: 0", "Content-Length: 1000"));
    socket.write(randomBytes(400));
    await sleep(300);
    const began = Date.now();
    expect(await client.offset(path)).toBe(400);
    expect(Date.now() - began).toBeLessThan(2_900);
    expect(statusOf(await readAll(socket))).toBe(423);
    expect((await client.patch(path, 400, randomBytes(600))).status).toBe(204);
  });
});

describe("a head that can be read in two ways", { timeout: 30_000 }, () => {
  it.each([
    [["Upload-Offset: 0", "Upload-Offset: 0", "Content-Length: 1"], 400],
    [["Upload-Offset: 0", "Tus-Resumable: 1.0.0", "Content-Length: 1"], 412],
    // 0: the runtime closes the connection.
    [["Upload-Offset: 0", "Content-Length: 1", "Content-Length: 2"], 400],
    [["Upload-Offset: 0", "Content-Length: 1", "Transfer-Encoding: chunked"], 0],
    [["Upload-Offset: 18446744073709551616", "Content-Length: 1"], 409],
    [["Upload-Offset: 0", "Content-Length: 99999999999999999999"], 400],
    [["Upload-Offset: +0", "Content-Length: 1"], 400],
    [["Upload-Offset: 0", "Upload-Length: 5, 5", "Content-Length: 1"], 400],
    [["Content-Length: 1"], 400],
    [["Upload-Offset: 0", "Content-Length: 1, 1"], 400],
    [["Upload-Offset: 0", "Content-Length: -1"], 400],
    [["Upload-Offset: 0", "Content-Length: +1"], 400],
    [["Upload-Offset: 0", "Content-Length: 0x1"], 400],
    [["Upload-Offset: 0", "Transfer-Encoding: xchunked"], 400],
    [["Upload-Offset: 0", "Transfer-Encoding: chunked, identity"], 400],
    [["Upload-Offset: 0", "Transfer-Encoding : chunked"], 400],
    [["Upload-Offset: 0", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 0],
    [["Upload-Offset : 0", "Content-Length: 1"], 400],
    [["Upload-Offset: 0", " 0", "Content-Length: 1"], 400],
    [["Upload-Offset: 0", "Content-Type: text/plain", "Content-Length: 1"], 415],
    [["Upload-Offset: 0", "Authorization: Bearer x", "Content-Length: 1"], 401],
    [["Upload-Offset: 0", "Content-Encoding: gzip", "Content-Length: 1"], 415],
  ])("%o is refused with %i, and nothing is appended", async (lines, status) => {
    const path = await client.open(10);
    const answer = await exchange(
      service.origin,
      Buffer.concat([head(path, ...lines, "Connection: close"), Buffer.from("1")]),
    );
    expect(statusOf(answer)).toBe(status);
    expect(await client.offset(path)).toBe(0);
  });
});

describe("a body that is framed wrongly", { timeout: 30_000 }, () => {
  it("of more bytes than it says appends those alone", async () => {
    const path = await client.open(10);
    const own = head(path, "Upload-Offset: 0", "Content-Length: 1");
    const more = headOf(`DELETE ${path} HTTP/1.1`, "Host: x", "Connection: close");
    const answers = await exchange(service.origin, Buffer.concat([own, Buffer.from("1"), more]));
    expect(statusOf(answers)).toBe(204);
    // What follows is a request of its own, which has no credentials.
    expect(answers.slice(20)).toMatch(/HTTP\/1\.1 (?:401|412) /u);
    expect(await client.offset(path)).toBe(1);
  });

  it.each(["fffffffffffffffff\r\n1\r\n", "-1\r\n1\r\n", "zz\r\n1\r\n", "1;a=b\r\n12\r\n0\r\n\r\n"])(
    "in chunks, %j, is answered with no success",
    async (chunks) => {
      const path = await client.open(1);
      const framing = ["Upload-Offset: 0", "Transfer-Encoding: chunked", "Connection: close"];
      const bytes = Buffer.concat([head(path, ...framing), Buffer.from(chunks)]);
      expect(statusOf(await exchange(service.origin, bytes))).not.toBe(204);
      expect([0, 1]).toContain(await client.offset(path));
    },
  );

  it("waits for no body that its client holds back until it is asked for (Expect)", async () => {
    const path = await client.open(4);
    const socket = await openSocket(service.origin);
    socket.write(head(path, "Upload-Offset: 0", "Content-Length: 4", "Expect: 100-continue"));
    const asked = await new Promise<string>((resolve) => {
      socket.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1")));
      setTimeout(() => resolve(""), 5_000);
    });
    expect(asked).toMatch(/^HTTP\/1\.1 100 /u);
    socket.end("1234");
    expect(statusOf(await readAll(socket))).toBe(204);
    expect(await client.offset(path)).toBe(4);
  });
});
