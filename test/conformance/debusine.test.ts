// /api/1.0/: artifacts of many files as Debusine's client makes, fills, shows and relates them
// (docs/conformance.md, Debusine).

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { declare, DebusineClient, problemOf } from "../support/debusine-client.ts";
import { hexDigest } from "../support/make-artifact.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";
import { extentsOfContent } from "../support/version-files.ts";

const MiB = 1024 * 1024;
const EMPTY = Buffer.alloc(0);
const NEVER = 999_999;

let service: RunningService;
let key: string;
/** A contributor of the private workspace `ci`. */
let carl: DebusineClient;
let viewer: DebusineClient;
let stranger: DebusineClient;
let worker: DebusineClient;
let nobody: DebusineClient;

beforeAll(async () => {
  service = await startService();
  key = await service.makeWorkspace("ci");
  await service.makeWorkspace("other");
  await service.makeWorkspace("open", { public: true });
  const client = (token: string) => new DebusineClient(service, { Token: token });
  const roles = { ci: "contributor", open: "viewer", other: "contributor" } as const;
  carl = client((await makeUserToken(service, "carl", roles)).token);
  viewer = client((await makeUserToken(service, "vera", { ci: "viewer" })).token);
  stranger = client((await makeUserToken(service, "stan")).token);
  worker = client((await makeWorkerToken(service)).token);
  nobody = new DebusineClient(service, {});
});

afterAll(() => service[Symbol.asyncDispose]());

function browse(path: string, accept = "application/json"): Promise<Response> {
  return service.fetch(`/a/${path}`, { bearer: key, headers: { Accept: accept } });
}

async function countRows(table: string): Promise<number> {
  const { results } = await service.env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).all<{
    n: number;
  }>();
  return results[0]?.n ?? 0;
}

async function countObjects(prefix: string): Promise<number> {
  return (await service.env.BUCKET.list({ prefix })).objects.length;
}

describe("POST /api/1.0/artifact/", () => {
  it("answers 201 with the artifact, its files and those to upload", async () => {
    const files = {
      "doc/index.html": Buffer.from("<p>hi"),
      "doc/a b#?%.txt": Buffer.from("text"),
      empty: EMPTY,
    };
    const data = { nested: { list: [1, "ü"] } };
    const made = await carl.make(files, { data, unknown: "ignored" });
    expect(made).toMatchObject({
      url: `/a/${made.id}/`,
      scope: "debusine",
      workspace: "ci",
      category: "debusine:test",
      data,
      expire_at: null,
      download_tar_gz_url: `${service.origin}/a/${made.id}/?archive=tar.gz`,
      files_to_upload: ["doc/a b#?%.txt", "doc/index.html"],
    });
    expect(made.files["doc/a b#?%.txt"]).toEqual({
      ...declare(files["doc/a b#?%.txt"]),
      content_type: null,
      url: `${service.origin}/a/${made.id}/doc/a%20b%23%3F%25.txt`,
    });
    expect(Math.abs(Date.parse(made.created_at) - Date.now())).toBeLessThan(60_000);
    expect(await carl.show(made.id)).toEqual(made);
    const slashed = await carl.send("GET", `/artifact/${made.id}/`);
    expect([slashed.status, await slashed.json()]).toEqual([200, made]);
  });

  it("keeps the content type that was declared", async () => {
    const declared = { page: declare(Buffer.from("typed"), "text/html; charset=utf-8") };
    const made = await carl.make({}, { files: declared });
    expect(made.files["page"]).toMatchObject(declared.page);
  });

  it("refuses what the workspace has no room for with 507, and leaves nothing behind", async () => {
    const system = await service.loginAsSystem();
    const path = "/auth/namespaces/other";
    const quota = (bytes: number | null) =>
      service.json<{ used_bytes: number }>("PATCH", path, { quota_bytes: bytes }, system);
    const { used_bytes: used } = await quota(null);
    await quota(used + 10);
    const before = await countRows("versions");
    const files = { file: declare(randomBytes(11)) };
    const body = { category: "c", workspace: "other", files };
    const reply = await carl.send("POST", "/artifact/", body);
    expect([reply.status, await countRows("versions")]).toEqual([507, before]);
    const fits = await carl.make({ file: randomBytes(10) }, { workspace: "other" });
    expect(fits.files_to_upload).toEqual(["file"]);
    expect(await quota(null)).toMatchObject({ used_bytes: used + 10 });
  });

  it("notes who made it", async () => {
    const { id } = await carl.make({});
    const event = await service.env.DB.prepare(
      "SELECT message, actor FROM events WHERE artifact_id = ?1",
    )
      .bind(id)
      .first();
    expect(event).toEqual({ message: "artifact created", actor: "user carl" });
  });

  it("makes an artifact without files complete at once", async () => {
    const made = await carl.make({});
    expect(made).toMatchObject({ files: {}, files_to_upload: [] });
    const listing = await (await browse(`${made.id}/`)).json();
    expect(listing).toMatchObject({ file_count: 0, entries: [] });
  });

  it("asks for no file that the workspace holds, and for each that only others hold", async () => {
    const bytes = randomBytes(1_000);
    const elsewhere = await carl.make({ file: bytes }, { workspace: "other" });
    expect(await carl.putFor(elsewhere.id, "file", bytes)).toEqual([201, null]);
    const first = await carl.make({ file: bytes });
    expect(first.files_to_upload).toEqual(["file"]);
    expect(await carl.putFor(first.id, "file", bytes)).toEqual([201, null]);
    const second = await carl.make({ "again/a": bytes, "again/b": bytes });
    expect(second.files_to_upload).toEqual([]);
    const reply = await browse(`${second.id}/again/b`);
    expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("asks again for a file whose only artifact is gone", async () => {
    const bytes = randomBytes(500);
    const made = await carl.make({ file: bytes });
    await carl.putFor(made.id, "file", bytes);
    service.tampered?.add("sweep_behind");
    await service.env.DB.prepare("UPDATE artifacts SET expires_at = 1 WHERE id = ?1")
      .bind(made.id)
      .run();
    expect((await carl.make({ file: bytes })).files_to_upload).toEqual(["file"]);
  });

  it("completes all paths of one new content with one upload", async () => {
    const bytes = randomBytes(100);
    const made = await carl.make({ a: bytes, "b/c": bytes });
    expect(made.files_to_upload).toEqual(["a", "b/c"]);
    expect(await carl.putFor(made.id, "b/c", bytes)).toEqual([201, null]);
    expect((await carl.show(made.id)).files_to_upload).toEqual([]);
  });

  it("honours expire_at, expiration_delay and the default of the workspace", async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    expect((await carl.make({}, { expire_at: at })).expire_at).toBe(at);
    const delayed = await carl.make({}, { expiration_delay: 3 });
    const days =
      (Date.parse(delayed.expire_at ?? "") - Date.parse(delayed.created_at)) / 86_400_000;
    expect(days).toBe(3);
    await service.makeWorkspace("brief");
    const system = await service.loginAsSystem();
    const change = { default_expiration_days: 7 };
    await service.json("PATCH", "/auth/namespaces/brief", change, system);
    const bySystem = new DebusineClient(service, { Authorization: `Bearer ${system}` });
    const made = await bySystem.make({}, { workspace: "brief" });
    expect(Date.parse(made.expire_at ?? "") - Date.parse(made.created_at)).toBe(7 * 86_400_000);
  });

  it("is gone for everyone from its expiry on", async () => {
    const bytes = randomBytes(10);
    const expireAt = new Date(Date.now() + 1_000).toISOString();
    const made = await carl.make({ file: bytes }, { expire_at: expireAt });
    await sleep(1_100);
    expect(await problemOf(carl.send("GET", `/artifact/${made.id}`))).toMatchObject({
      status: 404,
    });
    expect(await problemOf(carl.put(made.id, "file", bytes))).toMatchObject({ status: 404 });
  });

  it("takes System for the workspace system, which is the default", async () => {
    const system = { Authorization: `Bearer ${await service.loginAsSystem()}` };
    const admin = new DebusineClient(service, system);
    for (const workspace of ["System", "system", null]) {
      expect((await admin.make({}, { workspace })).workspace).toBe("system");
    }
    expect(await problemOf(carl.create({}, { workspace: null }))).toMatchObject({ status: 404 });
  });

  const bad = "x".repeat(64);
  const ok = declare(Buffer.from("ok"));
  it.each([
    ["an absolute path", { files: { "/etc/passwd": ok } }, "files", "/etc/passwd"],
    ["a parent segment", { files: { "a/../b": ok } }, "files", "a/../b"],
    ["a dot segment", { files: { "./a": ok } }, "files", "./a"],
    ["an empty segment", { files: { "a//b": ok } }, "files", "a//b"],
    ["an empty path", { files: { "": ok } }, "files", ""],
    ["a slash at the end", { files: { "a/": ok } }, "files", "a/"],
    ["a backslash", { files: { "a\\b": ok } }, "files", "a\\b"],
    ["a control character", { files: { "a\u0085b": ok } }, "files", "a\u0085b"],
    ["half a character", { files: { "a\ud800": ok } }, "files", "a\ud800"],
    ["1,001 bytes", { files: { [`${"ü".repeat(500)}a`]: ok } }, "files", `${"ü".repeat(500)}a`],
    ["a file that is a folder too", { files: { a: ok, "a-b": ok, "a/b": ok } }, "files", "a"],
    ["a negative size", { files: { a: { ...ok, size: -1 } } }, "files", "a"],
    ["a size of a fraction", { files: { a: { ...ok, size: 1.5 } } }, "files", "a"],
    ["a hash that is none", { files: { a: { ...ok, checksums: { sha256: bad } } } }, "files", "a"],
    ["no hash", { files: { a: { ...ok, checksums: {} } } }, "files", "a"],
    ["size 0 and another hash", { files: { a: { ...ok, size: 0 } } }, "files", "a"],
    ["another type", { files: { a: { ...ok, type: "link" } } }, "files", "a"],
    ["a list of files", { files: [] }, "files", null],
    ["no category", { category: null }, "category", null],
    ["a category of 256 characters", { category: "c".repeat(256) }, "category", null],
    ["data that is no object", { data: [1] }, "data", null],
    ["data over 256 KiB", { data: { text: "x".repeat(256 * 1024) } }, "data", null],
    ["a time that is none", { expire_at: "tomorrow" }, "expire_at", null],
    ["a time that has passed", { expire_at: "2020-01-01T00:00:00Z" }, "expire_at", null],
    ["a delay of nothing", { expiration_delay: 0 }, "expiration_delay", null],
  ])("refuses %s with 400, names it, and leaves nothing behind", async (_, request, name, path) => {
    const before = [await countRows("artifacts"), await countRows("versions")];
    const problem = await problemOf(carl.create({}, request));
    expect(problem.status).toBe(400);
    const errors = problem.validation_errors?.[name];
    expect(errors).toBeDefined();
    expect(path === null || Object.hasOwn(errors as object, path)).toBe(true);
    expect([await countRows("artifacts"), await countRows("versions")]).toEqual(before);
  });

  it("refuses what is not JSON with 400, and more than 100,000 files with 413", async () => {
    const headers = { Authorization: `Bearer ${key}` };
    const init = { method: "POST", headers, body: "{" };
    expect(await problemOf(service.fetch("/api/1.0/artifact/", init))).toMatchObject({
      status: 400,
    });
    const many = Object.fromEntries(Array.from({ length: 100_001 }, (_, at) => [`f${at}`, 1]));
    expect(await problemOf(carl.create({}, { files: many }))).toMatchObject({ status: 413 });
  });
});

describe("who may use /api/1.0/", () => {
  it("lets members read, contributors and keys write, and hides the workspace from all others", async () => {
    const bytes = randomBytes(40);
    const { id } = await carl.make({ file: bytes });
    const owner = new DebusineClient(service, { Authorization: `Bearer ${key}` });
    const statuses = async (client: DebusineClient) => [
      (await client.send("GET", `/artifact/${id}/`)).status,
      (await client.create({})).status,
      (await client.put(id, "file", null, "bytes */40")).status,
      (await client.put(id, "none", bytes)).status,
      (await client.put(NEVER, "file", bytes)).status,
    ];
    expect(await statuses(carl)).toEqual([200, 201, 206, 404, 404]);
    expect(await statuses(owner)).toEqual([200, 201, 206, 404, 404]);
    expect(await statuses(viewer)).toEqual([200, 403, 403, 403, 404]);
    expect(await statuses(worker)).toEqual([200, 403, 403, 403, 404]);
    expect(await statuses(stranger)).toEqual([404, 404, 404, 404, 404]);
    expect(await statuses(nobody)).toEqual([404, 401, 401, 401, 401]);
    expect((await carl.show(id)).files_to_upload).toEqual(["file"]);
  });

  it("answers the same for a hidden artifact and for none", async () => {
    const { id } = await carl.make({});
    const answer = async (artifact: number) => {
      const problem = await problemOf(stranger.send("GET", `/artifact/${artifact}`));
      return { ...problem, detail: problem.detail?.replace(/ Request [0-9a-f-]{36}$/u, "") };
    };
    expect(await answer(id)).toEqual(await answer(NEVER));
  });

  it("lets anyone read in a public workspace, and its viewers not write", async () => {
    const system = { Authorization: `Bearer ${await service.loginAsSystem()}` };
    const { id } = await new DebusineClient(service, system).make({}, { workspace: "open" });
    expect((await nobody.send("GET", `/artifact/${id}`)).status).toBe(200);
    const refused = await problemOf(carl.create({}, { workspace: "open" }));
    expect(refused).toMatchObject({ status: 403 });
  });

  it("refuses a token that is not good with 401", async () => {
    const bad = new DebusineClient(service, { Token: "f".repeat(64) });
    for (const ask of [
      () => bad.send("GET", "/whoami/"),
      () => bad.send("GET", "/artifact/1/"),
      () => bad.create({}),
    ]) {
      expect(await problemOf(ask())).toMatchObject({ status: 401 });
    }
  });

  it("says who asks", async () => {
    const ask = async (client: DebusineClient) => (await client.send("GET", "/whoami/")).json();
    expect(await ask(carl)).toEqual({ user: "carl", auth: true, worker_token: false });
    expect(await ask(worker)).toEqual({ user: "<anonymous>", auth: true, worker_token: true });
    expect(await ask(nobody)).toEqual({ user: "<anonymous>", auth: false, worker_token: false });
  });

  it("answers unknown addresses and methods in the same form", async () => {
    expect(await problemOf(carl.send("GET", "/work-request/"))).toMatchObject({ status: 404 });
    expect(await problemOf(carl.send("DELETE", "/artifact/1/"))).toMatchObject({ status: 405 });
    expect(await problemOf(carl.send("GET", "/artifact/one/"))).toMatchObject({ status: 404 });
  });
});

describe("PUT /api/1.0/artifact/:id/files/*", () => {
  it("takes a file in pieces and says after each where it ends", async () => {
    const bytes = randomBytes(10 * MiB + 7);
    const size = bytes.length;
    const { id } = await carl.make({ "a b/ü#.bin": bytes });
    const put = (start: number, end: number) =>
      carl.putFor(
        id,
        "a b/ü#.bin",
        bytes.subarray(start, end),
        `bytes ${start}-${end - 1}/${size}`,
      );
    const ask = (of: string) => carl.putFor(id, "a b/ü#.bin", null, `bytes */${of}`);
    expect(await ask(String(size))).toEqual([206, "bytes=0-0"]);
    expect(await put(0, 8 * MiB)).toEqual([200, `bytes=0-${8 * MiB}`]);
    expect(await ask("*")).toEqual([206, `bytes=0-${8 * MiB}`]);
    expect(await put(8 * MiB, 10 * MiB)).toEqual([200, `bytes=0-${10 * MiB}`]);
    expect(await put(7 * MiB + 1, 9 * MiB)).toEqual([200, `bytes=0-${9 * MiB}`]);
    expect(await put(9 * MiB, size)).toEqual([201, null]);
    expect(await ask(String(size))).toEqual([200, null]);
    expect(await put(0, 5)).toEqual([201, null]);
    const reply = await browse(
      `${id}/${encodeURIComponent("a b")}/${encodeURIComponent("ü#.bin")}`,
    );
    expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("goes on where a body broke off, whole as before", async () => {
    const bytes = randomBytes(3 * MiB);
    const { id } = await carl.make({ file: bytes });
    await carl.putFor(id, "file", bytes.subarray(0, MiB), `bytes 0-${MiB - 1}/${bytes.length}`);
    const { broken } = await breakOff(
      id,
      bytes.subarray(MiB),
      `bytes ${MiB}-${bytes.length - 1}/${bytes.length}`,
    );
    expect(broken).toBe(true);
    const held = await carl.putFor(id, "file", null, `bytes */${bytes.length}`);
    expect(held).toEqual([206, `bytes=0-${MiB}`]);
    const rest = `bytes ${MiB}-${bytes.length - 1}/${bytes.length}`;
    expect(await carl.putFor(id, "file", bytes.subarray(MiB), rest)).toEqual([201, null]);
  });

  async function breakOff(id: number, bytes: Uint8Array, range: string) {
    const abort = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(bytes.subarray(0, MiB));
        await sleep(100);
        abort.abort();
      },
    });
    const headers = { Authorization: `Bearer ${key}`, "Content-Range": range };
    const init = { method: "PUT", headers, body, duplex: "half", signal: abort.signal };
    const reply = await service
      .fetch(`/api/1.0/artifact/${id}/files/file/`, init as RequestInit)
      .catch(() => null);
    return { broken: reply === null || reply.status >= 400 };
  }

  it.each([
    ["small", 5_000],
    ["large", 2 * MiB],
  ])("takes a %s file whole, or its beginning in a shorter body", async (_, size) => {
    const bytes = randomBytes(size);
    const { id } = await carl.make({ whole: bytes, short: Buffer.concat([bytes, bytes]) });
    expect(await carl.putFor(id, "whole", bytes)).toEqual([201, null]);
    expect(await carl.putFor(id, "short", bytes)).toEqual([200, `bytes=0-${size}`]);
    const rest = `bytes ${size}-${2 * size - 1}/${2 * size}`;
    expect(await carl.putFor(id, "short", bytes, rest)).toEqual([201, null]);
    const reply = await browse(`${id}/short`);
    const stored = Buffer.from(await reply.arrayBuffer());
    expect(stored.equals(Buffer.concat([bytes, bytes]))).toBe(true);
  });

  it("refuses what does not fit with 400 and changes nothing", async () => {
    const bytes = randomBytes(100);
    const { id } = await carl.make({ file: bytes });
    await carl.putFor(id, "file", bytes.subarray(0, 50), "bytes 0-49/100");
    for (const [count, range] of [
      [10, "bytes 60-69/100"], // a gap
      [60, "bytes 50-109/110"], // another size
      [60, "bytes 50-109/*"], // past the end
      [10, "bytes 50-69/100"], // a body of another length
      [10, "bytes 59-50/100"],
      [10, "bytes=50-59/100"],
      [10, "bytes 50-59"],
      [10, "bytes -10/100"],
      [0, "bytes */101"],
      [101, undefined],
    ] as const) {
      const problem = await problemOf(carl.put(id, "file", randomBytes(count), range));
      expect([range, problem.status]).toEqual([range, 400]);
    }
    expect(await carl.putFor(id, "file", null, "bytes */100")).toEqual([206, "bytes=0-50"]);
  });

  it.each([
    ["small and whole", 300, [300]],
    ["in pieces", 300, [100, 300]],
    ["large", 2 * MiB, [2 * MiB]],
  ])("drops other bytes than declared with 409 and starts again: %s", async (_, size, ends) => {
    const bytes = randomBytes(size);
    const { id } = await carl.make({ file: bytes });
    const send = async (content: Buffer) => {
      let [start, status] = [0, 0];
      for (const end of ends) {
        const range = `bytes ${start}-${end - 1}/${size}`;
        const reply = await carl.put(id, "file", content.subarray(start, end), range);
        await reply.body?.cancel();
        [start, status] = [end, reply.status];
      }
      return status;
    };
    expect(await send(randomBytes(size))).toBe(409);
    expect(await carl.putFor(id, "file", null, `bytes */${size}`)).toEqual([206, "bytes=0-0"]);
    expect((await carl.show(id)).files_to_upload).toEqual(["file"]);
    expect(await send(bytes)).toBe(201);
  });

  it("takes a file once when it is sent several times at once", async () => {
    const [small, large] = [randomBytes(2_000), randomBytes(3 * MiB)];
    const { id } = await carl.make({ small, large });
    const sent = await Promise.all(
      [0, 1, 2, 3].flatMap(() => [carl.put(id, "small", small), carl.put(id, "large", large)]),
    );
    const statuses = sent.map(({ status }) => status);
    expect(statuses.every((status) => status === 201 || status === 200)).toBe(true);
    expect((await carl.show(id)).files_to_upload).toEqual([]);
    for (const [path, bytes] of Object.entries({ small, large })) {
      const stored = Buffer.from(await (await browse(`${id}/${path}`)).arrayBuffer());
      expect(stored.equals(bytes)).toBe(true);
    }
  });

  it("lets two clients fill one artifact at once, each as the API tells it", async () => {
    const files = Object.fromEntries(
      [1, 2, 3].map((n) => [`dir/${n}`, randomBytes(2 * MiB + n)] as const),
    );
    const { id } = await carl.make(files);
    const fill = async () => {
      for (const [path, bytes] of Object.entries(files)) {
        const next = (range: string | null) => Number(/-(\d+)$/u.exec(range ?? "")?.[1]);
        const asked = await carl.putFor(id, path, null, `bytes */${bytes.length}`);
        let start = asked[0] === 206 ? next(asked[1]) : bytes.length;
        while (start < bytes.length) {
          const end = Math.min(bytes.length, start + MiB);
          const range = `bytes ${start}-${end - 1}/${bytes.length}`;
          const [status, held] = await carl.putFor(id, path, bytes.subarray(start, end), range);
          expect([200, 201]).toContain(status);
          start = status === 201 ? bytes.length : next(held);
        }
      }
    };
    await Promise.all([fill(), fill(), fill()]);
    expect((await carl.show(id)).files_to_upload).toEqual([]);
    for (const [path, bytes] of Object.entries(files)) {
      const listing = await browse(`${id}/${path}`);
      expect(hexDigest("sha256", Buffer.from(await listing.arrayBuffer()))).toBe(
        hexDigest("sha256", bytes),
      );
    }
  });

  it("keeps no R2 object that nothing names", async () => {
    const bytes = randomBytes(900);
    const before = await countObjects("packs/");
    const { id } = await carl.make({ file: bytes });
    await carl.put(id, "file", bytes);
    await carl.put(id, "file", bytes);
    expect(await countObjects("packs/")).toBe(before + 1);
    const extents = await extentsOfContent(service.env, hexDigest("sha512", bytes));
    expect(extents).toHaveLength(1);
    const named = extents[0]?.key ?? "";
    const row = await service.env.DB.prepare("SELECT 1 FROM garbage WHERE key = ?1")
      .bind(named)
      .first();
    expect(row).toBeNull();
  });
});

describe("an artifact that is not complete", () => {
  it("lists what is missing, gives what is there, and refuses archives with 409", async () => {
    const [here, away] = [randomBytes(30), randomBytes(70)];
    const { id } = await carl.make({ "d/here": here, "d/away": away, other: randomBytes(5) });
    await carl.put(id, "d/here", here);
    const listing = await (await browse(`${id}/d/`)).json();
    expect(listing).toMatchObject({
      file_count: 2,
      total_bytes: 100,
      missing_count: 1,
      entries: [
        { type: "missing", path: "d/away", size: 70 },
        { type: "file", path: "d/here", size: 30, sha256: hexDigest("sha256", here) },
      ],
    });
    expect(await (await browse(`${id}/d/`, "text/html")).text()).toContain("Waiting for 1 file");
    expect((await browse(`${id}/d/here`)).status).toBe(200);
    expect((await browse(`${id}/d/away`)).status).toBe(404);
    expect((await browse(`${id}/?archive=tar.gz`)).status).toBe(409);
    expect((await browse(`${id}/d/?archive=tar.gz`)).status).toBe(409);
  });

  it("shows on Shaken Fist's API from its last file on", async () => {
    const bytes = randomBytes(30);
    const { id } = await carl.make({ file: bytes }, { category: "test:appears" });
    const find = () => service.fetch("/artifacts/test:appears", { bearer: key });
    expect((await find()).status).toBe(404);
    await carl.put(id, "file", bytes);
    expect(await (await find()).json()).toMatchObject({ id, state: "created", index: 1 });
  });

  it("has its archive once complete, with all that was declared", async () => {
    const files = { "x/1": randomBytes(3_000), "x/2": EMPTY, y: randomBytes(10) };
    const { id, download_tar_gz_url: url } = await carl.make(files);
    await carl.put(id, "x/1", files["x/1"]);
    await carl.put(id, "y", files.y);
    const reply = await browse(url.slice(`${service.origin}/a/`.length));
    await using folder = await makeFolder();
    await writeFile(`${folder.path}/all.tar.gz`, Buffer.from(await reply.arrayBuffer()));
    const { output } = await runTool("tar", "-tzf", `${folder.path}/all.tar.gz`);
    expect(output).toBe("x/1\nx/2\ny\n");
  });
});

describe("/api/1.0/artifact-relation/", () => {
  it("relates two artifacts once, lists from both ends, and forgets", async () => {
    const [from, to] = [await carl.make({}), await carl.make({})];
    const relation = { artifact: from.id, target: to.id, type: "extends" };
    const first = await carl.send("POST", "/artifact-relation/", relation);
    const made = (await first.json()) as { id: number };
    expect([first.status, made]).toEqual([201, { id: made.id, ...relation }]);
    const again = await carl.send("POST", "/artifact-relation/", relation);
    expect([again.status, await again.json()]).toEqual([200, made]);
    const list = async (query: string) =>
      (await carl.send("GET", `/artifact-relation/?${query}`)).json();
    expect(await list(`artifact=${from.id}`)).toEqual([made]);
    expect(await list(`target_artifact=${to.id}`)).toEqual([made]);
    expect(await list(`artifact=${to.id}`)).toEqual([]);
    const refused = await problemOf(viewer.send("DELETE", `/artifact-relation/${made.id}/`));
    expect(refused).toMatchObject({ status: 403 });
    expect((await carl.send("DELETE", `/artifact-relation/${made.id}/`)).status).toBe(204);
    expect(await list(`artifact=${from.id}`)).toEqual([]);
    const gone = await problemOf(carl.send("DELETE", `/artifact-relation/${made.id}/`));
    expect(gone).toMatchObject({ status: 404 });
  });

  it("refuses other types and questions, and tells strangers nothing", async () => {
    const [from, to] = [await carl.make({}), await carl.make({})];
    const relation = { artifact: from.id, target: to.id, type: "relates-to" };
    const { id } = (await (await carl.send("POST", "/artifact-relation/", relation)).json()) as {
      id: number;
    };
    const statusOf = async (client: DebusineClient, method: string, path: string, body?: unknown) =>
      (await problemOf(client.send(method, `/artifact-relation/${path}`, body))).status;
    expect(await statusOf(carl, "POST", "", { ...relation, type: "likes" })).toBe(400);
    expect(await statusOf(carl, "POST", "", { ...relation, target: NEVER })).toBe(404);
    expect(await statusOf(carl, "GET", "")).toBe(400);
    expect(await statusOf(viewer, "POST", "", relation)).toBe(403);
    expect(await statusOf(stranger, "POST", "", relation)).toBe(404);
    expect(await statusOf(stranger, "GET", `?artifact=${from.id}`)).toBe(404);
    expect(await statusOf(stranger, "DELETE", `${id}/`)).toBe(404);
  });
});

describe("Debusine's own addresses", () => {
  it.each([
    ["artifact/7/", "/a/7/"],
    ["artifact/7", "/a/7/"],
    ["artifact/7/download/?archive=tar.gz", "/a/7/?archive=tar.gz"],
    ["artifact/7/download/doc/a%20b.txt", "/a/7/doc/a%20b.txt"],
    ["artifact/7/raw/x%2523.html", "/a/7/x%2523.html"],
    ["artifact/7/file/doc/", "/a/7/doc/"],
  ])("leads from /debusine/System/%s to %s", async (from, to) => {
    const reply = await service.fetch(`/debusine/System/${from}`);
    expect([reply.status, reply.headers.get("Location")]).toEqual([301, to]);
  });
});
