// `npm test`: runs vitest; arguments select tests, as in `npm test -- test/unit/http`. The tests in a browser are run by
// `npm run test:browser`: they need Debian's Chromium, which npm cannot install; those that kill a server or attack one take
// their time and are run by `npm run test:crash` and `npm run test:attacks`.
import { join } from "node:path";

import { ensureInstalled } from "./ensure-installed.mjs";
import { exitOf, startChild, stopOnSignals } from "./processes.mjs";
import { BIN, NODE, toolEnvironment } from "./project.mjs";

const args = process.argv.slice(2);
const projects = args.some((arg) => arg.startsWith("--project"))
  ? []
  : ["--project=!browser", "--project=!crash", "--project=!attacks"];

stopOnSignals(130);
await ensureInstalled();
process.exitCode = await exitOf(
  startChild(NODE, [join(BIN, "vitest"), "run", ...projects, ...args], {
    env: toolEnvironment(),
    output: "inherit",
  }),
);
