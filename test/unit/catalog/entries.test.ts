// What a workspace's rows come to, kept by triggers, and the bounds of schema.sql, whose numbers are those of LIMITS.
// SECURITY.md: T38.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import schema from "../../../schema.sql?raw";
import { sweep } from "../../../src/artifacts/sweep.ts";
import { addTrust } from "../../../src/catalog/access/trusts.ts";
import { putWorkspaceMetadata } from "../../../src/catalog/access/workspace-metadata.ts";
import {
  entriesLeft,
  requireWorkspace,
  updateWorkspace,
} from "../../../src/catalog/access/workspaces.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { deleteArtifactsOf } from "../../../src/catalog/artifacts/change.ts";
import { putRelation } from "../../../src/catalog/artifacts/relations.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { refusalIn } from "../../../src/catalog/refusals.ts";
import { declareArtifact } from "../../../src/drafts/declare.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, byTest, makeWorkspace } from "../support/catalog.ts";
import { Uploader } from "../support/uploader.ts";

const DAY = 24 * 3_600_000;

beforeAll(applySchema);

/** A workspace that may add so many entries. */
async function workspaceOf(name: string, entries: number | null): Promise<Workspace> {
  const { id } = await makeWorkspace(name);
  await updateWorkspace(env.DB, id, { quotaEntries: entries }, byTest());
  return requireWorkspace(env.DB, name);
}

async function used(name: string): Promise<number> {
  return (await requireWorkspace(env.DB, name)).usedEntries;
}

async function declare({ id: workspaceId }: Workspace, paths: readonly string[], data = "{}") {
  const files = paths.map((path) => ({
    path,
    size: 5,
    sha256: new TextEncoder().encode(path).toHex().padStart(64, "0").slice(-64),
    contentType: null,
  }));
  const made = { workspaceId, category: "t:t", data, expiresAt: null, actor: "test", files };
  return (await declareArtifact(env, made, Date.now())).id;
}

describe("workspaces.used_entries (T27)", () => {
  it("counts artifacts with their text, versions with files and folders, notes, relations and trusts", async () => {
    const workspace = await workspaceOf("counts", null);
    const one = await declare(workspace, ["a/b/c", "a/d"], JSON.stringify("x".repeat(3_000)));
    // The artifact and its 2 KiB and more, the version, two files, two folders.
    expect(await used("counts")).toBe(8 + 2 + 1 + 4);
    const other = await declare(workspace, ["e"]);
    expect(await used("counts")).toBe(15 + 10);
    const relation = { artifact: one, target: other, type: "extends" };
    const of = { workspace: "counts", uuid: newUuid() };
    await putRelation(env.DB, relation, of, byTest());
    await putRelation(env.DB, relation, of, byTest());
    expect(await used("counts")).toBe(26);
    const trust = { workspaceId: workspace.id, accepted: false };
    await addTrust(env.DB, trust, await makeWorkspace("counts-friend"), byTest());
    await putWorkspaceMetadata(
      env.DB,
      workspace.id,
      { key: "k", value: "x".repeat(1_100) },
      byTest(),
    );
    expect(await used("counts")).toBe(26 + 1 + 2);
    await env.DB.prepare("DELETE FROM workspaces WHERE name = 'counts-friend'").run();
    expect(await used("counts")).toBe(28);
  });

  it("falls by what the sweep removes: versions after a day, tombstones after a month", async () => {
    const workspace = await workspaceOf("falls", null);
    await new Uploader(workspace).publish("one", bytes(10, 1));
    const id = await declare(workspace, ["a/b"]);
    const relation = { artifact: id, target: id, type: "extends" };
    await putRelation(env.DB, relation, { workspace: "falls", uuid: newUuid() }, byTest());
    expect(await used("falls")).toBe(8 + 2 + 1 + (8 + 3) + 1);
    const now = Date.now();
    const all = { before: now, limit: 10 };
    await deleteArtifactsOf(env.DB, workspace.id, all, { actor: "test", now });
    expect(await used("falls")).toBe(1 + 2 + 1 + (1 + 3) + 1);
    await sweep(env, DAY, now + 2 * DAY);
    expect(await used("falls")).toBe(1 + 1 + 1 + 1);
    await sweep(env, DAY, now + 32 * DAY);
    expect(await used("falls")).toBe(0);
  });

  it.each([1, 3, 10])("is not passed by %i at once too many", async (over) => {
    const workspace = await workspaceOf(`raced-${over}`, 20);
    const results = await Promise.allSettled(
      Array.from({ length: 20 + over }, (_, n) =>
        putWorkspaceMetadata(env.DB, workspace.id, { key: `k${n}`, value: 1 }, byTest()),
      ),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(over);
    for (const result of refused) {
      expect("reason" in result && refusalIn(result.reason)).toBe("entries_exceeded");
    }
    expect(await used(workspace.name)).toBe(20);
    // What is there may change, and go.
    expect(
      await putWorkspaceMetadata(env.DB, workspace.id, { key: "k0", value: 2 }, byTest()),
    ).toBe("noted");
    const [none] = await Promise.allSettled([
      putWorkspaceMetadata(env.DB, workspace.id, { key: "k0", value: "x".repeat(2_000) }, byTest()),
    ]);
    expect(none.status).toBe("rejected");
  });

  it("opens no upload where none is left", async () => {
    const workspace = await workspaceOf("uploads", 0);
    expect(entriesLeft(workspace)).toBe(0);
    const refused = await insertUpload(env.DB, newUuid(), workspace.id, 1);
    expect(refused).toEqual({ ok: false, code: "entries_exceeded", detail: "0 of 0 are used" });
  });

  it("keeps the quota of a workspace that is lowered below its use: nothing grows, everything ends", async () => {
    const workspace = await workspaceOf("lowered", null);
    const id = await declare(workspace, ["a"]);
    await updateWorkspace(env.DB, workspace.id, { quotaEntries: 1 }, byTest());
    await expect(declare(workspace, ["b"])).rejects.toMatchObject({ code: "entries_exceeded" });
    const now = Date.now();
    await deleteArtifactsOf(
      env.DB,
      workspace.id,
      { before: now, limit: 9 },
      { actor: "test", now },
    );
    const gone = env.DB.prepare("SELECT deleted_at FROM artifacts WHERE id = ?1").bind(id);
    expect(await gone.first("deleted_at")).toBe(now);
  });
});

describe("the bounds of schema.sql", () => {
  it.each([
    [null, LIMITS.entriesOfWorkspace],
    [1, LIMITS.leastEntries],
    [100 * LIMITS.leastEntries * LIMITS.bytesOfEntry, 100 * LIMITS.leastEntries],
    [2 ** 50, LIMITS.entriesOfWorkspace],
  ])("give a workspace of %s bytes %i entries", async (quotaBytes, entries) => {
    const { id, name } = await makeWorkspace(`of ${quotaBytes}`);
    await updateWorkspace(env.DB, id, { quotaBytes }, byTest());
    expect((await requireWorkspace(env.DB, name)).entryLimit).toBe(entries);
  });

  it("are those of LIMITS for the audit and for events of what is deleted", async () => {
    const { auditOfDay, leastAuditOfDay, eventsOfTombstone } = LIMITS;
    expect(schema).toContain(`max(${leastAuditOfDay}, min(${auditOfDay}, entry_limit))`);
    const id = await declare(await workspaceOf("eventful", null), ["a"]);
    const numbers = JSON.stringify(Array.from({ length: 50 }, (_, n) => n + 100));
    await env.DB.prepare(
      `INSERT INTO events (artifact_id, number, at, type, message, actor, extra)
       SELECT ?1, value, 1, 'status', 'filler', 'x', '{}' FROM json_each(?2)`,
    )
      .bind(id, numbers)
      .run();
    await env.DB.prepare("UPDATE artifacts SET deleted_at = 5 WHERE id = ?1").bind(id).run();
    const kept = await env.DB.prepare(
      "SELECT count(*) AS kept, max(number) AS newest FROM events WHERE artifact_id = ?1",
    )
      .bind(id)
      .first();
    expect(kept).toEqual({ kept: eventsOfTombstone, newest: 149 });
  });
});

describe("rows of the audit (M8)", () => {
  const add = (actor: string, at: number, workspaceId: number | null = null) =>
    env.DB.prepare(
      `INSERT INTO audit (at, actor, action, workspace_id, workspace, detail)
       VALUES (?1, ?2, 'x', ?3, (SELECT name FROM workspaces WHERE id = ?3), '{}')`,
    ).bind(at, actor, workspaceId);
  const listed = async (actor: string) => {
    const { results } = await env.DB.prepare(
      "SELECT action, detail ->> 'rows' AS rows FROM audit WHERE actor = ?1 ORDER BY id DESC LIMIT 2",
    )
      .bind(actor)
      .all();
    return results;
  };

  it("are listed up to a bound of the workspace, and begin anew each day", async () => {
    const { id } = await workspaceOf("small", 0);
    const [day, next] = [100 * DAY, 101 * DAY];
    const many = Array.from({ length: LIMITS.leastAuditOfDay + 7 }, () =>
      add("small/one", day, id),
    );
    await env.DB.batch(many);
    await env.DB.batch([add("small/two", day, id)]);
    expect(await listed("small/one")).toEqual([
      { action: "not listed", rows: 8 },
      { action: "x", rows: null },
    ]);
    expect(await listed("small/two")).toEqual([]);
    await env.DB.batch([add("small/two", next, id), add("small/one", day, id)]);
    expect(await listed("small/two")).toEqual([{ action: "x", rows: null }]);
    const count = await env.DB.prepare(
      "SELECT count(*) AS n FROM audit WHERE caller = 'small/'",
    ).first();
    expect(count).toEqual({ n: LIMITS.leastAuditOfDay + 3 });
  });

  it("about other workspaces are listed whatever one did in its own", async () => {
    const [{ id: own }, { id: other }] = [
      await workspaceOf("loud", 0),
      await workspaceOf("host", 0),
    ];
    await env.DB.batch(
      Array.from({ length: LIMITS.leastAuditOfDay + 2 }, () => add("loud/key", DAY, own)),
    );
    expect(await listed("loud/key")).toMatchObject([{ action: "not listed" }, { action: "x" }]);
    await env.DB.batch([add("loud/key", DAY, other), add("loud/key", DAY)]);
    expect(await listed("loud/key")).toMatchObject([{ action: "x" }, { action: "x" }]);
  });

  it("of users, of nobody and of time are counted for themselves, those of system not at all", async () => {
    const { id } = await workspaceOf("few", 0);
    const many = (actor: string) =>
      env.DB.batch(Array.from({ length: LIMITS.leastAuditOfDay + 1 }, () => add(actor, DAY, id)));
    for (const actor of ["user may", "nobody", "stowage"]) {
      await many(actor);
      expect(await listed(actor)).toMatchObject([{ action: "not listed" }, { action: "x" }]);
    }
    await many("system/system");
    expect(await listed("system/system")).toMatchObject([{ action: "x" }, { action: "x" }]);
  });
});
