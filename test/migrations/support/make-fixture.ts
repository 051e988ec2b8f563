// `npm run fixture:schema`: keeps a store of the present schema in test/fixtures/stores, before a migration changes it; or in the
// folder that is named.

import { existsSync, mkdirSync } from "node:fs";

import { readMigrations } from "../../../scripts/migrations.mjs";
import { makeStore, storeFile, STORES } from "./store-fixture.ts";

const [folder = STORES] = process.argv.slice(2);
const file = storeFile(folder, readMigrations().length);
if (existsSync(file)) {
  console.error(`${file} is there already: what was kept is never made anew`);
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
await makeStore(file);
console.log(`Made ${file}`);
