// The API document by itself, and the check that holds the replies of all service tests to it (ASVS 4.1.1).

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { rawRequest } from "../support/raw-request.ts";
import { compileAll, ReplyCheck } from "../support/reply-check.ts";
import type { SeenReply } from "../support/reply-check.ts";
import { Service } from "../support/service.ts";

const UUID = "0b3f1c9e-5d0a-4a56-9c1e-2f6a7d8b9c01";
const UPLOAD = {
  uuid: UUID,
  state: "created",
  metadata: {},
  version: 3,
  node: "stowage",
  created_at: 1.5,
  size: 0,
  expires_at: 2.5,
};

function complaintOf(reply: Partial<SeenReply>, body: unknown): string {
  const base = { method: "POST", path: "/upload", status: 200, contentType: "application/json" };
  try {
    new ReplyCheck().check({ json: JSON.stringify(body), sent: null, ...base, ...reply });
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("the API document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const document = JSON.parse(JSON.stringify(buildDocument())) as Record<string, unknown>;
    const { valid, errors } = await new Validator().validate(document);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });

  it("has only schemas that a validator takes", () => {
    expect(compileAll()).toBeGreaterThan(100);
  });

  it("has the version of the package", () => {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(text) as { version: string };
    expect(buildDocument().info.version).toBe(version);
  });
});

describe("the check of replies", () => {
  it("lets a described reply pass", () => {
    expect(complaintOf({}, UPLOAD)).toBe("");
  });

  it.each([
    ["a member of the wrong type", { ...UPLOAD, size: "0" }, "/size must be integer"],
    ["a member that is missing", { uuid: UUID }, "must have required property 'size'"],
    ["a member that is not described", { ...UPLOAD, owner: 1 }, "(owner)"],
    ["another body altogether", null, "the whole must be object"],
  ])("complains of %s", (_, body, complaint) => {
    expect(complaintOf({}, body)).toContain(complaint);
  });

  it("complains of a text that does not say how it is encoded", () => {
    const page = { method: "GET", path: "/login", json: null };
    expect(complaintOf({ ...page, contentType: "text/html" }, null)).toContain("encoded");
    expect(complaintOf({ ...page, contentType: "text/html; charset=UTF-8" }, null)).toBe("");
  });

  it.each([
    ["a status", { status: 201 }, "POST /upload has no such status"],
    ["a media type", { contentType: "text/plain" }, "POST /upload has no text/plain there"],
    ["a path", { path: "/nothing" }, "no operation of the API document has this path"],
    ["a method", { method: "PUT" }, "no operation of the API document has this method"],
    ["an empty body", { contentType: null, json: null }, "POST /upload wants a body"],
  ])("complains of %s that is not described", (_, reply, complaint) => {
    expect(complaintOf(reply, UPLOAD)).toContain(complaint);
  });

  it("complains of a refusal that its operation does not list", () => {
    const refusal = { error: "blob not found", status: 404, request_id: UUID };
    const place = { method: "GET", path: `/upload/${UUID}`, status: 404 };
    expect(complaintOf(place, refusal)).toContain("/error must be equal to one of");
    expect(complaintOf({ ...place, path: `/blobs/${UUID}` }, refusal)).toBe("");
  });

  it("complains of a request that is accepted and not described", () => {
    const place = { method: "PATCH", path: "/auth/tokens/1", sent: '{"enabled":1}' };
    const token = {
      id: 1,
      kind: "worker",
      user: null,
      label: "",
      enabled: true,
      created_at: "2026-01-01T00:00:00.000Z",
      expires_at: null,
      parent: null,
    };
    expect(complaintOf(place, token)).toContain("/enabled must be boolean");
    expect(complaintOf({ ...place, sent: '{"enabled":true}' }, token)).toBe("");
  });

  it("sees the replies to the calls of the tests", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json", "X-Request-Id": UUID });
      response.end('{"size":0}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const service = new Service(`http://127.0.0.1:${port}`);
    await expect(service.openUpload("token")).rejects.toThrow("POST /upload answered 200");
    const raw = rawRequest(service.origin, "/upload", { method: "POST" });
    await expect(raw).rejects.toThrow("POST /upload answered 200");
    server.close();
  });

  it("fails a service of which it saw no reply", () => {
    expect(() => new Service("http://127.0.0.1").replies.requireSome()).toThrow("No reply");
  });
});
