import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { makeSingleFile } from "../../../src/artifacts/whole-version.ts";
import { requireWorkspace } from "../../../src/catalog/access/workspaces.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { putBlobMetadata } from "../../../src/catalog/contents/blob-metadata.ts";
import { findSeenBlob, listVersionBlobs } from "../../../src/catalog/contents/seen-blobs.ts";
import type { BlobKey } from "../../../src/catalog/contents/seen-blobs.ts";
import { publishUpload } from "../../../src/catalog/publish/single-file.ts";
import type { Reader } from "../../../src/catalog/reader.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";

let system: Workspace;
let alice: Workspace;
let bob: Workspace;

beforeAll(async () => {
  await applySchema();
  system = await requireWorkspace(env.DB, "system");
  alice = await makeWorkspace("alice");
  bob = await makeWorkspace("bob");
});

function readerOf({ id }: Workspace): Reader {
  return { all: false, workspaceId: id, userId: null };
}

/** A content of its own by name: only the checksums, which are made up of it, are compared. */
function contentOf(name: string) {
  const digits = new TextEncoder().encode(name).toHex();
  return {
    size: 10,
    sha512: digits.padEnd(128, "5").slice(0, 128),
    sha256: digits.padEnd(64, "2").slice(0, 64),
    crc32: "00000000",
  };
}

/** Gives a workspace an artifact with that content. */
async function publish(workspace: Workspace, content: string, name: string, shared = false) {
  const sourceUrl = `sf://${name}`;
  const intent = {
    workspaceId: workspace.id,
    type: "image",
    name,
    sourceUrl,
    shared,
    actor: "test",
    gift: false,
  };
  const facts = contentOf(content);
  const extents = [{ key: facts.sha256, start: 0, length: facts.size }];
  const file = { path: name, facts, extents, type: null, isCopied: false };
  const uuid = newUuid();
  const whole = await makeSingleFile(env, file, uuid);
  const next = { intent, named: name, whole, sha512: facts.sha512 };
  await publishUpload(env.DB, { uuid, isFetch: false, own: [] }, next, Date.now());
}

async function rowsRead(workspace: Workspace, key: BlobKey): Promise<[number, boolean]> {
  let isSeen = false;
  const rows = await CountingDatabase.count(async (db) => {
    isSeen = (await findSeenBlob(db, readerOf(workspace), key, Date.now())) !== null;
  });
  return [rows, isSeen];
}

describe("what a look-up reads", () => {
  it("does not grow with what other workspaces have of the same content, seen or not", async () => {
    await publish(bob, "own", "own");
    await publish(alice, "foreign", "foreign");
    const own = { sha512: contentOf("own").sha512 };
    const foreign = { sha256: contentOf("foreign").sha256 };
    const before = [await rowsRead(bob, own), await rowsRead(bob, foreign)];
    expect(before.map(([, isSeen]) => isSeen)).toEqual([true, false]);
    const versions = () =>
      CountingDatabase.count(async (db) => {
        const { results } = await env.DB.prepare(
          "SELECT id FROM artifacts WHERE name = 'own'",
        ).all<{
          id: number;
        }>();
        const artifact = { id: results[0]?.id ?? 0, deletedAt: null };
        const limits = { now: Date.now(), limit: 10 };
        expect(await listVersionBlobs(db, readerOf(bob), artifact, limits)).toHaveLength(1);
      });
    const listed = await versions();
    for (let index = 0; index < 20; index += 1) {
      await publish(alice, "own", `own-${index}`);
      await publish(alice, "foreign", `foreign-${index}`);
      await publish(system, "own", `unshared-${index}`);
    }
    expect([await rowsRead(bob, own), await rowsRead(bob, foreign)]).toEqual(before);
    expect(await versions()).toBe(listed);
    // One row of the index of checksums apart, nobody's content costs the same.
    const [unknown] = await rowsRead(bob, { sha256: contentOf("nobody's").sha256 });
    expect((before[1]?.[0] ?? 0) - unknown).toBeLessThanOrEqual(1);
  });

  it("finds what is shared from the day it is shared to the day it is not", async () => {
    await publish(system, "lent", "lent");
    const key = { sha512: contentOf("lent").sha512 };
    const share = (shared: number) =>
      env.DB.prepare("UPDATE artifacts SET shared = ?1 WHERE name = 'lent'").bind(shared).run();
    expect((await rowsRead(bob, key))[1]).toBe(false);
    await share(1);
    expect((await rowsRead(bob, key))[1]).toBe(true);
    await share(0);
    expect((await rowsRead(bob, key))[1]).toBe(false);
    await publish(system, "born shared", "born shared", true);
    expect((await rowsRead(bob, { sha512: contentOf("born shared").sha512 }))[1]).toBe(true);
  });
});

describe("a blob's uuid", () => {
  it("is the same when the content comes again, whether somebody else kept it meanwhile or not", async () => {
    const key = { sha512: contentOf("comes again").sha512 };
    const uuid = async () => (await findSeenBlob(env.DB, readerOf(bob), key, Date.now()))?.uuid;
    await publish(bob, "comes again", "first");
    const first = await uuid();
    expect(first).toBeDefined();
    await env.DB.prepare("DELETE FROM contents WHERE sha512 = unhex(?1)").bind(key.sha512).run();
    expect(await uuid()).toBeUndefined();
    await publish(bob, "comes again", "second");
    expect(await uuid()).toBe(first);
  });
});

describe("what is noted of a blob", () => {
  it("is each workspace's own, and shows to those that may read it, the own first", async () => {
    await publish(alice, "noted", "noted");
    await publish(bob, "noted", "noted");
    const key = { sha512: contentOf("noted").sha512 };
    const seenBy = async (reader: Reader) =>
      (await findSeenBlob(env.DB, reader, key, Date.now()))?.metadata;
    const uuid = (await findSeenBlob(env.DB, readerOf(bob), key, Date.now()))?.uuid ?? newUuid();
    const note = (workspace: Workspace, name: string, value: unknown) =>
      putBlobMetadata(
        env.DB,
        { uuid, workspaceId: workspace.id, holdsAll: false },
        { key: name, value },
        byTest(),
      );
    expect(await note(alice, "k", "alice's")).toBe("noted");
    expect(await note(alice, "only", 1)).toBe("noted");
    expect(await note(bob, "k", "bob's")).toBe("noted");
    expect(await seenBy(readerOf(bob))).toEqual({ k: "bob's" });
    await env.DB.prepare("INSERT INTO trusts VALUES (?1, ?2, NULL)").bind(alice.id, bob.id).run();
    expect(await seenBy(readerOf(bob))).toEqual({ k: "bob's" });
    await env.DB.prepare("UPDATE trusts SET accepted_at = 1").run();
    expect(await seenBy(readerOf(bob))).toEqual({ k: "bob's", only: 1 });
    expect(await seenBy(readerOf(alice))).toEqual({ k: "alice's", only: 1 });
    expect(await note(await makeWorkspace("carol"), "k", "x")).toBe("foreign");
  });
});
