// SECURITY.md: T40.

import { describe, expect, it } from "vitest";

import { mayRecall } from "../../../src/auth/recall.ts";
import { buildDocument } from "../../../src/openapi/document.ts";

/** The changes for which credentials may have held up to LIMITS.keyMemory ago. A change is not added here without a page in
 * docs/decisions. */
const BYTES_IN = [
  "PATCH /files/{upload}",
  "POST /upload/{uuid}",
  "PUT /api/1.0/artifact/{id}/files/{path}",
];

const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => [method.toUpperCase(), path] as const),
);

describe("mayRecall()", () => {
  it("allows reads and the bytes of what is there already, and no other operation", () => {
    const allowed = OPERATIONS.filter(([method, path]) =>
      mayRecall(method, path.replaceAll(/\{\w+\}/gu, "x")),
    );
    const changes = allowed.filter(([method]) => method !== "GET").map((names) => names.join(" "));
    expect(changes.toSorted()).toEqual(BYTES_IN);
    const reads = OPERATIONS.filter(([method]) => method === "GET");
    expect(allowed.filter(([method]) => method === "GET")).toEqual(reads);
  });

  it.each([
    ["POST", "/upload"],
    ["POST", "/upload/"],
    ["POST", "/upload/x/truncate/0"],
    ["DELETE", "/upload/x"],
    ["POST", "/files/x"],
    ["DELETE", "/files/x"],
    ["PUT", "/files/x"],
    ["PATCH", "/files/"],
    ["PUT", "/api/1.0/artifact/1/files/"],
    ["POST", "/api/1.0/artifact/1/files/x"],
    ["PURGE", "/upload/x"],
  ])("refuses %s %s", (method, path) => {
    expect(mayRecall(method, path)).toBe(false);
  });

  it.each([
    ["HEAD", "/artifacts"],
    ["OPTIONS", "/artifacts"],
    ["PUT", "/api/1.0/artifact/1/files/a/b"],
  ])("allows %s %s", (method, path) => {
    expect(mayRecall(method, path)).toBe(true);
  });
});
