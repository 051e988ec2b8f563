// ?archive=tar and ?archive=zip under /a/: archives of known length, whole and in ranges, read with GNU tar,
// unzip and bsdtar (docs/conformance.md, `/a/`).

import { createHash, randomBytes, randomInt } from "node:crypto";
import { open, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DebusineClient } from "../support/debusine-client.ts";
import { insertVersion, newFile } from "../support/insert-version.ts";
import { addVersion, inByteOrder, loseObject, makeArtifact } from "../support/make-artifact.ts";
import type { Home, MadeArtifact, MadeFile } from "../support/make-artifact.ts";
import { manyFiles, pathOfMany } from "../support/many-files.ts";
import { rawRequest } from "../support/raw-request.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import type { ToolResult } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const FORMATS = ["tar", "zip"] as const;
type Format = (typeof FORMATS)[number];
const LONG = "n".repeat(180);

const FILES: MadeFile[] = [
  ...[0, 1, 511, 512, 513, 70_000].map((size) => ({
    path: `sizes/${size}.bin`,
    bytes: randomBytes(size),
  })),
  // More than one window of R2.
  { path: "large.bin", bytes: randomBytes(9 * MiB + 3) },
  ...[
    "doc/readme.txt",
    "doc/guide/intro.txt",
    "doc.txt",
    "two words/100%/a#b?c.txt",
    "Grüße/世界/🎉.txt",
    "-rf",
    "y".repeat(101),
    `${LONG}/${LONG}/${LONG}/${LONG}/deep.txt`,
  ].map((path) => ({ path, bytes: Buffer.from(`content of ${path}`) })),
];
const DOC = FILES.filter(({ path }) => path.startsWith("doc/"));

let service: Awaited<ReturnType<typeof startService>>;
let home: Home;
let artifact: MadeArtifact;
let root: string;
const whole = {} as Record<Format, Buffer>;

beforeAll(async () => {
  service = await startService();
  home = { workspace: "open", bearer: await service.makeWorkspace("open", { public: true }) };
  artifact = await makeArtifact(service, home, "release", FILES);
  root = `/a/${artifact.id}/`;
  for (const format of FORMATS) {
    whole[format] = (await get(`${root}?archive=${format}`)).body;
  }
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  return rawRequest(service.origin, path, { method, headers });
}

/** Extracts an archive with one of the tools and gives the files by path; nothing else may come out. */
async function extract(
  archive: Buffer,
  command: (file: string, into: string) => readonly [string, ...string[]],
): Promise<Map<string, Buffer>> {
  await using folder = await makeFolder();
  const file = join(folder.path, "archive");
  await writeFile(file, archive);
  await using into = await makeFolder();
  const [tool, ...args] = command(file, into.path);
  const { code, output } = await runTool(tool, ...args);
  expect({ code, output }).toEqual({ code: 0, output: "" });
  const found = new Map<string, Buffer>();
  for (const entry of await readdir(into.path, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isDirectory()) {
      expect((await stat(path)).mode & 0o777).toBe(0o644);
      found.set(path.slice(into.path.length + 1), await readFile(path));
    }
  }
  return found;
}

const TOOLS = {
  "GNU tar": ["tar", (file: string, into: string) => ["tar", "-xpf", file, "-C", into]],
  "bsdtar (tar)": ["tar", (file: string, into: string) => ["bsdtar", "-xpf", file, "-C", into]],
  "bsdtar (zip)": ["zip", (file: string, into: string) => ["bsdtar", "-xpf", file, "-C", into]],
  unzip: ["zip", (file: string, into: string) => ["unzip", "-qq", file, "-d", into]],
} as const;

function expectFiles(found: Map<string, Buffer>, files: readonly MadeFile[]): void {
  expect([...found.keys()].toSorted()).toEqual(files.map(({ path }) => path).toSorted());
  for (const { path, bytes } of files) {
    expect([path, found.get(path)?.equals(bytes)]).toEqual([path, true]);
  }
}

/** Runs a tool on an archive that may be mostly holes. */
async function onFile(archive: Buffer, tool: string, ...args: string[]): Promise<ToolResult> {
  await using folder = await makeFolder();
  const file = join(folder.path, "archive");
  await writeFile(file, archive);
  return await runTool(tool, ...args, file);
}

describe("an archive of known length", () => {
  it.each(Object.entries(TOOLS))("gives every file with its bytes to %s", async (_, tool) => {
    const [format, command] = tool;
    expectFiles(await extract(whole[format], command as never), FILES);
  });

  it("passes the test of unzip, checksums included", async () => {
    const { code, output } = await onFile(whole.zip, "unzip", "-tqq");
    expect({ code, output }).toEqual({ code: 0, output: "" });
  });

  it.each(FORMATS)("as %s has its members in byte order, without folders", async (format) => {
    const { output } = await onFile(whole[format], "bsdtar", "-tf");
    expect(output.split("\n").slice(0, -1)).toEqual(inByteOrder(FILES.map(({ path }) => path)));
  });

  it.each(FORMATS)("as %s of a folder has its files alone, by their whole path", async (format) => {
    const { body } = await get(`${root}doc/?archive=${format}`);
    const command = (file: string, into: string) => ["bsdtar", "-xpf", file, "-C", into] as const;
    expectFiles(await extract(body, command), DOC);
  });

  it("dates its members by the version, to the second", async () => {
    const { id } = await makeArtifact(service, home, "dated", [
      { path: "run.sh", bytes: Buffer.of() },
    ]);
    await service.env.DB.prepare("UPDATE versions SET created_at = ?2 WHERE artifact_id = ?1")
      .bind(id, Date.UTC(2020, 1, 29, 12, 34, 57, 789))
      .run();
    for (const format of FORMATS) {
      await using folder = await makeFolder();
      const file = join(folder.path, "archive");
      await writeFile(file, (await get(`/a/${id}/?archive=${format}`)).body);
      expect((await runTool("bsdtar", "-xpf", file, "-C", folder.path)).code).toBe(0);
      const { mtimeMs } = await stat(join(folder.path, "run.sh"));
      expect([format, mtimeMs]).toEqual([format, Date.UTC(2020, 1, 29, 12, 34, 57)]);
    }
  });

  it.each(FORMATS)("as %s is the same by id, uuid and version", async (format) => {
    const urls = [`${root}doc/?`, `/a/${artifact.uuid}/doc/?`, `${root}doc/?version=1&`];
    const replies = await Promise.all(urls.map((url) => get(`${url}archive=${format}`)));
    expect(new Set(replies.map(({ body }) => body.toString("latin1"))).size).toBe(1);
  });

  it("of no files is an empty tar, and an empty zip", async () => {
    const { id } = await makeArtifact(service, home, "nothing", []);
    expect((await get(`/a/${id}/?archive=tar`)).body).toEqual(Buffer.alloc(1024));
    expect((await get(`/a/${id}/?archive=zip`)).body).toEqual(
      Buffer.concat([Buffer.from("PK\u0005\u0006"), Buffer.alloc(18)]),
    );
  });
});

describe("the headers of an archive of known length", () => {
  it.each([
    ["tar", "application/x-tar"],
    ["zip", "application/zip"],
  ] as const)("of %s", async (format, type) => {
    const { status, headers, body } = await get(`${root}doc/?archive=${format}&version=1`);
    expect([status, headers["content-length"]]).toEqual([200, String(body.length)]);
    expect(headers).toMatchObject({
      "content-type": type,
      "content-disposition": `attachment; filename="artifact-${artifact.id}-doc.${format}"`,
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=86400, no-transform",
      etag: expect.stringMatching(/^"[\w-]+"$/u),
    });
    const head = await get(`${root}doc/?archive=${format}&version=1`, {}, "HEAD");
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of Object.keys(headers)) {
      if (!["date", "x-request-id"].includes(name)) {
        expect([name, head.headers[name]]).toEqual([name, headers[name]]);
      }
    }
  });

  it("have an ETag of their own for each format, folder and version", async () => {
    const other = await makeArtifact(service, home, "again", DOC);
    await addVersion(service, home, other, DOC);
    const urls = [root, `${root}doc/`, `${root}doc/guide/`].flatMap((url) =>
      FORMATS.map((format) => `${url}?archive=${format}`),
    );
    urls.push(`/a/${other.id}/?archive=tar&version=1`, `/a/${other.id}/?archive=tar&version=2`);
    const replies = await Promise.all(urls.map((url) => get(url, {}, "HEAD")));
    expect(new Set(replies.map(({ headers }) => headers["etag"])).size).toBe(urls.length);
  });

  it.each(FORMATS)("allow conditions on %s", async (format) => {
    const url = `${root}?archive=${format}`;
    const { headers } = await get(url, {}, "HEAD");
    const etag = headers["etag"] ?? "";
    expect((await get(url, { "If-None-Match": etag })).status).toBe(304);
    expect((await get(url, { "If-Match": '"other"' })).status).toBe(412);
    const range = { Range: "bytes=100-199" };
    expect((await get(url, { ...range, "If-Range": etag })).status).toBe(206);
    const stale = await get(url, { ...range, "If-Range": '"other"' });
    expect([stale.status, stale.body.equals(whole[format])]).toEqual([200, true]);
    const beyond = await get(url, { Range: `bytes=${whole[format].length}-` });
    expect([beyond.status, beyond.headers["content-range"]]).toEqual([
      416,
      `bytes */${whole[format].length}`,
    ]);
  });
});

describe("a range of an archive", () => {
  it.each(FORMATS)(
    "of %s is what the whole has there, wherever it begins and ends",
    async (format) => {
      const { length } = whole[format];
      // Around every header, where members begin and end, at random places, and at both ends.
      const starts = [...FILES.map(({ path }) => whole[format].indexOf(path) - randomInt(60)), 0];
      starts.push(
        length - 1,
        length - 1025,
        ...Array.from({ length: 20 }, () => randomInt(length)),
      );
      const ranges = starts.map((start) => {
        const first = Math.max(start, 0);
        return [first, Math.min(first + 2 ** randomInt(16), length)] as const;
      });
      const replies = await Promise.all(
        ranges.map(([first, end]) =>
          get(`${root}?archive=${format}`, { Range: `bytes=${first}-${end - 1}` }),
        ),
      );
      expect(
        replies.map(({ status, body }, at) => {
          const [first, end] = ranges[at] ?? [0, 0];
          return [status, first, end, body.equals(whole[format].subarray(first, end))];
        }),
      ).toEqual(ranges.map(([first, end]) => [206, first, end, true]));
    },
  );

  it.each(FORMATS)("of a folder's %s counts from its own beginning", async (format) => {
    const url = `${root}doc/?archive=${format}`;
    const { body } = await get(url);
    for (const first of [1, 600, body.length - 40]) {
      const part = await get(url, { Range: `bytes=${first}-` });
      expect([first, part.body.equals(body.subarray(first))]).toEqual([first, true]);
    }
  });

  it.each(FORMATS)("of %s may come with others", async (format) => {
    const { headers, status, body } = await get(`${root}?archive=${format}`, {
      Range: "bytes=9000000-9000099,0-9,-30",
    });
    expect([status, headers["content-length"]]).toEqual([206, String(body.length)]);
    const parts = body.toString("latin1").split(/\r\n--.*\r\n|^--.*\r\n/u);
    const contents = parts.map((part) => part.split("\r\n\r\n").slice(1).join("\r\n\r\n"));
    const wanted = [whole[format].subarray(9_000_000, 9_000_100), whole[format].subarray(0, 10)];
    wanted.push(whole[format].subarray(-30));
    expect(contents.filter((content) => content !== "")).toEqual(
      wanted.map((bytes) => bytes.toString("latin1")),
    );
  });

  it.each([
    ["curl -C -", "tar", "curl", ["-qsSf", "-C", "-", "-o"]],
    ["curl -C -", "zip", "curl", ["-qsSf", "-C", "-", "-o"]],
    ["wget -c", "tar", "wget", ["-q", "-c", "-O"]],
    ["wget -c", "zip", "wget", ["-q", "-c", "-O"]],
  ] as const)("lets %s go on with a broken %s", async (_, format, tool, args) => {
    await using folder = await makeFolder();
    const file = join(folder.path, "archive");
    for (const held of [randomInt(9 * MiB), whole[format].length - 20]) {
      await writeFile(file, whole[format].subarray(0, held));
      const { code } = await runTool(
        tool,
        ...args,
        file,
        `${service.origin}${root}?archive=${format}`,
      );
      expect([held, code]).toEqual([held, 0]);
      expect([held, (await readFile(file)).equals(whole[format])]).toEqual([held, true]);
    }
  });
});

describe("an archive whose bytes are not all there", () => {
  it("is refused while files are missing", async () => {
    const client = new DebusineClient(service, { Authorization: `Bearer ${home.bearer}` });
    const files = { there: randomBytes(10), "under/way": randomBytes(20) };
    const { id } = await client.make(files, { workspace: home.workspace });
    await client.put(id, "there", files.there);
    for (const format of ["tar.gz", ...FORMATS]) {
      for (const method of ["GET", "HEAD"]) {
        expect((await get(`/a/${id}/?archive=${format}`, {}, method)).status).toBe(409);
      }
    }
  });

  it("is cut where they end, never filled up", async () => {
    const files = ["a", "b", "c"].map((path) => ({ path, bytes: randomBytes(400_000) }));
    const { id } = await makeArtifact(service, home, "broken", files);
    const urls = FORMATS.map((format) => `/a/${id}/?archive=${format}`);
    const before = await Promise.all(urls.map((url) => get(url)));
    await loseObject(service, files[1]?.bytes ?? Buffer.of());
    for (const [at, url] of urls.entries()) {
      const bytes = before[at]?.body ?? Buffer.of();
      const { body, isComplete } = await get(url);
      expect(isComplete).toBe(false);
      expect(body.length).toBeLessThan(800_000);
      expect(bytes.subarray(0, body.length).equals(body)).toBe(true);
      // What does not need them is there.
      const start = bytes.length - 300_000;
      const part = await get(url, { Range: `bytes=${start}-` });
      expect([part.status, part.body.equals(bytes.subarray(start))]).toEqual([206, true]);
    }
  });
});

describe("an archive of 9 GiB", () => {
  const ENDS = 256 * KiB;
  const small = [
    { path: "a", bytes: Buffer.from("first") },
    { path: "z", bytes: Buffer.from("last") },
  ];
  /** As many extents. */
  const disk = { path: "huge.img", bytes: randomBytes(8 * MiB), times: 1_152 };
  let huge: MadeArtifact;

  beforeAll(async () => {
    huge = await makeArtifact(service, home, "huge", [...small, disk]);
  });

  it.each([
    ["tar", "tar", ["-tvf"], ["-xOf"]],
    ["zip", "unzip", ["-lv"], ["-p"]],
    ["zip", "bsdtar", ["-tvf"], ["-xOf"]],
  ] as const)("as %s is read by %s", async (format, tool, list, extractOne) => {
    const url = `/a/${huge.id}/?archive=${format}`;
    const size = Number((await get(url, {}, "HEAD")).headers["content-length"]);
    expect(size).toBeGreaterThan(9 * GiB);
    // Its ends with a hole between them: the headers of all members are there.
    await using folder = await makeFolder();
    const file = join(folder.path, "archive");
    await writeFile(file, (await get(url, { Range: `bytes=0-${ENDS - 1}` })).body);
    await truncate(file, size);
    const target = await open(file, "r+");
    const { body } = await get(url, { Range: `bytes=-${ENDS}` });
    await target.write(body, 0, ENDS, size - ENDS);
    await target.close();
    const listed = await runTool(tool, ...list, file);
    expect([listed.code, listed.output]).toEqual([0, expect.stringContaining(String(9 * GiB))]);
    const last = await runTool(tool, ...extractOne, file, "z");
    expect(last).toEqual({ code: 0, output: "last" });
  });

  it("gives bytes from its middle at once, from two objects", async () => {
    const border = 2 * KiB + 512 + 640 * disk.bytes.length; // behind `a` and the three blocks of its header
    const began = performance.now();
    const { body, status } = await get(`/a/${huge.id}/?archive=tar`, {
      Range: `bytes=${border - 50}-${border + 49}`,
    });
    expect(status).toBe(206);
    expect(body).toEqual(Buffer.concat([disk.bytes.subarray(-50), disk.bytes.subarray(0, 50)]));
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("an archive of 100,000 files (T19)", () => {
  const FILES_EACH = 250;
  const EMPTY = {
    sha256: new Uint8Array(createHash("sha256").digest()),
    sha512: new Uint8Array(createHash("sha512").digest()),
  };
  let url: string;

  beforeAll(async () => {
    const { id } = await makeArtifact(service, home, "many", [{ path: "a", bytes: Buffer.of() }]);
    const many = { folders: 400, filesEach: FILES_EACH };
    service.tampered = null; // to number so many entries again takes half a minute
    const empty = newFile({ path: "", size: 0, crc32: 0, extents: [], ...EMPTY });
    await insertVersion(service.env, id, manyFiles(many, empty));
    url = `/a/${id}/?archive=`;
  });

  it.each(["tar.gz", ...FORMATS])("as %s begins at once", async (format) => {
    const began = performance.now();
    const reply = await service.fetch(url + format);
    const reader = reply.body?.getReader();
    await reader?.read();
    expect(performance.now() - began).toBeLessThan(5_000); // some hundred on a quiet machine
    await reader?.cancel();
  });

  it("is a whole zip64, and the same in ranges", async () => {
    const { body } = await get(`${url}zip`);
    expect(await onFile(body, "unzip", "-tqq")).toEqual({ code: 0, output: "" });
    const { output } = await onFile(body, "bsdtar", "-tf");
    expect(output.split("\n").slice(0, -1)).toEqual(
      Array.from({ length: 100_000 }, (_, at) => pathOfMany(at, FILES_EACH)),
    );
    for (const first of [3_000_000, body.length - 1_000_000]) {
      const part = await get(`${url}zip`, { Range: `bytes=${first}-${first + 999}` });
      expect(part.body.equals(body.subarray(first, first + 1_000))).toBe(true);
    }
  });
});
