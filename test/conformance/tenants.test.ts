// What one workspace can learn of another (docs/architecture.md; docs/conformance.md, Shaken Fist): nothing,
// unless it is trusted or the other is public. "alice" owns, "bob" asks.

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf, valueOf } from "../support/answers.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

const SECRET = "only alice has this";

let service: RunningService;
let alice: string;
let bob: string;
let artifact: ArtifactBody;

beforeAll(async () => {
  service = await startService();
  alice = await service.makeWorkspace("alice");
  bob = await service.makeWorkspace("bob");
  artifact = await service.upload("secret", Buffer.from(SECRET), alice);
});

afterAll(() => service[Symbol.asyncDispose]());

interface BlobBody {
  uuid: string;
  fetched_at: number;
  modified: number;
  reference_count: number;
}

function get(path: string, bearer: string): Promise<Response> {
  return service.fetch(path, { bearer });
}

function checksumPath(content: string): string {
  return `/blob_checksums/sha512/${createHash("sha512").update(content).digest("hex")}`;
}

/** The body of an answer without what differs from one request to the next. */
async function comparable(reply: Promise<Response>): Promise<unknown> {
  const response = await reply;
  const { request_id: _, ...body } = (await response.json()) as Record<string, unknown>;
  return [response.status, body];
}

describe("another workspace's upload", () => {
  it("does not exist, in the same words as one that never did", async () => {
    const uuid = await service.openUpload(alice);
    await valueOf(service.append(uuid, "12345", alice));
    const never = "00000000-0000-4000-8000-000000000000";
    const asks: ((upload: string) => Promise<Response>)[] = [
      (upload) => get(`/upload/${upload}`, bob),
      (upload) => service.append(upload, "67", bob),
      (upload) => service.append(upload, "", bob),
      (upload) => service.append(upload, "67", bob, { "Upload-Offset": "0" }),
      (upload) => service.truncate(upload, 0, bob),
      (upload) => service.truncate(upload, 9, bob),
      (upload) => service.send("POST", "/artifacts/upload/taken", { upload_uuid: upload }, bob),
    ];
    for (const ask of asks) {
      expect(await comparable(ask(uuid))).toEqual(await comparable(ask(never)));
      expect(await refusalOf(ask(uuid))).toEqual([404, "upload not found"]);
    }
    expect(await valueOf(get(`/upload/${uuid}`, alice))).toMatchObject({ size: 5 });
  });

  it("does not exist for the system namespace either", async () => {
    const uuid = await service.openUpload(alice);
    const system = await service.loginAsSystem();
    expect(await refusalOf(get(`/upload/${uuid}`, system))).toEqual([404, "upload not found"]);
    expect(await refusalOf(service.append(uuid, "1", system))).toEqual([404, "upload not found"]);
  });
});

describe("another workspace's artifact", () => {
  it.each(["", "/versions"])(
    "does not exist by uuid or name: GET /artifacts/:ref%s",
    async (verb) => {
      for (const ref of [artifact.uuid, artifact.name]) {
        const reply = get(`/artifacts/${ref}${verb}`, bob);
        expect(await refusalOf(reply)).toEqual([404, "artifact not found"]);
      }
    },
  );

  it("is not in the way of an own one of the same name", async () => {
    const own = await service.upload("secret", Buffer.from("of bob"), bob);
    expect(own).toMatchObject({ namespace: "bob", index: 1 });
    expect(own.uuid).not.toBe(artifact.uuid);
    expect(await valueOf(get("/artifacts/secret", alice))).toEqual(artifact);
  });

  it("gets no version by its source_url", async () => {
    const uuid = await service.openUpload(bob);
    await valueOf(service.append(uuid, "evil", bob));
    const body = { upload_uuid: uuid, source_url: artifact.source_url };
    const made = await valueOf<ArtifactBody>(
      service.send("POST", "/artifacts/upload/secret", body, bob),
    );
    expect(made.namespace).toBe("bob");
    expect(await valueOf(get(`/artifacts/${artifact.uuid}`, alice))).toEqual(artifact);
  });
});

describe("another workspace's blob (T13, T14)", () => {
  it("does not exist, and cannot be claimed", async () => {
    const blob = `/blobs/${artifact.blob_uuid}`;
    const refused = [404, "blob not found"];
    expect(await refusalOf(get(blob, bob))).toEqual(refused);
    expect(await refusalOf(get(`${blob}/data`, bob))).toEqual(refused);
    expect(await refusalOf(get(`${blob}/data?offset=0`, bob))).toEqual(refused);
    const claim = { blob_uuid: artifact.blob_uuid };
    const reply = service.send("POST", "/artifacts/upload/claimed", claim, bob);
    expect(await refusalOf(reply)).toEqual(refused);
    expect(await refusalOf(get("/artifacts/claimed", bob))).toEqual([404, "artifact not found"]);
  });

  it("is not given away by its checksum", async () => {
    const known = await get(checksumPath(SECRET), bob);
    const unknown = await get(checksumPath("nobody has this"), bob);
    expect([known.status, await known.text()]).toEqual([200, "null"]);
    expect([unknown.status, await unknown.text()]).toEqual([200, "null"]);
    const names = [known, unknown].map(({ headers }) => [...headers.keys()]);
    expect(names[0]).toEqual(names[1]);
  });

  it("shows nothing of its owner to who uploads the same bytes", async () => {
    await service.upload("shown", Buffer.from("both have this"), alice);
    await service.upload("shown-too", Buffer.from("both have this"), alice);
    const hers = await valueOf<BlobBody>(get(checksumPath("both have this"), alice));
    await sleep(20);
    const before = Date.now() / 1000;
    const made = await service.upload("shown", Buffer.from("both have this"), bob);
    const his = await valueOf<BlobBody>(get(`/blobs/${made.blob_uuid}`, bob));
    expect(his).toMatchObject({ reference_count: 1, modified: his.fetched_at });
    expect(his.fetched_at).toBeGreaterThanOrEqual(before);
    expect(made.blobs["1"]?.reference_count).toBe(1);
    expect(await valueOf(get("/artifacts/shown/versions", bob))).toEqual([{ ...his, index: 1 }]);
    const data = await get(`/blobs/${made.blob_uuid}/data`, bob);
    expect(await data.text()).toBe("both have this");
    const modified = Date.parse(data.headers.get("Last-Modified") ?? "") / 1000;
    expect(modified).toBeGreaterThanOrEqual(Math.floor(before));
    // Nor does he change what she sees.
    expect(await valueOf(get(`/blobs/${hers.uuid}`, alice))).toEqual(hers);
    expect(hers.reference_count).toBe(2);
  });
});

describe("two workspaces with the same content", () => {
  const note = (blob: string, bearer: string, value: string) =>
    service.send("PUT", `/blobs/${blob}/metadata/note`, { value }, bearer);

  /** All that an upload of `content` shows to its workspace, names and times apart. */
  async function shownTo(bearer: string, namespace: string, content: string): Promise<string> {
    const made = await service.upload("twin", Buffer.from(content), bearer);
    await valueOf(note(made.blob_uuid, bearer, "mine"));
    const paths = [
      checksumPath(content),
      `/blob_checksums/sha256/${createHash("sha256").update(content).digest("hex")}`,
      "/artifacts/twin",
      "/artifacts/twin/versions",
      `/blobs/${made.blob_uuid}`,
      `/blobs/${made.blob_uuid}/metadata`,
      `/blobs/${made.blob_uuid}/data`,
      `/blobs/${made.blob_uuid}/data?offset=0`,
      `/auth/namespaces/${namespace}`,
    ];
    const shown: unknown[] = [made];
    for (const path of paths) {
      const response = await get(path, bearer);
      const headers = [...response.headers].filter(
        ([name]) => !["date", "last-modified", "x-request-id"].includes(name),
      );
      shown.push(path, response.status, headers, await response.text());
    }
    const hashes = ["sha512", "sha256"].map((name) => createHash(name).update(content).digest());
    const names = [content, made.uuid, made.blob_uuid, namespace, `/a/${made.id}/`];
    const words = [
      ...names,
      ...hashes.flatMap((hash) => [hash.toString("hex"), hash.toString("base64")]),
    ];
    return words
      .reduce((text, word) => text.replaceAll(word, "*"), JSON.stringify(shown))
      .replaceAll(/\d{10}(?:\.\d+)?/gu, "time")
      .replaceAll(/"(id|crc32)\\?":\\?"?\w+/gu, "$1")
      .replaceAll(/\\"(id|crc32)\\":\\?"?\w+/gu, "$1");
  }

  it("are told apart by no answer from two of which each has its own", async () => {
    const [one, other, third] = await Promise.all(
      ["twin-1", "twin-2", "twin-3"].map((name) => service.makeWorkspace(name)),
    );
    const first = await shownTo(one ?? "", "twin-1", "twins have this");
    const second = await shownTo(other ?? "", "twin-2", "twins have this");
    const alone = await shownTo(third ?? "", "twin-3", "one has that!!!");
    expect(second).toBe(first);
    expect(alone).toBe(first);
  });

  it("note each their own of it; who has no version of it notes nothing", async () => {
    const content = Buffer.from("noted by both");
    const hers = await service.upload("noted", content, alice);
    await valueOf(note(hers.blob_uuid, alice, "hers"));
    const stranger = await refusalOf(note(hers.blob_uuid, bob, "his"));
    expect(stranger).toEqual([404, "blob not found"]);
    expect(await refusalOf(get(`/blobs/${hers.blob_uuid}/metadata`, bob))).toEqual(stranger);
    const his = await service.upload("noted", content, bob);
    expect(await valueOf(get(`/blobs/${his.blob_uuid}/metadata`, bob))).toEqual({});
    await valueOf(note(his.blob_uuid, bob, "his"));
    expect(await valueOf(get(`/blobs/${hers.blob_uuid}/metadata`, alice))).toEqual({
      note: "hers",
    });

    const reader = await service.makeWorkspace("reads-notes");
    await service.json(
      "POST",
      "/auth/namespaces/alice/trust",
      { external_namespace: "reads-notes" },
      alice,
    );
    const accept = "/auth/namespaces/reads-notes/trusted-by/alice";
    await service.json("PUT", accept, undefined, reader);
    const read = await valueOf(get(`/blobs/${hers.blob_uuid}/metadata`, reader));
    expect(read).toEqual({ note: "hers" });
    const written = await refusalOf(note(hers.blob_uuid, reader, "theirs"));
    expect(written).toEqual([403, "permission denied"]);
    await service.json("DELETE", "/auth/namespaces/alice/trust/reads-notes", undefined, alice);
  });
});

describe("a trusted workspace", () => {
  it("reads and claims, and writes nothing, until the trust ends", async () => {
    const owner = await service.makeWorkspace("owner");
    const friend = await service.makeWorkspace("friend");
    const made = await service.upload("lent", Buffer.from("lent to friends"), owner);
    const path = `/artifacts/${made.uuid}`;
    expect((await refusalOf(get(path, friend)))[0]).toBe(404);
    const trust = { external_namespace: "friend" };
    const trusting = await service.json("POST", "/auth/namespaces/owner/trust", trust, owner);
    expect(trusting).toMatchObject({ trust: { full: ["system", "friend"] } });

    expect(await valueOf(get(path, friend))).toEqual(made);
    expect((await refusalOf(get("/artifacts/lent", friend)))[0]).toBe(404); // not yet by its name
    const accept = "/auth/namespaces/friend/trusted-by/owner";
    await service.json("PUT", accept, undefined, friend);
    expect(await valueOf(get("/artifacts/lent", friend))).toEqual(made);
    expect(await valueOf(get(`${path}/versions`, friend))).toHaveLength(1);
    expect(await valueOf(get(checksumPath("lent to friends"), friend))).toMatchObject({
      uuid: made.blob_uuid,
    });
    const data = await get(`/blobs/${made.blob_uuid}/data?offset=8`, friend);
    expect(await data.text()).toBe("friends");
    const into = {
      upload_uuid: await service.openUpload(friend),
      namespace: "owner",
      source_url: made.source_url,
    };
    const pushed = service.send("POST", "/artifacts/upload/lent", into, friend);
    expect(await refusalOf(pushed)).toEqual([404, "artifact not found"]);
    const claim = { blob_uuid: made.blob_uuid };
    const claimed = await valueOf<ArtifactBody>(
      service.send("POST", "/artifacts/upload/claimed", claim, friend),
    );
    expect(claimed).toMatchObject({ namespace: "friend", blob_uuid: made.blob_uuid });

    // Trust goes one way.
    expect((await refusalOf(get(`/artifacts/${claimed.uuid}`, owner)))[0]).toBe(404);
    await service.json("DELETE", "/auth/namespaces/owner/trust/friend", undefined, owner);
    expect((await refusalOf(get(path, friend)))[0]).toBe(404);
    expect(await valueOf(get(`/artifacts/${claimed.uuid}`, friend))).toMatchObject({ index: 1 });
  });
});

describe("a public workspace", () => {
  it("is read by every identity, and by nobody without one", async () => {
    const open = await service.makeWorkspace("open", { public: true });
    const made = await service.upload("free", Buffer.from("free for all"), open);
    const stranger = { Token: (await makeUserToken(service, "stan")).token };
    for (const headers of [stranger, { Authorization: `Bearer ${bob}` }]) {
      const shown = await valueOf(service.fetch("/artifacts/free", { headers }));
      expect(shown).toEqual(made);
      const data = await service.fetch(`/blobs/${made.blob_uuid}/data`, { headers });
      expect(await data.text()).toBe("free for all");
    }
    expect(await refusalOf(service.fetch("/artifacts/free"))).toEqual([
      401,
      "Missing Authorization Header",
    ]);
  });
});

describe("a user's or worker's token on the API", () => {
  it.each([
    ["viewer", { alice: "viewer" as const }, 200],
    ["contributor", { alice: "contributor" as const }, 200],
    ["owner", { alice: "owner" as const }, 200],
    ["stranger", { bob: "owner" as const }, 404],
  ])("reads what a %s may read", async (name, roles, status) => {
    const { token } = await makeUserToken(service, name, roles);
    const paths = [
      `/artifacts/${artifact.uuid}`,
      `/artifacts/${artifact.uuid}/versions`,
      `/blobs/${artifact.blob_uuid}`,
      `/blobs/${artifact.blob_uuid}/data`,
    ];
    for (const path of paths) {
      const response = await service.fetch(path, { headers: { Token: token } });
      await response.body?.cancel();
      expect([path, response.status]).toEqual([path, status]);
    }
    const known = await service.fetch(checksumPath(SECRET), { headers: { Token: token } });
    expect((await known.text()) === "null").toBe(status === 404);
  });

  it("reads everything as a worker, and opens no upload", async () => {
    const { token } = await makeWorkerToken(service);
    const headers = { Token: token };
    const path = `/artifacts/${artifact.uuid}`;
    expect(await valueOf(service.fetch(path, { headers }))).toEqual(artifact);
    const upload = service.fetch("/upload", { method: "POST", headers });
    expect(await refusalOf(upload)).toEqual([403, "only a namespace key may do this"]);
  });
});
