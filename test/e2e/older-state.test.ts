// A state folder whose database another version made: `npm start` says so instead of serving it.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort, startLiveServer } from "../support/live-server.ts";

let state: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "stowage-older-"));
  await (await startLiveServer(state, await freePort())).stop();
});

afterAll(() => {
  rmSync(state, { recursive: true });
});

/** Changes the catalog of the folder. */
function change(statement: string): void {
  const folder = join(state, "v3", "d1", "miniflare-D1DatabaseObject");
  const file = readdirSync(folder).find((name) => /^[0-9a-f]{64}\.sqlite$/u.test(name)) ?? "";
  const database = new DatabaseSync(join(folder, file));
  database.exec(statement);
  database.close();
}

async function outputOfStart(): Promise<string> {
  const started = startLiveServer(state, await freePort());
  return started.then(
    async (server) => {
      await server.stop();
      return "it started";
    },
    (error: Error) => error.message,
  );
}

describe("npm start on the folder of another version", () => {
  it("refuses a database without the number of its schema, and says what to do", async () => {
    change("DELETE FROM schema_version");
    const output = await outputOfStart();
    expect(output).toContain("made for another version");
    expect(output).toContain("docs/deploy.md");
    change("INSERT INTO schema_version VALUES (1, 1)");
  });

  it("refuses a database with other columns before it changes anything there", async () => {
    change("ALTER TABLE uploads RENAME COLUMN sha256 TO digest");
    rmSync(join(state, "v3", "d1", "schema.sha256"));
    const output = await outputOfStart();
    expect(output).toContain("uploads is not that of this schema.sql");
    expect(output).toContain("STOWAGE_STATE");
  });
});
