// POST /artifacts/upload/<name> and what it makes (docs/conformance.md, Shaken Fist; the guards are ours).

import { createHash, randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

const UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000";

let service: RunningService;
let system: string;
let token: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  token = await service.makeWorkspace("ci");
  await service.makeWorkspace("other");
});

afterAll(() => service[Symbol.asyncDispose]());

/** A new upload that holds `content`. */
async function begin(content: string, bearer = token): Promise<string> {
  const uuid = await service.openUpload(bearer);
  await valueOf(service.append(uuid, content, bearer));
  return uuid;
}

/** Any request to convert; `name` as it stands in the URL. */
function convert(name: string, body: unknown, bearer = token): Promise<Response> {
  return service.send("POST", `/artifacts/upload/${name}`, body, bearer);
}

/** A new version of the artifact `name`. */
async function publish(name: string, content: string): Promise<ArtifactBody> {
  return valueOf(convert(name, { upload_uuid: await begin(content) }));
}

function get<T = ArtifactBody>(path: string, bearer = token): Promise<T> {
  return valueOf<T>(service.fetch(path, { bearer }));
}

function sha512(content: string): string {
  return createHash("sha512").update(content).digest("hex");
}

describe("POST /artifacts/upload/:name", () => {
  it("answers the artifact with the upload as its first version", async () => {
    const artifact = await publish("shape", "12345");
    const { blob_uuid: blob } = artifact;
    expect(artifact).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      id: expect.any(Number),
      state: "created",
      error_message: null,
      progress: null,
      metadata: {},
      version: 6,
      artifact_type: "image",
      source_url: "sf://upload/ci/shape",
      name: "shape",
      max_versions: 3,
      namespace: "ci",
      shared: false,
      created_at: expect.any(Number),
      index: 1,
      blob_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      blobs: {
        1: { uuid: blob, size: 5, reference_count: 1, depends_on: null, instances: [] },
      },
    });
  });

  it("takes the body that the public client sends", async () => {
    const uuid = await begin("client");
    const body = { namespace: null, shared: false, source_url: null, upload_uuid: uuid };
    const artifact = await valueOf<ArtifactBody>(convert("client", body));
    expect(artifact).toMatchObject({
      index: 1,
      namespace: "ci",
      source_url: "sf://upload/ci/client",
    });
    const recycled = { ...body, upload_uuid: undefined, blob_uuid: artifact.blob_uuid };
    const second = await valueOf<ArtifactBody>(convert("client2", recycled));
    expect(second).toMatchObject({ index: 1, blob_uuid: artifact.blob_uuid });
    expect(second.blobs["1"]?.reference_count).toBe(2);
  });

  it("makes a blob of 0 bytes of an upload without bytes", async () => {
    const uuid = await service.openUpload(token);
    const artifact = await valueOf<ArtifactBody>(convert("empty", { upload_uuid: uuid }));
    expect(artifact.blobs["1"]).toMatchObject({ uuid: artifact.blob_uuid, size: 0 });
    expect(await get(`/blobs/${artifact.blob_uuid}`)).toMatchObject({
      size: 0,
      sha512: sha512(""),
    });
    for (const query of ["", "?offset=0"]) {
      const data = await service.fetch(`/blobs/${artifact.blob_uuid}/data${query}`, {
        bearer: token,
      });
      expect([data.status, await data.text()]).toEqual([200, ""]);
    }
    expect(await get(`/blob_checksums/sha512/${sha512("")}`)).toMatchObject({
      uuid: artifact.blob_uuid,
    });
  });

  it("answers a repeat like the first time", async () => {
    const uuid = await begin("repeated");
    const first = await valueOf(convert("repeated", { upload_uuid: uuid }));
    expect(await valueOf(convert("repeated", { upload_uuid: uuid }))).toEqual(first);
    expect(await valueOf(convert("repeated", { upload_uuid: uuid.toUpperCase() }))).toEqual(first);
  });

  it("answers simultaneous repeats alike and makes one version", async () => {
    const body = { upload_uuid: await begin("simultaneous") };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => valueOf(convert("simultaneous", body))),
    );
    expect(answers).toEqual(answers.map(() => answers[0]));
    expect(answers[0]).toMatchObject({ index: 1 });
  });

  it("makes one artifact of simultaneous first uploads of a name", async () => {
    const uploads = await Promise.all(["one", "two", "three"].map((content) => begin(content)));
    const made = await Promise.all(
      uploads.map((uuid) => valueOf<ArtifactBody>(convert("race", { upload_uuid: uuid }))),
    );
    expect(new Set(made.map(({ uuid }) => uuid)).size).toBe(1);
    expect(Object.keys((await get("/artifacts/race")).blobs)).toEqual(["1", "2", "3"]);
  });

  it("answers 409 when the upload has become another artifact", async () => {
    const uuid = await begin("taken");
    await valueOf(convert("taken", { upload_uuid: uuid }));
    const refused = [409, "upload has already become another artifact"];
    expect(await refusalOf(convert("other", { upload_uuid: uuid }))).toEqual(refused);
    const changed = { upload_uuid: uuid, artifact_type: "other" };
    expect(await refusalOf(convert("taken", changed))).toEqual(refused);
    expect((await get("/artifacts/taken")).index).toBe(1);
  });

  it.each<[Record<string, unknown>, number, string]>([
    [{}, 400, "specify upload_uuid or blob_uuid"],
    [{ upload_uuid: null, blob_uuid: null }, 400, "specify upload_uuid or blob_uuid"],
    [
      { upload_uuid: UNKNOWN_UUID, blob_uuid: UNKNOWN_UUID },
      400,
      "only specify one of upload_uuid or blob_uuid",
    ],
    [{ upload_uuid: UNKNOWN_UUID }, 404, "upload not found"],
    [{ upload_uuid: "name" }, 404, "upload not found"],
    [{ blob_uuid: UNKNOWN_UUID }, 404, "blob not found"],
    [{ blob_uuid: "name" }, 404, "blob not found"],
    [{ upload_uuid: 42 }, 400, "malformed request"],
    [{ upload_uuid: UNKNOWN_UUID, shared: "no" }, 400, "malformed request"],
    [{ upload_uuid: UNKNOWN_UUID, size: -1 }, 400, "malformed request"],
    [{ upload_uuid: UNKNOWN_UUID, sha512: "abc" }, 400, "malformed request"],
  ])("answers %j with %i %s and makes nothing", async (body, status, error) => {
    const name = randomUUID();
    expect(await refusalOf(convert(name, body))).toEqual([status, error]);
    const reply = service.fetch(`/artifacts/${name}`, { bearer: token });
    expect(await refusalOf(reply)).toEqual([404, "artifact not found"]);
  });

  it.each<[Record<string, unknown>, number, string]>([
    [{ artifact_type: "vmdk" }, 403, "invalid artifact type specified"],
    [{ artifact_type: "" }, 403, "invalid artifact type specified"],
    [{ shared: true }, 403, "only the system namespace can create shared artifacts"],
    [{ namespace: "other" }, 404, "namespace not found"],
    [{ namespace: "nowhere" }, 404, "namespace not found"],
    [{ namespace: "system", shared: true }, 404, "namespace not found"],
    [
      { size: 6 },
      409,
      "upload does not have the size or sha512 of the request; nothing was converted",
    ],
    [
      { sha512: sha512("other") },
      409,
      "upload does not have the size or sha512 of the request; nothing was converted",
    ],
  ])("answers an upload with %j with %i and keeps the upload", async (body, status, error) => {
    const uuid = await begin("12345");
    const name = randomUUID();
    expect(await refusalOf(convert(name, { upload_uuid: uuid, ...body }))).toEqual([status, error]);
    expect(await valueOf(service.append(uuid, "67", token))).toBe(7);
    expect((await valueOf<ArtifactBody>(convert(name, { upload_uuid: uuid }))).index).toBe(1);
  });

  it("takes a size and sha512 that are right, in either case", async () => {
    const guard = { size: 5, sha512: sha512("12345").toUpperCase() };
    const uuid = await begin("12345");
    const made = await valueOf<ArtifactBody>(convert("guarded", { upload_uuid: uuid, ...guard }));
    const again = { blob_uuid: made.blob_uuid, ...guard };
    expect((await valueOf<ArtifactBody>(convert("guarded-blob", again))).index).toBe(1);
    expect(await refusalOf(convert("guarded-blob", { ...again, size: 6 }))).toEqual([
      409,
      "upload does not have the size or sha512 of the request; nothing was converted",
    ]);
  });

  it.each(["image", "snapshot", "label", "other"])("makes an artifact of type %s", async (type) => {
    const body = { upload_uuid: await begin(type), artifact_type: type };
    const artifact = await valueOf<object>(convert(`type-${type}`, body));
    expect(artifact).toMatchObject({ artifact_type: type });
  });

  it("shares an artifact of the system namespace with all", async () => {
    const body = { upload_uuid: await begin("for all", system), shared: true };
    const artifact = await valueOf<ArtifactBody>(convert("for-all", body, system));
    expect(artifact).toMatchObject({ shared: true, namespace: "system" });
    expect((await get("/artifacts/for-all")).uuid).toBe(artifact.uuid);
    expect(await get(`/blobs/${artifact.blob_uuid}`)).toMatchObject({ size: 7 });
  });

  it("lets the system namespace convert into another, under its own source_url", async () => {
    const body = { upload_uuid: await begin("given", system), namespace: "ci" };
    const artifact = await valueOf<ArtifactBody>(convert("given", body, system));
    expect(artifact).toMatchObject({ namespace: "ci", source_url: "sf://upload/system/given" });
    expect((await get("/artifacts/given")).uuid).toBe(artifact.uuid);
    const shared = { ...body, upload_uuid: await begin("given", system), shared: true };
    expect(await refusalOf(convert("given-shared", shared, system))).toEqual([
      403,
      "only the system namespace can create shared artifacts",
    ]);
    const nowhere = { ...body, namespace: "nowhere" };
    expect(await refusalOf(convert("given", nowhere, system))).toEqual([
      404,
      "namespace not found",
    ]);
  });

  it("tells artifacts apart by their source_url and not by their name", async () => {
    const source = { source_url: "https://images.example/debian.qcow2" };
    const first = { upload_uuid: await begin("debian 1"), ...source };
    const one = await valueOf<ArtifactBody>(convert("debian", first));
    expect(one).toMatchObject({ name: "debian", ...source, index: 1 });
    const second = { upload_uuid: await begin("debian 2"), ...source };
    const two = await valueOf<ArtifactBody>(convert("debian-again", second));
    expect([two.uuid, two.index]).toEqual([one.uuid, 2]);
    const third = await publish("debian", "debian 3");
    expect(third.uuid).not.toBe(one.uuid);
    expect(await refusalOf(service.fetch("/artifacts/debian", { bearer: token }))).toEqual([
      400,
      'multiple artifacts have the name "debian" in namespace "ci"',
    ]);
  });
});

describe("the versions of an artifact", () => {
  it("stay as they are when the newest has the same content", async () => {
    const first = await publish("same", "content");
    const second = await publish("same", "content");
    expect(second).toEqual(first);
    const byBlob = { blob_uuid: first.blob_uuid };
    expect(await valueOf(convert("same", byBlob))).toEqual(first);
  });

  it("get one more when the content is another, and when it is an old one again", async () => {
    const first = await publish("change", "changing");
    const second = await publish("change", "changed");
    expect([second.uuid, second.index]).toEqual([first.uuid, 2]);
    expect(second.blob_uuid).not.toBe(first.blob_uuid);
    const third = await publish("change", "changing");
    expect([third.index, third.blob_uuid]).toEqual([3, first.blob_uuid]);
    expect(Object.keys(third.blobs)).toEqual(["1", "2", "3"]);
    expect(third.blobs["1"]?.reference_count).toBe(2);
  });

  it("are the newest three, by indexes that are never used again", async () => {
    for (const content of ["one", "two", "three", "four"]) {
      await publish("pruned", `pruned ${content}`);
    }
    const artifact = await get("/artifacts/pruned");
    expect([artifact.index, Object.keys(artifact.blobs)]).toEqual([4, ["2", "3", "4"]]);
    const versions = await get<{ index: number }[]>("/artifacts/pruned/versions");
    expect(versions.map(({ index }) => index)).toEqual([2, 3, 4]);
    const gone = `/blob_checksums/sha512/${sha512("pruned one")}`;
    expect(await get<unknown>(gone)).toBeNull();
  });
});

describe("the name of an artifact", () => {
  it.each([
    ["with%20spaces", "with spaces"],
    ["gr%C3%BC%C3%9Fe-%E2%9C%93", "grüße-✓"],
    ["a+b", "a+b"],
    ["a&b", "a&b"],
    ["a%25b", "a%b"],
    ["a%3Fb%23c", "a?b#c"],
    ["%7Bname%7D", "{name}"],
    ["...", "..."],
    ["-", "-"],
    ["%20", " "],
    ["share", "share"],
    ["unshare", "unshare"],
    ["versions", "versions"],
    ["metadata", "metadata"],
    ["events", "events"],
    ["upload", "upload"],
    ["__proto__", "__proto__"],
    ["d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"],
    [UNKNOWN_UUID, UNKNOWN_UUID],
  ])("may be %s in a URL", async (encoded, name) => {
    const uuid = await begin(name);
    const made = await valueOf<ArtifactBody>(convert(encoded, { upload_uuid: uuid }));
    expect([made.name, made.source_url]).toEqual([name, `sf://upload/ci/${name}`]);
    expect((await get(`/artifacts/${encoded}`)).uuid).toBe(made.uuid);
    expect(await get<unknown[]>(`/artifacts/${encoded}/versions`)).toHaveLength(1);
  });

  it("has at most 1,000 bytes", async () => {
    const uuid = await begin("long");
    const [longest, tooLong] = ["é".repeat(500), `${"é".repeat(500)}x`];
    expect((await refusalOf(convert(tooLong, { upload_uuid: uuid })))[0]).toBe(400);
    const made = await valueOf<ArtifactBody>(convert(longest, { upload_uuid: uuid }));
    expect(made.name).toBe(longest);
  });

  it.each(["%ce", "%", "%zz", "a%2fb", "a%2Fb", "a%5Cb", "%00", "a%0Ab", "%7F"])(
    "is refused with 400 when it is %s",
    async (encoded) => {
      const refused = [400, "artifact name is not usable"];
      const uuid = await begin("kept");
      expect(await refusalOf(convert(encoded, { upload_uuid: uuid }))).toEqual(refused);
      const reply = service.fetch(`/artifacts/${encoded}`, { bearer: token });
      expect(await refusalOf(reply)).toEqual(refused);
      expect((await valueOf<ArtifactBody>(convert("kept", { upload_uuid: uuid }))).name).toBe(
        "kept",
      );
    },
  );

  it.each(["..", "%2e%2e", "%2E.", ".", "a/../../upload", "a/../..", "..%2f..", "../upload/.."])(
    "makes nothing and is no internal error when it is %s",
    async (encoded) => {
      const body = JSON.stringify({ upload_uuid: await begin("nothing") });
      const {
        status,
        headers,
        body: reply,
      } = await rawRequest(service.origin, `/artifacts/upload/${encoded}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
        body,
      });
      expect([400, 404, 405]).toContain(status);
      expect(headers["content-type"]).toBe("application/json");
      expect(JSON.parse(reply.toString())).toMatchObject({ status, error: expect.any(String) });
    },
  );

  it("is refused when a question mark cuts it off, as nobody means the rest of it", async () => {
    const uuid = await begin("query");
    const refused = [400, "query has a parameter that is not known here"];
    for (const name of ["query?name=x", "query?x"]) {
      expect(await refusalOf(convert(name, { upload_uuid: uuid }))).toEqual(refused);
    }
  });
});

describe("GET /artifacts/:ref", () => {
  it("finds an artifact by its uuid in either case and by its name", async () => {
    const made = await publish("found", "found");
    expect(await get(`/artifacts/${made.uuid}`)).toEqual(made);
    expect(await get(`/artifacts/${made.uuid.toUpperCase()}`)).toEqual(made);
    expect(await get("/artifacts/found")).toEqual(made);
  });

  it.each([UNKNOWN_UUID.replace("8", "9"), "nothing", "Found", "%20found"])(
    "answers 404 to %s, and so do its versions",
    async (ref) => {
      for (const path of [`/artifacts/${ref}`, `/artifacts/${ref}/versions`]) {
        const reply = service.fetch(path, { bearer: token });
        expect(await refusalOf(reply)).toEqual([404, "artifact not found"]);
      }
    },
  );

  it("prefers the caller's own to one of the same name that it may read as well", async () => {
    const own = await publish("twice", "own");
    const body = { upload_uuid: await begin("shared", system), shared: true };
    const shared = await valueOf<ArtifactBody>(convert("twice", body, system));
    expect((await get("/artifacts/twice")).uuid).toBe(own.uuid);
    expect((await get("/artifacts/twice", system)).uuid).toBe(shared.uuid);
  });

  it("tells the system namespace when several workspaces have the name", async () => {
    await publish("ambiguous", "ambiguous");
    const body = { upload_uuid: await begin("x", system), namespace: "other" };
    await valueOf(convert("ambiguous", body, system));
    expect(await refusalOf(service.fetch("/artifacts/ambiguous", { bearer: system }))).toEqual([
      400,
      'multiple artifacts have the name "ambiguous" in namespace "system"',
    ]);
    expect((await get("/artifacts/ambiguous")).namespace).toBe("ci");
  });
});

describe("GET /artifacts/:ref/versions", () => {
  it("answers the blobs of the versions with their index, in order", async () => {
    await publish("versioned", "first");
    const { uuid, blobs } = await publish("versioned", "second");
    const versions = await get<Record<string, unknown>[]>(`/artifacts/${uuid}/versions`);
    const shown = await Promise.all(
      Object.values(blobs).map((blob) => get<object>(`/blobs/${blob.uuid}`)),
    );
    expect(versions).toEqual(shown.map((blob, at) => ({ ...blob, index: at + 1 })));
  });
});
