// Folders: uploads of /files/ that become the files of one artifact (docs/conformance.md, tus, and docs/clients.md).

import { createHash, randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FilesClient, metadataOf } from "../support/files-client.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

let service: RunningService;
let client: FilesClient;
let foreign: FilesClient;

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
  foreign = new FilesClient(service, await service.makeWorkspace("foreign"));
});

afterAll(() => service[Symbol.asyncDispose]());

interface Folder {
  [path: string]: Buffer<ArrayBuffer>;
}

/** Uploads a file of a bundle as Uppy does, and gives the upload's address. */
async function add(
  bundle: string,
  path: string,
  content: Buffer<ArrayBuffer>,
  more = {},
): Promise<string> {
  const filename = path.split("/").at(-1) ?? "";
  const metadata = metadataOf({ bundle, filename, relativePath: path, ...more });
  const at = await client.open(content.length, { "Upload-Metadata": metadata });
  if (content.length > 0) {
    expect((await client.patch(at, 0, content)).status).toBe(204);
  }
  return at;
}

async function addAll(bundle: string, folder: Folder): Promise<{ upload: string }[]> {
  const uploads = [];
  for (const [path, content] of Object.entries(folder)) {
    uploads.push({ upload: await add(bundle, path, content) });
  }
  return uploads;
}

function tie(bundle: string, body: object, by = client): Promise<Response> {
  return service.fetch(`/bundles/${bundle}`, {
    method: "POST",
    bearer: by.bearer,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

interface Tied {
  id: number;
  uuid: string;
  version: number;
  url: string;
  file_count: number;
  total_bytes: number;
}

async function made(reply: Promise<Response>): Promise<Tied> {
  const response = await reply;
  if (response.status !== 200) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  return (await response.json()) as Tied;
}

async function contentOf(id: number, path: string, version = 1): Promise<Buffer> {
  const response = await service.fetch(`/a/${id}/${path}?version=${version}`, {
    bearer: client.bearer,
  });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

const UPLOAD = "00000000-0000-4000-8000-000000000000";

describe("POST /bundles/<bundle>", () => {
  it("makes the uploads of a folder one artifact, by their paths, with their types and bytes", async () => {
    const folder: Folder = {
      "out/disk.img": randomBytes(9 * 1024 * 1024),
      "out/notes/readme.txt": Buffer.from("read me"),
      "out/empty": Buffer.alloc(0),
    };
    const uploads = await addAll("build-7", folder);
    const tied = await made(tie("build-7", { name: "build seven", files: uploads }));
    expect(tied).toMatchObject({ version: 1, file_count: 3 });
    expect(tied.total_bytes).toBe(9 * 1024 * 1024 + 7);
    expect(tied.url).toBe(`/a/${tied.id}/?version=1`);
    for (const [path, content] of Object.entries(folder)) {
      expect((await contentOf(tied.id, path)).equals(content)).toBe(true);
    }
    const listed = await service.fetch(`/artifacts/${tied.uuid}`, { bearer: client.bearer });
    expect(await listed.json()).toMatchObject({ name: "build seven" });
  });

  it("keeps what the client said of types, category and data", async () => {
    const at = await add("typed", "a.bin", Buffer.from("a"), { filetype: "text/x-log" });
    const { id } = await made(
      tie("typed", {
        files: [{ upload: at }],
        category: "debusine:test",
        data: { one: 1 },
        expire_at: "2999-01-01T00:00:00Z",
      }),
    );
    const shown = await service.fetch(`/api/1.0/artifact/${id}/`, { bearer: client.bearer });
    expect(await shown.json()).toMatchObject({
      category: "debusine:test",
      data: { one: 1 },
      expire_at: expect.stringMatching(/^2999-01-01/u) as string,
      files: { "a.bin": { content_type: "text/x-log" } },
    });
  });

  it("shows no success in the uploads and no artifact before it is called", async () => {
    const at = await add("later", "x/file", Buffer.from("bytes"));
    const head = await client.head(at);
    expect(head.headers.get("Upload-Offset")).toBe("5");
    expect(head.headers.get("Stowage-Artifact")).toBeNull();
    const listed = await service.fetch("/artifacts", { bearer: client.bearer });
    expect(JSON.stringify(await listed.json())).not.toContain("bundle/ci/later");
  });

  it("answers a repeat as the first, and adds a version for other uploads of the same bundle", async () => {
    const body = {
      files: await addAll("again", { "a/1": Buffer.from("1"), "a/2": Buffer.from("2") }),
    };
    const first = await made(tie("again", body));
    expect(await made(tie("again", body))).toEqual(first);
    const next = { files: await addAll("again", { "a/1": Buffer.from("3") }) };
    const second = await made(tie("again", next));
    expect(second).toMatchObject({ id: first.id, version: 2, file_count: 1 });
    expect((await contentOf(first.id, "a/1", 2)).toString()).toBe("3");
    expect((await contentOf(first.id, "a/2", 1)).toString()).toBe("2");
  });

  it("publishes once when it is called several times at the same time", async () => {
    const body = { files: await addAll("at-once", { a: Buffer.from("1"), b: Buffer.from("2") }) };
    const answers = await Promise.all([1, 2, 3, 4].map(() => tie("at-once", body)));
    const tied = await Promise.all(
      answers.filter(({ ok }) => ok).map(async (each) => (await each.json()) as Tied),
    );
    expect(tied.length).toBeGreaterThan(0);
    expect(new Set(tied.map(({ version }) => version))).toEqual(new Set([1]));
    expect(await made(tie("at-once", body))).toEqual(tied[0]);
  });

  it("takes paths from the request, and holds sizes and checksums against it", async () => {
    const content = Buffer.from("content");
    const sha256 = createHash("sha256").update(content).digest("hex");
    const upload = await add("checked", "old", content);
    const wrong = { files: [{ upload, sha256: "0".repeat(64) }] };
    expect((await tie("checked", wrong)).status).toBe(409);
    expect((await tie("checked", { files: [{ upload, size: 6 }] })).status).toBe(409);
    const right = { files: [{ upload, path: "new/name", sha256, size: 7 }] };
    const { id } = await made(tie("checked", right));
    expect((await contentOf(id, "new/name")).equals(content)).toBe(true);
  });

  it("takes an upload that was joined from parts", async () => {
    const pieces = [randomBytes(1_000), randomBytes(2_000)];
    const parts = [];
    for (const piece of pieces) {
      const at = await client.open(piece.length, { "Upload-Concat": "partial" });
      expect((await client.patch(at, 0, piece)).status).toBe(204);
      parts.push(at);
    }
    const joined = await client.create({
      "Upload-Concat": `final;${parts.join(" ")}`,
      "Upload-Metadata": metadataOf({ bundle: "joined", filename: "big" }),
    });
    expect(joined.status).toBe(201);
    const upload = joined.headers.get("Location");
    const { id } = await made(tie("joined", { files: [{ upload }] }));
    expect((await contentOf(id, "big")).equals(Buffer.concat(pieces))).toBe(true);
  });

  it("drops the bytes of an upload whose digest is another", async () => {
    const metadata = metadataOf({ bundle: "guarded", filename: "f", sha256: "0".repeat(64) });
    const at = await client.open(4, { "Upload-Metadata": metadata });
    expect((await client.patch(at, 0, "four")).status).toBe(460);
    expect(await client.offset(at)).toBe(0);
  });

  it("refuses what cannot be one folder, and changes nothing", async () => {
    const one = await add("bad", "a", Buffer.from("1"));
    const two = await add("bad", "a", Buffer.from("2"));
    const below = { upload: two, path: "a/b" };
    const cases: [object, number][] = [
      [{ files: [] }, 400],
      [{ files: [{ upload: one }, { upload: two }] }, 400],
      [{ files: [{ upload: one }, below] }, 400],
      [{ files: [{ upload: one }, { upload: one, path: "b" }] }, 400],
      [{ files: [{ upload: one, path: "../a" }] }, 400],
      [{ files: [{ upload: one, path: "" }] }, 400],
      [{ files: [{ upload: one, other: 1 }] }, 400],
      [{ files: [{ upload: one }], name: "a/b" }, 400],
      [{ files: [{ upload: one }], expire_at: "2000-01-01T00:00" }, 400],
      [{ files: [{ upload: one }], artifact_type: "tree" }, 400],
      [{ files: [{ upload: UPLOAD }] }, 404],
      [{ files: [{ upload: "nothing" }] }, 404],
      [{ files: Array.from({ length: 901 }, () => ({ upload: one })) }, 400],
    ];
    for (const [body, status] of cases) {
      expect([JSON.stringify(body).slice(0, 200), (await tie("bad", body)).status]).toEqual([
        JSON.stringify(body).slice(0, 200),
        status,
      ]);
    }
    expect(
      (await tie(encodeURIComponent("x".repeat(65)), { files: [{ upload: one }] })).status,
    ).toBe(400);
    expect(await client.offset(one)).toBe(1);
    expect((await tie("bad", { files: [{ upload: one }, { ...below, path: "b" }] })).status).toBe(
      200,
    );
  });

  it("refuses uploads that are incomplete, of another bundle or none, and those of others", async () => {
    const whole = await add("mine", "a", Buffer.from("1"));
    const metadata = metadataOf({ bundle: "mine", filename: "b" });
    const part = await client.open(5, { "Upload-Metadata": metadata });
    await client.patch(part, 0, "12");
    const files = [{ upload: whole }, { upload: part }];
    expect((await tie("mine", { files })).status).toBe(409);
    expect((await tie("other", { files: [{ upload: whole }] })).status).toBe(409);
    const plain = await client.open(1);
    expect((await tie("mine", { files: [{ upload: plain }] })).status).toBe(409);
    expect((await tie("mine", { files: [{ upload: whole }] }, foreign)).status).toBe(404);
    expect((await service.fetch("/bundles/mine", { method: "POST", body: "{}" })).status).toBe(401);
    await client.patch(part, 2, "345");
    expect((await tie("mine", { files })).status).toBe(200);
  });

  it("tells nothing of its uploads any more, nor of its own object", async () => {
    const at = await add("ended", "a", Buffer.from("1"));
    await made(tie("ended", { files: [{ upload: at }] }));
    expect((await client.head(at)).status).toBe(404);
    expect((await tie("ended", { files: [{ upload: at }], name: "other" })).status).toBe(404);
  });

  it("refuses a folder that the workspace has no room for, and its uploads stay", async () => {
    const small = new FilesClient(service, await service.makeWorkspace("small"));
    const upload = await small.open(100, {
      "Upload-Metadata": metadataOf({ bundle: "b", filename: "f" }),
    });
    await small.patch(upload, 0, Buffer.alloc(100));
    const system = await service.loginAsSystem();
    await service.json("PATCH", "/auth/namespaces/small", { quota_bytes: 50 }, system);
    expect((await tie("b", { files: [{ upload }] }, small)).status).toBe(507);
    expect(await small.offset(upload)).toBe(100);
    await service.json("PATCH", "/auth/namespaces/small", { quota_bytes: 150 }, system);
    expect((await tie("b", { files: [{ upload }] }, small)).status).toBe(200);
  });

  it("may be called by scripts of other sites", async () => {
    const preflight = await service.fetch("/bundles/b", { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Headers")).toContain("Authorization");
    const refused = await service.fetch("/bundles/b", { method: "POST" });
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });
});

describe("Upload-Metadata of a bundle", () => {
  it.each([
    [{ bundle: "a/b" }],
    [{ bundle: "x".repeat(65) }],
    [{ bundle: "b", relativePath: "../x" }],
    [{ bundle: "b", relativePath: "x//y" }],
  ])("is refused when it is %j", async (values) => {
    const response = await client.create({
      "Upload-Length": "1",
      "Upload-Metadata": metadataOf({ filename: "f", ...values }),
    });
    expect(response.status).toBe(400);
  });

  it("takes a path that begins with a slash, and Uppy's word for none", async () => {
    const uploads = [
      { upload: await add("uppy", "/top/a", Buffer.from("a")) },
      { upload: await add("uppy", "b", Buffer.from("b"), { relativePath: "null" }) },
    ];
    const { id } = await made(tie("uppy", { files: uploads }));
    expect((await contentOf(id, "top/a")).toString()).toBe("a");
    expect((await contentOf(id, "b")).toString()).toBe("b");
  });

  it("is refused for uploads by the IETF's protocol", async () => {
    const response = await client.send("POST", "/files/", {
      "Upload-Complete": "?0",
      "Upload-Metadata": metadataOf({ bundle: "b", filename: "f" }),
    });
    expect(response.status).toBe(400);
  });
});
