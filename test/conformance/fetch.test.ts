// POST /artifacts over HTTP (docs/conformance.md, Shaken Fist). How a fetch gets its bytes is tested in
// test/unit/uploads/fetch.test.ts: the harness of this service fetches by itself, and not as the runtime does.

import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

const CONTENT = "0123456789";
const NO_ROOM = "namespace has no room for that; nothing was changed";

type FetchedBody = ArtifactBody & { error_message: string | null };

let service: RunningService;
let token: string;
let remote: Server;
let origin: string;
/** Requests by path. */
const counts = new Map<string, number>();

/** Lets the answers of /patient go. */
const held: (() => void)[] = [];

beforeAll(async () => {
  remote = createServer((request, response) => {
    const path = request.url ?? "";
    const count = (counts.get(path) ?? 0) + 1;
    counts.set(path, count);
    switch (path) {
      case "/versions":
        response.end(`content ${Math.ceil(count / 2)}`);
        return;
      case "/vanishes":
        response.writeHead(count === 1 ? 200 : 410).end("here");
        return;
      case "/patient":
        held.push(() => response.end("at last"));
        return;
      default:
        response.writeHead(path.startsWith("/disk") ? 200 : 404).end(CONTENT);
    }
  });
  await new Promise<void>((resolve) => {
    remote.listen(0, "127.0.0.1", resolve);
  });
  origin = `http://127.0.0.1:${(remote.address() as AddressInfo).port}`;
  service = await startService({ FETCH_ALLOW_PRIVATE: "on" });
  token = await service.makeWorkspace("ci");
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  remote.close();
});

function begin(url: string, bearer = token): Promise<Response> {
  return service.send("POST", "/artifacts", { url, namespace: null, shared: false }, bearer);
}

/** The artifact as soon as nothing is fetched into it any more. */
async function settled(uuid: string, bearer = token): Promise<FetchedBody> {
  for (let round = 0; round < 500; round += 1) {
    const row = await service.env.DB.prepare("SELECT fetching FROM artifacts WHERE uuid = ?1")
      .bind(uuid)
      .first<{ fetching: string | null }>();
    if (row?.fetching === null) {
      break;
    }
    await sleep(30);
  }
  return service.json("GET", `/artifacts/${uuid}`, undefined, bearer);
}

async function fetched(path: string): Promise<FetchedBody> {
  return settled((await valueOf<FetchedBody>(begin(origin + path))).uuid);
}

describe.concurrent("POST /artifacts", () => {
  it("answers at once with an artifact in state initial, which then becomes a version", async () => {
    const url = `${origin}/disk.img`;
    const artifact = await valueOf<FetchedBody>(begin(url));
    expect(artifact).toMatchObject({
      state: "initial",
      error_message: null,
      name: "disk.img",
      source_url: url,
      artifact_type: "image",
      namespace: "ci",
      index: 0,
      blobs: {},
    });
    expect(artifact).not.toHaveProperty("blob_uuid");
    const made = await settled(artifact.uuid);
    expect(made).toMatchObject({ uuid: artifact.uuid, state: "created", index: 1 });
    const data = await service.fetch(`/blobs/${made.blob_uuid}/data`, { bearer: token });
    expect(await data.text()).toBe(CONTENT);
  });

  it("adds a version for a new content and none for the same", async () => {
    const one = await fetched("/versions");
    expect(one).toMatchObject({ index: 1, state: "created" });
    expect(await fetched("/versions")).toEqual(one);
    const next = await fetched("/versions");
    expect(next).toMatchObject({ uuid: one.uuid, index: 2 });
    expect(Object.keys(next.blobs)).toEqual(["1", "2"]);
  });

  it("keeps a version that is there when the next fetch fails, and says why it failed", async () => {
    const one = await fetched("/vanishes");
    const failed = { state: "created", error_message: "the server answered 410", index: 1 };
    expect(await fetched("/vanishes")).toMatchObject({ ...failed, blob_uuid: one.blob_uuid });
  });

  it("ends in state error, and begins again when asked again", async () => {
    const failed = { state: "error", error_message: "the server answered 404", index: 0 };
    const { uuid } = await fetched("/lost");
    expect(await settled(uuid)).toMatchObject(failed);
    const again = await valueOf<FetchedBody>(begin(`${origin}/lost`));
    expect(again).toMatchObject({ uuid, state: "initial", error_message: null });
    expect(await settled(uuid)).toMatchObject(failed);
    const events = await service.json<{ message: string; extra: object }[]>(
      "GET",
      `/artifacts/${uuid}/events`,
      undefined,
      token,
    );
    expect(events.map(({ message }) => message)).toEqual([
      "fetch failed",
      "fetch begun",
      "fetch failed",
      "fetch begun",
      "artifact created",
    ]);
    expect(events[0]?.extra).toEqual({ error: failed.error_message, actor: "stowage" });
  });

  it("is one fetch while it lasts, and not ready under /a/ until it ends", async () => {
    const url = `${origin}/patient`;
    const { uuid } = await valueOf<FetchedBody>(begin(url));
    expect(await valueOf(begin(url))).toMatchObject({ uuid, state: "initial" });
    const system = { bearer: await service.loginAsSystem() };
    const browsed = service.fetch(`/a/${uuid}/`, {
      ...system,
      headers: { Accept: "application/json" },
    });
    expect(await refusalOf(browsed)).toEqual([406, "artifact is still being made"]);
    await expect.poll(() => held.length).toBe(1);
    held.forEach((release) => release());
    expect(await settled(uuid)).toMatchObject({ state: "created", index: 1 });
    expect(counts.get("/patient")).toBe(1);
  });

  it("keeps to the quota: 507 without room, error where the content is larger than it", async () => {
    const small = await service.makeWorkspace("small");
    const system = await service.loginAsSystem();
    const quota = (bytes: number) =>
      service.json("PATCH", "/auth/namespaces/small", { quota_bytes: bytes }, system);
    await quota(CONTENT.length - 1);
    const { uuid } = await valueOf<FetchedBody>(begin(`${origin}/disk`, small));
    expect(await settled(uuid, small)).toMatchObject({ state: "error", error_message: NO_ROOM });
    await quota(CONTENT.length);
    await valueOf<FetchedBody>(begin(`${origin}/disk`, small));
    expect(await settled(uuid, small)).toMatchObject({ state: "created", index: 1 });
    expect(await refusalOf(begin(`${origin}/disk2`, small))).toEqual([507, NO_ROOM]);
    const opened = service.send("POST", "/upload", undefined, small);
    expect(await refusalOf(opened)).toEqual([507, NO_ROOM]);
    const usage = await service.json("GET", "/auth/namespaces/small", undefined, small);
    expect(usage).toMatchObject({ used_bytes: CONTENT.length, quota_bytes: CONTENT.length });
  });

  it.each([
    ["no URL", {}, [400, "url is not an http or https URL that can be fetched"]],
    ["another scheme", { url: "ftp://example.org/" }, [400, expect.any(String)]],
    ["a password", { url: "http://a:b@example.org/" }, [400, expect.any(String)]],
    [
      "sharing",
      { url: "http://example.org/", shared: true },
      [403, "only the system namespace can create shared artifacts"],
    ],
    [
      "a foreign namespace",
      { url: "http://example.org/", namespace: "system" },
      [404, "namespace not found"],
    ],
  ])("refuses %s and makes nothing", async (_, body, refusal) => {
    expect(await refusalOf(service.send("POST", "/artifacts", body, token))).toEqual(refusal);
    const { results } = await service.env.DB.prepare(
      "SELECT 1 FROM artifacts WHERE source_url LIKE '%example.org%'",
    ).all();
    expect(results).toEqual([]);
  });

  it("asks for a key", async () => {
    const reply = service.send("POST", "/artifacts", { url: origin });
    expect(await refusalOf(reply)).toEqual([401, "Missing Authorization Header"]);
  });
});
