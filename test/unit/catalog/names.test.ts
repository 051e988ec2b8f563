import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { findArtifactsByName } from "../../../src/catalog/artifacts/find.ts";
import type { Reader } from "../../../src/catalog/reader.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { CountingDatabase } from "../support/counting-database.ts";

const MANY = 2_000;

beforeAll(applySchema);

/** So many artifacts of one name in a workspace: names are no identities. */
async function insert(
  workspaceId: number,
  name: string,
  { from = 0, to }: { from?: number; to: number },
): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at)
     SELECT ?1 || '-' || ?2 || '-' || n.value, ?1, 'other', ?2 || n.value, ?2, 0, 1 FROM json_each(?3) n`,
  )
    .bind(
      workspaceId,
      name,
      JSON.stringify(Array.from({ length: to - from }, (_, at) => from + at)),
    )
    .run();
}

/** The names of the workspaces found, and the rows read for that. */
async function find(reader: Reader, name: string): Promise<[string[], number]> {
  let found: string[] = [];
  let rows = 0;
  await CountingDatabase.count(async (db) => {
    found = (await findArtifactsByName(db, reader, name, 5)).map(({ workspace }) => workspace);
    rows = (db as unknown as CountingDatabase).rowsRead;
  });
  return [found, rows];
}

describe("findArtifactsByName()", () => {
  it("reads nothing of what strangers call so, whether they trust the reader or not", async () => {
    const [mine, stranger, truster] = [
      await makeWorkspace("mine"),
      await makeWorkspace("stranger"),
      await makeWorkspace("truster"),
    ];
    const key = { all: false, workspaceId: mine.id, userId: null };
    const user = { all: false, workspaceId: null, userId: 77 };
    await env.DB.prepare("INSERT INTO trusts VALUES (?1, ?2, NULL)")
      .bind(truster.id, mine.id)
      .run();
    await insert(mine.id, "held", { to: 1 });
    // The end of a run in an index is found by what follows it, if anything does.
    for (const { id } of [stranger, truster]) {
      await insert(id, "held", { to: 1 });
      await insert(id, "none", { to: 1 });
    }
    const before = [await find(key, "held"), await find(key, "none"), await find(user, "held")];
    for (const { id } of [stranger, truster]) {
      await insert(id, "held", { from: 1, to: MANY });
      await insert(id, "none", { from: 1, to: MANY });
    }
    const after = [await find(key, "held"), await find(key, "none"), await find(user, "held")];
    expect(after).toEqual(before);
    expect(after.map(([found]) => found)).toEqual([["mine"], [], []]);
    expect(Math.max(...after.map(([, rows]) => rows))).toBeLessThan(50);
  });
});
