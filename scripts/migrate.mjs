// `npm run migrate -- --remote`: brings the database that wrangler.toml names to the newest schema, before the version of
// Stowage that needs it is deployed. `-- --local` that of STOWAGE_STATE, which `npm start` does by itself. What was ended in
// the middle is repeated. `--migrations=<folder>` takes those of another folder. Exits with 1 where it cannot.
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { ensureInstalled } from "./ensure-installed.mjs";
import { findServer } from "./local-state.mjs";
import { localTarget, migrateDatabase, REMOTE, tellMigrated } from "./migrate-database.mjs";
import { stopOnSignals } from "./processes.mjs";
import { ROOT } from "./project.mjs";

const { values: options } = parseArgs({
  options: {
    local: { type: "boolean", default: false },
    remote: { type: "boolean", default: false },
    migrations: { type: "string" },
  },
});

stopOnSignals(130);
const target = await chooseTarget();
await ensureInstalled();
try {
  const migrated = await migrateDatabase(target, options.migrations);
  if (!migrated.ok) {
    fail([migrated.reason, migrated.output ?? ""].join("\n").trim());
  }
  console.log(tellMigrated(target, migrated));
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

async function chooseTarget() {
  if (options.local === options.remote) {
    fail("Say which database: npm run migrate -- --remote, or -- --local");
  }
  if (options.remote) {
    return REMOTE;
  }
  const state = resolve(ROOT, process.env.STOWAGE_STATE || ".wrangler/state");
  const running = await findServer(state, "127.0.0.1");
  if (running !== null) {
    fail(`${state} is being served at ${running}/: stop that server first`);
  }
  return localTarget(state);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
