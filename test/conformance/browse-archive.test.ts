// ?archive=tar.gz under /a/, read with GNU tar (docs/conformance.md, `/a/`).

import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  addVersion,
  inByteOrder,
  listExtents,
  loseObject,
  makeArtifact,
  makeScattered,
} from "../support/make-artifact.ts";
import type { Home, MadeArtifact, MadeFile } from "../support/make-artifact.ts";
import { rawRequest } from "../support/raw-request.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";

const MiB = 1024 * 1024;
const BLOCK = 512;
const LONG = "n".repeat(180);

/** Sizes around a block's, and paths around the lengths that a ustar header has room for. */
const FILES: MadeFile[] = [
  ...[0, 1, 511, 512, 513, 10_240].map((size) => ({
    path: `sizes/${size}.bin`,
    bytes: randomBytes(size),
  })),
  { path: "large.bin", bytes: randomBytes(2 * MiB + 3) },
  { path: "zeros.bin", bytes: Buffer.alloc(700_000) },
  ...[
    "doc/readme.txt",
    "doc/guide/intro.txt",
    "doc.txt",
    "docs/other.txt",
    "two words/100%/a#b?c.txt",
    '<script>/it\'s "quoted".txt',
    "Grüße/世界/🎉.txt",
    "-rf",
    "x".repeat(100),
    "y".repeat(101),
    `${"p".repeat(90)}/${"q".repeat(90)}`,
    `${LONG}/${LONG}/${LONG}/${LONG}/deep.txt`,
  ].map((path) => ({ path, bytes: Buffer.from(`content of ${path}`) })),
];
/** Those whose path no ustar header can say. */
const PAX_PATHS = FILES.map(({ path }) => path).filter(
  (path) => /[^ -~]/u.test(path) || path.startsWith("yyy") || path.startsWith(LONG),
);

let service: Awaited<ReturnType<typeof startService>>;
let home: Home;
let artifact: MadeArtifact;
let root: string;

beforeAll(async () => {
  service = await startService();
  home = { workspace: "open", bearer: await service.makeWorkspace("open", { public: true }) };
  artifact = await makeArtifact(service, home, "release", FILES);
  root = `/a/${artifact.id}/`;
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, method = "GET") {
  return rawRequest(service.origin, path, { method });
}

/** The members of an archive as GNU tar names them. */
async function membersOf(archive: Buffer): Promise<string[]> {
  await using folder = await makeFolder();
  const file = join(folder.path, "archive.tar.gz");
  await writeFile(file, archive);
  const { code, output } = await runTool("tar", "--quoting-style=literal", "-tzf", file);
  expect(code).toBe(0);
  return output.split("\n").slice(0, -1);
}

/** The files that GNU tar makes of an archive, by path; nothing else may come out. */
async function extract(archive: Buffer): Promise<Map<string, Buffer>> {
  await using folder = await makeFolder();
  const file = join(folder.path, "archive.tar.gz");
  await writeFile(file, archive);
  await using into = await makeFolder();
  const { code, output } = await runTool("tar", "-xzf", file, "-C", into.path);
  expect({ code, output }).toEqual({ code: 0, output: "" });
  const found = new Map<string, Buffer>();
  for (const entry of await readdir(into.path, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isDirectory()) {
      expect((await stat(path)).isFile()).toBe(true);
      found.set(path.slice(into.path.length + 1), await readFile(path));
    }
  }
  return found;
}

function expectFiles(found: Map<string, Buffer>, files: readonly MadeFile[]): void {
  expect([...found.keys()].toSorted()).toEqual(files.map(({ path }) => path).toSorted());
  for (const { path, bytes } of files) {
    expect([path, found.get(path)?.equals(bytes)]).toEqual([path, true]);
  }
}

/** The type flags of a tar's headers, in order. */
function typesOf(tar: Buffer): string[] {
  const types: string[] = [];
  for (let at = 0; tar[at] !== 0;) {
    types.push(tar.toString("latin1", at + 156, at + 157));
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return types;
}

describe("GET /a/:id/?archive=tar.gz", () => {
  it("gives every file with its bytes to GNU tar", async () => {
    const { status, body, isComplete } = await get(`${root}?archive=tar.gz`);
    expect([status, isComplete]).toEqual([200, true]);
    expectFiles(await extract(body), FILES);
  });

  it("has its members in byte order of their path, and no folders among them", async () => {
    const { body } = await get(`${root}?archive=tar.gz`);
    expect(await membersOf(body)).toEqual(inByteOrder(FILES.map(({ path }) => path)));
  });

  it("has the members of a folder under their whole path, and none from beside it", async () => {
    const { body } = await get(`${root}doc/?archive=tar.gz`);
    expect(await membersOf(body)).toEqual(["doc/guide/intro.txt", "doc/readme.txt"]);
    expectFiles(
      await extract(body),
      FILES.filter(({ path }) => path.startsWith("doc/")),
    );
  });

  it.each(["two words/100%/", "Grüße/", "<script>/", `${LONG}/${LONG}/`])(
    "gives the folder %s",
    async (folder) => {
      const url = root + folder.split("/").map(encodeURIComponent).join("/");
      const { body } = await get(`${url}?archive=tar.gz`);
      expectFiles(
        await extract(body),
        FILES.filter(({ path }) => path.startsWith(folder)),
      );
    },
  );

  it("has all files, whichever page of the listing it is asked for from", async () => {
    const [whole, paged] = await Promise.all([
      get(`${root}?archive=tar.gz`),
      get(`${root}?archive=tar.gz&page=7`),
    ]);
    expect(paged.body.equals(whole.body)).toBe(true);
  });

  it("has members that anyone may own and read, dated by the version", async () => {
    const created = Date.UTC(2020, 1, 29, 12, 34, 56, 789);
    const { id } = await makeArtifact(service, home, "dated", [
      { path: "run.sh", bytes: Buffer.from("exit 0\n") },
    ]);
    await service.env.DB.prepare("UPDATE versions SET created_at = ?2 WHERE artifact_id = ?1")
      .bind(id, created)
      .run();
    await using folder = await makeFolder();
    const file = join(folder.path, "archive.tar.gz");
    await writeFile(file, (await get(`/a/${id}/?archive=tar.gz`)).body);
    const { output } = await runTool("tar", "--full-time", "-tvzf", file);
    // Without names of an owner and a group in the header, tar prints their numbers.
    expect(output).toMatch(/^-rw-r--r-- 0\/0 +7 2020-02-29 12:34:56 run\.sh\n$/u);
  });

  it("has a pax header only for a path that ustar cannot say", async () => {
    const types = typesOf(gunzipSync((await get(`${root}?archive=tar.gz`)).body));
    expect(types.filter((type) => type === "0").length).toBe(FILES.length);
    expect(types.filter((type) => type === "x").length).toBe(PAX_PATHS.length);
    expect(types.length).toBe(FILES.length + PAX_PATHS.length);
  });

  it("gives the same bytes every time, by id, uuid and version", async () => {
    const urls = [root, root, `/a/${artifact.uuid}/`].map((url) => `${url}?archive=tar.gz`);
    const replies = await Promise.all(
      [...urls, `${root}?version=1&archive=tar.gz`].map((url) => get(url)),
    );
    const [first] = replies;
    expect(replies.map(({ body }) => body.equals(first?.body ?? Buffer.of()))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it("gives an older version as it was", async () => {
    const made = await makeArtifact(service, home, "versions", [
      { path: "old", bytes: Buffer.from("1") },
    ]);
    await addVersion(service, home, made, [{ path: "new", bytes: Buffer.from("2") }]);
    const members = async (query: string) =>
      membersOf((await get(`/a/${made.id}/?archive=tar.gz${query}`)).body);
    expect(await members("")).toEqual(["new"]);
    expect(await members("&version=1")).toEqual(["old"]);
  });

  it.each([
    ["no files", []],
    ["an empty file", [{ path: "empty", bytes: Buffer.of() }]],
  ])("of %s is an archive that tar reads", async (name, files) => {
    const { id } = await makeArtifact(service, home, name, files);
    const { body, isComplete } = await get(`/a/${id}/?archive=tar.gz`);
    expect(isComplete).toBe(true);
    expectFiles(await extract(body), files);
    // Two blocks of zeros end every tar.
    expect(gunzipSync(body).subarray(-2 * BLOCK)).toEqual(Buffer.alloc(2 * BLOCK));
  });

  it("has exactly the 1,100 files that the listing shows", async () => {
    const contents = [Buffer.of(), Buffer.of(), Buffer.of(), Buffer.from("x"), Buffer.from("yz")];
    const files = Array.from({ length: 1_100 }, (_, at) => ({
      path: `${at % 11}/${at % 7}/${at}`,
      bytes: contents[at % contents.length] ?? Buffer.of(),
    }));
    const { id } = await makeArtifact(service, home, "many", files);
    const { body } = await get(`/a/${id}/?archive=tar.gz`);
    expectFiles(await extract(body), files);
    expect(await membersOf(body)).toEqual(inByteOrder(files.map(({ path }) => path)));
  });

  it("has a file whose bytes are in several objects", async () => {
    const { id, bytes } = await makeScattered(service, home, "disk.img");
    expect((await listExtents(service, bytes)).length).toBe(2);
    const whole = await get(`/a/${id}/?archive=tar.gz`);
    expectFiles(await extract(whole.body), [{ path: "disk.img", bytes }]);
    await loseObject(service, bytes, 1);
    expect((await get(`/a/${id}/?archive=tar.gz`)).isComplete).toBe(false);
  });
});

describe("the headers of an archive", () => {
  it.each([
    ["", (id: number) => `attachment; filename="artifact-${id}.tar.gz"`],
    ["doc/", (id: number) => `attachment; filename="artifact-${id}-doc.tar.gz"`],
    ["doc/guide/", (id: number) => `attachment; filename="artifact-${id}-doc_guide.tar.gz"`],
    [
      "Gr%C3%BC%C3%9Fe/",
      (id: number) =>
        `attachment; filename="artifact-${id}-Gr__e.tar.gz"; filename*=UTF-8''artifact-${id}-Gr%C3%BC%C3%9Fe.tar.gz`,
    ],
    [
      "two%20words/100%25/",
      (id: number) =>
        `attachment; filename="artifact-${id}-two words_100_.tar.gz"; filename*=UTF-8''artifact-${id}-two%20words_100%25.tar.gz`,
    ],
  ])("name it after the artifact and the folder '%s'", async (folder, disposition) => {
    const { headers } = await get(`${root}${folder}?archive=tar.gz`);
    expect(headers["content-disposition"]).toBe(disposition(artifact.id));
    expect(headers["content-type"]).toBe("application/gzip");
  });

  it("have no length and no coding: it is streamed, and the gzip is the content", async () => {
    const reply = await rawRequest(service.origin, `${root}?archive=tar.gz`, {
      headers: { "Accept-Encoding": "gzip, br", Range: "bytes=0-9" },
    });
    expect(reply.status).toBe(200);
    expect(reply.headers["content-length"]).toBeUndefined();
    expect(reply.headers["content-encoding"]).toBeUndefined();
    expect(reply.headers["transfer-encoding"]).toBe("chunked");
    expect(reply.body.subarray(0, 2)).toEqual(Buffer.of(0x1f, 0x8b));
  });

  it("are the same for HEAD, which has no body", async () => {
    const head = await get(`${root}doc/?archive=tar.gz`, "HEAD");
    const whole = await get(`${root}doc/?archive=tar.gz`);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of Object.keys(whole.headers)) {
      if (!["date", "x-request-id", "transfer-encoding"].includes(name)) {
        expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
      }
    }
  });
});

describe("an archive that cannot be finished", () => {
  it.each([
    ["first", 0],
    ["second", 1],
    ["last", 2],
  ])(
    "is cut off when the bytes of its %s member are gone, and never ends cleanly",
    async (_, at) => {
      const files = ["a", "b", "c"].map((path) => ({ path, bytes: randomBytes(400_000) }));
      const { id } = await makeArtifact(service, home, `broken-${at}`, files);
      await loseObject(service, files[at]?.bytes ?? Buffer.of());
      const url = `/a/${id}/?archive=tar.gz`;
      const reply = await get(url);
      // When nothing of it was sent, the local server in front answers 500 in the place of the cut.
      expect(reply.isComplete && reply.status < 500).toBe(false);
      await using folder = await makeFolder();
      const file = join(folder.path, "archive.tar.gz");
      const curl = await runTool("curl", "-qsSf", "-o", file, service.origin + url);
      expect([18, 22, 56]).toContain(curl.code);
    },
  );

  it("leaves the service in order when its client goes away in the middle", async () => {
    for (let client = 0; client < 5; client += 1) {
      const reply = await service.fetch(`${root}?archive=tar.gz`);
      const reader = reply.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    }
    const { body, isComplete } = await get(`${root}sizes/?archive=tar.gz`);
    expect(isComplete).toBe(true);
    expectFiles(
      await extract(body),
      FILES.filter(({ path }) => path.startsWith("sizes/")),
    );
  });

  it("tells curl's pipe to tar that something is missing", async () => {
    const files = ["a", "b"].map((path) => ({ path, bytes: randomBytes(300_000) }));
    const { id } = await makeArtifact(service, home, "piped", files);
    await loseObject(service, files[1]?.bytes ?? Buffer.of());
    await using folder = await makeFolder();
    const url = `${service.origin}/a/${id}/?archive=tar.gz`;
    const pipe = 'curl -qsSf "$1" | tar -xz -C "$2"';
    const { code } = await runTool("sh", "-c", pipe, "sh", url, folder.path);
    expect(code).not.toBe(0);
  });
});
