// `npm run migrate -- --remote`, as far as it can be shown without an account: what wrangler sends to Cloudflare's API, and what
// the command makes of answers that do not come.

import { spawn } from "node:child_process";

import { describe, expect, it } from "vitest";

import { readMigrations, transactionOf } from "../../scripts/migrations.mjs";
import { RemoteDatabase } from "./support/remote-database.ts";

const EXAMPLE = "test/migrations/example";
const DONE = "Migrated the deployed database from schema 0 to 2, it was new\n";

async function migrate({ environment }: RemoteDatabase): Promise<[number | null, string]> {
  const child = spawn(
    process.execPath,
    ["scripts/migrate.mjs", "--remote", `--migrations=${EXAMPLE}`],
    { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return [code, output];
}

function recorded({ sqlite }: RemoteDatabase): unknown[] {
  return sqlite
    .prepare("SELECT number, name FROM schema_version")
    .all()
    .map((row) => ({ ...row }));
}

const BOTH = [
  { number: 1, name: "0001_shelves.sql" },
  { number: 2, name: "0002_weigh_shelves.sql" },
];

/** Each runs wrangler several times, on a machine that may be busy. */
const timeout = 180_000;

describe("npm run migrate -- --remote", { timeout }, () => {
  it("sends each migration as one file, with its record, and has nothing to send the next time", async () => {
    using remote = await RemoteDatabase.start();
    expect(await migrate(remote)).toEqual([0, DONE]);
    const sent = readMigrations(EXAMPLE).map((each) =>
      transactionOf(each)
        .map((statement) => `${statement};\n`)
        .join("\n"),
    );
    expect(remote.imports).toEqual(sent);
    expect(recorded(remote)).toEqual(BOTH);
    expect(await migrate(remote)).toEqual([0, "The deployed database has schema 2 already\n"]);
    expect(remote.imports).toEqual(sent);
  });

  it("goes on by itself where only the answer was lost", async () => {
    using remote = await RemoteDatabase.start();
    remote.nextImport = "unanswered";
    expect(await migrate(remote)).toEqual([0, DONE]);
    expect(recorded(remote)).toEqual(BOTH);
  });

  it("says so where nothing was done, and does it when it is repeated", async () => {
    using remote = await RemoteDatabase.start();
    remote.nextImport = "undone";
    const [code, output] = await migrate(remote);
    expect([code, output]).toEqual([
      1,
      expect.stringContaining("Cannot apply 0001_shelves.sql to the deployed database"),
    ]);
    expect(await migrate(remote)).toEqual([0, DONE]);
    expect(recorded(remote)).toEqual(BOTH);
  });

  it("refuses a database that was made without numbers, and says what to do", async () => {
    using remote = await RemoteDatabase.start();
    remote.sqlite.exec("CREATE TABLE workspaces (id INTEGER)");
    const [code, output] = await migrate(remote);
    expect([code, output]).toEqual([
      1,
      expect.stringContaining("give it a new database (docs/upgrade.md)"),
    ]);
    expect(remote.imports).toEqual([]);
  });
});
