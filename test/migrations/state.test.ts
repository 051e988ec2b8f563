// `npm start` on a state folder: it migrates what it knows, says so, and refuses all else without changing it.

import { readdirSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readMigrations } from "../../scripts/migrations.mjs";
import { freePort, startLiveServer } from "../support/live-server.ts";
import { catalogFile } from "./support/catalog-file.ts";

const NUMBER = readMigrations().length;
const KNOWN = "UPDATE schema_version SET sha256 = replace(sha256, 'not ', '')";

let state: string;

beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), "stowage-state-"));
});

afterAll(() => {
  rmSync(state, { recursive: true });
});

/** Changes the catalog of the folder. */
function change(statement: string): void {
  const database = new DatabaseSync(catalogFile(state));
  database.exec(statement);
  database.close();
}

/** The catalog's bytes, and the mark beside it. */
function stored(): readonly [Buffer, string[]] {
  return [readFileSync(catalogFile(state)), readdirSync(join(state, "v3", "d1")).toSorted()];
}

/** Forgets that the folder was migrated, so that the start looks at its database. */
function forgetMark(): void {
  rmSync(join(state, "v3", "d1", "migrated.sha256"), { force: true });
}

/** Starts and stops the server; gives what it printed. */
async function outputOfStart(): Promise<string> {
  try {
    const server = await startLiveServer(state, await freePort());
    const printed = server.printed();
    await server.stop();
    return printed;
  } catch (error) {
    return String(error);
  }
}

/** Each starts a server or two, on a machine that may be busy. */
const timeout = 180_000;

describe("npm start", { timeout }, () => {
  it("makes the catalog of a new folder and says so in a line; the next start has nothing to say", async () => {
    expect(await outputOfStart()).toContain(
      `Migrated the database in ${state} from schema 0 to ${NUMBER}, it was new`,
    );
    expect(await outputOfStart()).not.toContain("igrated");
  });

  it.each([
    [
      "a newer schema",
      `INSERT INTO schema_version VALUES (${NUMBER + 1}, 'x', 'x', 0)`,
      `DELETE FROM schema_version WHERE number = ${NUMBER + 1}`,
      `it has schema ${NUMBER + 1}, and this version of Stowage knows none above ${NUMBER}`,
    ],
    [
      "a migration that was changed since",
      "UPDATE schema_version SET sha256 = 'not ' || sha256",
      KNOWN,
      "a migration is never changed once a database had it",
    ],
    [
      "a record that no migration made",
      "ALTER TABLE schema_version RENAME COLUMN sha256 TO id",
      "ALTER TABLE schema_version RENAME COLUMN id TO sha256",
      "made it that was never released",
    ],
    [
      "no record",
      "ALTER TABLE schema_version RENAME TO other",
      "ALTER TABLE other RENAME TO schema_version",
      "made it that was never released",
    ],
  ])(
    "refuses a database with %s, says what to do and changes nothing",
    async (_, before, after, message) => {
      change(before);
      forgetMark();
      const there = stored();
      const output = await outputOfStart();
      expect(output).toContain(message);
      expect(output).toContain(
        `Nothing was changed. To go on with this version, set STOWAGE_STATE to another folder, or delete ${state}`,
      );
      expect(stored()).toEqual(there);
      change(after);
    },
  );

  it("tells what the service refuses where the database was changed behind its back", async () => {
    forgetMark();
    const known = await outputOfStart();
    expect(known).toContain("Stowage is ready");
    expect(known).not.toContain("igrated");
    change("UPDATE schema_version SET number = number + 7");
    const output = await outputOfStart();
    expect(output).toContain("made for another version");
    expect(output).toContain("npm run migrate");
  });
});
