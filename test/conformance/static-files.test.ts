// Static files do not reach the Worker: their headers are those of public/_headers (ASVS 3.4.1, 3.4.3, 3.4.5, 3.4.6).

import { readdirSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const PUBLIC = new URL("../../public/", import.meta.url);
const FILES = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== "_headers")
  .map(({ parentPath, name }) => `${parentPath}/${name}`.replace(/^.*\/public\/*/u, "/"));

let service: RunningService;

beforeAll(async () => {
  service = await startService();
  await service.loginAsSystem();
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

describe("a static file", () => {
  it.each(FILES)("%s has the policies of a page, and stays with https", async (path) => {
    const ask = (host: string) =>
      rawRequest(service.origin, path, { method: "GET", headers: { Host: host } });
    const { status, headers } = await ask("s.example");
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "strict-transport-security": "max-age=31536000; includeSubDomains",
    });
    const local = await ask("127.0.0.1");
    expect(local.headers["strict-transport-security"]).toBeUndefined();
  });
});
