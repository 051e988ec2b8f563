// What says that a body is not what it seems, and what nobody reads, over all operations of the API document: each is
// refused and nothing changes, or ignored where that is promised (docs/decisions/022 and 023).
// SECURITY.md: T15, T24, T41; ASVS 15.3.7.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ERRORS } from "../../src/protocol/errors.ts";
import type { ErrorCode } from "../../src/protocol/errors.ts";
import { makeSubject, readOperations, urlOf } from "../support/operations.ts";
import type { Operation, Subject } from "../support/operations.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

/** Those of resumable uploads refuse in text, and have their own tests. */
const OPERATIONS = readOperations().filter(({ tag }) => tag !== "Resumable uploads");
const STRICT = OPERATIONS.filter(({ isStrict }) => isStrict);
const IGNORING = OPERATIONS.filter(({ isStrict }) => !isStrict);
/** Those that heed what a body is. The form to log in is for browsers; what Shaken Fist has besides artifacts has no
 * bodies that mean anything. */
const WITH_BODY = OPERATIONS.filter(
  ({ method, tag, reads, isStrict }) =>
    tag !== "Sessions" &&
    tag !== "Not here" &&
    (reads !== "nothing" || (isStrict && method !== "GET")),
);

let service: RunningService;
let system: string;
let subject: Subject;
let before: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  subject = await makeSubject(service, system);
  before = await state();
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

/** All that the refused requests could have changed. */
async function state(): Promise<string> {
  const upload = subject["/upload/{uuid}"] ?? "";
  const paths = ["/artifacts", "/blobs", "/auth/namespaces", "/auth/users", "/auth/tokens", upload];
  const replies = await Promise.all(
    paths.map(async (path) => (await service.fetch(path, { bearer: system })).text()),
  );
  return replies.join("\n");
}

function ask(operation: Operation, query: string, init: RequestInit = {}): Promise<Response> {
  const { method } = operation;
  return service.fetch(urlOf(operation, subject) + query, { method, bearer: system, ...init });
}

/** Status and text, whichever form the refusal has. */
async function refusalOf(response: Response): Promise<[number, string, string]> {
  const text = await response.text();
  const body = (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, string | undefined>;
  const { error, title, detail = "" } = body;
  return [response.status, (error ?? title ?? text).toLowerCase(), detail];
}

function toRefusal(code: ErrorCode): [number, string] {
  return [ERRORS[code].status, ERRORS[code].message.toLowerCase()];
}

const nameOf = ({ method, path }: Operation) => `${method} ${path}`;

describe("a parameter that is not known", () => {
  it.each(STRICT.map((operation) => [nameOf(operation), operation] as const))(
    "is refused, with the nearest that is known, by %s",
    async (_, operation) => {
      const [known] = operation.query;
      const asked = known === undefined ? "frobnicate" : `${known}x`;
      const [status, error, detail] = await refusalOf(await ask(operation, `?${asked}=1`));
      expect([status, error]).toEqual(toRefusal("query_unknown"));
      expect(detail).toContain(`'${asked}'`);
      expect(detail).toContain(known === undefined ? "" : `'${known}'`);
      if (known !== undefined) {
        const twice = await refusalOf(await ask(operation, `?${known}=1&${known}=2`));
        expect(twice.slice(0, 2)).toEqual(toRefusal("query_unknown"));
      }
    },
  );

  it.each(
    IGNORING.filter(({ method }) => method === "GET").map(
      (operation) => [nameOf(operation), operation] as const,
    ),
  )("is ignored by %s", async (_, operation) => {
    const plain = await ask(operation, "");
    const tracked = await ask(operation, "?utm_source=feed&utm_source=2");
    await Promise.all([plain.arrayBuffer(), tracked.arrayBuffer()]);
    expect(tracked.status).toBe(plain.status);
  });
});

describe("a member that is not known", () => {
  const operations = STRICT.filter(
    ({ method, reads, tag }) => method !== "GET" && reads !== "bytes" && tag !== "Not here",
  );

  it.each(operations.map((operation) => [nameOf(operation), operation] as const))(
    "is refused, with the nearest that is known, by %s",
    async (_, operation) => {
      const [known] = operation.members;
      const asked = known === undefined ? "frobnicate" : `${known}x`;
      for (const name of [asked, "__proto__"]) {
        const body = `{"${name}": null}`;
        const [status, error, detail] = await refusalOf(await ask(operation, "", { body }));
        expect([status, error]).toEqual(toRefusal("member_unknown"));
        expect(detail).toContain(name === asked && known !== undefined ? `'${known}'` : name);
      }
    },
  );

  it("changes nothing", async () => {
    expect(await state()).toBe(before);
  });
});

/** Headers that say what a body of `text` is not, with the refusal. */
const HEADERS: [string, Record<string, string>, ErrorCode][] = [
  ["a coding", { "Content-Encoding": "gzip" }, "body_encoded"],
  ["two codings", { "Content-Encoding": "identity, br" }, "body_encoded"],
  ["an unknown coding", { "Content-Encoding": "aws-chunked" }, "body_encoded"],
  ["Content-MD5", { "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==" }, "body_digest_mismatch"],
  ["a cut Content-MD5", { "Content-MD5": "1B2M2Y8AsgTpgAmY" }, "body_digest_unknown"],
  ["Digest", { Digest: `SHA-256=${digestOf("sha256")}` }, "body_digest_mismatch"],
  ["an MD5 Digest", { Digest: `MD5=${digestOf("md5")}` }, "body_digest_mismatch"],
  ["an SHA Digest", { Digest: `SHA=${digestOf("sha1")}` }, "body_digest_mismatch"],
  ["an unknown Digest", { Digest: "UNIXsum=30637" }, "body_digest_unknown"],
  [
    "Content-Digest",
    { "Content-Digest": `sha-512=:${digestOf("sha512")}:` },
    "body_digest_mismatch",
  ],
  ["Repr-Digest", { "Repr-Digest": `sha-256=:${digestOf("sha256")}:` }, "body_digest_mismatch"],
  ["an unknown Repr-Digest", { "Repr-Digest": "crc32c=:AAAAAA==:" }, "body_digest_unknown"],
];

function digestOf(algorithm: string): string {
  return createHash(algorithm).update("another body").digest("base64");
}

const FORM = `--xYz\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--xYz--\r\n`;

describe("a body that is not what its headers say", () => {
  const named = WITH_BODY.map((operation) => [nameOf(operation), operation] as const);

  it.each(named)("is refused by %s", async (_, operation) => {
    for (const [what, headers, code] of HEADERS) {
      const body = operation.reads === "bytes" ? "text" : "{}";
      const refusal = await refusalOf(await ask(operation, "", { headers, body }));
      expect([what, ...refusal.slice(0, 2)]).toEqual([what, ...toRefusal(code)]);
    }
  });

  it.each(named)("is refused as a form by %s", async (_, operation) => {
    for (const type of [
      "multipart/form-data; boundary=xYz",
      'Multipart/Form-Data;boundary="xYz"',
      "multipart/form-data",
      "application/octet-stream; boundary=xYz", // curl -F with a type of its own
    ]) {
      const headers = { "Content-Type": type };
      const refusal = await refusalOf(await ask(operation, "", { headers, body: FORM }));
      expect(refusal.slice(0, 2)).toEqual(toRefusal("body_is_form"));
    }
  });

  it.each(named.filter(([, { path }]) => !path.includes("/files/")))(
    "is refused as a part by %s",
    async (_, operation) => {
      const headers = { "Content-Range": "bytes 0-1/2" };
      const refusal = await refusalOf(await ask(operation, "", { headers, body: "{}" }));
      expect(refusal.slice(0, 2)).toEqual(toRefusal("content_range_unexpected"));
    },
  );

  it("changes nothing", async () => {
    expect(await state()).toBe(before);
  });
});

describe("a coding that is refused", () => {
  it("is answered with the one that is taken (RFC 9110 §15.5.16)", async () => {
    const uuid = await service.openUpload(system);
    const reply = await service.append(uuid, "x", system, { "Content-Encoding": "gzip" });
    expect([reply.status, reply.headers.get("Accept-Encoding")]).toEqual([415, "identity"]);
  });
});

describe("a JSON body", () => {
  it("is UTF-8, whatever its client took it for", async () => {
    const body = Buffer.from('{"namespace":"caf\u00e9"}', "latin1");
    const refused = await refusalOf(
      await service.fetch("/auth/namespaces", { method: "POST", bearer: system, body }),
    );
    expect(refused).toEqual([400, "malformed request", "body is not UTF-8"]);
  });
});

describe("an append", () => {
  const append = async (body: string, headers: Record<string, string>) => {
    const uuid = await service.openUpload(system);
    const response = await service.append(uuid, body, system, headers);
    return [response.status, await response.text()];
  };
  const right = (algorithm: string) => createHash(algorithm).update("bytes").digest("base64");

  it.each([
    { "Content-Encoding": "identity" },
    { "Content-Encoding": "" },
    { "Content-Type": "application/x-www-form-urlencoded" },
    { "Content-Type": "multipart/form-data; boundary=xYz" },
    { "Content-Type": "multipart/form-data" },
    { "Content-MD5": right("md5") },
    { Digest: `md5=${right("md5")},UNIXsum=1` },
    { Digest: `sha-512=${right("sha512")}` },
    { Digest: `SHA=${right("sha1")}` },
    { "Repr-Digest": `sha-256=:${right("sha256")}:`, "Content-MD5": right("md5") },
  ])("takes bytes with %o", async (headers) => {
    expect(await append("bytes", headers)).toEqual([200, "5"]);
  });

  it("takes a file that looks like a form, and is not called one", async () => {
    const type = "application/octet-stream";
    const stored = [200, String(FORM.length)];
    expect(await append(FORM, { "Content-Type": type })).toEqual(stored);
    const other = "multipart/form-data; boundary=another";
    expect(await append(FORM, { "Content-Type": other })).toEqual(stored);
    const related = "multipart/related; boundary=xYz";
    expect(await append(FORM, { "Content-Type": related })).toEqual(stored);
  });

  it("refuses every wrong digest among right ones", async () => {
    const headers = { "Content-MD5": right("md5"), Digest: `SHA-256=${digestOf("sha256")}` };
    expect((await append("bytes", headers))[0]).toBe(400);
  });

  it.each([
    { Digest: `SHA-512=${right("sha512")},SHA-256=${digestOf("sha256")}` },
    { Digest: `SHA-256=${right("sha256")},MD5=${digestOf("md5")}` },
    { "Content-Digest": `sha-512=:${right("sha512")}:, sha-256=:${digestOf("sha256")}:` },
    { "Repr-Digest": `sha-512=:${right("sha512")}:, sha-256=:AAAA:` },
  ])("refuses a wrong digest behind a right one in %o", async (headers) => {
    expect((await append("bytes", headers))[0]).toBe(400);
  });

  it("refuses no body for a digest of some", async () => {
    const uuid = await service.openUpload(system);
    const headers = { "Content-MD5": right("md5") };
    const response = await service.fetch(`/upload/${uuid}`, {
      method: "POST",
      bearer: system,
      headers,
    });
    expect(response.status).toBe(400);
  });
});

describe("a piece of a declared file", () => {
  const put = (body: string, headers: Record<string, string>) =>
    service.fetch(`${subject["/api/1.0/artifact/{id}"]}/files/f`, {
      method: "PUT",
      bearer: system,
      body,
      headers,
    });
  const md5 = (text: string) => createHash("md5").update(text).digest("base64");
  const whole = `SHA-256=${createHash("sha256").update("file").digest("base64")}`;

  it("has digests of its own, but none of the whole file", async () => {
    const range = { "Content-Range": "bytes 0-1/4" };
    expect((await put("fi", { ...range, "Content-MD5": md5("xx") })).status).toBe(400);
    expect((await put("fi", { ...range, Digest: whole })).status).toBe(400);
    expect((await put("fi", { ...range, "Content-MD5": md5("fi") })).headers.get("Range")).toBe(
      "bytes=0-2",
    );
  });

  it("is held against them also when the file is complete already", async () => {
    expect((await put("file", { Digest: whole })).status).toBe(201);
    const range = { "Content-Range": "bytes 2-3/4" };
    expect((await put("le", { ...range, "Content-MD5": md5("xx") })).status).toBe(400);
    expect((await put("file", { "Content-MD5": md5("xxxx") })).status).toBe(400);
    expect((await put("file", { "Content-MD5": md5("file") })).status).toBe(201);
  });
});

describe("an example", () => {
  const page = async () => {
    const html = await (await service.fetch("/", { headers: { Accept: "text/html" } })).text();
    return html.replaceAll("&quot;", '"');
  };
  const readme = () => readFileSync(new URL("../../README.md", import.meta.url), "utf8");

  it.each([
    ["of README.md", readme],
    ["of the start page", page],
  ])("%s says where its bytes belong and what the whole is", async (_, read) => {
    const commands = (await read()).replaceAll("\\\n", " ").split("\n");
    const appends = commands.filter((command) => /--(?:data-binary|upload-file)/u.test(command));
    const converts = commands.filter((command) => command.includes('upload_uuid\\"'));
    expect([appends.length > 0, converts.length > 0]).toEqual([true, true]);
    expect(appends.filter((command) => !command.includes("Upload-Offset"))).toEqual([]);
    expect(converts.filter((command) => !command.includes("sha512"))).toEqual([]);
  });
});
