// `npm test`: runs vitest; arguments select tests, as in `npm test -- test/unit/http`.
import { join } from "node:path";

import { ensureInstalled } from "./ensure-installed.mjs";
import { exitOf, startChild, stopOnSignals } from "./processes.mjs";
import { BIN, NODE, toolEnvironment } from "./project.mjs";

stopOnSignals(130);
await ensureInstalled();
process.exitCode = await exitOf(
  startChild(NODE, [join(BIN, "vitest"), "run", ...process.argv.slice(2)], {
    env: toolEnvironment(),
    output: "inherit",
  }),
);
