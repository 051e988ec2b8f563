// Clients that leave in the middle of a request, of those that hold most, or stay and take little: what they held is
// given back, and others are served as if they had never come (SECURITY.md, T36).

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { beforeAll, describe, expect, it } from "vitest";

import { addressOf, bodyOf, makeThings } from "./support/operations.ts";
import type { Operation, Things } from "./support/operations.ts";
import { NOTHING, overAll } from "./support/over-all.ts";
import { send } from "./support/send.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const TIMES = 60;
const OF_EACH = 24;
const STALLED_MS = 6_000;
/** What others ask when all have left takes at most so much longer than twice what it takes before. */
const SERVED_MS = 5_000;

interface Left {
  method: string;
  path: string;
  /** Bytes that are announced, or null, and those that are sent. */
  announced: number | null;
  sent: string | Uint8Array;
  accept?: string;
  type?: string;
}

let leaver: Tenant;
let other: Tenant;
let things: Things;
let otherThings: Things;
let text: { id: number };
let folder: { id: number };
let large: { id: number; blob_uuid: string };

beforeAll(async () => {
  [leaver, other] = [await makeTenant({ public: true }), await makeTenant()];
  [things, otherThings] = [await makeThings(leaver), await makeThings(other)];
  const lines = Buffer.alloc(2 * MiB, "a line of text\n");
  text = await service.upload("large.txt", lines, leaver.bearer);
  folder = await service.upload("small.bin", randomBytes(2 * MiB), leaver.bearer);
  large = await service.upload("large.bin", randomBytes(96 * MiB), leaver.bearer);
  await askOther(); // the first of each opens what was never used
  before = await askOther();
});

/** Sends a request, or a part of one, and leaves: at once, or when a while has passed. */
async function leave(bearer: string, left: Left, ms: number) {
  const { method, path, announced, sent, accept, type = "application/json" } = left;
  const { hostname, port } = new URL(service.origin);
  const socket = connect({ host: hostname, port: Number(port) }).on("error", () => {});
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: x",
    `Authorization: Bearer ${bearer}`,
    ...(accept === undefined ? [] : [`Accept: ${accept}`]),
    ...(announced === null ? [] : [`Content-Type: ${type}`, `Content-Length: ${announced}`]),
    "\r\n",
  ];
  socket.write(lines.join("\r\n"));
  socket.write(sent);
  await delay(ms);
  socket.destroy();
}

/** Sends a request, takes a few MiB of the answer, and then nothing for a while. */
async function takeLittle(bearer: string, { method, path }: Left) {
  const { hostname, port } = new URL(service.origin);
  const socket = connect({ host: hostname, port: Number(port) }).on("error", () => {});
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n\r\n`);
  let taken = 0;
  socket.on("data", ({ length }) => {
    taken += length;
    if (taken > 3 * MiB) {
      socket.pause();
    }
  });
  await delay(STALLED_MS);
  socket.destroy();
}

async function leaveOften(make: (at: number) => Left): Promise<void> {
  await Promise.all(
    Array.from({ length: TIMES }, (_, at) => leave(leaver.bearer, make(at), (at % 6) * 50)),
  );
}

/** What somebody else asks that takes memory, and how that is answered. */
async function askOther(): Promise<Record<string, { status: number; ms: number }>> {
  const upload = await service.openUpload(other.bearer);
  const authorized = { Authorization: `Bearer ${other.bearer}` };
  const asked = {
    "an append": { method: "POST", path: `/upload/${upload}`, body: randomBytes(9 * MiB) },
    "a page": { method: "GET", path: `/a/${text.id}/large.txt?view`, accept: "text/html" },
    "a tar.gz": { method: "GET", path: `/a/${folder.id}/?archive=tar.gz` },
  };
  const answers: Record<string, { status: number; ms: number }> = {};
  for (const [name, { accept, ...request }] of Object.entries<{
    method: string;
    path: string;
    body?: Uint8Array;
    accept?: string;
  }>(asked)) {
    const began = performance.now();
    const headers = { ...authorized, ...(accept === undefined ? {} : { Accept: accept }) };
    const status = await send({ ...request, headers });
    answers[name] = { status, ms: performance.now() - began };
  }
  return answers;
}

let before: Record<string, { status: number; ms: number }>;

/** What of it was not served as it was before. */
async function serveOther(): Promise<string[]> {
  const answers = await askOther();
  return Object.entries(answers)
    .filter(
      ([name, { status, ms }]) => status !== 200 || ms > SERVED_MS + 2 * (before[name]?.ms ?? 0),
    )
    .map(([name, { status, ms }]) => `${name}: ${status} after ${Math.round(ms)} ms`);
}

describe("clients that leave", () => {
  it.each<[string, (at: number) => Promise<Left> | Left]>([
    ["tar.gz", () => archive("tar.gz")],
    ["tar", () => archive("tar")],
    ["zip", () => archive("zip")],
    ["a file", () => get(`/a/${large.id}/large.bin`)],
    ["a blob", () => get(`/blobs/${large.blob_uuid}/data`)],
    [
      "pages of 2 MiB",
      () => ({
        method: "GET",
        path: `/a/${text.id}/large.txt?view`,
        announced: null,
        sent: "",
        accept: "text/html",
      }),
    ],
    [
      "declarations",
      () => body("POST", "/api/1.0/artifact/", 20 * MiB, `{"category":"${"x".repeat(MiB)}`),
    ],
    [
      "whole declarations",
      () => {
        const sent = `{"category":"a:b","workspace":"${leaver.name}","data":{"${"x".repeat(MiB)}":1},"files":{}}`;
        return body("POST", "/api/1.0/artifact/", sent.length, sent);
      },
    ],
    [
      "small files",
      () =>
        body(
          "PUT",
          `/api/1.0/artifact/${things.artifactId}/files/thing`,
          900 * KiB,
          randomBytes(500 * KiB),
        ),
    ],
    ["appends", () => body("POST", `/upload/${things.upload}`, 32 * MiB, randomBytes(MiB))],
  ])("in the middle of %s hold nobody up", async (name, make) => {
    const seen = await watched(`${TIMES} that leave in the middle of ${name}`, async () => {
      const made = await make(0);
      await leaveOften(() => made);
      return serveOther();
    });
    expect([seen.result, harmOf(seen)]).toEqual([[], []]);
  });
});

/** What is sent of a request of an operation: all but the last byte of a body that it wants, and some of one that is never whole. */
function partsOf(operation: Operation): Left[] {
  const path = addressOf(operation, leaver, things);
  const { method, mediaType } = operation;
  const whole = bodyOf(operation, leaver, things);
  if (whole === null) {
    return [{ method, path, announced: null, sent: "" }];
  }
  const type = mediaType ?? "application/json";
  return [
    { method, path, type, announced: whole.length, sent: whole },
    { method, path, type, announced: whole.length, sent: whole.slice(0, -1) },
    { method, path, type, announced: 64 * KiB, sent: whole },
  ];
}

describe("clients that leave any operation", () => {
  it("in the middle of what they send, or before the answer, hold nobody up", async () => {
    const { bearer } = leaver;
    const seen = await overAll(`${OF_EACH} that leave each operation`, async (operation) => {
      const parts = partsOf(operation);
      const left = Array.from({ length: OF_EACH / parts.length }, (_, at) =>
        parts.map((part) => leave(bearer, part, (at % 6) * 10)),
      );
      await Promise.all(left.flat());
      const path = addressOf(operation, other, otherThings);
      const headers = { Authorization: `Bearer ${other.bearer}` };
      return [await send({ method: operation.method, path, headers })];
    });
    expect(seen).toEqual(NOTHING);
    expect(await serveOther()).toEqual([]);
  }, 600_000);
});

describe("clients that stay", () => {
  it.each<[string, () => Left]>([
    ["tar.gz", () => archive("tar.gz")],
    ["tar", () => archive("tar")],
    ["a file", () => get(`/a/${large.id}/large.bin`)],
  ])("and take little of %s hold nobody up", async (name, make) => {
    const seen = await watched(`${TIMES} that take little of ${name}`, async () => {
      await Promise.all(Array.from({ length: TIMES }, () => takeLittle(leaver.bearer, make())));
      return serveOther();
    });
    expect([seen.result, harmOf(seen)]).toEqual([[], []]);
  });

  it("and take files of 12 MiB hold nobody up", async () => {
    const { id } = await service.upload("f", randomBytes(12 * MiB), leaver.bearer);
    const headers = { Authorization: `Bearer ${leaver.bearer}` };
    const take = () => send({ method: "GET", path: `/a/${id}/f`, headers });
    const seen = await watched(`${TIMES} that take 12 MiB`, () =>
      Promise.all(Array.from({ length: TIMES }, take)),
    );
    expect([new Set(seen.result), harmOf(seen)]).toEqual([new Set([200]), []]);
  });
});

function archive(kind: string): Left {
  return get(`/a/${large.id}/?archive=${kind}`);
}

function get(path: string): Left {
  return { method: "GET", path, announced: null, sent: "" };
}

function body(method: string, path: string, announced: number, sent: string | Uint8Array): Left {
  return { method, path, announced, sent };
}
