import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { declareArtifact } from "../../../src/artifacts/declare.ts";
import { deliverPiece } from "../../../src/artifacts/deliver.ts";
import { comparePaths, numberEntries } from "../../../src/artifacts/numbering.ts";
import { storePack } from "../../../src/artifacts/pack.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import { deleteArtifact } from "../../../src/catalog/artifact-changes.ts";
import { putMetadata } from "../../../src/catalog/artifact-metadata.ts";
import { findArtifactsByName } from "../../../src/catalog/artifacts.ts";
import { findBundle } from "../../../src/catalog/bundles.ts";
import { findDestinations } from "../../../src/catalog/contents.ts";
import { stageArtifact, stageEntries } from "../../../src/catalog/staging.ts";
import { insertUpload } from "../../../src/catalog/uploads.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { smallFile } from "../support/small-file.ts";
import { Uploader } from "../support/uploader.ts";

const HOUR = 3_600_000;
const IDLE = 24 * HOUR;

let workspace: Workspace;
let uploader: Uploader;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  uploader = new Uploader(workspace);
});

async function countKeys(uuid: Uuid): Promise<number> {
  return (await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects.length;
}

async function rows(statement: string, ...values: unknown[]): Promise<unknown[]> {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all();
  return results;
}

/** Declares an artifact of these files and gives its id. */
async function declare(files: Record<string, Uint8Array>): Promise<number> {
  const declared = await Promise.all(
    Object.entries(files).map(async ([path, data]) => ({
      path,
      size: data.length,
      sha256: await hexDigest("SHA-256", data),
      contentType: null,
    })),
  );
  const sorted = declared.toSorted((one, other) => comparePaths(one.path, other.path));
  const home = { workspaceId: workspace.id, category: "c", data: "{}", expiresAt: null };
  return declareArtifact(env.DB, { ...home, actor: "test", files: sorted }, Date.now());
}

/** Sends bytes for a file, a small whole one without an upload, and gives the upload that took them. */
async function deliver(
  artifactId: number,
  path: string,
  data: Uint8Array,
  start = 0,
): Promise<Uuid> {
  const reader = { all: true, workspaceId: null, userId: null };
  const place = { reader, artifactId };
  const find = async () => {
    const [to] = await findDestinations(env.DB, { ...place, paths: [path] }, null, Date.now());
    return to;
  };
  const { file, workspaceId } = (await find()) ?? {};
  if (!file || workspaceId === undefined) {
    throw new Error(`No file ${path}`);
  }
  if (data.length === file.size) {
    const [placed] = await storePack(env, place, [smallFile(path, data)]);
    expect(placed).toMatchObject({ isStored: true });
    return newUuid();
  }
  const piece = { start, length: data.length, body: new Blob([data]).stream() };
  valueOf(await deliverPiece(env, { ...file, workspaceId }, piece));
  return (await find())?.file?.uploadUuid ?? file.uploadUuid ?? newUuid();
}

describe("sweep() (T26)", () => {
  it("removes an upload without a byte for 24 hours, with its R2 data, and keeps a younger one", async () => {
    const uuid = await uploader.upload(bytes(LIMITS.partSize + 1, 1));
    const now = Date.now();
    expect(await sweep(env, IDLE, now + 23 * HOUR)).toMatchObject({ uploadsExpired: 0 });
    expect(valueOf(await uploader.gateway.view(uuid)).size).toBe(LIMITS.partSize + 1);
    expect(await sweep(env, IDLE, now + 25 * HOUR)).toMatchObject({ uploadsExpired: 1 });
    expect(await uploader.gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    expect(await rows("SELECT * FROM uploads WHERE uuid = ?", uuid)).toEqual([]);
    expect(await sweep(env, IDLE, now + 25 * HOUR)).toMatchObject({ uploadsExpired: 0 });
  });

  it("lets the object decide when the catalog's time of the last append is old", async () => {
    const uuid = await uploader.upload(bytes(100, 2));
    await env.DB.prepare("UPDATE uploads SET last_append_at = 5 WHERE uuid = ?").bind(uuid).run();
    expect(await sweep(env, IDLE, Date.now())).toMatchObject({ uploadsExpired: 0 });
    const [row] = await rows("SELECT last_append_at FROM uploads WHERE uuid = ?", uuid);
    const { lastAppendAt } = valueOf(await uploader.gateway.view(uuid));
    expect(row).toEqual({ last_append_at: lastAppendAt });
  });

  it("forgets an upload whose object was never opened", async () => {
    const uuid = newUuid();
    await insertUpload(env.DB, uuid, workspace.id, Date.now() - 2 * IDLE);
    await sweep(env, IDLE, Date.now());
    expect(await rows("SELECT * FROM uploads WHERE uuid = ?", uuid)).toEqual([]);
  });

  it("removes a superseded version and its bytes, each after a day, and nothing that is still named", async () => {
    const shared = bytes(500, 3);
    const first = await uploader.publish("kept", shared);
    await uploader.publish("pruned", shared);
    const doomed = await uploader.publish("pruned", bytes(501, 4));
    for (const seed of [5, 6, 7]) {
      await uploader.publish("pruned", bytes(500, seed));
    }
    const now = Date.now();
    await sweep(env, 10 * IDLE, now);
    expect(await countKeys(doomed)).toBe(1);
    await sweep(env, 10 * IDLE, now + 25 * HOUR);
    expect(
      await rows("SELECT * FROM garbage WHERE key LIKE ?", `uploads/${doomed}/%`),
    ).toHaveLength(1);
    expect(await countKeys(doomed)).toBe(1);
    await sweep(env, 10 * IDLE, now + 50 * HOUR);
    expect(await countKeys(doomed)).toBe(0);
    expect(await countKeys(first)).toBe(1);
    const living = await rows(
      `SELECT v.version_index FROM versions v JOIN artifacts a ON a.id = v.artifact_id
       WHERE a.name = 'pruned' ORDER BY 1`,
    );
    expect(living).toEqual([{ version_index: 3 }, { version_index: 4 }, { version_index: 5 }]);
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
  });

  it("keeps bytes that an upload claimed again in the meantime", async () => {
    const data = bytes(700, 8);
    const original = await uploader.publish("comes-back", data);
    for (const seed of [9, 10, 11]) {
      await uploader.publish("comes-back", bytes(700, seed));
    }
    const now = Date.now();
    await uploader.publish("claims", data);
    await sweep(env, 10 * IDLE, now + 25 * HOUR);
    await sweep(env, 10 * IDLE, now + 50 * HOUR);
    expect(await countKeys(original)).toBe(1);
    const extents = await rows("SELECT * FROM extents WHERE key LIKE ?", `uploads/${original}/%`);
    expect(extents).toHaveLength(1);
  });

  it("deletes artifacts whose time has come", async () => {
    await uploader.publish("brief", bytes(10, 12));
    const now = Date.now();
    await env.DB.prepare("UPDATE artifacts SET expires_at = ? WHERE name = 'brief'")
      .bind(now)
      .run();
    await sweep(env, 10 * IDLE, now);
    expect(await rows("SELECT deleted_at FROM artifacts WHERE name = 'brief'")).toEqual([
      { deleted_at: now },
    ]);
    expect(
      await rows(
        `SELECT e.message, e.actor FROM events e JOIN artifacts a ON a.id = e.artifact_id
         WHERE a.name = 'brief' ORDER BY number DESC LIMIT 1`,
      ),
    ).toEqual([{ message: "artifact expired", actor: "stowage" }]);
    expect(
      await rows(
        `SELECT v.deleted_at FROM versions v JOIN artifacts a ON a.id = v.artifact_id
         WHERE a.name = 'brief'`,
      ),
    ).toEqual([{ deleted_at: now }]);
  });

  it("forgets a deleted artifact after 30 days, with its metadata and events, and no other", async () => {
    await uploader.publish("forgotten", bytes(10, 30));
    await uploader.publish("remembered", bytes(10, 31));
    const of = "artifact_id IN (SELECT id FROM artifacts WHERE name = ?)";
    const [{ id } = { id: 0 }] = (await rows(
      "SELECT id FROM artifacts WHERE name = 'forgotten'",
    )) as { id: number }[];
    const now = Date.now();
    const author = { actor: "owner/ci", now };
    await putMetadata(env.DB, id, { key: "k", value: "v" }, author);
    expect(await deleteArtifact(env.DB, id, author)).toBe(true);
    await sweep(env, 100 * IDLE, now + 29 * 24 * HOUR);
    expect(await rows("SELECT * FROM versions WHERE artifact_id = ?", id)).toEqual([]);
    const events = await rows(
      `SELECT message FROM events WHERE ${of} ORDER BY number`,
      "forgotten",
    );
    expect(events).toEqual(
      ["artifact created", "version added", "metadata set", "artifact deleted"].map((message) => ({
        message,
      })),
    );
    await sweep(env, 100 * IDLE, now + 31 * 24 * HOUR);
    expect(await rows("SELECT * FROM artifacts WHERE id = ?", id)).toEqual([]);
    expect(await rows("SELECT * FROM events WHERE artifact_id = ?", id)).toEqual([]);
    expect(await rows("SELECT * FROM artifact_metadata WHERE artifact_id = ?", id)).toEqual([]);
    expect(await rows(`SELECT * FROM events WHERE ${of}`, "remembered")).toHaveLength(2);
  });

  it("removes an artifact whose files are missing after a day without progress, with all that it holds", async () => {
    const [here, away] = [bytes(300, 30), bytes(LIMITS.partSize + 9, 31)];
    const declared = await declare({ "d/here": here, "d/away": away });
    await deliver(declared, "d/here", here);
    const uploadUuid = await deliver(declared, "d/away", away.subarray(0, 50));
    const now = Date.now();
    const living = () =>
      rows("SELECT 1 FROM artifacts WHERE id = ? AND deleted_at IS NULL", declared);
    await sweep(env, IDLE, now + 23 * HOUR);
    expect(await living()).toHaveLength(1);
    await sweep(env, IDLE, now + 25 * HOUR);
    expect(await living()).toEqual([]);
    expect(await uploader.gateway.view(uploadUuid)).toMatchObject({ code: "upload_not_found" });
    await sweep(env, IDLE, now + 50 * HOUR);
    await sweep(env, IDLE, now + 75 * HOUR);
    expect((await env.BUCKET.list({ prefix: "files/" })).objects).toEqual([]);
    expect(await rows("SELECT * FROM versions WHERE artifact_id = ?", declared)).toEqual([]);
    expect(await rows("SELECT * FROM files WHERE path LIKE 'd/%'")).toEqual([]);
  });

  it("keeps an artifact while bytes of a missing file come in", async () => {
    const data = bytes(100, 32);
    const declared = await declare({ slow: data });
    const uuid = await deliver(declared, "slow", data.subarray(0, 50));
    await env.DB.prepare("UPDATE versions SET progress_at = 5 WHERE artifact_id = ?")
      .bind(declared)
      .run();
    await sweep(env, IDLE, Date.now());
    await deliver(declared, "slow", data.subarray(50), 50);
    expect(await uploader.gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    expect(
      await rows("SELECT sealed_at > 0 AS sealed FROM versions WHERE artifact_id = ?", declared),
    ).toEqual([{ sealed: 1 }]);
  });

  it("removes what a creation that broke off left behind, and nothing shows it before", async () => {
    const file = { path: "f", size: 5, sha256: "ab", sha512: null, contentType: null };
    const uuid = newUuid();
    const staged = await stageArtifact(
      env.DB,
      {
        uuid,
        workspaceId: workspace.id,
        type: "other",
        sourceUrl: "test://broken-off",
        name: "broken-off",
        category: "c",
        data: "{}",
        expiresAt: null,
      },
      Date.now(),
    );
    await stageEntries(env.DB, staged, numberEntries([file]), Date.now());
    const reader = { all: true, workspaceId: null, userId: null };
    const now = Date.now();
    expect(await findBundle(env.DB, reader, staged.artifactId, now)).toBeNull();
    expect(await findArtifactsByName(env.DB, reader, "broken-off", now)).toEqual([]);
    await sweep(env, IDLE, now + 23 * HOUR);
    expect(await rows("SELECT 1 FROM files WHERE version_id = ?", staged.id)).toHaveLength(1);
    await sweep(env, IDLE, now + 25 * HOUR);
    expect(await rows("SELECT 1 FROM files WHERE version_id = ?", staged.id)).toEqual([]);
    expect(await rows("SELECT 1 FROM versions WHERE id = ?", staged.id)).toEqual([]);
  });

  it("goes on with everything else when one upload cannot be asked", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const [broken, other] = [
      await uploader.upload(bytes(10, 20)),
      await uploader.upload(bytes(10, 21)),
    ];
    const unreachable = { fetch: () => Promise.reject(new Error("Network connection lost.")) };
    const uploads = new Proxy(env.UPLOADS, {
      get: (target, property) =>
        property === "getByName"
          ? (name: string) => (name === broken ? unreachable : target.getByName(name))
          : Reflect.get(target, property),
    });
    const report = await sweep({ ...env, UPLOADS: uploads }, IDLE, Date.now() + 25 * HOUR);
    expect(report).toMatchObject({ failures: 1 });
    expect(await uploader.gateway.view(other)).toMatchObject({ code: "upload_not_found" });
    await env.DB.prepare("DELETE FROM uploads WHERE uuid = ?").bind(broken).run();
  });

  it("removes sessions and failed logins that count for nothing any more, and no others", async () => {
    const now = Date.now();
    await env.DB.batch([
      env.DB.prepare("INSERT INTO users VALUES (1, 'ann', 'none', 0)"),
      env.DB.prepare("INSERT INTO sessions VALUES ('dead', 1, 0, ?1)").bind(
        now - LIMITS.sessionIdle,
      ),
      env.DB.prepare("INSERT INTO sessions VALUES ('alive', 1, 0, ?1)").bind(
        now - LIMITS.sessionIdle + 1,
      ),
      env.DB.prepare("INSERT INTO login_failures VALUES ('past', 9, ?1, 0)").bind(
        now - LIMITS.loginMemory,
      ),
      env.DB.prepare("INSERT INTO login_failures VALUES ('present', 9, ?1, 0)").bind(
        now - LIMITS.loginMemory + 1,
      ),
    ]);
    await sweep(env, 10 * IDLE, now);
    expect(await rows("SELECT id_hash FROM sessions")).toEqual([{ id_hash: "alive" }]);
    expect(await rows("SELECT subject FROM login_failures")).toEqual([{ subject: "present" }]);
  });

  it("gives the same result when two run at once", async () => {
    const uuid = await uploader.upload(bytes(LIMITS.partSize + 5, 13));
    const at = Date.now() + 25 * HOUR;
    await Promise.all([sweep(env, IDLE, at), sweep(env, IDLE, at)]);
    expect(await uploader.gateway.view(uuid)).toMatchObject({ code: "upload_not_found" });
    expect(await countKeys(uuid)).toBe(0);
  });
});
