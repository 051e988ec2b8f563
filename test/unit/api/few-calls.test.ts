// How many calls of D1 and R2 an answer waits for, one after the other, however many files the artifact has. Places are asked
// for in an order in which none helps the next.

import { beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";
import { makeVersion } from "../support/whole-version.ts";

const FILES = 20_000;
const FOLDERS = 40;

// The Worker asks for the key once.
Object.assign(LIMITS, { keyMemory: 3_600_000 });

let client: Client;
let address: string;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
  const content = bytes(700, 1);
  const files = Array.from({ length: FILES }, (_, n): [string, Uint8Array] => [
    `module-${n % FOLDERS}/a-file-of-a-build-${n}.o`,
    content.subarray(0, 1 + (n % 700)),
  ]);
  const { artifactId } = await makeVersion(client.workspaceId, "many", Object.fromEntries(files));
  address = `/a/${artifactId}/`;
  await client.openUpload();
}, 60_000);

/** Numbers below `count`, each once, far from the one before. */
function scattered(count: number, many: number): number[] {
  const step = Math.floor(count * 0.618) | 1;
  return Array.from({ length: many }, (_, n) => (n * step) % count);
}

/** The most calls in sequence of any of the requests, to the last byte. */
async function mostSteps(requests: readonly (() => Promise<Response>)[]): Promise<number> {
  let most = 0;
  for (const send of requests) {
    const steps = await calls.stepsOf(async () => {
      const response = await send();
      expect(response.ok).toBe(true);
      await response.arrayBuffer();
    });
    most = Math.max(most, steps);
  }
  return most;
}

describe(`of ${FILES} files`, () => {
  it("any page of a listing takes three calls at most", async () => {
    const pages = scattered(FILES / 50, 15).map((page) => `${address}?page=${1 + page}`);
    const folders = scattered(FOLDERS, 5).map((folder) => `${address}module-${folder}/`);
    const paths = [...pages, ...folders];
    const most = await mostSteps(
      paths.map((path) => () => client.send("GET", path, null, { Accept: "text/html" })),
    );
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it("a range of a tar or zip takes four calls at most, wherever it begins", async () => {
    for (const format of ["tar", "zip"]) {
      const path = `${address}?archive=${format}`;
      const { headers } = await client.send("HEAD", path);
      const length = Number(headers.get("Content-Length"));
      expect(length).toBeGreaterThan(FILES * 400);
      const most = await mostSteps(
        scattered(length - 1_000, 20).map(
          (start) => () =>
            client.send("GET", path, null, { Range: `bytes=${start}-${start + 999}` }),
        ),
      );
      expect(most).toBeLessThanOrEqual(4);
    }
  });
});
