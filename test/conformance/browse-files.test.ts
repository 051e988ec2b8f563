// A file under /a/: bytes, ranges, preconditions and the headers around them (docs/conformance.md, Bytes, RFC 9110).

import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  addVersion,
  hexDigest,
  listExtents,
  loseObject,
  makeArtifact,
  makeScattered,
} from "../support/make-artifact.ts";
import type { Home } from "../support/make-artifact.ts";
import { makeWorkerToken } from "../support/make-token.ts";
import { rawRequest } from "../support/raw-request.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";

const MiB = 1024 * 1024;
const SIZE = 1000;
const data = randomBytes(SIZE);
const text = Buffer.from("a line of text\n".repeat(400));
const empty = Buffer.alloc(0);
const large = randomBytes(3 * MiB + 7);

/** Names that a header, a shell or a page could take for something else. */
const HOSTILE_NAMES = [
  "two words.txt",
  " leading and trailing ",
  "100%.txt",
  "%41.txt",
  "a#b?c=d&e.txt",
  'say "hi".txt',
  "it's (me)!*.txt",
  "a;filename=b.txt",
  "<script>alert(1).txt",
  "Grüße, мир, 世界 🎉.txt",
  "e\u0301.txt",
  "photo\u202Egpj.txt",
  "x".repeat(200),
];
const TYPED_NAMES = [
  "a.txt",
  "notes.TXT",
  "README",
  "data.json",
  "page.html.txt",
  "a.png",
  "a.jpg",
  "a.JPEG",
  "a.gif",
  "a.webp",
  "a.pdf",
  "page.html",
  "page.HTM",
  "page.xhtml",
  "page.txt.html",
  "image.svg",
  "image.svgz",
  "feed.xml",
  "sheet.xsl",
  "code.js",
  "code.mjs",
  "style.css",
  "app.wasm",
  "app.swf",
  "app.webmanifest",
  "disk.qcow2",
  "html",
  ".html",
];

let service: Awaited<ReturnType<typeof startService>>;
let home: Home;
let privateHome: Home;
let token: string;
/** The folders of the artifacts, with the slash: readable by all, and by `token` only. */
let open: string;
let hidden: string;

beforeAll(async () => {
  service = await startService();
  home = { workspace: "open", bearer: await service.makeWorkspace("open", { public: true }) };
  privateHome = { workspace: "hidden", bearer: await service.makeWorkspace("hidden") };
  ({ token } = await makeWorkerToken(service));
  const files = [
    { path: "data.bin", bytes: data },
    { path: "copy.bin", bytes: data },
    { path: "empty.bin", bytes: empty },
    { path: "empty.txt", bytes: empty },
    { path: "text.txt", bytes: text },
    { path: "large.bin", bytes: large },
    ...TYPED_NAMES.map((name) => ({ path: `types/${name}`, bytes: text })),
    ...HOSTILE_NAMES.map((name) => ({ path: `names/${name}/${name}`, bytes: data })),
  ];
  open = `/a/${(await makeArtifact(service, home, "open", files)).id}/`;
  hidden = `/a/${(await makeArtifact(service, privateHome, "hidden", files)).id}/`;
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, headers: Record<string, string> = {}) {
  return rawRequest(service.origin, path, { headers });
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function reprDigest(bytes: Uint8Array): string {
  const [sha256, sha512] = (["sha256", "sha512"] as const).map((name) =>
    Buffer.from(hexDigest(name, bytes), "hex").toString("base64"),
  );
  return `sha-256=:${sha256}:, sha-512=:${sha512}:`;
}

describe("GET /a/:id/:path", () => {
  it("gives the file's bytes with their length, digests and validators", async () => {
    const { status, headers, body } = await get(`${open}data.bin`);
    expect(status).toBe(200);
    expect(body).toEqual(data);
    expect(headers["content-length"]).toBe(String(SIZE));
    expect(headers["accept-ranges"]).toBe("bytes");
    expect(headers["repr-digest"]).toBe(reprDigest(data));
    expect(headers.etag).toMatch(/^"[!#-~]+"$/u);
    expect(headers["last-modified"]).toMatch(
      /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/u,
    );
  });

  it("gives equal contents one ETag and others another", async () => {
    const etags = await Promise.all(
      ["data.bin", "copy.bin", "text.txt", "empty.bin"].map(
        async (name) => (await get(open + name)).headers.etag,
      ),
    );
    expect(etags[1]).toBe(etags[0]);
    expect(new Set(etags).size).toBe(3);
  });

  it.each([
    ["data.bin", data],
    ["text.txt", text],
    ["empty.bin", empty],
    ["empty.txt", empty],
    ["large.bin", large],
  ])("answers HEAD of %s with the headers of GET and no body", async (name, bytes) => {
    const whole = await get(open + name, { "Accept-Encoding": "gzip" });
    const head = await rawRequest(service.origin, open + name, {
      method: "HEAD",
      headers: { "Accept-Encoding": "gzip", Range: "bytes=0-1" },
    });
    expect([whole.status, head.status, head.body.length]).toEqual([200, 200, 0]);
    expect(whole.body.equals(bytes)).toBe(true);
    expect(head.headers["content-length"]).toBe(String(bytes.length));
    expect(stable(head.headers)).toEqual(stable(whole.headers));
  });

  it("serves an empty file, of which no range can be had", async () => {
    for (const name of ["empty.bin", "empty.txt"]) {
      const { status, headers, body } = await get(open + name);
      expect([status, headers["content-length"], body.length]).toEqual([200, "0", 0]);
      expect(headers["repr-digest"]).toBe(reprDigest(empty));
      for (const range of ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=0-0,5-9"]) {
        const refused = await get(open + name, { Range: range });
        expect([refused.status, refused.headers["content-range"]]).toEqual([416, "bytes */0"]);
      }
    }
  });

  it("dates a file by its version, not by an earlier upload of the same bytes by somebody else", async () => {
    const bytes = randomBytes(64);
    await service.upload("theirs", bytes, privateHome.bearer);
    await service.env.DB.prepare("UPDATE contents SET created_at = ?2 WHERE sha512 = unhex(?1)")
      .bind(hexDigest("sha512", bytes), Date.UTC(2001, 1, 3))
      .run();
    const began = Math.floor(Date.now() / 1000) * 1000;
    const { id } = await service.upload("ours", bytes, home.bearer);
    const { headers } = await get(`/a/${id}/ours`);
    expect(Date.parse(headers["last-modified"] ?? "")).toBeGreaterThanOrEqual(began);
  });
});

/** The headers that two answers to the same question have in common. */
function stable(headers: Record<string, unknown>): Record<string, unknown> {
  const { date: _date, "x-request-id": _id, ...others } = headers;
  return others;
}

describe("Range", () => {
  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=0-99", 0, 100],
    ["bytes=500-", 500, 1000],
    ["bytes=999-", 999, 1000],
    ["bytes=0-", 0, 1000],
    ["bytes=-1", 999, 1000],
    ["bytes=-1000", 0, 1000],
    ["bytes=-5000", 0, 1000],
    ["bytes=990-5000", 990, 1000],
    ["bytes=990-99999999999999999999", 990, 1000],
    ["bytes=-99999999999999999999", 0, 1000],
    ["bytes=0000000000000000000000005-9", 5, 10],
    ["BYTES=5-9", 5, 10],
    ["bytes=5-9,", 5, 10],
    ["bytes=5-9,1000-", 5, 10],
    ["bytes=-0,5-9", 5, 10],
  ])("answers %s with 206 and those bytes", async (range, start, end) => {
    const { status, headers, body } = await get(`${open}data.bin`, { Range: range });
    expect(status).toBe(206);
    expect(headers["content-range"]).toBe(`bytes ${start}-${end - 1}/${SIZE}`);
    expect(headers["content-length"]).toBe(String(end - start));
    expect(headers["repr-digest"]).toBe(reprDigest(data));
    expect(body).toEqual(data.subarray(start, end));
  });

  it.each([
    "bytes=1000-",
    "bytes=1000-2000",
    "bytes=-0",
    "bytes=1000-,-0",
    "bytes=99999999999999999999-",
    "bytes=99999999999999999998-99999999999999999999",
  ])("answers %s, which no byte is in, with 416 and the size", async (range) => {
    const { status, headers, body } = await get(`${open}data.bin`, { Range: range });
    expect([status, headers["content-range"]]).toEqual([416, `bytes */${SIZE}`]);
    expect(body.length).toBe(0);
    expect(headers["cache-control"]).toBe("no-store");
  });

  it.each([
    ["a last byte before the first", "bytes=5-1"],
    ["the same in twenty digits", "bytes=99999999999999999999-99999999999999999998"],
    ["letters", "bytes=a-b"],
    ["nothing after the unit", "bytes="],
    ["only a dash", "bytes=-"],
    ["only the unit", "bytes"],
    ["a negative number", "bytes=--5"],
    ["three numbers", "bytes=1-2-3"],
    ["a hexadecimal number", "bytes=0x1-5"],
    ["a fraction", "bytes=0.5-5"],
    ["digits that are not ASCII", "bytes=\u00b2-5"],
    ["one good range and one bad", "bytes=0-1,x"],
    ["another unit", "items=0-1"],
    ["no unit", "0-1"],
  ])("ignores %s", async (_, range) => {
    const { status, headers, body } = await get(`${open}data.bin`, { Range: range });
    expect([status, headers["content-range"]]).toEqual([200, undefined]);
    expect(body).toEqual(data);
  });

  it("ignores two Range lines", async () => {
    const headers = { Range: ["bytes=0-1", "bytes=5-6"] };
    const { status, body } = await rawRequest(service.origin, `${open}data.bin`, { headers });
    expect([status, body.length]).toEqual([200, SIZE]);
  });

  it.each([
    [
      "bytes=0-9,500-509",
      [
        [0, 10],
        [500, 510],
      ],
    ],
    [
      "bytes=500-509, 0-9",
      [
        [500, 510],
        [0, 10],
      ],
    ],
    [
      "bytes=0-9,10-19",
      [
        [0, 10],
        [10, 20],
      ],
    ],
    [
      "bytes=0-0,-1,2000-,100-100",
      [
        [0, 1],
        [999, 1000],
        [100, 101],
      ],
    ],
    [
      "bytes=1-1,3-3,5-5,7-7,9-9",
      [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
        [9, 10],
      ],
    ],
  ])("answers %s with one part for each, in that order", async (range, expected) => {
    const { status, headers, body } = await get(`${open}data.bin`, { Range: range });
    expect([status, headers["content-range"]]).toEqual([206, undefined]);
    expect(headers["content-length"]).toBe(String(body.length));
    const parts = parseByteranges(headers["content-type"] ?? "", body);
    expect(parts).toEqual(
      expected.map(([start = 0, end = 0]) => ({
        range: `bytes ${start}-${end - 1}/${SIZE}`,
        type: "application/octet-stream",
        bytes: data.subarray(start, end),
      })),
    );
  });

  it.each([
    ["overlap", "bytes=0-99,50-149"],
    ["are the same", "bytes=0-9,0-9"],
    ["make up the whole file", "bytes=0-499,500-999"],
    ["are six", "bytes=1-1,3-3,5-5,7-7,9-9,11-11"],
    ["are a thousand", `bytes=${Array.from({ length: 1000 }, (_, at) => `${at}-${at}`).join(",")}`],
  ])("sends the whole file when the ranges %s", async (_, range) => {
    const { status, body } = await get(`${open}data.bin`, { Range: range });
    expect([status, body.equals(data)]).toEqual([200, true]);
  });

  it("gives a file back whole to a client that fetches its parts at once", async () => {
    const step = Math.ceil(large.length / 7);
    const parts = await Promise.all(
      Array.from({ length: 7 }, (_, part) =>
        get(`${open}large.bin`, { Range: `bytes=${part * step}-${(part + 1) * step - 1}` }),
      ),
    );
    expect(Buffer.concat(parts.map(({ body }) => body)).equals(large)).toBe(true);
  });
});

function parseByteranges(contentType: string, body: Buffer) {
  const boundary = /^multipart\/byteranges; boundary=([\w-]+)$/u.exec(contentType)?.[1] ?? "none";
  const wire = body.toString("latin1");
  const [before, ...parts] = `\r\n${wire}`.split(`\r\n--${boundary}`);
  const end = parts.pop();
  expect([before, end]).toEqual(["", "--\r\n"]);
  return parts.map((part) => {
    const [head = "", ...rest] = part.split("\r\n\r\n");
    return {
      range: /^Content-Range: (.*)$/mu.exec(head)?.[1]?.trim(),
      type: /^Content-Type: (.*)$/mu.exec(head)?.[1]?.trim(),
      bytes: Buffer.from(rest.join("\r\n\r\n"), "latin1"),
    };
  });
}

describe("If-Range", () => {
  async function statusWith(ifRange: (etag: string, modified: Date) => string): Promise<number> {
    const { headers } = await get(`${open}data.bin`);
    const { etag = "", "last-modified": modified = "" } = headers;
    const condition = ifRange(etag, new Date(modified));
    const reply = await get(`${open}data.bin`, { Range: "bytes=0-9", "If-Range": condition });
    expect(reply.body).toEqual(reply.status === 206 ? data.subarray(0, 10) : data);
    return reply.status;
  }

  it.each([
    ["the ETag", 206, (etag: string) => etag],
    ["the exact Last-Modified", 206, (_: string, at: Date) => at.toUTCString()],
    ["another ETag", 200, () => '"other"'],
    ["the ETag as a weak one", 200, (etag: string) => `W/${etag}`],
    ["a later date", 200, (_: string, at: Date) => new Date(at.getTime() + 1000).toUTCString()],
    ["an earlier date", 200, (_: string, at: Date) => new Date(at.getTime() - 1000).toUTCString()],
    ["a list", 200, (etag: string) => `${etag}, "other"`],
    ["nonsense", 200, () => "yesterday"],
  ])("of %s gives %i", async (_, status, ifRange) => {
    expect(await statusWith(ifRange)).toBe(status);
  });

  it("lets a client whose file changed meanwhile start again instead of mixing two versions", async () => {
    const artifact = await makeArtifact(service, home, "log", [{ path: "log", bytes: data }]);
    const path = `/a/${artifact.id}/log`;
    const { headers } = await get(path, { Range: "bytes=0-99" });
    const other = randomBytes(SIZE);
    await addVersion(service, home, artifact, [{ path: "log", bytes: other }]);
    const rest = await get(path, { Range: "bytes=100-", "If-Range": headers.etag ?? "" });
    expect([rest.status, rest.body.equals(other)]).toEqual([200, true]);
  });
});

describe("preconditions", () => {
  const OTHER = '"0123"';
  /** E and L stand for the file's ETag and Last-Modified, L+1 and L-1 for a second later and earlier. */
  it.each([
    [304, { "If-None-Match": "E" }],
    [304, { "If-None-Match": "W/E" }],
    [304, { "If-None-Match": `${OTHER}, E` }],
    [304, { "If-None-Match": `${OTHER} ,,W/E,` }],
    [304, { "If-None-Match": "*" }],
    [200, { "If-None-Match": OTHER }],
    [200, { "If-None-Match": "unquoted" }],
    [200, { "If-None-Match": '"open' }],
    [200, { "If-None-Match": "*, *" }],
    [304, { "If-Modified-Since": "L" }],
    [304, { "If-Modified-Since": "L+1" }],
    [200, { "If-Modified-Since": "L-1" }],
    [200, { "If-Modified-Since": "yesterday" }],
    [200, { "If-None-Match": OTHER, "If-Modified-Since": "L" }],
    [304, { "If-None-Match": "E", "If-Modified-Since": "L-1" }],
    [200, { "If-Match": "E" }],
    [200, { "If-Match": `${OTHER}, E` }],
    [200, { "If-Match": "*" }],
    [200, { "If-Match": "unquoted" }],
    [412, { "If-Match": OTHER }],
    [412, { "If-Match": "W/E" }],
    [200, { "If-Unmodified-Since": "L" }],
    [412, { "If-Unmodified-Since": "L-1" }],
    [200, { "If-Unmodified-Since": "yesterday" }],
    [200, { "If-Match": "E", "If-Unmodified-Since": "L-1" }],
    [412, { "If-Match": OTHER, "If-None-Match": "E" }],
    [304, { "If-Match": "E", "If-None-Match": "E" }],
    [304, { "If-None-Match": "E", Range: "bytes=0-1" }],
    [304, { "If-None-Match": "E", Range: "bytes=5000-" }],
    [412, { "If-Match": OTHER, Range: "bytes=0-1", "If-Range": "E" }],
    [206, { "If-Match": "E", Range: "bytes=0-1" }],
    [206, { "If-None-Match": OTHER, Range: "bytes=0-1" }],
  ])("give %i for %o", async (status, conditions) => {
    const { headers } = await get(`${open}data.bin`);
    const { etag = "", "last-modified": modified = "" } = headers;
    const sent = Object.entries(conditions).map(([name, value]) => [
      name,
      value.startsWith("L")
        ? new Date(Date.parse(modified) + 1000 * Number(value.slice(1) || 0)).toUTCString()
        : value.replace("E", etag),
    ]);
    for (const method of ["GET", "HEAD"]) {
      const reply = await rawRequest(service.origin, `${open}data.bin`, {
        method,
        headers: Object.fromEntries(sent),
      });
      // A HEAD has no ranges.
      expect([method, reply.status]).toEqual([
        method,
        status === 206 && method === "HEAD" ? 200 : status,
      ]);
      expect(reply.headers.etag).toBe(etag);
    }
  });

  it("keep what a cache needs on 304, and nothing of the body", async () => {
    const whole = await get(`${open}text.txt`);
    const { status, headers, body } = await get(`${open}text.txt`, { "If-None-Match": "*" });
    expect([status, body.length]).toEqual([304, 0]);
    for (const name of ["etag", "cache-control", "vary"]) {
      expect([name, headers[name]]).toEqual([name, whole.headers[name]]);
    }
    expect(headers["content-type"]).toBeUndefined();
  });

  it("are not looked at where there is nothing to read", async () => {
    const conditions = { "If-Match": OTHER, "If-None-Match": "*" };
    expect((await get(`${open}no`, conditions)).status).toBe(404);
    expect((await get(`${hidden}data.bin`, conditions)).status).toBe(307);
    expect((await get(`${hidden}data.bin`, { ...conditions, Token: "unknown" })).status).toBe(401);
  });
});

describe("Content-Disposition (T4)", () => {
  it.each(HOSTILE_NAMES)("names %s so that every client saves it under its name", async (name) => {
    const { headers, body } = await get(`${open}names/${encodePath(`${name}/${name}`)}`);
    expect(body).toEqual(data);
    const disposition = headers["content-disposition"] ?? "";
    const parsed =
      /^(?<kind>inline|attachment); filename="(?<plain>[ -~]*)"(?:; filename\*=UTF-8''(?<full>[\w!#$&+.^`|~%-]+))?$/u.exec(
        disposition,
      )?.groups;
    expect(parsed).toBeDefined();
    // RFC 6266, appendix D: quotes, backslashes and percent signs are read in more than one way.
    expect(parsed?.["plain"]).not.toMatch(/["%\\]/u);
    expect(decodeURIComponent(parsed?.["full"] ?? parsed?.["plain"] ?? "")).toBe(name);
  });

  it("is an attachment for ?download, whatever the type", async () => {
    for (const name of ["a.txt", "a.png", "README", "page.html"]) {
      const { headers } = await get(`${open}types/${name}?download`);
      expect(headers["content-disposition"]).toBe(`attachment; filename="${name}"`);
    }
  });
});

describe("the type of a file (T1)", () => {
  it.each([
    ["a.txt", "text/plain; charset=utf-8"],
    ["notes.TXT", "text/plain; charset=utf-8"],
    ["README", "text/plain; charset=utf-8"],
    ["data.json", "text/plain; charset=utf-8"],
    ["page.html.txt", "text/plain; charset=utf-8"],
    ["a.png", "image/png"],
    ["a.jpg", "image/jpeg"],
    ["a.JPEG", "image/jpeg"],
    ["a.gif", "image/gif"],
    ["a.webp", "image/webp"],
    ["a.pdf", "application/pdf"],
  ])("lets a browser show %s", async (name, contentType) => {
    const { headers } = await get(`${open}types/${name}`);
    expect(headers["content-type"]).toBe(contentType);
    expect(headers["content-disposition"]).toBe(`inline; filename="${name}"`);
  });

  it.each([
    "page.html",
    "page.HTM",
    "page.xhtml",
    "page.txt.html",
    "image.svg",
    "image.svgz",
    "feed.xml",
    "sheet.xsl",
    "code.js",
    "code.mjs",
    "style.css",
    "app.wasm",
    "app.swf",
    "app.webmanifest",
    "disk.qcow2",
    "html",
    ".html",
  ])("makes a browser save %s, not run it", async (name) => {
    const { headers } = await get(`${open}types/${name}`);
    expect(headers["content-type"]).toBe("application/octet-stream");
    expect(headers["content-disposition"]).toBe(`attachment; filename="${name}"`);
  });

  it.each([
    ["a file", 200, "types/page.html", {}],
    ["text", 200, "text.txt", {}],
    ["a part", 206, "types/image.svg", { Range: "bytes=0-5" }],
    ["several parts", 206, "types/a.png", { Range: "bytes=0-5,7-9" }],
    ["an unsatisfiable range", 416, "types/a.pdf", { Range: "bytes=99999-" }],
    ["an archive", 200, "types/?archive=tar.gz", {}],
  ])(
    "is not guessed, nor does anything of it run or get embedded elsewhere: %s",
    async (_, status, path, more) => {
      for (const method of ["GET", "HEAD"]) {
        const reply = await rawRequest(service.origin, open + path, { method, headers: more });
        expect(reply.status).toBe(method === "HEAD" ? 200 : status);
        expect(reply.headers["x-content-type-options"]).toBe("nosniff");
        expect(reply.headers["content-security-policy"]).toBe("sandbox; default-src 'none'");
        expect(reply.headers["cross-origin-resource-policy"]).toBe("same-origin");
      }
    },
  );
});

describe("Cache-Control (T20)", () => {
  it.each([
    ["private", "", "private, no-cache, no-transform"],
    ["private", "version=1", "private, no-cache, no-transform"],
    ["public", "", "no-cache, no-transform"],
    ["public", "version=1", "public, max-age=86400, no-transform"],
  ])("of a %s artifact asked for with '%s' is '%s'", async (kind, query, expected) => {
    const folder = kind === "private" ? hidden : open;
    const headers = kind === "private" ? { Token: token } : {};
    for (const path of [
      `data.bin?${query}`,
      `text.txt?${query}`,
      `types/?archive=tar.gz&${query}`,
    ]) {
      const reply = await get(folder + path, headers);
      expect([path, reply.status, reply.headers["cache-control"]]).toEqual([path, 200, expected]);
    }
    const part = await get(`${folder}data.bin?${query}`, { ...headers, Range: "bytes=0-1" });
    expect([part.status, part.headers["cache-control"]]).toEqual([206, expected]);
  });

  it("never lets a refusal be kept in the place of the bytes", async () => {
    const pinned = `${open}data.bin?version=1`;
    for (const headers of [{ Range: "bytes=5000-" }, { "If-Match": '"x"' }]) {
      expect((await get(pinned, headers)).headers["cache-control"]).toBe("no-store");
    }
    expect((await get(`${open}no?version=1`)).headers["cache-control"]).toBe("no-store");
  });
});

describe("compression", () => {
  it.each([
    ["a text file", "text.txt", {}, text],
    ["a part of a text file", "text.txt", { Range: "bytes=3-2000" }, text.subarray(3, 2001)],
    ["a file of text that is a download", "types/page.html", {}, text],
    ["a text file that is empty", "empty.txt", {}, empty],
    ["a binary file", "large.bin", {}, large],
  ])("leaves %s as it is, with its length", async (_, name, more, expected) => {
    const headers = { "Accept-Encoding": "gzip, br", ...more };
    const reply = await get(open + name, headers);
    expect(reply.body.equals(expected)).toBe(true);
    expect(reply.headers["content-length"]).toBe(String(expected.length));
    expect(reply.headers["content-encoding"] ?? "identity").toBe("identity");
  });

  it("leaves several parts of a text file as they are", async () => {
    const headers = { "Accept-Encoding": "gzip, br", Range: "bytes=0-99,200-2999" };
    const reply = await get(`${open}text.txt`, headers);
    expect(reply.headers["content-length"]).toBe(String(reply.body.length));
    const parts = parseByteranges(reply.headers["content-type"] ?? "", reply.body);
    expect(parts.map(({ bytes }) => bytes.toString())).toEqual([
      text.toString().slice(0, 100),
      text.toString().slice(200, 3000),
    ]);
  });
});

describe("a file in several objects", () => {
  let path: string;
  let bytes: Buffer;
  /** Where the second object begins. */
  let edge: number;

  beforeAll(async () => {
    const made = await makeScattered(service, home, "disk.img");
    path = `/a/${made.id}/disk.img`;
    bytes = made.bytes;
    [{ length: edge } = { length: 0 }] = await listExtents(service, bytes);
  });

  it("is one file to those who download it", async () => {
    const extents = await listExtents(service, bytes);
    expect(new Set(extents.map(({ key }) => key)).size).toBe(2);
    const { headers, body } = await get(path);
    expect(body.equals(bytes)).toBe(true);
    expect(headers["content-length"]).toBe(String(bytes.length));
    expect(headers["repr-digest"]).toBe(reprDigest(bytes));
  });

  it.each([
    ["over the edge", -1000, 1000],
    ["up to the edge", -5, 0],
    ["from the edge", 0, 5],
    ["of the one byte on each side", -1, 1],
    ["around the place of a truncate", 0, 100],
  ])("gives a range %s of an object", async (_, before, after) => {
    const [start, end] = [edge + before, edge + after];
    const { status, body } = await get(path, { Range: `bytes=${start}-${end - 1}` });
    expect(status).toBe(206);
    expect(body.equals(bytes.subarray(start, end))).toBe(true);
  });

  it("gives all of it but the ends", async () => {
    const { body } = await get(path, { Range: `bytes=1-${bytes.length - 2}` });
    expect(body.equals(bytes.subarray(1, -1))).toBe(true);
  });

  it("gives several ranges, over the edge and beside it", async () => {
    const range = `bytes=${edge - 10}-${edge + 9},0-9,-10`;
    const { headers, body } = await get(path, { Range: range });
    const parts = parseByteranges(headers["content-type"] ?? "", body);
    expect(parts.map((part) => part.bytes)).toEqual([
      bytes.subarray(edge - 10, edge + 10),
      bytes.subarray(0, 10),
      bytes.subarray(-10),
    ]);
  });

  it("goes on being served after clients left in the middle", async () => {
    for (let client = 0; client < 5; client += 1) {
      const reply = await service.fetch(path);
      const reader = reply.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    }
    expect((await get(path, { Range: "bytes=-9" })).body).toEqual(bytes.subarray(-9));
  });

  // Last: it deletes an object.
  it("is cut off where the second object is gone, and whole before that", async () => {
    await loseObject(service, bytes, 1);
    const { body, isComplete } = await get(path);
    expect(isComplete).toBe(false);
    expect(body.length).toBeLessThan(bytes.length);
    expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
    const part = await get(path, { Range: "bytes=0-99" });
    expect([part.status, part.isComplete, part.body.equals(bytes.subarray(0, 100))]).toEqual([
      206,
      true,
      true,
    ]);
  });
});

describe("a file that cannot be read", () => {
  /** A new file whose object is then deleted, or replaced. */
  async function makeBroken(bytes: Buffer, put: Buffer | null): Promise<string> {
    const { id } = await service.upload("broken.bin", bytes, home.bearer);
    const [extent] = await listExtents(service, bytes);
    await loseObject(service, bytes);
    service.tampered?.add("object_short");
    await (put && service.env.BUCKET.put(extent?.key ?? "", put));
    return `/a/${id}/broken.bin`;
  }

  it.each([
    ["gone", 5_000, null],
    ["gone, and was large", 2 * MiB, null],
    ["too short", 5_000, Buffer.alloc(4_999)],
  ])("never ends cleanly when its object is %s", async (_, size, put) => {
    const path = await makeBroken(randomBytes(size), put);
    for (const headers of [{}, { Range: "bytes=0-9,4000-" }]) {
      const reply = await rawRequest(service.origin, path, { headers });
      // When nothing of it was sent, the local server in front answers 500 in the place of the cut.
      expect(reply.isComplete && reply.status < 500).toBe(false);
    }
    const { code } = await runTool("curl", "-qsSf", "-o", "/dev/null", service.origin + path);
    expect([18, 22]).toContain(code);
  });
});

describe("download tools", () => {
  const url = () => `${service.origin}${open}large.bin`;

  it("curl -C - continues a download that was cut off in the middle", async () => {
    await using folder = await makeFolder();
    const file = join(folder.path, "large.bin");
    const part = await runTool("curl", "-qsSf", "-r", "0-999999", "-o", file, url());
    expect([part.code, (await readFile(file)).length]).toEqual([0, 1_000_000]);
    const rest = await runTool("curl", "-qsSf", "-C", "-", "-o", file, url());
    expect(rest).toEqual({ code: 0, output: "" });
    expect((await readFile(file)).equals(large)).toBe(true);
  });

  it("wget -c continues a download that was cut off, and leaves a whole one alone", async () => {
    await using folder = await makeFolder();
    const file = join(folder.path, "large.bin");
    await writeFile(file, large.subarray(0, 1_234_567));
    for (let round = 0; round < 2; round += 1) {
      const { code } = await runTool("wget", "--no-config", "-nv", "-c", "-O", file, url());
      expect(code).toBe(0);
      expect((await readFile(file)).equals(large)).toBe(true);
    }
  });

  it("wget -r brings each file of a listing once, and pages", async () => {
    await using folder = await makeFolder();
    const files = Array.from({ length: 60 }, (_, n) => `d/file${n}.txt`);
    const { id } = await makeArtifact(
      service,
      home,
      "walked",
      files.map((path) => ({ path, bytes: Buffer.from(path) })),
    );
    const address = `${service.origin}/a/${id}/`;
    const args = ["--no-config", "-nv", "-r", "-np", "-nH", "--cut-dirs=2", "-P", folder.path];
    const { code } = await runTool("wget", ...args, address);
    expect(code).toBe(0);
    const brought = await readdir(join(folder.path, "d"));
    expect(brought.toSorted()).toEqual(files.map((path) => path.slice(2)).toSorted());
    expect((await readdir(folder.path)).toSorted()).toEqual([
      "d",
      "index.html",
      "index.html?page=2",
    ]);
  });

  it("curl -OJ saves a file under its own name", async () => {
    await using folder = await makeFolder();
    const path = `${open}names/${encodePath("two words.txt/two words.txt")}`;
    const { code } = await runTool(
      "curl",
      "-qsSfOJ",
      "--output-dir",
      folder.path,
      service.origin + path,
    );
    expect(code).toBe(0);
    expect((await readFile(join(folder.path, "two words.txt"))).equals(data)).toBe(true);
  });

  it("curl -z fetches nothing that has not changed", async () => {
    const { headers } = await get(`${open}large.bin`);
    const since = headers["last-modified"] ?? "";
    const { output } = await runTool(
      "curl",
      "-qsSw",
      "%{http_code} %{size_download}",
      "-o",
      "/dev/null",
      "-z",
      since,
      url(),
    );
    expect(output).toBe("304 0");
  });

  it("a cut at any place of a slow download can be continued to the same bytes", async () => {
    let held = Buffer.alloc(0);
    for (let round = 0; held.length < large.length; round += 1) {
      const range = { Range: `bytes=${held.length}-` };
      const reply = await service.fetch(`${open}large.bin`, { headers: range });
      const reader = reply.body?.getReader();
      for (let reads = 0; reads <= round * 8; reads += 1) {
        const { value } = (await reader?.read()) ?? {};
        held = Buffer.concat([held, value ?? empty]);
      }
      await reader?.cancel();
    }
    expect(held.equals(large)).toBe(true);
  });
});
