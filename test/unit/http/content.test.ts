import { describe, expect, it } from "vitest";

import { respondWithBytes, respondWithStream } from "../../../src/http/content.ts";
import {
  DIGEST,
  ETAG,
  LAST_MODIFIED_TEXT,
  makeSource,
  patternText,
  type RecordingSource,
} from "./make-source.ts";

const SIZE = 1000;
const CALLER = {
  "Content-Type": "image/png",
  "Content-Disposition": 'inline; filename="a.png"',
  "Cache-Control": "public, max-age=86400, no-transform",
  Vary: "Cookie",
  "X-Content-Type-Options": "nosniff",
};

function respond(
  requestHeaders: Record<string, string> = {},
  {
    method = "GET",
    source = makeSource(SIZE),
    headers = CALLER,
  }: { method?: string; source?: RecordingSource; headers?: Record<string, string> } = {},
) {
  const request = new Request("https://stowage.example/a/1", { method, headers: requestHeaders });
  return respondWithBytes(request, source, new Headers(headers));
}

/** The body as text, whatever its type says. */
async function readText(response: Response) {
  return new TextDecoder().decode(await response.arrayBuffer());
}

/** The parts of a multipart/byteranges reply, split as RFC 2046 §5.1.1 says. */
async function readParts(response: Response) {
  const boundary = /^multipart\/byteranges; boundary=([\w-]{1,70})$/.exec(
    response.headers.get("Content-Type") ?? "",
  )?.[1];
  const text = `\r\n${await readText(response)}`;
  const [preamble, ...pieces] = text.split(`\r\n--${boundary}`);
  const epilogue = pieces.pop();
  const parts = pieces.map((piece) => {
    const [head = "", body] = piece.split("\r\n\r\n");
    const headers = new Headers();
    for (const line of head.split("\r\n").slice(1)) {
      const [name = "", value = ""] = line.split(": ");
      headers.set(name, value);
    }
    return { headers, body };
  });
  return { preamble, parts, epilogue, length: text.length - 2 };
}

describe("respondWithBytes() for the whole", () => {
  it("answers 200 with all bytes and what is known of them", async () => {
    const response = respond();

    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "accept-ranges": "bytes",
      "cache-control": CALLER["Cache-Control"],
      "content-disposition": CALLER["Content-Disposition"],
      "content-length": "1000",
      "content-type": "image/png",
      etag: ETAG,
      "last-modified": LAST_MODIFIED_TEXT,
      "repr-digest": DIGEST,
      vary: "Cookie",
      "x-content-type-options": "nosniff",
    });
    expect(await readText(response)).toBe(patternText(0, SIZE));
  });

  it("leaves the caller's headers as they were", () => {
    const headers = new Headers(CALLER);
    const request = new Request("https://stowage.example/", {
      headers: { Range: "bytes=0-1,4-5" },
    });
    respondWithBytes(request, makeSource(SIZE), headers);
    respondWithBytes(request, { ...makeSource(SIZE), etag: '"x"' }, headers);
    expect([...headers]).toEqual([...new Headers(CALLER)]);
  });

  it("omits a digest that is not known", () => {
    const source = { ...makeSource(SIZE), reprDigest: null };
    expect(respond({}, { source }).headers.has("Repr-Digest")).toBe(false);
  });

  it("answers 200 with no bytes for an empty file and does not read it", async () => {
    const source = makeSource(0);
    const response = respond({}, { source });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Length")).toBe("0");
    expect(await readText(response)).toBe("");
    expect(source.asked).toEqual([]);
  });

  it.each([
    ["text/plain; charset=utf-8", "identity"],
    ["TEXT/plain", "identity"],
    ["application/octet-stream", null],
    ["image/png", null],
    ["x-text/plain", null],
  ])("answers %s with Content-Encoding %s", (contentType, expected) => {
    const headers = { "Content-Type": contentType };
    for (const method of ["GET", "HEAD"]) {
      for (const Range of ["bytes=0-9", "none"]) {
        const response = respond({ Range }, { method, headers });
        expect(response.headers.get("Content-Encoding")).toBe(expected);
      }
    }
  });
});

describe("respondWithBytes() for ranges", () => {
  it.each([
    ["bytes=0-0", "bytes 0-0/1000", 0, 1],
    ["bytes=100-299", "bytes 100-299/1000", 100, 300],
    ["bytes=900-5000", "bytes 900-999/1000", 900, 1000],
    ["bytes=-1", "bytes 999-999/1000", 999, 1000],
    ["bytes=0-", "bytes 0-999/1000", 0, 1000],
    ["bytes=10-19,1000-", "bytes 10-19/1000", 10, 20],
  ])("answers %s with 206 and those bytes alone", async (range, contentRange, start, end) => {
    const source = makeSource(SIZE);
    const response = respond({ Range: range }, { source });

    expect(response.status).toBe(206);
    expect(response.headers.get("Content-Range")).toBe(contentRange);
    expect(response.headers.get("Content-Length")).toBe(String(end - start));
    expect(response.headers.get("Content-Type")).toBe("image/png");
    expect(response.headers.get("ETag")).toBe(ETAG);
    expect(response.headers.get("Last-Modified")).toBe(LAST_MODIFIED_TEXT);
    expect(response.headers.get("Repr-Digest")).toBe(DIGEST);
    expect(response.headers.get("Cache-Control")).toBe(CALLER["Cache-Control"]);
    expect(await readText(response)).toBe(patternText(start, end));
    expect(source.asked).toEqual([{ start, end }]);
  });

  it("answers several ranges with one part each, in the order asked, and the exact length", async () => {
    const source = makeSource(SIZE);
    const response = respond({ Range: "bytes=500-699,0-0,-100" }, { source });

    expect(response.status).toBe(206);
    expect(response.headers.has("Content-Range")).toBe(false);
    expect(response.headers.get("Content-Encoding")).toBe("identity");
    expect(response.headers.get("ETag")).toBe(ETAG);
    const { preamble, parts, epilogue, length } = await readParts(response);
    expect(response.headers.get("Content-Length")).toBe(String(length));
    expect(preamble).toBe("");
    expect(epilogue).toBe("--\r\n");
    expect(parts.map(({ headers }) => headers.get("Content-Range"))).toEqual([
      "bytes 500-699/1000",
      "bytes 0-0/1000",
      "bytes 900-999/1000",
    ]);
    expect(parts.map(({ headers }) => headers.get("Content-Type"))).toEqual(
      Array.from({ length: 3 }, () => "image/png"),
    );
    expect(parts.map(({ body }) => body)).toEqual([
      patternText(500, 700),
      patternText(0, 1),
      patternText(900, 1000),
    ]);
    expect(source.asked).toHaveLength(3);
  });

  it("gives parts no type when the file has none", async () => {
    const { parts } = await readParts(respond({ Range: "bytes=0-1,4-5" }, { headers: {} }));
    expect(parts).toHaveLength(2);
    for (const { headers } of parts) {
      expect([...headers.keys()]).toEqual(["content-range"]);
    }
  });

  it("draws a new boundary for every answer", () => {
    const types = Array.from({ length: 10 }, () =>
      respond({ Range: "bytes=0-1,4-5" }).headers.get("Content-Type"),
    );
    expect(new Set(types).size).toBe(10);
  });

  it.each([
    ["bytes=1000-", SIZE],
    ["bytes=-0", SIZE],
    ["bytes=0-", 0],
  ])("answers %s of %i bytes with 416 and the size", async (range, size) => {
    const source = makeSource(size);
    const response = respond({ Range: range }, { source });

    expect(response.status).toBe(416);
    expect(response.headers.get("Content-Range")).toBe(`bytes */${size}`);
    expect(response.headers.has("Content-Type")).toBe(false);
    expect(response.headers.has("Content-Disposition")).toBe(false);
    expect(response.headers.has("Repr-Digest")).toBe(false);
    expect(await readText(response)).toBe("");
    expect(source.asked).toEqual([]);
  });

  it.each(["bytes=5-1", "items=0-1", "bytes=0-1, bytes=4-5", "bytes=0-9,5-14"])(
    "answers %s with 200 and the whole",
    async (range) => {
      const response = respond({ Range: range });
      expect(response.status).toBe(200);
      expect(response.headers.has("Content-Range")).toBe(false);
      expect(await readText(response)).toBe(patternText(0, SIZE));
    },
  );

  it.each([
    [ETAG, 206],
    [LAST_MODIFIED_TEXT, 206],
    [`W/${ETAG}`, 200],
    ['"other"', 200],
    ["Wed, 21 Oct 2026 07:28:01 GMT", 200],
    ["junk", 200],
  ])("answers a range with If-Range: %s with %i", (ifRange, status) => {
    expect(respond({ Range: "bytes=0-1", "If-Range": ifRange }).status).toBe(status);
  });

  it("answers an unsatisfiable range whose If-Range does not hold with the whole", () => {
    expect(respond({ Range: "bytes=1000-", "If-Range": '"other"' }).status).toBe(200);
  });
});

describe("respondWithBytes() under conditions", () => {
  it("answers 304 with ETag, Cache-Control and Vary and nothing about a body", async () => {
    const source = makeSource(SIZE);
    const response = respond({ "If-None-Match": ETAG }, { source });

    expect(response.status).toBe(304);
    expect(Object.fromEntries(response.headers)).toEqual({
      "cache-control": CALLER["Cache-Control"],
      etag: ETAG,
      vary: "Cookie",
      "x-content-type-options": "nosniff",
    });
    expect(await readText(response)).toBe("");
    expect(source.asked).toEqual([]);
  });

  it("answers 412 without a body", async () => {
    const source = makeSource(SIZE);
    const response = respond({ "If-Match": '"other"' }, { source });

    expect(response.status).toBe(412);
    expect(response.headers.has("Content-Type")).toBe(false);
    expect(response.headers.has("Content-Length")).toBe(false);
    expect(await readText(response)).toBe("");
    expect(source.asked).toEqual([]);
  });

  it.each([
    [412, { "If-Match": '"other"' }],
    [416, { Range: "bytes=1000-" }],
  ])("keeps caches from storing a %i under an immutable URL", (status, headers) => {
    const response = respond(headers);
    expect(response.status).toBe(status);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });

  it.each([
    [304, { "If-None-Match": ETAG, Range: "bytes=0-1" }],
    [304, { "If-None-Match": ETAG, Range: "bytes=1000-" }],
    [304, { "If-Modified-Since": LAST_MODIFIED_TEXT }],
    [412, { "If-Match": '"other"', Range: "bytes=1000-" }],
    [412, { "If-Match": `W/${ETAG}` }],
    [206, { "If-Match": ETAG, Range: "bytes=0-1" }],
    [206, { "If-None-Match": '"other"', Range: "bytes=0-1" }],
    [200, { "If-None-Match": "junk", "If-Match": "junk" }],
  ])("answers %i to %o", (status, headers) => {
    expect(respond(headers).status).toBe(status);
  });
});

describe("respondWithBytes() for HEAD", () => {
  it("answers with the headers of GET, the length included, and reads nothing", async () => {
    const source = makeSource(SIZE);
    const response = respond({}, { method: "HEAD", source });

    expect(response.status).toBe(200);
    expect([...response.headers]).toEqual([...respond().headers]);
    expect(response.body).toBeNull();
    expect(source.asked).toEqual([]);
  });

  it.each(["bytes=0-1", "bytes=0-1,4-5", "bytes=1000-"])("ignores Range: %s", (range) => {
    const response = respond({ Range: range }, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Length")).toBe("1000");
    expect(response.headers.has("Content-Range")).toBe(false);
  });

  it("answers 304 and 412 as for GET", () => {
    expect(respond({ "If-None-Match": ETAG }, { method: "HEAD" }).status).toBe(304);
    expect(respond({ "If-Match": '"other"' }, { method: "HEAD" }).status).toBe(412);
  });
});

function stream(start: number, source = makeSource(SIZE), contentType = "text/plain") {
  const request = new Request("https://stowage.example/");
  const headers = new Headers({ "Content-Type": contentType });
  return respondWithStream(request, source, { start, end: SIZE }, headers);
}

describe("respondWithStream()", () => {
  it("answers 200 with the bytes and nothing that is true of the whole only", async () => {
    const response = stream(400);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-encoding": "identity",
      "content-type": "text/plain",
    });
    expect(await readText(response)).toBe(patternText(400, SIZE));
  });

  it("names no coding for bytes that no server compresses", () => {
    const response = stream(0, makeSource(SIZE), "application/octet-stream");
    expect(response.headers.has("Content-Encoding")).toBe(false);
  });

  it("answers 200 with no bytes at the end and does not read", async () => {
    const source = makeSource(SIZE);
    expect(await readText(stream(SIZE, source))).toBe("");
    expect(source.asked).toEqual([]);
  });
});
