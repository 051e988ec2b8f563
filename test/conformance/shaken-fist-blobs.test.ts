// Blobs: their views, their bytes and the look-up by checksum (docs/conformance.md, Shaken Fist).

import { createHash, randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { hexDigest } from "../support/make-artifact.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";
import { extentsOfContent } from "../support/version-files.ts";

const MiB = 1024 * 1024;
const UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000";
const CONTENT = "0123456789";

let service: RunningService;
let token: string;
let artifact: ArtifactBody;
/** The path of the bytes of a blob that holds CONTENT. */
let data: string;

beforeAll(async () => {
  service = await startService();
  token = await service.makeWorkspace("ci");
  artifact = await service.upload("digits", Buffer.from(CONTENT), token);
  data = `/blobs/${artifact.blob_uuid}/data`;
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, init: RequestInit & { bearer?: string } = {}): Promise<Response> {
  return service.fetch(path, { bearer: token, ...init });
}

function hex(algorithm: "sha256" | "sha512", content: string): string {
  return createHash(algorithm).update(content).digest("hex");
}

describe("GET /blobs/:uuid", () => {
  it("answers the blob with its checksums", async () => {
    const blob = await valueOf<{ modified: number }>(get(`/blobs/${artifact.blob_uuid}`));
    expect(blob).toEqual({
      uuid: artifact.blob_uuid,
      state: "created",
      metadata: {},
      version: 6,
      size: 10,
      modified: expect.any(Number),
      fetched_at: blob.modified,
      depends_on: null,
      transcodes: {},
      locations: [expect.any(String)],
      reference_count: 1,
      sha512: hex("sha512", CONTENT),
      sha256: hex("sha256", CONTENT),
      crc32: "a684c7c6",
      last_used: null,
      instances: [],
    });
    expect(Math.abs(blob.modified - Date.now() / 1000)).toBeLessThan(60);
  });

  it("counts the versions that hold the blob", async () => {
    const { blob_uuid: blob } = await service.upload("counted", Buffer.from("counted"), token);
    await service.upload("counted-too", Buffer.from("counted"), token);
    expect(await valueOf(get(`/blobs/${blob}`))).toMatchObject({ reference_count: 2 });
  });

  it.each([UNKNOWN_UUID, "name", "%ce", UNKNOWN_UUID.replaceAll("-", "")])(
    "answers 404 to %s, and so do its bytes",
    async (uuid) => {
      expect(await refusalOf(get(`/blobs/${uuid}`))).toEqual([404, "blob not found"]);
      expect(await refusalOf(get(`/blobs/${uuid}/data`))).toEqual([404, "blob not found"]);
      const beyond = get(`/blobs/${uuid}/data?offset=1`);
      expect(await refusalOf(beyond)).toEqual([404, "blob not found"]);
    },
  );
});

describe("GET /blobs/:uuid/data with offset or limit", () => {
  it.each([
    ["offset=0", "0123456789"],
    ["offset=4", "456789"],
    ["offset=9", "9"],
    ["offset=10", ""],
    ["limit=0", "0123456789"],
    ["limit=3", "012"],
    ["offset=0&limit=0", "0123456789"],
    ["offset=4&limit=3", "456"],
    ["offset=8&limit=3", "89"],
    ["offset=10&limit=3", ""],
    ["offset=0&limit=9007199254740991", "0123456789"],
  ])("answers %s with '%s', in chunks without a length", async (query, expected) => {
    const { status, headers, body, isComplete } = await rawRequest(
      service.origin,
      `${data}?${query}`,
      { headers: { Authorization: `Bearer ${token}`, "Accept-Encoding": "gzip" } },
    );
    expect([status, body.toString(), isComplete]).toEqual([200, expected, true]);
    expect(headers).toMatchObject({
      "content-type": "application/octet-stream",
      "transfer-encoding": "chunked",
    });
    expect(headers).not.toHaveProperty("content-length");
    expect(headers).not.toHaveProperty("content-encoding");
  });

  it("is 200 and not 206 whatever Range says, and has no validators of the whole", async () => {
    const response = await get(`${data}?offset=4`, { headers: { Range: "bytes=0-1" } });
    expect([response.status, await response.text()]).toEqual([200, "456789"]);
    expect(response.headers.get("ETag")).toBeNull();
    expect(response.headers.get("Content-Range")).toBeNull();
  });

  it.each([
    ["offset=11", "offset must be an integer from 0 to the size of the blob"],
    ["offset=-1", "offset must be an integer from 0 to the size of the blob"],
    ["offset=abc", "offset must be an integer from 0 to the size of the blob"],
    ["offset=1.5", "offset must be an integer from 0 to the size of the blob"],
    ["offset=", "offset must be an integer from 0 to the size of the blob"],
    ["offset=12345678901234567890", "offset must be an integer from 0 to the size of the blob"],
    ["limit=-1", "limit must be an integer of at least 0"],
    ["limit=abc", "limit must be an integer of at least 0"],
    ["offset=0&limit=", "limit must be an integer of at least 0"],
  ])("answers 400 to %s", async (query, error) => {
    expect(await refusalOf(get(`${data}?${query}`))).toEqual([400, error]);
  });

  it("reads across the objects in which a large blob is kept", async () => {
    const bytes = randomBytes(18 * MiB);
    const cut = 8 * MiB + 5;
    const uuid = await service.openUpload(token);
    await valueOf(service.append(uuid, bytes, token));
    // Inside the second part: the first stays in an object of its own.
    await valueOf(service.truncate(uuid, cut, token));
    await valueOf(service.append(uuid, bytes.subarray(cut), token));
    const { blob_uuid: blob } = await service.convert(uuid, "large", token);
    const extents = await extentsOfContent(service.env, hexDigest("sha512", bytes));
    expect(extents.map(({ length }) => length)).toEqual([8 * MiB, 10 * MiB]);
    for (const offset of [0, 8 * MiB - 1, 8 * MiB, cut, 18 * MiB - 1]) {
      const response = await get(`/blobs/${blob}/data?offset=${offset}`);
      const body = Buffer.from(await response.arrayBuffer());
      expect([offset, body.equals(bytes.subarray(offset))]).toEqual([offset, true]);
    }
    const part = await get(`/blobs/${blob}/data?offset=${8 * MiB - 2}&limit=4`);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(8 * MiB - 2, 8 * MiB + 2));
  });
});

describe("GET /blobs/:uuid/data without offset and limit", () => {
  it("sends the bytes with their length, an ETag and their digests", async () => {
    const response = await get(data);
    expect([response.status, await response.text()]).toEqual([200, CONTENT]);
    const digest = createHash("sha512").update(CONTENT).digest("base64");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "10",
      "accept-ranges": "bytes",
      etag: `"${hex("sha512", CONTENT)}"`,
      "repr-digest": expect.stringContaining(`sha-512=:${digest}:`),
      "x-content-type-options": "nosniff",
      "content-disposition": expect.stringMatching(/^attachment/u),
      "cache-control": expect.stringContaining("private"),
    });
  });

  it.each([
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-2", "89", "bytes 8-9/10"],
  ])("answers 206 to the range %s", async (range, body, contentRange) => {
    const response = await get(data, { headers: { Range: range } });
    expect([response.status, await response.text()]).toEqual([206, body]);
    expect(response.headers.get("Content-Range")).toBe(contentRange);
    expect(response.headers.get("Content-Length")).toBe(String(body.length));
  });

  it("answers 416 to a range past the end and 304 to a known ETag", async () => {
    const past = await get(data, { headers: { Range: "bytes=10-" } });
    expect([past.status, past.headers.get("Content-Range")]).toEqual([416, "bytes */10"]);
    await past.body?.cancel();
    const etag = (await get(data)).headers.get("ETag") ?? "";
    const known = await get(data, { headers: { "If-None-Match": etag } });
    expect([known.status, await known.text()]).toEqual([304, ""]);
  });

  it("answers HEAD like GET, without the bytes", async () => {
    const [whole, head] = [await get(data), await get(data, { method: "HEAD" })];
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const name of ["Content-Length", "ETag", "Content-Type", "Accept-Ranges"]) {
      expect([name, head.headers.get(name)]).toEqual([name, whole.headers.get(name)]);
    }
    await whole.body?.cancel();
    const part = await get(`${data}?offset=4`, { method: "HEAD" });
    expect([part.status, part.headers.get("Content-Length")]).toEqual([200, null]);
  });
});

describe("GET /blob_checksums/:algorithm/:hash", () => {
  it("answers the blob of a sha512, in either case", async () => {
    const hash = hex("sha512", CONTENT);
    const blob = await valueOf(get(`/blobs/${artifact.blob_uuid}`));
    expect(await valueOf(get(`/blob_checksums/sha512/${hash}`))).toEqual(blob);
    expect(await valueOf(get(`/blob_checksums/sha512/${hash.toUpperCase()}`))).toEqual(blob);
  });

  it("answers the blob of a sha256, and null to one that no blob has", async () => {
    const blob = await valueOf(get(`/blobs/${artifact.blob_uuid}`));
    expect(await valueOf(get(`/blob_checksums/sha256/${hex("sha256", CONTENT)}`))).toEqual(blob);
    expect(await valueOf(get(`/blob_checksums/sha256/${hex("sha512", CONTENT)}`))).toBeNull();
    expect(await valueOf(get(`/blob_checksums/sha256/${hex("sha256", "other")}`))).toBeNull();
  });

  it.each(["0".repeat(128), "f".repeat(127), "zz", "%ce"])(
    "answers null with 200 to %s, which no blob has",
    async (hash) => {
      expect(await valueOf(get(`/blob_checksums/sha512/${hash}`))).toBeNull();
    },
  );

  it("does not know bytes that are still an upload", async () => {
    const uuid = await service.openUpload(token);
    await valueOf(service.append(uuid, "still an upload", token));
    const path = `/blob_checksums/sha512/${hex("sha512", "still an upload")}`;
    expect(await valueOf(get(path))).toBeNull();
    await service.convert(uuid, "no-upload", token);
    expect(await valueOf(get(path))).toMatchObject({ size: 15 });
  });

  it.each(["md5", "SHA512", "constructor"])(
    "answers 400 to the algorithm %s, which it does not know",
    async (algorithm) => {
      const reply = get(`/blob_checksums/${algorithm}/${hex("sha512", CONTENT)}`);
      expect(await refusalOf(reply)).toEqual([400, "unknown hash algorithm"]);
    },
  );
});

describe("GET /blobs", () => {
  it("answers all blobs as one JSON array, to the system namespace alone", async () => {
    const system = await service.loginAsSystem();
    const blobs = await valueOf<{ uuid: string }[]>(service.fetch("/blobs", { bearer: system }));
    const ours = blobs.find(({ uuid }) => uuid === artifact.blob_uuid);
    expect(ours).toEqual(await valueOf(get(`/blobs/${artifact.blob_uuid}`)));
    const row = await service.env.DB.prepare("SELECT count(*) AS n FROM contents").first<{
      n: number;
    }>();
    expect(blobs).toHaveLength(row?.n ?? 0);
    expect(await refusalOf(get("/blobs"))).toEqual([401, "unauthorized"]);
  });
});

describe("/blobs/:uuid/metadata", () => {
  const set = (method: string, path: string, body: unknown) =>
    service.send(method, `/blobs/${artifact.blob_uuid}/metadata${path}`, body, token);

  it("keeps what is set by POST and PUT until it is deleted, and shows it with the blob", async () => {
    expect(await valueOf(set("POST", "", { key: "arch", value: "arm64" }))).toBeNull();
    expect(await valueOf(set("PUT", "/a%20b", { value: { deep: [1, null] } }))).toBeNull();
    expect(await valueOf(set("PUT", "/__proto__", { value: "x" }))).toBeNull();
    expect(await valueOf(set("PUT", "/arch", { value: "amd64" }))).toBeNull();
    const text = await (await get(`/blobs/${artifact.blob_uuid}/metadata`)).text();
    expect(text).toBe('{"__proto__":"x","a b":{"deep":[1,null]},"arch":"amd64"}');
    expect(await valueOf(set("DELETE", "/__proto__", undefined))).toBeNull();
    expect(await valueOf(set("DELETE", "/never", undefined))).toBeNull();
    const blob = await valueOf<{ metadata: unknown }>(get(`/blobs/${artifact.blob_uuid}`));
    expect(blob.metadata).toEqual({ "a b": { deep: [1, null] }, arch: "amd64" });
  });

  it.each([
    ["POST", "", { value: "v" }, [400, "no key specified"]],
    ["POST", "", { key: "", value: "v" }, [400, "no key specified"]],
    ["POST", "", { key: "k" }, [400, "no value specified"]],
    ["PUT", "/k", { value: null }, [400, "no value specified"]],
    ["POST", "", { key: "a/b", value: "v" }, [400, "metadata key is not usable"]],
    ["PUT", `/${"k".repeat(256)}`, { value: "v" }, [400, "metadata key is not usable"]],
  ])("refuses %s %s with %o", async (method, path, body, refusal) => {
    expect(await refusalOf(set(method, path, body))).toEqual(refusal);
  });

  it("takes 100 keys and no more, though one that is there may change", async () => {
    const { blob_uuid: blob } = await service.upload("many keys", Buffer.from("keys"), token);
    await service.env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
       INSERT INTO blob_metadata SELECT h.content_id, h.workspace_id, 'k' || n.i, '1'
       FROM n, contents c JOIN holders h ON h.content_id = c.id WHERE c.sha512 = unhex(?1)`,
    )
      .bind(hex("sha512", "keys"))
      .run();
    const put = (key: string) =>
      service.send("PUT", `/blobs/${blob}/metadata/${key}`, { value: 2 }, token);
    expect(await refusalOf(put("more"))).toEqual([507, "metadata is full"]);
    expect(await valueOf(put("k7"))).toBeNull();
  });
});
