// A version that is filled in its draft: declared, brought, sealed; and what is left when anything of it fails.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { readManifest } from "../../../src/artifacts/manifests.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { inspectDraft } from "../../../src/drafts/call-draft.ts";
import { draftEntries } from "../../../src/drafts/entries.ts";
import type { Made } from "../../../src/drafts/declare.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { declare, put } from "../support/declare.ts";
import type { Files } from "../support/declare.ts";

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
});

async function rows<T = unknown>(statement: string, ...values: unknown[]): Promise<T[]> {
  const { results } = await env.DB.prepare(statement)
    .bind(...values)
    .all<T>();
  return results;
}

async function manifestOf({ draft }: Made) {
  const [version] = await rows<{ key: string | null; row: string }>(
    'SELECT manifest_key AS "key", hex(manifest) AS "row" FROM versions WHERE draft = ?1 AND sealed_at IS NOT NULL',
    draft,
  );
  return version === undefined
    ? null
    : readManifest(env.BUCKET, { key: version.key, row: Uint8Array.fromHex(version.row) });
}

/** The bytes of a file of a sealed version; null while it is not sealed, or has no such file. */
async function read(made: Made, path: string): Promise<Uint8Array | null> {
  const reader = await manifestOf(made);
  const entry = await reader?.find(path);
  if (!reader || entry?.kind !== "file") {
    return null;
  }
  const parts: Uint8Array[] = [];
  for await (const extents of reader.extents(entry)) {
    for (const { key, start: offset, length } of extents) {
      const object = await env.BUCKET.get(key ?? "", { range: { offset, length } });
      parts.push(new Uint8Array((await object?.arrayBuffer()) ?? []));
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const isStored = (taken: Awaited<ReturnType<typeof put>>) =>
  taken.map((each) => each.ok && each.kind === "known" && each.isStored);

describe("a draft", () => {
  it("takes small files, a content of several paths at once, and is sealed with the last", async () => {
    const files: Files = { "a/1": bytes(10, 1), "a/2": bytes(2_000, 2), b: bytes(10, 1), empty: bytes(0) };
    const last = { "last.html": bytes(30, 3) };
    const made = await declare(workspace, { ...files, ...last });
    expect(made.isComplete).toBe(false);
    expect(isStored(await put(made, workspace, { "a/1": bytes(10, 1) }))).toEqual([true]);
    expect(await inspectDraft(env.DRAFTS, made.draft, 0)).toMatchObject({ phase: "open", missing: 2 });
    expect(isStored(await put(made, workspace, { "a/2": bytes(2_000, 2) }))).toEqual([true]);
    expect(await manifestOf(made)).toBeNull();
    expect(isStored(await put(made, workspace, last))).toEqual([true]);
    for (const [path, data] of Object.entries({ ...files, ...last })) {
      expect(await read(made, path)).toEqual(data);
    }
    const entry = await (await manifestOf(made))?.find("last.html");
    expect(entry).toMatchObject({ kind: "file", type: "text/html" });
    expect(await inspectDraft(env.DRAFTS, made.draft, 0)).toBeNull();
    expect(await rows("SELECT * FROM garbage")).toEqual([]);
    expect(await rows("SELECT * FROM audit WHERE action = 'version sealed'")).toHaveLength(1);
  });

  it("shows the entries of an incomplete version", async () => {
    const files: Files = { "d/e/f": bytes(5, 11), "d/g": bytes(6, 12), z: bytes(7, 13) };
    const made = await declare(workspace, files);
    await put(made, workspace, { "d/g": bytes(6, 12) });
    const entries = draftEntries(env.DRAFTS, made.draft);
    expect(await entries.find("")).toMatchObject({ entryCount: 5, fileCount: 3, totalBytes: 18 });
    expect(await entries.find("d/e/")).toMatchObject({ kind: "folder", ordinal: 2, fileCount: 1 });
    expect(await entries.find("d/e")).toBeNull();
    const page = await entries.page(1, 50);
    expect(page.map(({ kind, path, ordinal }) => [kind, path, ordinal])).toEqual([
      ["folder", "d/", 1],
      ["folder", "d/e/", 2],
      ["missing", "d/e/f", 3],
      ["file", "d/g", 4],
      ["missing", "z", 5],
    ]);
    expect(await entries.countMissing({ after: 1, last: 4 })).toBe(1);
    const file = await entries.find("d/g");
    const extents = file?.kind === "file" ? await Array.fromAsync(file.extents(2, 4)) : [];
    expect(extents.flat()).toEqual([{ key: `packs/${made.draft}/1`, start: 2, length: 2 }]);
  });
});
