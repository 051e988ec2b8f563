// /files/ as tus 1.0 has it (docs/conformance.md, tus).

import { createHash, randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FilesClient, metadataOf, TUS } from "../support/files-client.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const MiB = 1024 * 1024;
const UNKNOWN = "/files/00000000-0000-4000-8000-000000000000";

let service: RunningService;
let client: FilesClient;
let foreign: FilesClient;

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
  foreign = new FilesClient(service, await service.makeWorkspace("foreign"));
});

afterAll(() => service[Symbol.asyncDispose]());

function sum(algorithm: string, bytes: string | Buffer): string {
  return `${algorithm} ${createHash(algorithm).update(bytes).digest("base64")}`;
}

/** Status and text of an answer. */
async function told(reply: Promise<Response>): Promise<[number, string]> {
  const response = await reply;
  return [response.status, await response.text()];
}

async function statusOf(reply: Promise<Response>): Promise<number> {
  const response = await reply;
  await response.body?.cancel();
  return response.status;
}

describe("OPTIONS /files/", () => {
  it.each(["/files/", "/files", UNKNOWN])(
    "tells version, extensions and limits at %s",
    async (path) => {
      const response = await service.fetch(path, {
        method: "OPTIONS",
        headers: { "Tus-Resumable": "0.1" },
      });
      expect(response.status).toBe(204);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "tus-version": "1.0.0",
        "tus-resumable": "1.0.0",
        "tus-extension":
          "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation",
        "tus-max-size": "5497558138880",
        "tus-checksum-algorithm": "sha1,sha256,sha512,md5",
        "upload-limit": "max-size=5497558138880, max-append-size=100000000, min-size=0",
        "access-control-allow-origin": "*",
        "access-control-max-age": "86400",
      });
      expect(response.headers.get("Access-Control-Allow-Headers")).toContain("Upload-Offset");
      expect(response.headers.get("Access-Control-Allow-Methods")).toContain("PATCH");
    },
  );

  it("lets scripts log in", async () => {
    const response = await service.fetch("/auth", { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Headers")).toContain("Content-Type");
    const refused = await service.send("POST", "/auth", { namespace: "ci", key: "wrong" });
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });
});

describe("POST /files/", () => {
  it("opens an upload at an absolute address that says when it ends", async () => {
    const response = await client.create({ "Upload-Length": "5", "Upload-Metadata": "" });
    expect(response.status).toBe(201);
    expect(response.headers.get("Location")).toMatch(/^http:\/\/.*\/files\/[0-9a-f-]{36}$/u);
    const ends = Date.parse(response.headers.get("Upload-Expires") ?? "") - Date.now();
    expect(Math.abs(ends - 24 * 3_600_000)).toBeLessThan(10_000);
    expect(response.headers.get("Upload-Offset")).toBeNull();
    expect(response.headers.get("Access-Control-Expose-Headers")).toContain("Location");
  });

  it("makes an artifact of nothing at once", async () => {
    const response = await client.create({
      "Upload-Length": "0",
      "Upload-Metadata": metadataOf({ filename: "empty" }),
    });
    expect(response.status).toBe(201);
    expect(response.headers.get("Stowage-Version")).toBe("1");
    expect(
      (await client.content(new URL(response.headers.get("Location") ?? "").pathname)).length,
    ).toBe(0);
  });

  it.each([
    {},
    { "Upload-Length": "5", "Upload-Defer-Length": "1" },
    { "Upload-Defer-Length": "2" },
    { "Upload-Length": "-1" },
    { "Upload-Length": "5.0" },
    { "Upload-Length": "0x5" },
    { "Upload-Length": "5, 5" },
    { "Upload-Length": "5", "Upload-Metadata": "a b c" },
    { "Upload-Length": "5", "Upload-Metadata": "a !!!" },
    { "Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ==" },
    { "Upload-Length": "5", "Upload-Metadata": "a YQ==,,b YQ==" },
    { "Upload-Length": "5", "Upload-Metadata": `a ${"A".repeat(8 * 1024)}` },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ filename: ".." }) },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ filename: "a\u0000b" }) },
    { "Upload-Length": "5", "Upload-Metadata": "filename /w==" },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ artifact_type: "tree" }) },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ sha256: "12" }) },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ expires: "soon" }) },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ expire_days: "-1" }) },
    { "Upload-Length": "5", "Upload-Metadata": metadataOf({ explode: "yes" }) },
    { "Upload-Length": "5", "Upload-Concat": "whole" },
  ])("answers 400 to %o", async (headers) => {
    expect(await statusOf(client.create(headers))).toBe(400);
  });

  it("answers 413 to a length that no upload may have, however many digits it has", async () => {
    expect(await statusOf(client.create({ "Upload-Length": "5497558138881" }))).toBe(413);
    expect(await statusOf(client.create({ "Upload-Length": "9".repeat(20) }))).toBe(413);
  });

  it("answers 412 and does nothing without a version, or with another", async () => {
    for (const version of [{}, { "Tus-Resumable": "0.2.2" }, { "Tus-Resumable": "1.0.0, 1.0.0" }]) {
      const response = await client.send("POST", "/files/", { ...version, "Upload-Length": "5" });
      expect(response.status).toBe(412);
      expect(response.headers.get("Tus-Version")).toBe("1.0.0");
    }
  });

  it("answers 401 without credentials, with the headers that a browser needs", async () => {
    const response = await service.fetch("/files/", {
      method: "POST",
      headers: { ...TUS, "Upload-Length": "1" },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(response.headers.get("Tus-Resumable")).toBe("1.0.0");
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=UTF-8");
  });

  it("takes the first bytes along, or all of them", async () => {
    const type = { "Content-Type": "application/offset+octet-stream" };
    const some = await client.create({ ...type, "Upload-Length": "5" }, "123");
    expect([some.status, some.headers.get("Upload-Offset")]).toEqual([201, "3"]);
    const all = await client.create({ ...type, "Upload-Length": "3" }, "abc");
    expect([all.status, all.headers.get("Upload-Offset")]).toEqual([201, "3"]);
    expect(all.headers.get("Stowage-Artifact")).toMatch(/^\d+$/u);
    expect(
      await statusOf(client.create({ "Content-Type": "text/plain", "Upload-Length": "3" }, "abc")),
    ).toBe(415);
    expect(await statusOf(client.create({ ...type, "Upload-Length": "2" }, "abc"))).toBe(413);
  });

  it("makes nothing of first bytes that do not have their checksum", async () => {
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Length": "3" };
    const wrong = await client.create({ ...headers, "Upload-Checksum": sum("sha1", "abd") }, "abc");
    expect([wrong.status, wrong.headers.get("Location")]).toEqual([460, null]);
    const right = await client.create({ ...headers, "Upload-Checksum": sum("sha1", "abc") }, "abc");
    expect(right.status).toBe(201);
  });
});

describe("PATCH /files/:upload", () => {
  it("appends, and names the artifact that the last byte makes", async () => {
    const path = await client.open(6, {
      "Upload-Metadata": metadataOf({ filename: "d/report.txt", other: "x" }),
    });
    const first = await client.patch(path, 0, "123");
    expect([first.status, first.headers.get("Upload-Offset")]).toEqual([204, "3"]);
    expect(first.headers.get("Stowage-Artifact")).toBeNull();
    const last = await client.patch(path, 3, "456");
    expect([last.status, last.headers.get("Upload-Offset")]).toEqual([204, "6"]);
    const digest = createHash("sha256").update("123456").digest("base64");
    expect(last.headers.get("Repr-Digest")).toContain(`sha-256=:${digest}:`);
    const id = last.headers.get("Stowage-Artifact");
    expect(last.headers.get("Link")).toBe(`</a/${id}/report.txt?version=1>; rel="item"`);
    const file = await service.fetch(`/a/${id}/report.txt?version=1`, { bearer: client.bearer });
    expect(await file.text()).toBe("123456");
  });

  it("keeps the path and the type that the metadata says beside the artifact's name", async () => {
    const metadata = { artifact: "nightly", filename: "disk.img", filetype: "application/x-disk" };
    const path = await client.open(2, { "Upload-Metadata": metadataOf(metadata) });
    const { headers } = await client.patch(path, 0, "ab");
    const id = headers.get("Stowage-Artifact");
    expect(headers.get("Link")).toBe(`</a/${id}/disk.img?version=1>; rel="item"`);
    const file = await service.fetch(`/a/${id}/disk.img`, { bearer: client.bearer });
    expect(await file.text()).toBe("ab");
    const shown = await service.fetch(`/api/1.0/artifact/${id}/`, { bearer: client.bearer });
    expect(await shown.json()).toMatchObject({
      files: { "disk.img": { content_type: "application/x-disk" } },
    });
    const again = await client.open(2, { "Upload-Metadata": metadataOf(metadata) });
    const same = await client.patch(again, 0, "ab");
    expect([same.headers.get("Stowage-Artifact"), same.headers.get("Stowage-Version")]).toEqual([
      id,
      "1",
    ]);
  });

  it("says the same of a complete upload on HEAD, as often as it is asked", async () => {
    const metadata = metadataOf({ filename: "twice" });
    const path = await client.open(2, { "Upload-Metadata": metadata });
    const id = (await client.patch(path, 0, "ab")).headers.get("Stowage-Artifact");
    for (const _ of [1, 2]) {
      const { status, headers } = await client.head(path);
      expect(status).toBe(200);
      expect(Object.fromEntries(headers)).toMatchObject({
        "upload-offset": "2",
        "upload-length": "2",
        "upload-metadata": metadata,
        "stowage-artifact": id,
        "stowage-version": "1",
        "cache-control": "no-store",
      });
      expect(headers.get("Upload-Expires")).toBeNull();
    }
    expect(await statusOf(client.patch(path, 2, ""))).toBe(204);
    expect(await statusOf(client.patch(path, 2, "c"))).toBe(413);
    expect(await statusOf(client.patch(path, 2, new Blob([""]).stream()))).toBe(204);
    expect(await statusOf(client.patch(path, 2, new Blob(["c"]).stream()))).toBe(413);
    expect(await statusOf(client.patch(path, 0, "ab"))).toBe(409);
  });

  it("adds a version to the artifact of the name, and none where the content is the same", async () => {
    const upload = async (bytes: string) => {
      const path = await client.open(bytes.length, {
        "Upload-Metadata": metadataOf({ filename: "v" }),
      });
      const { headers } = await client.patch(path, 0, bytes);
      return [headers.get("Stowage-Artifact"), headers.get("Stowage-Version")];
    };
    const [id] = await upload("one");
    expect(await upload("two")).toEqual([id, "2"]);
    expect(await upload("two")).toEqual([id, "2"]);
  });

  it("answers 409 with the offset at which the upload is", async () => {
    const path = await client.open(10);
    await client.patch(path, 0, "123");
    for (const offset of ["0", "4", "9".repeat(20)]) {
      const response = await client.patch(path, offset, "45");
      expect([response.status, response.headers.get("Upload-Offset")]).toEqual([409, "3"]);
    }
    expect(await client.offset(path)).toBe(3);
  });

  it.each(["", "-1", "1.0", "x", "0, 0"])("answers 400 to the offset '%s'", async (offset) => {
    const path = await client.open(10);
    expect(await statusOf(client.patch(path, offset, "1"))).toBe(400);
  });

  it("answers 415 to a body of another type", async () => {
    const path = await client.open(10);
    const response = await client.patch(path, 0, "1", {
      "Content-Type": "application/octet-stream",
    });
    expect(response.status).toBe(415);
    expect(await client.offset(path)).toBe(0);
  });

  it("answers 413 to bytes past the length and counts none of them", async () => {
    const path = await client.open(4);
    expect(await told(client.patch(path, 0, "12345"))).toEqual([413, "Maximum size exceeded\n"]);
    const chunked = client.patch(path, 0, new Blob(["12345"]).stream());
    expect(await told(chunked)).toEqual([413, "Maximum size exceeded\n"]);
    expect(await client.offset(path)).toBe(0);
  });

  it("takes a body in chunks", async () => {
    const bytes = randomBytes(9 * MiB + 7);
    const path = await client.open(bytes.length);
    const response = await client.patch(path, 0, new Blob([bytes]).stream());
    expect(response.status).toBe(204);
    expect((await client.content(path)).equals(bytes)).toBe(true);
  });

  it("takes pieces of any size", async () => {
    const bytes = randomBytes(50 * MiB + 1);
    const path = await client.open(bytes.length);
    let offset = 0;
    for (const size of [1, 8 * MiB, 17 * MiB - 1, 100, bytes.length]) {
      const piece = bytes.subarray(offset, offset + size);
      const response = await client.patch(path, offset, piece);
      expect(response.status).toBe(204);
      offset += piece.length;
      expect(response.headers.get("Upload-Offset")).toBe(String(offset));
    }
    expect((await client.content(path)).equals(bytes)).toBe(true);
  });

  it("answers 404 to unknown, foreign and malformed uploads", async () => {
    const path = await client.open(5);
    for (const one of [UNKNOWN, "/files/name"]) {
      expect(await statusOf(client.patch(one, 0, "1"))).toBe(404);
      expect(await client.offset(one)).toBe(-404);
      expect(await statusOf(client.send("DELETE", one, TUS))).toBe(404);
    }
    expect(await statusOf(foreign.patch(path, 0, "1"))).toBe(404);
    expect(await foreign.offset(path)).toBe(-404);
    expect(await statusOf(foreign.send("DELETE", path, TUS))).toBe(404);
    expect(await client.offset(path)).toBe(0);
  });

  it("looks at the headers before it looks for the upload", async () => {
    expect(await statusOf(client.patch(UNKNOWN, "x", "1"))).toBe(400);
    const text = { "Content-Type": "text/plain" };
    expect(await statusOf(client.patch(UNKNOWN, 0, "1", text))).toBe(415);
    expect(await statusOf(client.patch(UNKNOWN, 0, "1", { "Upload-Checksum": "x" }))).toBe(400);
    const stranger = { ...TUS, "Upload-Offset": "x" };
    const refused = await service.fetch(UNKNOWN, { method: "PATCH", headers: stranger });
    expect(refused.status).toBe(401);
  });

  it.each([1, 2, 3, 4, 5])(
    "never tells the whole length on HEAD before the artifact is there (%i)",
    async () => {
      const path = await client.open(1 * MiB);
      const bytes = randomBytes(1 * MiB);
      const sending = { isDone: false };
      const send = async () => {
        // All or nothing: no newcomer ends it.
        const last = { "Upload-Checksum": sum("sha1", bytes) };
        const status = await statusOf(client.patch(path, 0, bytes, last));
        sending.isDone = true;
        return status;
      };
      const sent = send();
      const artifacts: (string | null)[] = [];
      while (!sending.isDone) {
        const { status, headers } = await client.head(path);
        expect([200, 423]).toContain(status);
        if (headers.get("Upload-Offset") === String(1 * MiB)) {
          artifacts.push(headers.get("Stowage-Artifact"));
        }
      }
      expect(await sent).toBe(204);
      expect((await client.head(path)).headers.get("Stowage-Artifact")).not.toBeNull();
      expect(artifacts.filter((artifact) => artifact === null)).toEqual([]);
    },
  );

  it("answers 412 without the version", async () => {
    const path = await client.open(5);
    const headers = { "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream" };
    expect(await statusOf(client.send("PATCH", path, headers, "1"))).toBe(412);
    expect(await statusOf(client.send("HEAD", path, { "Tus-Resumable": "2.0.0" }))).toBe(412);
  });
});

describe("a deferred length", () => {
  it("is said once, with any PATCH, and completes the upload", async () => {
    const path = await client.open(null);
    expect((await client.head(path)).headers.get("Upload-Defer-Length")).toBe("1");
    await client.patch(path, 0, "123");
    const said = await client.patch(path, 3, "", { "Upload-Length": "5" });
    expect(said.status).toBe(204);
    const head = await client.head(path);
    expect(head.headers.get("Upload-Length")).toBe("5");
    expect(head.headers.get("Upload-Defer-Length")).toBeNull();
    expect(await statusOf(client.patch(path, 3, "4", { "Upload-Length": "6" }))).toBe(400);
    expect(await statusOf(client.patch(path, 3, "45", { "Upload-Length": "5" }))).toBe(204);
    expect((await client.content(path)).toString()).toBe("12345");
  });

  it("cannot be less than what is there", async () => {
    const path = await client.open(null);
    await client.patch(path, 0, "123");
    expect(await statusOf(client.patch(path, 3, "", { "Upload-Length": "2" }))).toBe(400);
    const done = await client.patch(path, 3, "", { "Upload-Length": "3" });
    expect(done.headers.get("Stowage-Artifact")).not.toBeNull();
  });
});

describe("Upload-Checksum", () => {
  it.each(["sha1", "sha256", "sha512", "md5"])(
    "makes a PATCH all or nothing by %s",
    async (algorithm) => {
      const path = await client.open(6);
      const wrong = await client.patch(path, 0, "123", {
        "Upload-Checksum": sum(algorithm, "124"),
      });
      expect(wrong.status).toBe(460);
      expect(await client.offset(path)).toBe(0);
      const right = await client.patch(path, 0, "123", {
        "Upload-Checksum": sum(algorithm, "123"),
      });
      expect(right.headers.get("Upload-Offset")).toBe("3");
      const digest = `sha-256=:${createHash("sha256").update("456").digest("base64")}:`;
      expect(await statusOf(client.patch(path, 3, "457", { "Content-Digest": digest }))).toBe(460);
      expect(await statusOf(client.patch(path, 3, "456", { "Content-Digest": digest }))).toBe(204);
    },
  );

  it.each(["crc32 AAAA", "sha1", "sha1 !", "sha1 AAAA", `${sum("sha1", "1")} x`, ""])(
    "answers 400 to '%s'",
    async (checksum) => {
      const path = await client.open(6);
      expect(await statusOf(client.patch(path, 0, "1", { "Upload-Checksum": checksum }))).toBe(400);
    },
  );

  it("of the whole, in the metadata, drops all bytes when it differs", async () => {
    const sha256 = createHash("sha256").update("right").digest("hex");
    const path = await client.open(5, { "Upload-Metadata": metadataOf({ sha256 }) });
    expect(await statusOf(client.patch(path, 0, "wrong"))).toBe(460);
    expect(await client.offset(path)).toBe(0);
    expect(await statusOf(client.patch(path, 0, "right"))).toBe(204);
  });
});

describe("every answer", () => {
  it.each([
    ["OPTIONS", "/files/", 204],
    ["POST", "/files/", 400],
    ["POST", "/files/", 201],
    ["HEAD", UNKNOWN, 404],
    ["PATCH", UNKNOWN, 400],
    ["DELETE", UNKNOWN, 404],
    ["GET", UNKNOWN, 404],
    ["PUT", "/files/", 405],
    ["PATCH", "/files/", 405],
    ["POST", `${UNKNOWN}/more`, 404],
  ])(
    "of %s %s, here %i, is for browsers of other sites and for nobody to keep",
    async (method, path, status) => {
      const length: Record<string, string> = status === 201 ? { "Upload-Length": "9" } : {};
      const response = await client.send(method, path, {
        ...TUS,
        ...length,
        Origin: "https://a.example",
      });
      await response.body?.cancel();
      expect(response.status).toBe(status);
      const { headers } = response;
      expect(headers.get("Tus-Resumable")).toBe("1.0.0");
      expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(headers.get("Access-Control-Expose-Headers")).toContain("Upload-Offset");
      expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
      expect(headers.get("X-Request-Id")).not.toBeNull();
      if (method !== "OPTIONS") {
        expect(headers.get("Cache-Control")).toBe("no-store");
      }
    },
  );
});

describe("DELETE /files/:upload", () => {
  it("ends an upload", async () => {
    const path = await client.open(5);
    await client.patch(path, 0, "123");
    expect(await statusOf(client.send("DELETE", path, TUS))).toBe(204);
    expect(await client.offset(path)).toBe(-404);
    expect(await statusOf(client.patch(path, 3, "45"))).toBe(404);
    expect(await statusOf(client.send("DELETE", path, TUS))).toBe(404);
  });

  it("answers 403 once it is an artifact", async () => {
    const path = await client.open(1);
    await client.patch(path, 0, "1");
    expect(await statusOf(client.send("DELETE", path, TUS))).toBe(403);
  });
});

describe("X-HTTP-Method-Override", () => {
  it("stands for the method", async () => {
    const path = await client.open(2);
    const headers = {
      ...TUS,
      "Upload-Offset": "0",
      "Content-Type": "application/offset+octet-stream",
      "X-HTTP-Method-Override": "PATCH",
    };
    expect(await statusOf(client.send("POST", path, headers, "1"))).toBe(204);
    const head = await client.send("POST", path, { ...TUS, "X-HTTP-Method-Override": "HEAD" });
    expect([head.status, head.headers.get("Upload-Offset")]).toEqual([200, "1"]);
    const wrong = { ...TUS, "X-HTTP-Method-Override": "PURGE" };
    expect(await statusOf(client.send("POST", path, wrong))).toBe(400);
    expect(await statusOf(client.send("POST", "/files/", wrong))).toBe(400);
    const end = { ...TUS, "X-HTTP-Method-Override": "DELETE" };
    expect(await statusOf(client.send("POST", path, end))).toBe(204);
  });
});

describe("GET /files/:upload", () => {
  it("tells the standing without a body, and sends the bytes once all are there", async () => {
    const path = await client.open(4);
    await client.patch(path, 0, "12");
    const open = await client.send("GET", path, TUS);
    expect([open.status, open.headers.get("Upload-Offset"), await open.text()]).toEqual([
      204,
      "2",
      "",
    ]);
    const complete = (await client.patch(path, 2, "34")).headers;
    expect(complete.get("Stowage-Artifact")).not.toBeNull();
    const whole = await client.send("GET", path, TUS);
    const etag = whole.headers.get("ETag") ?? "";
    expect([whole.status, await whole.text()]).toEqual([200, "1234"]);
    const same = await client.send("GET", path, { ...TUS, "If-None-Match": etag });
    expect(same.status).toBe(304);
    expect((await client.send("GET", path, { ...TUS, Range: "bytes=9-" })).status).toBe(416);
    const part = await client.send("GET", path, { ...TUS, Range: "bytes=1-2" });
    expect([part.status, await part.text()]).toEqual([206, "23"]);
    expect(part.headers.get("Upload-Complete")).toBe("?1");
    expect(part.headers.get("Upload-Offset")).toBe("4");
  });
});

describe("what POST /upload opened", () => {
  it("is an upload here too, until it is converted", async () => {
    const uuid = await service.openUpload(client.bearer);
    const path = `/files/${uuid}`;
    expect(await statusOf(client.patch(path, 0, "123"))).toBe(204);
    const head = await client.head(path);
    expect([head.headers.get("Upload-Offset"), head.headers.get("Upload-Defer-Length")]).toEqual([
      "3",
      "1",
    ]);
    await service.convert(uuid, "converted", client.bearer);
    expect((await client.head(path)).headers.get("Stowage-Version")).toBe("1");
  });

  it("and the other way round: what tus opened is truncated and converted by Shaken Fist's API", async () => {
    const path = await client.open(10);
    await client.patch(path, 0, "12345");
    const uuid = path.replace("/files/", "");
    expect((await service.truncate(uuid, 3, client.bearer)).status).toBe(200);
    // An offset that was told never falls.
    expect(await client.offset(path)).toBe(-404);
    const artifact = await service.convert(uuid, "cut", client.bearer);
    expect(artifact.blobs["1"]?.size).toBe(3);
  });
});

describe("Upload-Concat", () => {
  async function part(bytes: string | Buffer): Promise<string> {
    const path = await client.open(bytes.length, { "Upload-Concat": "partial" });
    expect(await statusOf(client.patch(path, 0, bytes as BodyInit))).toBe(204);
    return path;
  }

  it("joins parts in their order, by address or path", async () => {
    const [one, two, three] = [
      randomBytes(9 * MiB),
      Buffer.from("middle"),
      randomBytes(17 * MiB + 3),
    ];
    const paths = [await part(one), await part(two), await part(three)];
    const concat = `final;${service.origin}${paths[0]} ${paths[1]} ${paths[2]}`;
    const metadata = metadataOf({ filename: "joined.bin" });
    const response = await client.create({ "Upload-Concat": concat, "Upload-Metadata": metadata });
    expect(response.status).toBe(201);
    expect(response.headers.get("Upload-Concat")).toBe(concat);
    const path = new URL(response.headers.get("Location") ?? "").pathname;
    const head = await client.head(path);
    const all = Buffer.concat([one, two, three]);
    expect([head.headers.get("Upload-Offset"), head.headers.get("Upload-Concat")]).toEqual([
      String(all.length),
      concat,
    ]);
    const digest = createHash("sha512").update(all).digest("base64");
    expect(head.headers.get("Repr-Digest")).toContain(digest);
    expect((await client.content(path)).equals(all)).toBe(true);
    expect(await client.offset(paths[0] ?? "")).toBe(-404);
    expect(await statusOf(client.patch(path, all.length, ""))).toBe(403);
  });

  it("takes a part twice", async () => {
    const path = await part("ab");
    const response = await client.create({ "Upload-Concat": `final;${path} ${path}` });
    expect(response.status).toBe(201);
    const final = new URL(response.headers.get("Location") ?? "").pathname;
    expect((await client.content(final)).toString()).toBe("abab");
  });

  it("does not publish a part", async () => {
    const path = await part("ab");
    const head = await client.head(path);
    expect([head.headers.get("Upload-Offset"), head.headers.get("Upload-Concat")]).toEqual([
      "2",
      "partial",
    ]);
    expect(head.headers.get("Stowage-Artifact")).toBeNull();
  });

  it.each([
    ["final;", 400],
    ["final", 400],
    ["final;/other/1", 400],
    [`final;${UNKNOWN}`, 400],
  ])("answers '%s' with %i", async (concat, status) => {
    expect(await statusOf(client.create({ "Upload-Concat": concat }))).toBe(status);
  });

  it("refuses parts that are not complete, not parts, or another's", async () => {
    const open = await client.open(5, { "Upload-Concat": "partial" });
    expect(await statusOf(client.create({ "Upload-Concat": `final;${open}` }))).toBe(409);
    const whole = await client.open(5);
    expect(await statusOf(client.create({ "Upload-Concat": `final;${whole}` }))).toBe(403);
    const path = await part("ab");
    expect(await statusOf(foreign.create({ "Upload-Concat": `final;${path}` }))).toBe(400);
    const length = { "Upload-Concat": `final;${path}`, "Upload-Length": "2" };
    expect(await statusOf(client.create(length))).toBe(400);
    expect(await statusOf(client.create({ "Upload-Concat": `final;${path}` }, "ab"))).toBe(400);
  });
});
