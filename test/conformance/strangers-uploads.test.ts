// Who knows an upload's address, as it stands in logs, and has a key of another workspace, does nothing to it. SECURITY.md: T13.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FilesClient, metadataOf } from "../support/files-client.ts";
import { filesHeaders } from "../support/files-headers.ts";
import { readOperations } from "../support/operations.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

// What PUT names is a new file.
const OPERATIONS = readOperations()
  .filter(({ method }) => method !== "PUT")
  .filter(({ path }) => /^\/(?:upload\/\{uuid\}|files\/\{upload\})/u.test(path))
  .flatMap(({ method, path }): { method: string; path: string; override: string }[] =>
    method === "POST" && path === "/files/{upload}"
      ? ["PATCH", "HEAD", "DELETE"].map((override) => ({ method, path, override }))
      : [{ method, path, override: "" }],
  );

let service: RunningService;
let owner: FilesClient;
let stranger: FilesClient;

beforeAll(async () => {
  service = await startService();
  owner = new FilesClient(service, await service.makeWorkspace("owner"));
  stranger = new FilesClient(service, await service.makeWorkspace("stranger"));
});

afterAll(() => service[Symbol.asyncDispose]());

describe("an append while another workspace asks about its upload", () => {
  it.each(OPERATIONS)(
    "is not ended by $method $path $override",
    async ({ method, path, override }) => {
      const bytes = randomBytes(200_000);
      const metadata = { "Upload-Metadata": metadataOf({ filename: `${method}-${override}` }) };
      const address = await owner.open(bytes.length, metadata);
      const begun = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(bytes.subarray(0, 100_000));
          begun.resolve();
          await asked.promise;
          controller.enqueue(bytes.subarray(100_000));
          controller.close();
        },
      });
      const appended = owner.patch(address, 0, body);
      await begun.promise;
      await sleep(300); // until the service reads it
      const url = path
        .replace(
          /^.*\{(?:uuid|upload)\}/u,
          path.startsWith("/files") ? address : address.replace("/files/", "/upload/"),
        )
        .replace(/\{\w+\}/u, "0");
      const headers = {
        ...filesHeaders(method, path),
        ...(override === "" ? {} : { "X-HTTP-Method-Override": override }),
      };
      const hasBody = method === "POST" || method === "PATCH";
      const refused = stranger.send(method, url, headers, hasBody ? "" : undefined);
      const { status } = await Promise.race([refused, sleep(3_000, { status: 0 })]);
      asked.resolve();
      await refused.catch(() => null);
      expect((await appended).status).toBe(204);
      expect(await owner.content(address)).toEqual(bytes);
      expect(status).toBe(404);
    },
    20_000,
  );
});
