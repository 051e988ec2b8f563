// What happens to artifacts after they are made: lists, versions, sharing, metadata, events, labels, gifts and the
// end (docs/conformance.md, Shaken Fist). Who may do it is in permissions.test.ts.

import { createHash, randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

let service: RunningService;
let system: string;
let token: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  token = await service.makeWorkspace("ci");
});

afterAll(() => service[Symbol.asyncDispose]());

interface EventBody {
  timestamp: number;
  message: string;
  type: string;
  extra: Record<string, unknown>;
}

type Metadata = Record<string, unknown>;

function call<T = ArtifactBody>(method: string, path: string, body?: unknown, bearer = token) {
  return valueOf<T>(service.send(method, path, body, bearer));
}

function refused(method: string, path: string, body?: unknown, bearer = token) {
  return refusalOf(service.send(method, path, body, bearer));
}

function get<T = ArtifactBody>(path: string, bearer = token): Promise<T> {
  return valueOf<T>(service.fetch(path, { bearer }));
}

function publish(name: string, content: string, bearer = token): Promise<ArtifactBody> {
  return service.upload(name, Buffer.from(content), bearer);
}

const pool = new Map<number, string>();

/** The uuid of one of some blobs of the caller's, which are held by many artifacts. */
async function blobOf(nth: number): Promise<string> {
  const blob = pool.get(nth) ?? (await publish(`blob ${nth}`, `content ${nth}`)).blob_uuid;
  pool.set(nth, blob);
  return blob;
}

/** Adds versions to an artifact, which is made by the first of them. */
async function makeVersions(name: string, ...blobsOf: number[]): Promise<ArtifactBody> {
  const path = `/artifacts/upload/${encodeURIComponent(name)}`;
  const made: ArtifactBody[] = [];
  for (const nth of blobsOf) {
    made.push(await call("POST", path, { blob_uuid: await blobOf(nth) }));
  }
  return made.at(-1) as ArtifactBody;
}

function events(uuid: string, bearer = token): Promise<EventBody[]> {
  return get<EventBody[]>(`/artifacts/${uuid}/events`, bearer);
}

async function messages(uuid: string): Promise<string[]> {
  return (await events(uuid)).map(({ message }) => message);
}

function indexes({ blobs }: ArtifactBody): string[] {
  return Object.keys(blobs);
}

const NOT_FOUND = [404, "artifact not found"];

describe("GET /artifacts", () => {
  it("answers every living artifact of the caller as GET of each does", async () => {
    const bearer = await service.makeWorkspace("lister");
    expect(await get<unknown[]>("/artifacts", bearer)).toEqual([]);
    const made = [];
    for (const name of ["one", "two", "three"]) {
      made.push(await publish(name, `listed ${name}`, bearer));
    }
    const gone = await publish("gone", "listed one", bearer);
    await call("PUT", `/artifacts/two/metadata/colour`, { value: "blue" }, bearer);
    await call("DELETE", `/artifacts/${gone.uuid}`, undefined, bearer);
    const shown = await Promise.all(made.map(({ uuid }) => get(`/artifacts/${uuid}`, bearer)));
    expect(await get("/artifacts", bearer)).toEqual(shown);
    expect(shown[1]).toMatchObject({ metadata: { colour: "blue" } });
  });

  it("holds more than a page, in order, each once, of all who trust the caller", async () => {
    const [bearer, other] = [
      await service.makeWorkspace("pages"),
      await service.makeWorkspace("pages-2"),
    ];
    await call("POST", "/auth/namespaces/pages-2/trust", { external_namespace: "pages" }, other);
    await call("PUT", "/auth/namespaces/pages/trusted-by/pages-2", undefined, bearer);
    await call("POST", "/auth/namespaces/pages/trust", { external_namespace: "pages" }, bearer);
    await publish("base", "on many pages", bearer);
    await insertArtifacts("pages", 250, "on many pages");
    await insertArtifacts("pages-2", 200, "on many pages");
    const listed = await get<ArtifactBody[]>("/artifacts", bearer);
    const [own, trusting] = [1, 2].map((nth) =>
      listed.filter(({ namespace }) => namespace === (nth === 1 ? "pages" : "pages-2")),
    );
    expect([own?.length, trusting?.length]).toEqual([251, 200]);
    expect(new Set(listed.map(({ uuid }) => uuid)).size).toBe(451);
    const ids = own?.map(({ id }) => id) ?? [];
    expect(ids).toEqual(ids.toSorted((one, two) => one - two));
    expect(listed.every(({ blobs }) => blobs["1"]?.reference_count === 451)).toBe(true);
    expect(await get<ArtifactBody[]>("/artifacts", other)).toHaveLength(200);
    const all = await get<ArtifactBody[]>("/artifacts", system);
    expect(all.length).toBeGreaterThan(451);
  });

  it("holds shared artifacts once, and none that are merely public", async () => {
    const open = await service.makeWorkspace("open", { public: true });
    const free = await publish("free", "free", open);
    const base = await publish("base-image", "base image", system);
    await call("POST", `/artifacts/${base.uuid}/share`, undefined, system);
    const bearer = await service.makeWorkspace("reader");
    expect((await get<ArtifactBody[]>("/artifacts", bearer)).map(({ uuid }) => uuid)).toEqual([
      base.uuid,
    ]);
    expect(await get(`/artifacts/${free.uuid}`, bearer)).toMatchObject({ name: "free" });
    const trust = { external_namespace: "reader" };
    await call("POST", "/auth/namespaces/system/trust", trust, system);
    const uuids = (await get<ArtifactBody[]>("/artifacts", bearer)).map(({ uuid }) => uuid);
    expect(uuids.filter((uuid) => uuid === base.uuid)).toHaveLength(1);
    await call("DELETE", "/auth/namespaces/system/trust/reader", undefined, system);
    await call("POST", `/artifacts/${base.uuid}/unshare`, undefined, system);
  });

  /** Artifacts of one version, written straight into the catalog; some version has the content. */
  async function insertArtifacts(workspace: string, count: number, content: string): Promise<void> {
    const sha512 = createHash("sha512").update(content).digest("hex");
    const { DB } = service.env;
    const names = JSON.stringify(Array.from({ length: count }, (_, at) => `many-${at}`));
    const ours = `artifacts a JOIN workspaces w ON w.id = a.workspace_id AND w.name = ?1
      WHERE a.name LIKE 'many-%'`;
    const holder = `holders h JOIN versions v ON v.id = h.version_id JOIN contents c ON c.id = h.content_id
      WHERE c.sha512 = unhex(?2)`;
    await DB.batch([
      DB.prepare(
        `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions,
           highest_index, created_at)
         SELECT lower(printf('%s-%s-%s-%s-%s', hex(randomblob(4)), hex(randomblob(2)), hex(randomblob(2)),
           hex(randomblob(2)), hex(randomblob(6)))), w.id, 'other', 'test://' || n.value, n.value, 3, 1, 5
         FROM json_each(?2) n, workspaces w WHERE w.name = ?1`,
      ).bind(workspace, names),
      // Each with the manifest of an artifact that has the blob.
      DB.prepare(
        `INSERT INTO versions (artifact_id, version_index, created_at, sealed_at, file_count, entry_count, total_bytes,
           manifest_length, manifest)
         SELECT a.id, 1, 5, 5, 1, 1, o.total_bytes, o.manifest_length, o.manifest
         FROM (SELECT v.* FROM ${holder} LIMIT 1) o, ${ours}`,
      ).bind(workspace, sha512),
      DB.prepare(
        `INSERT INTO holders SELECT h.content_id, a.workspace_id, v.id, 1, 0
         FROM versions v JOIN artifacts a ON a.id = v.artifact_id, (SELECT h.* FROM ${holder} LIMIT 1) h
         WHERE v.artifact_id IN (SELECT a.id FROM ${ours})`,
      ).bind(workspace, sha512),
      DB.prepare(
        `INSERT INTO object_refs SELECT v.id, o.key
         FROM versions v, (SELECT r.key FROM ${holder.replace("WHERE", "JOIN object_refs r ON r.version_id = v.id WHERE")} LIMIT 1) o
         WHERE v.artifact_id IN (SELECT a.id FROM ${ours})`,
      ).bind(workspace, sha512),
    ]);
  }
});

describe("DELETE /artifacts/:ref", () => {
  it("answers the artifact as deleted, with its indexes, and once more by uuid null", async () => {
    await publish("ended", "ended 1");
    const made = await publish("ended", "ended 2");
    const ended = await call("DELETE", "/artifacts/ended");
    expect(ended).toEqual({
      ...made,
      state: "deleted",
      blobs: {
        1: { ...made.blobs["1"], reference_count: 0 },
        2: { ...made.blobs["2"], reference_count: 0 },
      },
    });
    expect(await call("DELETE", `/artifacts/${made.uuid}`)).toBeNull();
    expect(await get(`/artifacts/${made.uuid}`)).toEqual(ended);
    expect(await refused("DELETE", "/artifacts/ended")).toEqual(NOT_FOUND);
    expect(await refused("GET", "/artifacts/ended")).toEqual(NOT_FOUND);
    expect(await refused("DELETE", `/artifacts/${randomUUID()}`)).toEqual(NOT_FOUND);
    expect(await messages(made.uuid)).toEqual([
      "artifact deleted",
      "version added",
      "version added",
      "artifact created",
    ]);
  });

  it("makes room for a new artifact of the name, with indexes from 1", async () => {
    const old = await makeVersions("again", 1, 2);
    await call("DELETE", "/artifacts/again");
    const made = await makeVersions("again", 2);
    expect([made.index, indexes(made)]).toEqual([1, ["1"]]);
    expect(made.uuid).not.toBe(old.uuid);
  });

  it("lowers the reference counts of others that hold the blob", async () => {
    const one = await publish("count-1", "counted");
    const two = await publish("count-2", "counted");
    expect(two.blobs["1"]?.reference_count).toBe(2);
    await call("DELETE", `/artifacts/${one.uuid}`);
    expect((await get(`/artifacts/${two.uuid}`)).blobs["1"]?.reference_count).toBe(1);
    expect(await get(`/blobs/${two.blob_uuid}`)).toMatchObject({ reference_count: 1 });
    await call("DELETE", `/artifacts/${two.uuid}`);
    expect(await refused("GET", `/blobs/${two.blob_uuid}`)).toEqual([404, "blob not found"]);
  });

  it("leaves nothing to change: 404 for every change by uuid", async () => {
    const { uuid } = await makeVersions("changeless", 1);
    await call("DELETE", `/artifacts/${uuid}`);
    const path = `/artifacts/${uuid}`;
    expect(await refused("POST", `${path}/versions`, { max_versions: 1 })).toEqual(NOT_FOUND);
    expect(await refused("DELETE", `${path}/versions/1`)).toEqual(NOT_FOUND);
    expect(await refused("POST", `${path}/share`)).toEqual(NOT_FOUND);
    expect(await refused("POST", `${path}/unshare`)).toEqual(NOT_FOUND);
    expect(await refused("PUT", `${path}/metadata/k`, { value: 1 })).toEqual(NOT_FOUND);
    expect(await refused("DELETE", `${path}/metadata/k`)).toEqual(NOT_FOUND);
    expect(await messages(uuid)).toEqual(["artifact deleted", "version added", "artifact created"]);
  });
});

describe("DELETE /artifacts", () => {
  it.each<[unknown, number, string]>([
    [{}, 400, "parameter confirm is not set true"],
    [{ confirm: "yes" }, 400, "parameter confirm is not set true"],
    [{ confirm: 1, namespace: "ci" }, 400, "parameter confirm is not set true"],
    [{ confirm: true, namespace: "system" }, 401, "you cannot delete other namespaces"],
    [{ confirm: true, namespace: "nowhere" }, 401, "you cannot delete other namespaces"],
  ])("answers %j with %i %s", async (body, status, error) => {
    expect(await refused("DELETE", "/artifacts", body)).toEqual([status, error]);
  });

  it("asks the system namespace which one it means", async () => {
    const unnamed = refused("DELETE", "/artifacts", { confirm: true }, system);
    expect(await unnamed).toEqual([400, "system user must specify parameter namespace"]);
    const nowhere = { confirm: true, namespace: "nowhere" };
    expect(await refused("DELETE", "/artifacts", nowhere, system)).toEqual([
      404,
      "namespace not found",
    ]);
  });

  it("deletes what the namespace has, and nothing else", async () => {
    const bearer = await service.makeWorkspace("doomed");
    const others = await get<ArtifactBody[]>("/artifacts");
    const uuids = [];
    for (const name of ["one", "two", "three"]) {
      uuids.push((await publish(name, `doomed ${name}`, bearer)).uuid);
    }
    const deleted = await call<string[]>("DELETE", "/artifacts", { confirm: true }, bearer);
    expect(deleted.toSorted()).toEqual(uuids.toSorted());
    expect(await get("/artifacts", bearer)).toEqual([]);
    expect(await call("DELETE", "/artifacts", { confirm: true }, bearer)).toEqual([]);
    const kept = (await get<ArtifactBody[]>("/artifacts")).map(({ uuid }) => uuid);
    expect(kept).toEqual(others.map(({ uuid }) => uuid));
    const [newest] = await events(uuids[0] ?? "", bearer);
    expect(newest).toMatchObject({ message: "artifact deleted", extra: { actor: "doomed/ci" } });
    const late = await publish("late", "doomed one", bearer);
    const named = { confirm: true, namespace: "doomed" };
    expect(await call("DELETE", "/artifacts", named, system)).toEqual([late.uuid]);
  });
});

describe("POST /artifacts/:ref/versions", () => {
  it("ends at once the oldest versions that are too many, and keeps as many from then on", async () => {
    const { uuid } = await makeVersions("max", 1, 2, 3);
    expect(await call("POST", "/artifacts/max/versions", { max_versions: 2 })).toBeNull();
    expect(indexes(await get("/artifacts/max"))).toEqual(["2", "3"]);
    expect(indexes(await makeVersions("max", 4))).toEqual(["3", "4"]);
    expect(await get("/artifacts/max")).toMatchObject({ max_versions: 2 });
    const [pruned, added, earlier, set] = await events(uuid);
    expect([pruned?.type, pruned?.extra]).toEqual([
      "prune",
      { versions: 1, oldest: 2, newest: 2, actor: "ci/ci" },
    ]);
    expect([added?.message, earlier?.message, set?.message]).toEqual([
      "version added",
      "versions pruned",
      "maximum of versions set",
    ]);
    expect(set?.extra).toEqual({ max_versions: 2, actor: "ci/ci" });
  });

  it("keeps all for 0, takes a number as text, and goes back to 3 without one", async () => {
    await makeVersions("zero", 1);
    await call("POST", "/artifacts/zero/versions", { max_versions: 0 });
    const all = await makeVersions("zero", 2, 3, 4, 5);
    expect(indexes(all)).toEqual(["1", "2", "3", "4", "5"]);
    await call("POST", "/artifacts/zero/versions", { max_versions: "4" });
    expect(indexes(await get("/artifacts/zero"))).toEqual(["2", "3", "4", "5"]);
    await call("POST", "/artifacts/zero/versions");
    expect(await get("/artifacts/zero")).toMatchObject({ max_versions: 3 });
  });

  it.each([-1, 1.5, "two", "", [1], {}, true, 1e20])(
    "answers max_versions %j with 400",
    async (value) => {
      const reply = refused("POST", "/artifacts/max/versions", { max_versions: value });
      expect(await reply).toEqual([400, "max version is not an integer"]);
    },
  );
});

describe("DELETE /artifacts/:ref/versions/:index", () => {
  it("removes that version, and its index is not used again", async () => {
    const { uuid } = await makeVersions("holes", 1, 2, 3);
    const left = await call("DELETE", "/artifacts/holes/versions/2");
    expect([left.index, indexes(left)]).toEqual([3, ["1", "3"]]);
    const older = await call("DELETE", "/artifacts/holes/versions/3");
    expect([older.index, older.state, indexes(older)]).toEqual([1, "created", ["1"]]);
    expect((await messages(uuid)).slice(0, 2)).toEqual(["version deleted", "version deleted"]);
    const same = await makeVersions("holes", 1);
    expect([same.index, indexes(same)]).toEqual([1, ["1"]]);
    expect(indexes(await makeVersions("holes", 4))).toEqual(["1", "4"]);
  });

  it("ends the artifact with its last version", async () => {
    const { uuid } = await publish("last", "last");
    const ended = await call("DELETE", "/artifacts/last/versions/1");
    expect(ended).toMatchObject({ state: "deleted", index: 0, blobs: {} });
    expect(ended).not.toHaveProperty("blob_uuid");
    expect(await refused("GET", "/artifacts/last")).toEqual(NOT_FOUND);
    expect(await call("DELETE", `/artifacts/${uuid}`)).toBeNull();
    expect((await messages(uuid)).slice(0, 2)).toEqual([
      "artifact deleted with its last version",
      "version deleted",
    ]);
  });

  beforeAll(() => makeVersions("indexed", 1));

  it.each([
    ["2", 404, "artifact index not found"],
    ["0", 404, "artifact index not found"],
    ["-1", 404, "artifact index not found"],
    ["99999999999999999999", 404, "artifact index not found"],
    ["one", 400, "version index is not an integer"],
    ["1.0", 400, "version index is not an integer"],
    ["%ce", 400, "version index is not an integer"],
  ])("answers %s with %i %s", async (index, status, error) => {
    const reply = refused("DELETE", `/artifacts/indexed/versions/${index}`);
    expect(await reply).toEqual([status, error]);
    expect(indexes(await get("/artifacts/indexed"))).toEqual(["1"]);
  });
});

describe("POST /artifacts/:ref/share and /unshare", () => {
  it("lets all namespaces read an artifact of system, until it is unshared", async () => {
    const made = await publish("lent", "lent", system);
    const path = `/artifacts/${made.uuid}`;
    expect(await refused("GET", path)).toEqual(NOT_FOUND);
    expect(await call("POST", `${path}/share`, {}, system)).toEqual({ ...made, shared: true });
    expect(await call("POST", `${path}/share`, undefined, system)).toMatchObject({ shared: true });
    expect(await get("/artifacts/lent")).toMatchObject({ uuid: made.uuid, shared: true });
    expect(await call("POST", `${path}/unshare`, undefined, system)).toEqual(made);
    expect(await refused("GET", path)).toEqual(NOT_FOUND);
    const again = refused("POST", `${path}/unshare`, undefined, system);
    expect(await again).toEqual([403, "artifact not shared"]);
    const [unshared, shared] = await events(made.uuid, system);
    expect(unshared).toMatchObject({
      message: "artifact unshared",
      extra: { actor: "system/system" },
    });
    expect(shared).toMatchObject({ message: "artifact shared" });
  });

  it("is refused for every other namespace, and for system as well", async () => {
    const { uuid } = await makeVersions("private", 1);
    for (const bearer of [token, system]) {
      const reply = refused("POST", `/artifacts/${uuid}/share`, undefined, bearer);
      expect(await reply).toEqual([403, "only artifacts in the system namespace can be shared"]);
    }
    const reply = refused("POST", `/artifacts/${uuid}/unshare`);
    expect(await reply).toEqual([403, "artifact not shared"]);
  });
});

describe("metadata of an artifact", () => {
  beforeAll(async () => {
    await makeVersions("noted", 1);
  });

  it("is set by POST and PUT, shown, and deleted", async () => {
    const { uuid } = await makeVersions("notes", 1);
    expect(await get(`/artifacts/${uuid}/metadata`)).toEqual({});
    const post = { key: "arch", value: "amd64" };
    expect(await call("POST", "/artifacts/notes/metadata", post)).toBeNull();
    expect(await call("PUT", "/artifacts/notes/metadata/size", { value: 4.5 })).toBeNull();
    const nested = { list: [1, null, "é"], "": false };
    await call("PUT", "/artifacts/notes/metadata/nested", { value: nested });
    await call("PUT", "/artifacts/notes/metadata/arch", { value: "arm64" });
    const all = { arch: "arm64", size: 4.5, nested };
    expect(await get(`/artifacts/${uuid}/metadata`)).toEqual(all);
    expect(await get("/artifacts/notes")).toMatchObject({ metadata: all });
    expect(await call("DELETE", "/artifacts/notes/metadata/arch")).toBeNull();
    expect(await call("DELETE", "/artifacts/notes/metadata/arch")).toBeNull();
    expect(await get(`/artifacts/${uuid}/metadata`)).toEqual({ size: 4.5, nested });
    const changes = (await events(uuid)).slice(0, 5);
    expect(changes.map(({ message, extra }) => [message, extra["key"]])).toEqual([
      ["metadata deleted", "arch"],
      ["metadata set", "arch"],
      ["metadata set", "nested"],
      ["metadata set", "size"],
      ["metadata set", "arch"],
    ]);
  });

  it.each(["__proto__", "constructor", "0", "a b é"])(
    "takes %s for a key as any other",
    async (key) => {
      const path = `/artifacts/noted/metadata/${encodeURIComponent(key)}`;
      await call("PUT", path, { value: key });
      const metadata = await get<Metadata>("/artifacts/noted/metadata");
      expect(Object.entries(metadata)).toEqual([[key, key]]);
      const all = await get<{ name: string; metadata: Metadata }[]>("/artifacts");
      const listed = all.find(({ name }) => name === "noted");
      expect(Object.entries(listed?.metadata ?? {})).toEqual([[key, key]]);
      await call("DELETE", path);
      expect(await get<Metadata>("/artifacts/noted/metadata")).toEqual({});
      const body = `{"key": ${JSON.stringify(key)}, "value": {"__proto__": 1}}`;
      const init = { method: "POST", body, bearer: token };
      await valueOf(service.fetch("/artifacts/noted/metadata", init));
      const answer = await service.fetch("/artifacts/noted/metadata", { bearer: token });
      expect(await answer.text()).toBe(`{${JSON.stringify(key)}:{"__proto__":1}}`);
      await call("DELETE", path);
    },
  );

  it.each<[string, string, unknown, number, string]>([
    ["POST", "", { value: "v" }, 400, "no key specified"],
    ["POST", "", { key: "", value: "v" }, 400, "no key specified"],
    ["POST", "", { key: "k" }, 400, "no value specified"],
    ["POST", "", { key: "k", value: "" }, 400, "no value specified"],
    ["POST", "", { key: "a/b", value: "v" }, 400, "metadata key is not usable"],
    ["POST", "", { key: "\uD800", value: "v" }, 400, "metadata key is not usable"],
    ["POST", "", { key: "é".repeat(128), value: "v" }, 400, "metadata key is not usable"],
    ["PUT", "/k", {}, 400, "no value specified"],
    ["PUT", "/k", { value: null }, 400, "no value specified"],
    ["PUT", "/%ce", { value: "v" }, 400, "metadata key is not usable"],
    ["PUT", "/a%2fb", { value: "v" }, 400, "metadata key is not usable"],
    ["DELETE", "/%00", undefined, 400, "metadata key is not usable"],
  ])("is not changed by %s …/metadata%s %j", async (method, key, body, status, error) => {
    expect(await refused(method, `/artifacts/noted/metadata${key}`, body)).toEqual([status, error]);
    expect(await get("/artifacts/noted/metadata")).toEqual({});
  });

  it("has at most 100 entries of 64 KiB in all; a full one can be changed and emptied", async () => {
    const { uuid, id } = await makeVersions("full", 1);
    const path = `/artifacts/${uuid}/metadata`;
    await service.env.DB.prepare(
      `INSERT INTO artifact_metadata SELECT ?1, 'k' || value, '1' FROM json_each(?2)`,
    )
      .bind(id, JSON.stringify(Array.from({ length: 100 }, (_, at) => at)))
      .run();
    expect(await refused("PUT", `${path}/more`, { value: 1 })).toEqual([507, "metadata is full"]);
    await call("PUT", `${path}/k7`, { value: 2 });
    await call("DELETE", `${path}/k8`);
    await call("PUT", `${path}/more`, { value: 1 });
    expect(Object.keys(await get<Metadata>(path))).toHaveLength(100);
    const { uuid: other } = await makeVersions("heavy", 1);
    const half = { value: "é".repeat(16_000) };
    await call("PUT", `/artifacts/${other}/metadata/a`, half);
    await call("PUT", `/artifacts/${other}/metadata/b`, half);
    const third = refused("PUT", `/artifacts/${other}/metadata/c`, half);
    expect(await third).toEqual([507, "metadata is full"]);
    await call("PUT", `/artifacts/${other}/metadata/b`, half);
    expect((await messages(other)).slice(0, 4)).toEqual([
      "metadata set",
      "metadata set",
      "metadata set",
      "version added",
    ]);
  });

  it("is set and deleted under /instances as well, as the public client does", async () => {
    const { uuid } = await makeVersions("aliased", 1);
    expect(await call("PUT", "/instances/aliased/metadata/k", { value: "v" })).toBeNull();
    expect(await get("/artifacts/aliased/metadata")).toEqual({ k: "v" });
    expect(await call("DELETE", `/instances/${uuid}/metadata/k`)).toBeNull();
    expect(await get("/artifacts/aliased/metadata")).toEqual({});
    const unknown = refused("PUT", "/instances/unknown/metadata/k", { value: "v" });
    expect((await unknown)[0]).toBe(404);
    const deleted = refused("DELETE", `/instances/${randomUUID()}/metadata/k`);
    expect((await deleted)[0]).toBe(404);
  });
});

describe("GET /artifacts/:ref/events (T29)", () => {
  it("tells who did what and when, newest first", async () => {
    const before = Date.now() / 1000;
    const { uuid, blob_uuid: blob } = await publish("told", "told");
    expect(await events(uuid)).toEqual([
      {
        timestamp: expect.any(Number),
        fqdn: "stowage",
        duration: null,
        message: "version added",
        extra: { index: 1, blob_uuid: blob, actor: "ci/ci" },
        type: "audit",
      },
      expect.objectContaining({ message: "artifact created", extra: { actor: "ci/ci" } }),
    ]);
    const [newest] = await events(uuid);
    expect(newest?.timestamp).toBeGreaterThanOrEqual(Math.floor(before));
    await publish("told", "told");
    expect(await messages(uuid)).toHaveLength(2);
    await publish("told", "told by system, not as a version of this one", system);
    expect(await messages(uuid)).toHaveLength(2);
  });

  it("takes type and limit from the body of a GET, as the client sends it, and from the query", async () => {
    await makeVersions("typed", 1, 2, 3, 4);
    const path = "/artifacts/typed/events";
    const byBody = async (body: unknown) => {
      const text = JSON.stringify(body);
      const headers = {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        "Content-Length": text.length,
      };
      const reply = await rawRequest(service.origin, path, { headers, body: text });
      return JSON.parse(reply.body.toString()) as EventBody[] & { error: string };
    };
    expect(await byBody({ limit: "2" })).toHaveLength(2);
    expect(await byBody({ event_type: null, limit: null })).toHaveLength(6);
    expect(await byBody({ event_type: "prune", limit: 5 })).toEqual([
      expect.objectContaining({ message: "versions pruned", type: "prune" }),
    ]);
    expect(await byBody({ event_type: "usage" })).toEqual([]);
    expect(await byBody({ event_type: "nonsense" })).toMatchObject({ error: "unknown event type" });
    expect(await byBody({ limit: "many" })).toMatchObject({ error: "limit is not an integer" });
    expect(await get(`${path}?limit=1`)).toHaveLength(1);
    expect(await get(`${path}?limit=0`)).toEqual([]);
    expect(await get(`${path}?event_type=prune&limit=99999`)).toHaveLength(1);
    expect((await refused("GET", `${path}?limit=-1`))[0]).toBe(400);
  });

  it("gives at most 100, the newest, and no others are kept", async () => {
    const { uuid, id } = await makeVersions("eventful", 1);
    await service.env.DB.prepare(
      `INSERT INTO events (artifact_id, number, at, type, message, actor, extra)
       SELECT ?1, value, ?3, 'mutate', 'filler', 'x', '{}' FROM json_each(?2)`,
    )
      .bind(id, JSON.stringify(Array.from({ length: 1_200 }, (_, at) => at + 3)), Date.now())
      .run();
    await call("PUT", `/artifacts/${uuid}/metadata/k`, { value: "v" });
    const shown = await messages(uuid);
    expect([shown.length, shown[0], shown[1]]).toEqual([100, "metadata set", "filler"]);
    const kept = await service.env.DB.prepare(
      "SELECT count(*) AS kept, max(number) AS newest FROM events WHERE artifact_id = ?1",
    )
      .bind(id)
      .first();
    expect(kept).toEqual({ kept: 100, newest: 1_203 });
  });

  it("names nobody to who only reads", async () => {
    const made = await publish("watched", "watched", system);
    await call("POST", `/artifacts/${made.uuid}/share`, undefined, system);
    const seen = await events(made.uuid);
    expect(seen.map(({ message }) => message)).toEqual([
      "artifact shared",
      "version added",
      "artifact created",
    ]);
    expect(seen.some(({ extra }) => "actor" in extra)).toBe(false);
  });
});

describe("/label", () => {
  it("points a name of the caller's at blobs, as versions of an artifact", async () => {
    const [one, two] = [await publish("base-1", "base 1"), await publish("base-2", "base 2")];
    const label = await call("POST", "/label/stable", { blob_uuid: one.blob_uuid });
    expect(label).toMatchObject({
      artifact_type: "label",
      name: "stable",
      namespace: "ci",
      source_url: "sf://label/ci/stable",
      index: 1,
      blob_uuid: one.blob_uuid,
      max_versions: 3,
    });
    expect(label.blobs["1"]?.reference_count).toBe(2);
    expect(await call("POST", "/label/ci/stable", { blob_uuid: one.blob_uuid })).toEqual(label);
    const moved = await call("POST", "/label/stable", { blob_uuid: two.blob_uuid });
    expect([moved.uuid, moved.index, moved.blob_uuid]).toEqual([label.uuid, 2, two.blob_uuid]);
    expect(await get("/label/stable")).toEqual(moved);
    expect(await get("/label/ci/stable", system)).toMatchObject({ uuid: label.uuid });
    expect(await messages(label.uuid)).toEqual(["label moved", "label moved", "artifact created"]);
    expect(await get("/artifacts/stable")).toEqual(moved);
  });

  it("keeps a blob alive, and is deleted with its indexes shown", async () => {
    const made = await publish("held", "held");
    const label = await call("POST", "/label/holder", { blob_uuid: made.blob_uuid });
    await call("DELETE", `/artifacts/${made.uuid}`);
    expect(await get(`/blobs/${made.blob_uuid}`)).toMatchObject({ reference_count: 1 });
    const ended = await call("DELETE", "/label/holder");
    expect(ended).toMatchObject({ uuid: label.uuid, state: "deleted" });
    expect(ended.blobs["1"]).toMatchObject({ uuid: made.blob_uuid, reference_count: 0 });
    for (const method of ["GET", "DELETE"]) {
      expect(await refused(method, "/label/holder")).toEqual([404, "label not found"]);
    }
    expect(await refused("GET", `/blobs/${made.blob_uuid}`)).toEqual([404, "blob not found"]);
  });

  it("keeps as many versions as it is told", async () => {
    for (const nth of [1, 2, 3, 4]) {
      await call("POST", "/label/kept", { blob_uuid: await blobOf(nth), max_versions: 0 });
    }
    expect(indexes(await get("/label/kept"))).toEqual(["1", "2", "3", "4"]);
    const last = { blob_uuid: await blobOf(5), max_versions: 2 };
    expect(await call("POST", "/label/kept", last)).toMatchObject({ max_versions: 2, index: 5 });
    expect(indexes(await get("/label/kept"))).toEqual(["4", "5"]);
  });

  it.each<[string, unknown, number, string]>([
    ["/label/wrong", {}, 404, "blob not found"],
    ["/label/wrong", { blob_uuid: "name" }, 404, "blob not found"],
    ["/label/wrong", { blob_uuid: randomUUID() }, 404, "blob not found"],
    ["/label/wrong", { max_versions: "x" }, 400, "max version is not an integer"],
    ["/label/%ce", {}, 400, "artifact name is not usable"],
    ["/label/a%2fb", {}, 400, "artifact name is not usable"],
    ["/label/nowhere/wrong", {}, 404, "namespace not found"],
    ["/label/ci/a/b", {}, 404, "no such endpoint"],
  ])("answers POST %s %j with %i %s and makes nothing", async (path, body, status, error) => {
    expect(await refused("POST", path, body)).toEqual([status, error]);
    expect(await refused("GET", "/label/wrong")).toEqual([404, "label not found"]);
  });

  it.each(["share", "with%20space"])("may be named %s", async (name) => {
    const blob_uuid = await blobOf(1);
    const label = await call("POST", `/label/${name}`, { blob_uuid });
    expect(label.name).toBe(decodeURIComponent(name));
    expect(await get(`/label/ci/${name}`)).toEqual(label);
    await call("DELETE", `/label/${name}`);
  });
});

describe("a gift to a namespace that trusts the giver", () => {
  let host: string;
  let giver: string;

  beforeAll(async () => {
    host = await service.makeWorkspace("host");
    giver = await service.makeWorkspace("giver");
    await call("POST", "/auth/namespaces/host/trust", { external_namespace: "giver" }, host);
  });

  async function give(name: string, content: string, options: Metadata = {}): Promise<Response> {
    const uuid = await service.openUpload(giver);
    await valueOf(service.append(uuid, content, giver));
    const body = { upload_uuid: uuid, namespace: "host", ...options };
    return service.send("POST", `/artifacts/upload/${name}`, body, giver);
  }

  it("becomes an artifact there, under the giver's source_url", async () => {
    const made = await valueOf<ArtifactBody>(give("present", "present"));
    expect(made).toMatchObject({ namespace: "host", source_url: "sf://upload/giver/present" });
    expect(await get("/artifacts/present", host)).toEqual(made);
    expect((await events(made.uuid, host)).map(({ extra }) => extra["actor"])).toEqual([
      "giver/ci",
      "giver/ci",
    ]);
  });

  it("adds nothing to what is there, which only its namespace does", async () => {
    const made = await valueOf<ArtifactBody>(give("once", "once"));
    expect(await refusalOf(give("once", "once more"))).toEqual(NOT_FOUND);
    const { blob_uuid } = await publish("own", "of the giver", giver);
    const claim = { blob_uuid, namespace: "host" };
    expect(await refused("POST", "/artifacts/upload/once", claim, giver)).toEqual(NOT_FOUND);
    const own = await publish("owned", "of the host", host);
    const pushed = give("owned", "pushed", { source_url: own.source_url });
    expect(await refusalOf(pushed)).toEqual(NOT_FOUND);
    expect(await get(`/artifacts/${own.uuid}`, host)).toEqual(own);
    expect(await get("/artifacts/once", host)).toEqual(made);
    // The same content adds no version to anything.
    expect(await valueOf(give("once", "once"))).toEqual(made);
    const source = { blob_uuid, source_url: made.source_url };
    const added = await call("POST", "/artifacts/upload/once", source, giver);
    expect(added.namespace).toBe("giver");
  });

  it("leaves the upload of a refused one for another name", async () => {
    await valueOf(give("twice", "twice 1"));
    const uuid = await service.openUpload(giver);
    await valueOf(service.append(uuid, "twice 2", giver));
    const body = { upload_uuid: uuid, namespace: "host" };
    expect(await refused("POST", "/artifacts/upload/twice", body, giver)).toEqual(NOT_FOUND);
    expect(await valueOf(service.append(uuid, "+", giver))).toBe(8);
    const made = await call("POST", "/artifacts/upload/thrice", body, giver);
    expect(made).toMatchObject({ namespace: "host", name: "thrice", index: 1 });
    expect(await call("POST", "/artifacts/upload/thrice", body, giver)).toEqual(made);
  });

  it("may be a label, which it does not move afterwards", async () => {
    const one = await publish("blob-1", "given 1", giver);
    const two = await publish("blob-2", "given 2", giver);
    const label = await call("POST", "/label/host/blessed", { blob_uuid: one.blob_uuid }, giver);
    expect(label).toMatchObject({ namespace: "host", source_url: "sf://label/host/blessed" });
    const moved = refused("POST", "/label/host/blessed", { blob_uuid: two.blob_uuid }, giver);
    expect(await moved).toEqual(NOT_FOUND);
    const fewer = { blob_uuid: one.blob_uuid, max_versions: 1 };
    expect(await call("POST", "/label/host/blessed", fewer, giver)).toEqual(label);
    expect(await get("/label/blessed", host)).toMatchObject({ index: 1, max_versions: 3 });
  });

  it("is never shared, and stops with the trust", async () => {
    const trust = { external_namespace: "giver" };
    await call("POST", "/auth/namespaces/system/trust", trust, system);
    const shared = give("shared", "shared", { namespace: "system", shared: true });
    expect(await refusalOf(shared)).toEqual([
      403,
      "only the system namespace can create shared artifacts",
    ]);
    await call("DELETE", "/auth/namespaces/system/trust/giver", undefined, system);
    const late = give("late", "late", { namespace: "system" });
    expect(await refusalOf(late)).toEqual([404, "namespace not found"]);
  });
});

describe("a reference in a URL", () => {
  it.each(["share", "versions", "metadata", "%C3%A9+%26 x"])("may be the name %s", async (name) => {
    const { uuid } = await makeVersions(decodeURIComponent(name), 1);
    await call("PUT", `/artifacts/${name}/metadata/k`, { value: "v" });
    await call("POST", `//artifacts/${name}/versions`, { max_versions: 5 });
    expect(await get(`/artifacts/${name}/metadata`)).toEqual({ k: "v" });
    expect(await get(`/artifacts/${name}/events`)).toHaveLength(4);
    expect(await refused("POST", `/artifacts/${name}/share`)).toEqual([
      403,
      "only artifacts in the system namespace can be shared",
    ]);
    expect(await call("DELETE", `/artifacts/${name}`)).toMatchObject({ uuid, state: "deleted" });
  });

  it.each([
    ["DELETE", "/artifacts/%ce"],
    ["POST", "/artifacts/a%2fb/share"],
    ["GET", "/artifacts/%5C/events"],
    ["PUT", "/artifacts/%00/metadata/k"],
    ["POST", "/artifacts/%ce/versions"],
    ["DELETE", "/instances/%ce/metadata/k"],
  ])("is refused with 400 when it cannot be a name: %s %s", async (method, path) => {
    const body = method === "PUT" || method === "POST" ? "{}" : "";
    const headers = { Authorization: `Bearer ${token}`, "Content-Length": body.length };
    const reply = await rawRequest(service.origin, path, { method, headers, body });
    expect([reply.status, JSON.parse(reply.body.toString())]).toMatchObject([
      400,
      { error: "artifact name is not usable" },
    ]);
  });

  it("never leads out of the artifacts by dot segments", async () => {
    const headers = { Authorization: `Bearer ${token}` };
    const init = { method: "DELETE", headers };
    const reply = await rawRequest(service.origin, "/artifacts/x/%2e%2e/%2e%2e/versions", init);
    expect(reply.status).toBe(404);
  });
});
