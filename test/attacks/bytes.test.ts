// Bodies that are not the file, on every way in (SECURITY.md, T41): none is stored, and what is there stays as it is.

import { createHash, randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";

import { beforeAll, describe, expect, it } from "vitest";

import { OPERATIONS, addressOf, makeThings } from "./support/operations.ts";
import type { Things } from "./support/operations.ts";
import { send } from "./support/send.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";

const FILE = Buffer.from(`the file ${randomUUID()}`);
const BOUNDARY = "----boundary";
const FORM = Buffer.concat([
  Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n`),
  FILE,
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
]);

function digestOf(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest("base64");
}

/** By what says that the body is not the file. */
const WRONG: Record<string, { headers: Record<string, string>; body: Buffer }> = {
  "a form": {
    headers: { "Content-Type": `multipart/form-data; boundary=${BOUNDARY}` },
    body: FORM,
  },
  gzip: { headers: { "Content-Encoding": "gzip" }, body: gzipSync(FILE) },
  "two codings": { headers: { "Content-Encoding": "br, gzip" }, body: gzipSync(FILE) },
  "another MD5": { headers: { "Content-MD5": digestOf("md5", "another") }, body: FILE },
  "another Digest": { headers: { Digest: `SHA-256=${digestOf("sha256", "another")}` }, body: FILE },
  "another Content-Digest": {
    headers: { "Content-Digest": `sha-512=:${digestOf("sha512", "another")}:` },
    body: FILE,
  },
  "another Repr-Digest": {
    headers: { "Repr-Digest": `sha-256=:${digestOf("sha256", "another")}:` },
    body: FILE,
  },
};

const WAYS_IN = OPERATIONS.filter(({ mediaType }) => mediaType === "application/octet-stream");

describe("a way in for bytes", () => {
  let tenant: Tenant;
  let things: Things;

  beforeAll(async () => {
    tenant = await makeTenant();
    things = await makeThings(tenant);
    const sha256 = createHash("sha256").update(FILE).digest("hex");
    const files = { thing: { type: "file", size: FILE.length, checksums: { sha256 } } };
    const body = { category: "a:b", workspace: tenant.name, data: {}, files };
    const declared = await service.send("POST", "/api/1.0/artifact/", body, tenant.bearer);
    const { id } = (await declared.json()) as { id: number };
    things = { ...things, artifactId: String(id) };
  });

  it.each(WAYS_IN.flatMap((operation) => Object.keys(WRONG).map((kind) => [operation.name, kind])))(
    "%s refuses %s",
    async (name, kind) => {
      const operation = WAYS_IN.find((one) => one.name === name);
      const wrong = WRONG[kind];
      if (operation === undefined || wrong === undefined) {
        throw new Error(`There is no ${name} with ${kind}`);
      }
      const headers = {
        Authorization: `Bearer ${tenant.bearer}`,
        "Content-Type": "application/octet-stream",
        ...wrong.headers,
      };
      const path = addressOf(operation, tenant, things);
      const status = await send({ method: operation.method, path, headers, body: wrong.body });
      expect([400, 406, 409, 412, 415, 422]).toContain(status);
      const upload = await service.json<{ size: number }>(
        "GET",
        `/upload/${things.upload}`,
        undefined,
        tenant.bearer,
      );
      expect(upload.size).toBe(0);
    },
  );
});
