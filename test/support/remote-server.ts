// A server that URLs are fetched from, for tests inside workerd: each path behaves in its own way, by how often
// it was asked. What follows a `?` makes a path one test's own; `/seen?…` tells the Range of each request for it.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

import type { TestProject } from "vitest/node";

import type { Provided } from "../unit/support/provided.d.ts";

const ORIGIN: Provided = "remoteOrigin";

/** The content: every byte differs from its neighbours. */
const SIZE = 700_000;
const HALF = 300_000;
const CONTENT = Buffer.from(
  Array.from({ length: SIZE }, (_, index) => (index * 7 + (index >> 8)) % 256),
);

interface Asked {
  request: IncomingMessage;
  response: ServerResponse;
  /** 1 for the first request of this path. */
  count: number;
}

/** Sends what a Range asks for when the content is still the one of `etag`, else all of it. */
function sendRange({ request, response }: Asked, etag: string): void {
  const start = Number(/^bytes=(\d+)-$/u.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start === 0 || request.headers["if-range"] !== etag) {
    response.writeHead(200, { "Content-Length": SIZE, ETag: etag }).end(CONTENT);
    return;
  }
  if (start >= SIZE) {
    response.writeHead(416, { "Content-Range": `bytes */${SIZE}` }).end();
    return;
  }
  const headers = { "Content-Range": `bytes ${start}-${SIZE - 1}/${SIZE}`, ETag: etag };
  response.writeHead(206, headers).end(CONTENT.subarray(start));
}

/** Sends the first half and breaks off, or hangs. */
function sendHalf({ response }: Asked, headers: Record<string, string | number>, hangs = false) {
  response.writeHead(200, headers);
  response.write(CONTENT.subarray(0, HALF));
  if (!hangs) {
    setTimeout(() => response.destroy(), 50);
  }
}

const WHOLE = { "Content-Length": SIZE };

/** The content as other codings have it; each begins as its format wants it, so that a runtime that undoes codings
 * finds what it looks for. */
const CODED: Record<string, Buffer> = {
  gzip: gzipSync(CONTENT),
  "x-gzip": gzipSync(CONTENT),
  br: brotliCompressSync(CONTENT),
  deflate: deflateSync(CONTENT),
  "gzip, br": brotliCompressSync(gzipSync(CONTENT)),
  identity: CONTENT,
  zstd: Buffer.from("28b52ffd2000010000", "hex"),
};

/** Sends the content in the coding that the query names; the first request of `cut` breaks off. */
function sendCoded({ request, response, count }: Asked): void {
  const { searchParams } = new URL(request.url ?? "", "http://remote");
  const coding = searchParams.get("coding") ?? "";
  const bytes = CODED[coding] ?? Buffer.of();
  const start = Number(/^bytes=(\d+)-$/u.exec(request.headers.range ?? "")?.[1] ?? 0);
  const coded = { "Content-Encoding": coding, ETag: `"${coding}"` };
  if (start > 0) {
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { ...coded, "Content-Range": range }).end(bytes.subarray(start));
    return;
  }
  response.writeHead(200, { ...coded, "Content-Length": bytes.length });
  if (searchParams.has("cut") && count === 1) {
    response.write(bytes.subarray(0, bytes.length / 2));
    setTimeout(() => response.destroy(), 50);
    return;
  }
  response.end(bytes);
}

/** Breaks off, then answers as `second` does, then rightly. */
function inTurn(asked: Asked, etag: string, second: () => void): void {
  if (asked.count === 1) {
    sendHalf(asked, { ...WHOLE, ETag: etag });
  } else if (asked.count === 2) {
    second();
  } else {
    sendRange(asked, etag);
  }
}

const PATHS: Record<string, (asked: Asked) => void> = {
  "/full": (asked) => sendRange(asked, '"full"'),
  "/coded": sendCoded,
  "/coded-sha512": ({ request, response }) => {
    const { searchParams } = new URL(request.url ?? "", "http://remote");
    response.end(
      createHash("sha512")
        .update(CODED[searchParams.get("coding") ?? ""] ?? "")
        .digest("hex"),
    );
  },
  "/promised": (asked) => {
    // The query is a header; `right` stands for the digest of the content, as `cut` breaks off the first reply.
    const { searchParams } = new URL(asked.request.url ?? "", "http://remote");
    for (const [name, value] of searchParams) {
      const algorithm = /sha-?512|sha-?256|md5/iu.exec(value + name)?.[0].replace("-", "");
      const hash = createHash((algorithm ?? "sha1").toLowerCase()).update(CONTENT);
      asked.response.setHeader(name, value.replace("right", hash.digest("base64")));
    }
    if (searchParams.has("cut") && asked.count === 1) {
      sendHalf(asked, { ...WHOLE, ETag: '"promised"' });
      return;
    }
    sendRange(asked, '"promised"');
  },
  "/silent": () => {},
  "/closes": ({ response }) => response.destroy(),
  "/half": (asked) => sendHalf(asked, WHOLE),
  "/stalls": (asked) => sendHalf(asked, WHOLE, true),
  "/far": ({ request, response }) =>
    response
      .writeHead(302, { Location: `http://localhost:${request.socket.localPort}/full` })
      .end(),
  "/moves": ({ response }) => response.writeHead(302, { Location: "/full" }).end(),
  "/chunked": ({ response }) => {
    response.write(CONTENT.subarray(0, HALF));
    response.end(CONTENT.subarray(HALF));
  },
  "/part": ({ response }) =>
    response.writeHead(200, { "Content-Range": `bytes 5-${HALF}/${HALF + 1}` }).end(CONTENT),
  "/empty": ({ response }) => response.end(),
  "/cut": (asked) =>
    asked.count === 1 ? sendHalf(asked, { ...WHOLE, ETag: '"cut"' }) : sendRange(asked, '"cut"'),
  // The second reply says, or leaves open, that the content ends before the size that the first one gave.
  "/short": (asked) => {
    const range = { ETag: '"short"', "Content-Range": `bytes ${HALF}-${HALF}/*` };
    inTurn(asked, '"short"', () => {
      asked.response.writeHead(206, range).end(CONTENT.subarray(HALF, HALF + 1));
    });
  },
  "/ended": (asked) =>
    inTurn(asked, '"ended"', () => {
      asked.response.writeHead(416, { "Content-Range": `bytes */${HALF}` }).end();
    }),
  "/cut-chunked": (asked) =>
    asked.count === 1 ? sendHalf(asked, {}) : asked.response.end(CONTENT),
  "/cut-weak": (asked) =>
    asked.count === 1 ? sendHalf(asked, { ...WHOLE, ETag: 'W/"x"' }) : sendRange(asked, 'W/"x"'),
  "/changes": (asked) =>
    asked.count === 1 ? sendHalf(asked, { ...WHOLE, ETag: '"old"' }) : sendRange(asked, '"new"'),
  "/hangs": (asked) =>
    asked.count === 1 ? sendHalf(asked, WHOLE, true) : sendRange(asked, '"hangs"'),
  "/busy": (asked) =>
    asked.count === 1 ? asked.response.writeHead(503).end() : sendRange(asked, '"busy"'),
  "/broken": ({ response }) => response.writeHead(500).end(),
  "/loop": ({ response }) => response.writeHead(302, { Location: "/loop" }).end(),
  "/away": ({ response }) => response.writeHead(302, { Location: "file:///etc/passwd" }).end(),
  "/large": ({ response }) => response.writeHead(200, { "Content-Length": 9e9 }).write("."),
  "/slow": ({ response }) => {
    const timer = setInterval(() => response.write("."), 50);
    response.on("close", () => clearInterval(timer));
  },
};

/** The Range of each request, by path and query. */
const seen = new Map<string, (string | null)[]>();

const server = createServer((request, response) => {
  const url = request.url ?? "";
  const path = url.split("?")[0] ?? "";
  if (path === "/seen") {
    response.end(JSON.stringify(seen.get(decodeURIComponent(url.slice("/seen?".length))) ?? []));
    return;
  }
  const asked = [...(seen.get(url) ?? []), request.headers.range ?? null];
  seen.set(url, asked);
  const answer = PATHS[path] ?? (() => response.writeHead(404).end("no such thing"));
  answer({ request, response, count: asked.length });
});

/** Starts the server before the tests of the project and tells them where it is. */
export async function setup(project: TestProject): Promise<void> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  project.provide(ORIGIN, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

/** Ends it after them. */
export function teardown(): void {
  server.closeAllConnections();
  server.close();
}
