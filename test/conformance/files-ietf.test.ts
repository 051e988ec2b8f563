// /files/ as draft-ietf-httpbis-resumable-upload has it, and uploads in one request (docs/conformance.md, Resumable uploads).

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { INTEROP_VERSIONS } from "../../src/protocol/tus.ts";
import { FilesClient, TUS } from "../support/files-client.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const MiB = 1024 * 1024;
const PROBLEMS = "https://iana.org/assignments/http-problem-types#";
const run = promisify(execFile);

let service: RunningService;
let client: FilesClient;

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
});

afterAll(() => service[Symbol.asyncDispose]());

async function open(headers: Record<string, string> = {}): Promise<string> {
  const response = await client.send("POST", "/files/", { "Upload-Complete": "?0", ...headers });
  expect([response.status, response.headers.get("Upload-Complete")]).toEqual([201, "?0"]);
  expect(response.headers.get("Upload-Limit")).toMatch(
    /^max-size=5497558138880, .*, max-age=\d+$/u,
  );
  return new URL(response.headers.get("Location") ?? "").pathname;
}

function append(
  path: string,
  offset: number | string,
  isLast: boolean,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  const own = {
    "Content-Type": "application/partial-upload",
    "Upload-Offset": `${offset}`,
    "Upload-Complete": isLast ? "?1" : "?0",
  };
  return client.send("PATCH", path, { ...own, ...headers }, body);
}

/** Status, Upload-Complete and Upload-Offset of an answer. */
async function told(reply: Promise<Response>): Promise<(string | number | null)[]> {
  const { status, headers } = await reply;
  return [status, headers.get("Upload-Complete"), headers.get("Upload-Offset")];
}

describe("the IETF's resumable uploads", () => {
  it.each([...INTEROP_VERSIONS, null])(
    "create, append and complete with interop %s",
    async (version) => {
      const interop: Record<string, string> =
        version === null ? {} : { "Upload-Draft-Interop-Version": version };
      const name = `report ${version}.txt`;
      const path = await open({ ...interop, "Content-Disposition": `inline; filename="${name}"` });
      expect(await told(append(path, 0, false, "123", interop))).toEqual([204, "?0", "3"]);
      const head = await client.send("HEAD", path, interop);
      expect([
        head.status,
        head.headers.get("Upload-Offset"),
        head.headers.get("Upload-Complete"),
      ]).toEqual([204, "3", "?0"]);
      expect(head.headers.get("Cache-Control")).toBe("no-store");
      const last = await append(path, 3, true, "45", interop);
      expect([last.status, last.headers.get("Upload-Complete")]).toEqual([200, "?1"]);
      expect(last.headers.get("Upload-Draft-Interop-Version")).toBeNull();
      const shown = (await last.json()) as { id: number; version: number; url: string };
      expect(shown).toMatchObject({
        version: 1,
        url: `/a/${shown.id}/${encodeURIComponent(name)}?version=1`,
      });
      const file = await service.fetch(shown.url, { bearer: client.bearer });
      expect(await file.text()).toBe("12345");
      expect(await told(client.send("HEAD", path))).toEqual([204, "?1", "5"]);
      const digest = createHash("sha256").update("12345").digest("base64");
      expect(last.headers.get("Repr-Digest")).toContain(`sha-256=:${digest}:`);
      expect((await client.content(path)).toString()).toBe("12345");
    },
  );

  it("is not complete because its length is there", async () => {
    const path = await open({ "Upload-Length": "3" });
    expect(await told(append(path, 0, false, "123"))).toEqual([204, "?0", "3"]);
    expect(await told(client.send("HEAD", path))).toEqual([204, "?0", "3"]);
    expect((await told(append(path, 3, true, "")))[0]).toBe(200);
    expect((await told(append(path, 3, true, "")))[0]).toBe(200);
    expect((await told(append(path, 3, true, "4")))[0]).toBe(409);
    const empty = new Blob([""]).stream();
    expect((await told(append(path, 3, true, empty)))[0]).toBe(200);
    expect(await told(append(path, 3, false, ""))).toEqual([409, "?0", "3"]);
    expect((await told(append(path, 0, true, "")))[0]).toBe(409);
  });

  it("takes a first part, or all, with the creation", async () => {
    const some = await client.send("POST", "/files/", { "Upload-Complete": "?0" }, "123");
    expect([some.status, some.headers.get("Upload-Offset")]).toEqual([201, "3"]);
    const all = await client.send("POST", "/files/", { "Upload-Complete": "?1" }, "123");
    expect([all.status, all.headers.get("Upload-Complete")]).toEqual([201, "?1"]);
    const { id } = (await all.json()) as { id: number };
    expect(all.headers.get("Location")).toBe(`/a/${id}/`);
    const empty = await client.send("POST", "/files/", { "Upload-Complete": "?1" });
    expect(empty.status).toBe(201);
  });

  it("tells a problem with both offsets where they differ", async () => {
    const path = await open();
    await append(path, 0, false, "123");
    const response = await append(path, 5, false, "45");
    expect([response.status, response.headers.get("Upload-Offset")]).toEqual([409, "3"]);
    expect(response.headers.get("Upload-Complete")).toBe("?0");
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      type: `${PROBLEMS}mismatching-upload-offset`,
      "expected-offset": 3,
      "provided-offset": 5,
    });
  });

  it.each([
    [{ "Upload-Length": "5" }, false, "1", { "Upload-Length": "6" }],
    [{ "Upload-Length": "5" }, true, "123", {}],
    [{}, true, "123", { "Upload-Length": "4" }],
    [{ "Upload-Length": "5" }, true, "", {}],
    [{}, false, "123", { "Upload-Length": "2", "Upload-Complete": "?1" }],
  ])(
    "tells a problem where lengths disagree: %o, %s, '%s', %o",
    async (first, isLast, body, headers) => {
      const path = await open(first);
      const response = await append(path, 0, isLast, body, headers);
      expect([response.status, response.headers.get("Upload-Complete")]).toEqual([400, "?0"]);
      expect(await response.json()).toMatchObject({
        type: `${PROBLEMS}inconsistent-upload-length`,
      });
      expect((await told(client.send("HEAD", path)))[2]).toBe("0");
    },
  );

  it("tells a problem where a last body in chunks ends elsewhere, and keeps nothing of it", async () => {
    const path = await open({ "Upload-Length": "5" });
    await append(path, 0, false, "1");
    const response = await append(path, 1, true, new Blob(["23"]).stream());
    expect([response.status, response.headers.get("Upload-Complete")]).toEqual([400, "?0"]);
    expect(await response.json()).toMatchObject({ type: `${PROBLEMS}inconsistent-upload-length` });
    expect(await told(client.send("HEAD", path))).toEqual([204, "?0", "1"]);
    expect((await append(path, 1, true, new Blob(["2345"]).stream())).status).toBe(200);
  });

  it("ends where there are bytes past the length", async () => {
    const path = await open({ "Upload-Length": "2" });
    expect((await told(append(path, 0, false, "123"))).slice(0, 2)).toEqual([413, "?0"]);
    expect((await client.send("HEAD", path)).status).toBe(404);
  });

  it("refuses a creation whose length is not that of its body, or that says it is longer than there is room", async () => {
    const whole = { "Upload-Complete": "?1", "Upload-Length": "4" };
    const response = await client.send("POST", "/files/", whole, "123");
    expect([response.status, response.headers.get("Upload-Complete")]).toEqual([400, "?0"]);
    expect(await response.json()).toMatchObject({ type: `${PROBLEMS}inconsistent-upload-length` });
    const tooLarge = { "Upload-Complete": "?0", "Upload-Length": "5497558138881" };
    expect((await client.send("POST", "/files/", tooLarge)).status).toBe(413);
    const small = new FilesClient(service, await service.makeWorkspace("small"));
    const system = await service.loginAsSystem();
    await service.json("PATCH", "/auth/namespaces/small", { quota_bytes: 50 }, system);
    const refused = await small.send("POST", "/files/", {
      "Upload-Complete": "?0",
      "Upload-Length": "51",
    });
    expect([refused.status, refused.headers.get("Upload-Complete")]).toEqual([413, "?0"]);
    expect(refused.headers.get("Upload-Limit")).toMatch(/^max-size=50, /u);
  });

  it("answers 415 to another type, and says which it takes", async () => {
    const response = await append(await open(), 0, false, "1", { "Content-Type": "text/plain" });
    expect(response.status).toBe(415);
    expect(response.headers.get("Accept-Patch")).toContain("application/partial-upload");
  });

  it("ignores fields that are malformed: without Upload-Complete it is another protocol", async () => {
    const path = await open();
    const status = async (complete: string) =>
      (await append(path, 0, false, "1", { "Upload-Complete": complete })).status;
    expect([await status("true"), await status('"?1"'), await status("?2")]).toEqual([
      412, 412, 412,
    ]);
    expect((await append(path, "0", false, "1", { "Upload-Complete": "?0;a=b" })).status).toBe(204);
    expect((await append(path, "9".repeat(16), false, "1")).status).toBe(400);
  });

  it("ends with DELETE, unless it is an artifact", async () => {
    const path = await open();
    expect((await client.send("DELETE", path)).status).toBe(204);
    expect((await client.send("HEAD", path)).status).toBe(404);
    const whole = await open();
    await append(whole, 0, true, "1");
    expect((await client.send("DELETE", whole)).status).toBe(403);
  });

  it("holds a part against its Content-Digest, and the whole against the Repr-Digest of its creation", async () => {
    const digestOf = (bytes: string) =>
      `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
    const path = await open({ "Repr-Digest": digestOf("right") });
    const wrong = await append(path, 0, false, "wro", { "Content-Digest": digestOf("rig") });
    expect([wrong.status, wrong.headers.get("Upload-Complete")]).toEqual([400, "?0"]);
    expect((await told(append(path, 0, true, "wrong"))).slice(0, 2)).toEqual([400, "?1"]);
    expect((await told(client.send("HEAD", path)))[2]).toBe("0");
    expect((await told(append(path, 0, true, "right")))[0]).toBe(200);
  });

  it("and tus see the same upload", async () => {
    const path = await open();
    await append(path, 0, false, "12");
    const head = await client.head(path);
    expect([head.status, head.headers.get("Upload-Offset")]).toEqual([200, "2"]);
    const other = await client.open(4);
    expect((await append(other, 0, true, "1234")).status).toBe(200);
  });
});

describe("PUT /files/:name and POST /files/ in one request", () => {
  it("takes what curl -T sends", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-curl-"));
    const bytes = randomBytes(20 * MiB + 1);
    writeFileSync(join(folder, "disk.img"), bytes);
    const authorization = `Authorization: Bearer ${client.bearer}`;
    const args = [
      "-sS",
      "-T",
      join(folder, "disk.img"),
      "-H",
      authorization,
      `${service.origin}/files/`,
    ];
    const { stdout } = await run("curl", args);
    rmSync(folder, { recursive: true });
    const { id, url } = JSON.parse(stdout) as { id: number; url: string };
    expect(url).toBe(`/a/${id}/disk.img?version=1`);
    const file = await service.fetch(url, { bearer: client.bearer });
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("takes a body of any type, with the name of its Content-Disposition", async () => {
    const headers = {
      "Content-Type": "text/plain",
      "Content-Disposition": "attachment; filename*=UTF-8''%c3%a4.txt",
    };
    const response = await client.send("POST", "/files/", headers, "hello");
    const { id } = (await response.json()) as { id: number };
    expect(response.status).toBe(201);
    expect(response.headers.get("Location")).toBe(`/a/${id}/`);
    expect(response.headers.get("Link")).toContain(`/a/${id}/%C3%A4.txt`);
  });

  it("takes what Apple's systems send: Upload-Complete with all of it, or the inverted header of old", async () => {
    const headers = {
      "Upload-Complete": "?1",
      "Upload-Draft-Interop-Version": "6",
      "Content-Type": "text/plain",
    };
    expect((await client.send("POST", "/files/", headers, "a")).status).toBe(201);
    const old = { "Upload-Incomplete": "?0", "Upload-Draft-Interop-Version": "3" };
    expect((await client.send("POST", "/files/", old, "b")).status).toBe(201);
  });

  it("refuses a range, a coding, a form, a wrong digest and a name that cannot be", async () => {
    const put = async (path: string, headers: Record<string, string>, body = "x") =>
      (await client.send("PUT", path, headers, body)).status;
    expect(await put("/files/a", { "Content-Range": "bytes 0-0/1" })).toBe(400);
    expect(await put("/files/a", { "Content-Encoding": "gzip" })).toBe(415);
    const digest = `sha-256=:${createHash("sha256").update("y").digest("base64")}:`;
    expect(await put("/files/a", { "Content-Digest": digest })).toBe(460);
    expect(await put("/files/%2e%2e%2f", {})).toBe(400);
    expect((await service.fetch("/files/a", { method: "PUT", body: "x" })).status).toBe(401);
  });

  it("tells a tus client that forgot its version so", async () => {
    const headers = { "Upload-Length": "1" };
    expect((await client.send("POST", "/files/", headers, "x")).status).toBe(412);
    expect((await client.send("POST", "/files/", {})).status).toBe(412);
    expect(
      (await client.send("POST", "/files/", { ...TUS, "Tus-Resumable": "9" }, "x")).status,
    ).toBe(412);
  });
});
