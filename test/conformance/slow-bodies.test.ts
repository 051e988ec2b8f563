// T16: bodies that hardly come, for every operation of the API document that has one. Each is given up within a bound,
// and others are served meanwhile.

import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { FilesClient } from "../support/files-client.ts";
import { filesHeaders } from "../support/files-headers.ts";
import { makeWorkerToken } from "../support/make-token.ts";
import type { MadeToken } from "../support/make-token.ts";
import { headOf, openSocket, readAll, statusOf } from "../support/raw-socket.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

const LENGTH = 1_000;
/** What an answer may take beyond the bound: the clock of the body is looked at every few seconds. */
const SLACK_MS = LIMITS.bodyIdleContested + 15_000;

let service: RunningService;
let token: string;
let system: string;
let artifact: ArtifactBody;
let upload: string;
let resumable: string;
let incomplete: number;
let worker: MadeToken;

beforeAll(async () => {
  service = await startService();
  token = await service.makeWorkspace("owner");
  system = await service.loginAsSystem();
  artifact = await service.upload("file", Buffer.from("content"), token);
  upload = await service.openUpload(token);
  resumable = (await new FilesClient(service, token).open(LENGTH)).split("/").at(-1) ?? "";
  worker = await makeWorkerToken(service);
  const files = { "a/b": { type: "file", size: LENGTH, checksums: { sha256: "0".repeat(64) } } };
  const declaration = { category: "c:c", workspace: "owner", files };
  const made = await service.send("POST", "/api/1.0/artifact/", declaration, token);
  incomplete = ((await made.json()) as { id: number }).id;
});

afterAll(() => service[Symbol.asyncDispose]());

const WITH_BODY = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([method, { requestBody }]) => method !== "get" && requestBody !== undefined)
    .map(([method]) => ({ method: method.toUpperCase(), path })),
);

function fill(path: string): string {
  const values: Record<string, string> = {
    id: String(path.includes("/files/") ? incomplete : worker.id),
    ref: artifact.uuid,
    uuid: path.startsWith("/upload") ? upload : artifact.blob_uuid,
    namespace: "owner",
    path: "a/b",
    upload: resumable,
  };
  return path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => values[name] ?? "name");
}

/** Begins a request whose body gets a byte now and then; gives its status, and after how many milliseconds it came. */
async function begin(method: string, path: string): Promise<{ status: number; ms: number }> {
  const socket = await openSocket(service.origin);
  const bearer = /^\/(?:upload|files)/u.test(path) ? token : system;
  const own = {
    "Content-Type": "application/x-www-form-urlencoded",
    ...filesHeaders(method, path),
  };
  socket.write(
    headOf(
      `${method} ${fill(path)} HTTP/1.1`,
      `Host: ${new URL(service.origin).host}`,
      `Authorization: Bearer ${bearer}`,
      "Sec-Fetch-Site: same-origin",
      ...Object.entries(own).map(([name, value]) => `${name}: ${value}`),
      "Connection: close",
      `Content-Length: ${LENGTH}`,
    ),
  );
  const begun = performance.now();
  const dribble = setInterval(() => socket.write(" "), 5_000);
  const answer = await readAll(socket, LIMITS.bodyIdle + 2 * SLACK_MS);
  clearInterval(dribble);
  return { status: statusOf(answer), ms: performance.now() - begun };
}

describe("a body of which a byte comes every five seconds", () => {
  it(
    "is given up in a minute, whatever the operation, and nobody else waits",
    async () => {
      expect(WITH_BODY.length).toBeGreaterThan(25);
      const asked = WITH_BODY.map(async ({ method, path }) => ({
        name: `${method} ${path}`,
        ...(await begin(method, path)),
      }));
      await sleep(10_000);
      const before = performance.now();
      expect((await service.fetch("/healthz")).status).toBe(200);
      expect(performance.now() - before).toBeLessThan(5_000);
      const answers = await Promise.all(asked);
      // 503 is what clients of /files/ send again.
      const isRefused = (status: number, name: string) =>
        (status >= 400 && status < 500) || (status === 503 && name.includes(" /files"));
      const wrong = answers.filter(
        ({ name, status, ms }) => !isRefused(status, name) || ms > LIMITS.bodyIdle + SLACK_MS,
      );
      expect(wrong).toEqual([]);
      expect(answers.filter(({ status }) => status === 408).length).toBeGreaterThan(20);
      const { size } = await service.json<{ size: number }>(
        "GET",
        `/upload/${upload}`,
        undefined,
        token,
      );
      expect(size).toBe(0);
    },
    LIMITS.bodyIdle + 4 * SLACK_MS,
  );
});
