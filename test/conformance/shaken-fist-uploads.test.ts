// POST /upload and what follows it, up to the conversion (docs/conformance.md, Shaken Fist; the guards on an
// append and GET /upload/<uuid> are ours).

import { createHash, randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const MiB = 1024 * 1024;
const HOUR = 3600;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u;
const UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000";
const NOT_FOUND = [404, "upload not found"];

let service: RunningService;
let token: string;
let foreign: string;

beforeAll(async () => {
  service = await startService();
  token = await service.makeWorkspace("ci");
  foreign = await service.makeWorkspace("foreign");
});

afterAll(() => service[Symbol.asyncDispose]());

interface UploadBody {
  uuid: string;
  created_at: number;
  size: number;
  expires_at: number;
}

function view(uuid: string): Promise<UploadBody> {
  return service.json("GET", `/upload/${uuid}`, undefined, token);
}

async function sizeOf(uuid: string): Promise<number> {
  return (await view(uuid)).size;
}

/** A new upload that holds `bytes`. */
async function begin(bytes: string | Uint8Array): Promise<string> {
  const uuid = await service.openUpload(token);
  expect(await valueOf(service.append(uuid, bytes as BodyInit, token))).toBe(bytes.length);
  return uuid;
}

/** What the upload holds, as its conversion shows it. */
async function contentOf(uuid: string): Promise<Buffer> {
  const { blob_uuid: blob } = await service.convert(uuid, uuid, token);
  const response = await service.fetch(`/blobs/${blob}/data`, { bearer: token });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

function digestOf(algorithm: "sha256" | "sha512", bytes: string | Uint8Array): string {
  const member = algorithm.replace("sha", "sha-");
  return `${member}=:${createHash(algorithm).update(bytes).digest("base64")}:`;
}

describe("POST /upload", () => {
  it("answers an empty upload that lives for 24 hours", async () => {
    const before = Date.now() / 1000;
    const upload = await valueOf<UploadBody>(service.send("POST", "/upload", undefined, token));
    expect(upload).toEqual({
      uuid: expect.stringMatching(UUID),
      state: "created",
      metadata: {},
      version: 3,
      node: expect.any(String),
      created_at: expect.any(Number),
      size: 0,
      expires_at: upload.created_at + 24 * HOUR,
    });
    expect(Math.abs(upload.created_at - before)).toBeLessThan(10);
  });

  it("takes no body, as bytes of a file would be lost in it", async () => {
    const post = (body: string) =>
      service.fetch("/upload", { method: "POST", bearer: token, body });
    expect((await valueOf<UploadBody>(post("{}"))).size).toBe(0);
    expect(await refusalOf(post("bytes of a file"))).toEqual([400, "malformed request"]);
  });
});

describe("GET /upload/:uuid", () => {
  it("shows the upload, its size, and an expiry that its last byte moved", async () => {
    const uuid = await service.openUpload(token);
    const opened = await view(uuid);
    await service.append(uuid, "12345", token);
    const appended = await view(uuid);
    expect(appended).toEqual({ ...opened, size: 5, expires_at: expect.any(Number) });
    expect(appended.expires_at).toBeGreaterThan(opened.expires_at);
    expect(await view(uuid)).toEqual(appended);
  });

  it("takes the uuid in upper case", async () => {
    const uuid = await service.openUpload(token);
    expect((await view(uuid.toUpperCase())).uuid).toBe(uuid);
  });

  it.each([UNKNOWN_UUID, "name", UNKNOWN_UUID.replaceAll("-", ""), "%ce"])(
    "answers 404 to %s",
    async (uuid) => {
      const reply = service.fetch(`/upload/${uuid}`, { bearer: token });
      expect(await refusalOf(reply)).toEqual(NOT_FOUND);
    },
  );
});

describe("POST /upload/:uuid", () => {
  it("answers the new size as a bare number after every append", async () => {
    const uuid = await service.openUpload(token);
    const sizes = [];
    for (const part of ["a", "", "bc", "d".repeat(4096)]) {
      sizes.push(await valueOf(service.append(uuid, part, token)));
    }
    expect(sizes).toEqual([1, 1, 3, 4099]);
    expect((await contentOf(uuid)).toString()).toBe(`abc${"d".repeat(4096)}`);
  });

  it.each(['{"a":1}', "[1,2]", "42", "null", '{"upload_uuid":"X"}', '"text"', "{"])(
    "stores %s as the bytes that it is",
    async (text) => {
      expect((await contentOf(await begin(text))).toString()).toBe(text);
    },
  );

  it("does not append to another upload whose uuid is in the body", async () => {
    const [one, other] = [await service.openUpload(token), await service.openUpload(token)];
    const body = JSON.stringify({ upload_uuid: other });
    const headers = { "Content-Type": "application/json" };
    expect(await valueOf(service.append(one, body, token, headers))).toBe(body.length);
    expect(await sizeOf(other)).toBe(0);
  });

  it.each([
    "application/octet-stream",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; charset=utf-16",
    "nonsense",
  ])("stores the same bytes as %s", async (type) => {
    const bytes = randomBytes(1000);
    const uuid = await service.openUpload(token);
    const reply = service.append(uuid, bytes, token, { "Content-Type": type });
    expect(await valueOf(reply)).toBe(1000);
    expect(await contentOf(uuid)).toEqual(bytes);
  });

  it("answers the current size to an empty body", async () => {
    const uuid = await begin("12345");
    const headers = { Authorization: `Bearer ${token}`, "Content-Length": 0 };
    const init = { method: "POST", headers };
    const { status, body } = await rawRequest(service.origin, `/upload/${uuid}`, init);
    expect([status, body.toString()]).toEqual([200, "5"]);
  });

  it("refuses a body in chunks, whose end cannot be told from a broken one, with 411", async () => {
    const uuid = await begin("before");
    const body = new Blob([randomBytes(9 * MiB + 7)]).stream();
    const init = { method: "POST", bearer: token, body, duplex: "half" as const };
    const response = await service.fetch(`/upload/${uuid}`, init);
    expect(response.status).toBe(411);
    expect(await sizeOf(uuid)).toBe(6);
  });

  it("takes simultaneous appends one after the other", async () => {
    const uuid = await service.openUpload(token);
    const parts = ["a", "b", "c", "d"].map((letter) => letter.repeat(1000));
    const sizes = await Promise.all(
      parts.map((part) => valueOf<number>(service.append(uuid, part, token))),
    );
    expect(sizes.toSorted((one, other) => one - other)).toEqual([1000, 2000, 3000, 4000]);
    const runs = (await contentOf(uuid)).toString().match(/(.)\1*/gu) ?? [];
    expect(runs.toSorted((one, other) => one.localeCompare(other))).toEqual(parts);
  });

  it.each([UNKNOWN_UUID, "name", UNKNOWN_UUID.replaceAll("-", "")])(
    "answers 404 to %s",
    async (uuid) => {
      expect(await refusalOf(service.append(uuid, "bytes", token))).toEqual(NOT_FOUND);
    },
  );

  it("answers 404 for another workspace's upload and changes nothing", async () => {
    const uuid = await begin("12345");
    expect(await refusalOf(service.append(uuid, "6", foreign))).toEqual(NOT_FOUND);
    expect(await sizeOf(uuid)).toBe(5);
  });

  it("answers 404 once the upload is converted and changes nothing", async () => {
    const uuid = await begin("12345");
    const artifact = await service.convert(uuid, "converted", token);
    expect(await refusalOf(service.append(uuid, "6", token))).toEqual(NOT_FOUND);
    expect(await refusalOf(service.truncate(uuid, 0, token))).toEqual(NOT_FOUND);
    expect(await refusalOf(service.fetch(`/upload/${uuid}`, { bearer: token }))).toEqual(NOT_FOUND);
    expect(artifact.blobs["1"]?.size).toBe(5);
    expect(
      await service.json("GET", `/artifacts/${artifact.uuid}`, undefined, token),
    ).toMatchObject({ blobs: { 1: { size: 5 } } });
  });
});

describe("POST /upload/:uuid with an offset", () => {
  it("appends when the offset is where the upload is", async () => {
    const uuid = await service.openUpload(token);
    expect(await valueOf(service.append(uuid, "123", token, { "Upload-Offset": "0" }))).toBe(3);
    expect(await valueOf(service.append(`${uuid}?offset=3`, "45", token))).toBe(5);
    expect((await contentOf(uuid)).toString()).toBe("12345");
  });

  it.each([
    ["?offset=4", {}],
    ["?offset=6", {}],
    ["", { "Upload-Offset": "0" }],
    ["", { "Upload-Offset": "9007199254740991" }],
    ["?offset=5", { "Upload-Offset": "4" }],
  ])(
    "answers 409 and the size, and changes nothing, for '%s' and %o at 5",
    async (query, header) => {
      const uuid = await begin("12345");
      const response = await service.append(uuid + query, "67", token, header);
      const { detail } = (await response.clone().json()) as { detail: string };
      expect(await refusalOf(response)).toEqual([409, "upload is at another offset"]);
      expect(detail).toContain("at 5");
      expect(await sizeOf(uuid)).toBe(5);
    },
  );

  it("tells a resend after a lost answer from new bytes", async () => {
    const uuid = await service.openUpload(token);
    const headers = { "Upload-Offset": "0" };
    await service.append(uuid, "12345", token, headers);
    expect((await refusalOf(service.append(uuid, "12345", token, headers)))[0]).toBe(409);
    expect((await contentOf(uuid)).toString()).toBe("12345");
  });

  it.each(["-1", "1.0", "0x0", "", "five", "12345678901234567890"])(
    "answers 400 and changes nothing when it is '%s'",
    async (offset) => {
      const uuid = await begin("12345");
      const refused = [400, "Upload-Offset is not an integer of at least 0"];
      const query = service.append(`${uuid}?offset=${offset}`, "67", token);
      expect(await refusalOf(query)).toEqual(refused);
      const header = service.append(uuid, "67", token, { "Upload-Offset": offset });
      expect(await refusalOf(header)).toEqual(refused);
      expect(await sizeOf(uuid)).toBe(5);
    },
  );
});

describe("POST /upload/:uuid with a Content-Digest", () => {
  it.each(["sha256", "sha512"] as const)("appends a body of that %s", async (algorithm) => {
    const uuid = await begin("12345");
    const headers = { "Content-Digest": digestOf(algorithm, "67") };
    expect(await valueOf(service.append(uuid, "67", token, headers))).toBe(7);
    expect((await contentOf(uuid)).toString()).toBe("1234567");
  });

  it("is the digest of the body and not of the upload, whatever its size", async () => {
    const uuid = await begin("x");
    const bytes = randomBytes(9 * MiB);
    const headers = { "Content-Digest": digestOf("sha512", bytes) };
    expect(await valueOf(service.append(uuid, bytes, token, headers))).toBe(bytes.length + 1);
  });

  it("has every algorithm that it knows checked, and others passed over", async () => {
    const uuid = await service.openUpload(token);
    const append = (...digests: string[]) =>
      service.append(uuid, "bytes", token, { "Content-Digest": digests.join(", ") });
    const sha512 = digestOf("sha512", "bytes");
    expect((await append(digestOf("sha256", "other"), sha512)).status).toBe(400);
    expect(await valueOf(append(digestOf("sha256", "bytes"), sha512, "md5=:AAAA:"))).toBe(5);
  });

  it.each(["sha256", "sha512"] as const)(
    "answers 400 and changes nothing when the body's %s is another",
    async (algorithm) => {
      const refused = [
        400,
        "body does not have the digest that its header gives; nothing was changed",
      ];
      const uuid = await begin("12345");
      const headers = { "Content-Digest": digestOf(algorithm, "other") };
      expect(await refusalOf(service.append(uuid, "67", token, headers))).toEqual(refused);
      expect(await refusalOf(service.append(uuid, "", token, headers))).toEqual(refused);
      const big = randomBytes(9 * MiB);
      expect(await refusalOf(service.append(uuid, big, token, headers))).toEqual(refused);
      expect(await sizeOf(uuid)).toBe(5);
      expect(await valueOf(service.append(uuid, "67", token))).toBe(7);
      expect((await contentOf(uuid)).toString()).toBe("1234567");
    },
  );

  it.each([
    "",
    "sha-256",
    "sha-256=abc",
    "sha-256=:AAAA:",
    "sha-512=:not base64!:",
    "md5=:AAAAAAAAAAAAAAAAAAAAAA==:",
    "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
  ])("answers 400 and changes nothing when it is '%s'", async (digest) => {
    const uuid = await begin("12345");
    const reply = service.append(uuid, "67", token, { "Content-Digest": digest });
    expect(await refusalOf(reply)).toEqual([
      400,
      "digest in the header cannot be checked; nothing was changed",
    ]);
    expect(await sizeOf(uuid)).toBe(5);
  });
});

describe("POST /upload/:uuid/truncate/:offset", () => {
  it("answers null and leaves the bytes before the offset", async () => {
    const uuid = await begin("1234567");
    expect(await valueOf(service.truncate(uuid, 5, token))).toBeNull();
    expect(await sizeOf(uuid)).toBe(5);
    await service.append(uuid, "xyz", token);
    expect((await contentOf(uuid)).toString()).toBe("12345xyz");
  });

  it("cuts inside bytes that are in R2 already", async () => {
    const bytes = randomBytes(20 * MiB);
    const uuid = await begin(bytes);
    const cut = 8 * MiB + 3;
    expect(await valueOf(service.truncate(uuid, cut, token))).toBeNull();
    expect(await valueOf(service.append(uuid, bytes.subarray(cut), token))).toBe(bytes.length);
    expect((await contentOf(uuid)).equals(bytes)).toBe(true);
  });

  it.each(["0", "00", "5", "005"])("keeps what %s says of 5 bytes", async (offset) => {
    const uuid = await begin("12345");
    expect(await valueOf(service.truncate(uuid, offset, token))).toBeNull();
    expect(await sizeOf(uuid)).toBe(Number(offset));
  });

  it("changes nothing at 0 of an upload without bytes", async () => {
    const uuid = await service.openUpload(token);
    expect(await valueOf(service.truncate(uuid, 0, token))).toBeNull();
    expect(await sizeOf(uuid)).toBe(0);
  });

  it.each([
    ["6", "offset is beyond the end of the upload"],
    ["9007199254740993", "offset is beyond the end of the upload"],
    ["12345678901234567890", "offset is beyond the end of the upload"],
    ["-1", "offset must not be negative"],
    ["-12345678901234567890", "offset must not be negative"],
    ["1.5", "offset is not an integer"],
    ["5e0", "offset is not an integer"],
    ["+5", "offset is not an integer"],
    ["%205", "offset is not an integer"],
    ["five", "offset is not an integer"],
    ["%ce", "offset is not an integer"],
  ])("answers 400 to %s of 5 bytes: %s", async (offset, error) => {
    const uuid = await begin("12345");
    expect(await refusalOf(service.truncate(uuid, offset, token))).toEqual([400, error]);
    expect(await sizeOf(uuid)).toBe(5);
  });

  it.each([UNKNOWN_UUID, "name"])("answers 404 to %s", async (uuid) => {
    expect(await refusalOf(service.truncate(uuid, 0, token))).toEqual(NOT_FOUND);
  });

  it("answers 404 for another workspace's upload and changes nothing", async () => {
    const uuid = await begin("12345");
    expect(await refusalOf(service.truncate(uuid, 0, foreign))).toEqual(NOT_FOUND);
    expect(await sizeOf(uuid)).toBe(5);
  });
});
