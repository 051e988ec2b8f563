// What says that a body is not what it seems, on every way into an upload under /files/: it is refused, and nothing of it is
// stored (docs/decisions/022). SECURITY.md: T41.

import { createHash } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ERRORS } from "../../src/protocol/errors.ts";
import type { ErrorCode } from "../../src/protocol/errors.ts";
import { FilesClient, metadataOf, TUS } from "../support/files-client.ts";
import { readOperations } from "../support/operations.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const TUS_TYPE = "application/offset+octet-stream";
const IETF_TYPE = "application/partial-upload";
const NAMED = { "Upload-Metadata": metadataOf({ filename: "file" }) };

type Headers = Record<string, string>;

/** A way in: sends a body with headers of a kind of its own. `type` is that of bytes, null: a body's type is its file's. */
interface Way {
  operation: string;
  type: string | null;
  send: (headers: Headers, body: string) => Promise<Response>;
}

let service: RunningService;
let client: FilesClient;

/** An upload that is open, in which an append may begin. */
function openFor(body: string): Promise<string> {
  return client.open(body.length, NAMED);
}

const tusCreation = (headers: Headers, body: string) =>
  client.create(
    { "Upload-Length": `${body.length}`, "Content-Type": TUS_TYPE, ...NAMED, ...headers },
    body,
  );
const ietfCreation = (last: string) => (headers: Headers, body: string) =>
  client.send(
    "POST",
    "/files/",
    { "Upload-Complete": last, "Content-Type": "text/x", ...headers },
    body,
  );
const ietfAppend = (last: string) => async (headers: Headers, body: string) => {
  const own = { "Upload-Complete": last, "Upload-Offset": "0", "Content-Type": IETF_TYPE };
  return client.send("PATCH", await openFor(body), { ...own, ...headers }, body);
};

const WAYS: Record<string, Way> = {
  "tus, with its creation": { operation: "POST /files/", type: TUS_TYPE, send: tusCreation },
  "the IETF's, whole": { operation: "POST /files/", type: null, send: ietfCreation("?1") },
  "the IETF's, the first bytes": {
    operation: "POST /files/",
    type: null,
    send: ietfCreation("?0"),
  },
  "one request": {
    operation: "POST /files/",
    type: null,
    send: (headers, body) => client.send("POST", "/files/", headers, body),
  },
  "one request with a name": {
    operation: "PUT /files/{upload}",
    type: null,
    send: (headers, body) => client.send("PUT", "/files/file", headers, body),
  },
  "tus, an append": {
    operation: "PATCH /files/{upload}",
    type: TUS_TYPE,
    send: async (headers, body) => client.patch(await openFor(body), 0, body, headers),
  },
  "tus, an append by POST": {
    operation: "POST /files/{upload}",
    type: TUS_TYPE,
    send: async (headers, body) => {
      const own = {
        "Upload-Offset": "0",
        "Content-Type": TUS_TYPE,
        "X-HTTP-Method-Override": "PATCH",
      };
      return client.send("POST", await openFor(body), { ...TUS, ...own, ...headers }, body);
    },
  },
  "the IETF's, an append": {
    operation: "PATCH /files/{upload}",
    type: IETF_TYPE,
    send: ietfAppend("?0"),
  },
  "the IETF's, the last append": {
    operation: "PATCH /files/{upload}",
    type: IETF_TYPE,
    send: ietfAppend("?1"),
  },
};
const NAMES = Object.keys(WAYS);

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
});

afterAll(() => service[Symbol.asyncDispose]());

function digestOf(algorithm: string, text = "another body"): string {
  return createHash(algorithm).update(text).digest("base64");
}

/** What is there of artifacts. */
async function stored(): Promise<string> {
  return (await service.fetch("/artifacts", { bearer: client.bearer })).text();
}

async function expectRefused(sent: Promise<Response>, codes: readonly ErrorCode[]): Promise<void> {
  const response = await sent;
  const text = await response.text();
  const messages = codes.map((code) => ERRORS[code].message);
  expect([
    response.status >= 400,
    messages.some((message) => text.startsWith(message)),
    text,
  ]).toEqual([true, true, text]);
}

const HEADERS: [string, Headers, ErrorCode[]][] = [
  ["a coding", { "Content-Encoding": "gzip" }, ["body_encoded"]],
  ["two codings", { "Content-Encoding": "identity, br" }, ["body_encoded"]],
  ["a part of something", { "Content-Range": "bytes 0-3/4" }, ["content_range_unexpected"]],
  ["Content-MD5", { "Content-MD5": digestOf("md5") }, ["body_digest_mismatch"]],
  [
    "Content-Digest",
    { "Content-Digest": `sha-512=:${digestOf("sha512")}:` },
    ["body_digest_mismatch"],
  ],
  ["Upload-Checksum", { "Upload-Checksum": `sha1 ${digestOf("sha1")}` }, ["body_digest_mismatch"]],
  ["an unknown Content-Digest", { "Content-Digest": "crc32c=:AAAAAA==:" }, ["body_digest_unknown"]],
  ["an unknown Digest", { Digest: "UNIXsum=30637" }, ["body_digest_unknown"]],
  // Of the whole: known where the upload is opened, and refused elsewhere.
  [
    "Digest",
    { Digest: `SHA-256=${digestOf("sha256")}` },
    ["body_digest_mismatch", "upload_whole_mismatch", "body_digest_unknown"],
  ],
  [
    "Repr-Digest",
    { "Repr-Digest": `sha-256=:${digestOf("sha256")}:` },
    ["body_digest_mismatch", "upload_whole_mismatch", "body_digest_unknown"],
  ],
];

/** Of fewer bytes than those in which a form shows itself, and of more. */
const FORMS = ["", "x".repeat(2_000)].map(
  (text) => `--xYz\r\nContent-Disposition: form-data; name="file"\r\n\r\n${text}\r\n--xYz--\r\n`,
);

describe("the ways in", () => {
  it("are all that the API document has", () => {
    const operations = readOperations()
      .filter(({ tag, reads }) => tag === "Resumable uploads" && reads === "bytes")
      .map(({ method, path }) => `${method} ${path.replace(/files$/u, "files/")}`);
    expect([...new Set(Object.values(WAYS).map(({ operation }) => operation))].toSorted()).toEqual(
      [...new Set(operations)].toSorted(),
    );
  });
});

describe("a body that is not what its headers say", () => {
  it.each(NAMES)("is refused by %s", async (name) => {
    const way = WAYS[name];
    const before = await stored();
    for (const [what, headers, codes] of HEADERS) {
      const isFirst = name.endsWith("the first bytes") && codes.includes("upload_whole_mismatch");
      // One request that says a header of tus has forgotten the version.
      const isForgotten = name === "one request" && what === "Upload-Checksum";
      const sent = way?.send(headers, "text") ?? Promise.reject(new Error(name));
      if (isFirst) {
        await expectKept(await sent);
      } else {
        await expectRefused(sent, isForgotten ? ["tus_version_unsupported"] : codes);
      }
    }
    expect(await stored()).toBe(before);
  });

  /** The first bytes of an upload with a digest of the whole: the last ones are refused. */
  async function expectKept(opened: Response): Promise<void> {
    expect(opened.status).toBe(201);
    const path = new URL(opened.headers.get("Location") ?? "").pathname;
    const own = { "Upload-Complete": "?1", "Upload-Offset": "4", "Content-Type": IETF_TYPE };
    await expectRefused(client.send("PATCH", path, own, "more"), ["upload_whole_mismatch"]);
  }

  it.each(NAMES)("is refused as a form by %s", async (name) => {
    const way = WAYS[name];
    const before = await stored();
    const types =
      way?.type === null
        ? ["multipart/form-data; boundary=xYz", "multipart/form-data", "text/x; boundary=xYz"]
        : [`${way?.type}; boundary=xYz`]; // curl -F with a type of its own
    for (const type of types) {
      for (const form of FORMS) {
        const sent = way?.send({ "Content-Type": type }, form) ?? Promise.reject(new Error(name));
        await expectRefused(sent, ["body_is_form"]);
      }
    }
    expect(await stored()).toBe(before);
  });
});

describe("a request without a body of which one is promised", () => {
  const promises = HEADERS.filter(([, , codes]) => codes[0] === "body_digest_mismatch");

  it.each(promises)("opens no upload of nothing with %s", async (_, headers) => {
    const opened = client.create({ "Upload-Length": "0", ...NAMED, ...headers });
    await expectRefused(opened, ["body_digest_mismatch", "upload_whole_mismatch"]);
  });

  it.each(promises)("joins no uploads with %s", async (_, headers) => {
    const part = await client.create(
      { "Upload-Length": "4", "Upload-Concat": "partial", "Content-Type": TUS_TYPE },
      "text",
    );
    const path = new URL(part.headers.get("Location") ?? "").pathname;
    const before = await stored();
    const joined = await client.create({ "Upload-Concat": `final;${path}`, ...NAMED, ...headers });
    if (joined.status === 201) {
      // Of the whole: that is known once it is joined.
      expect(joined.headers.get("Stowage-Artifact")).toBeNull();
    }
    expect(await stored()).toBe(before);
  });
});

describe("right digests of the whole", () => {
  it.each([
    { "Repr-Digest": `sha-256=:${digestOf("sha256", "text")}:` },
    { Digest: `SHA-512=${digestOf("sha512", "text")}` },
    { "Content-MD5": digestOf("md5", "text") },
    { "Upload-Checksum": `sha1 ${digestOf("sha1", "text")}` },
  ])("are taken by the requests that open an upload with %o", async (headers) => {
    expect((await tusCreation(headers, "text")).status).toBe(201);
    expect((await ietfCreation("?1")(headers, "text")).status).toBe(201);
    expect((await client.send("PUT", "/files/file", headers, "text")).status).toBe(201);
  });

  it("that are not kept for a whole upload are refused where it is opened", async () => {
    const headers = { Digest: `MD5=${digestOf("md5", "text")}` };
    await expectRefused(tusCreation(headers, "text"), ["body_digest_unknown"]);
  });
});
