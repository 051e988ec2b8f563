// `npm run test:clients`: installs the public clients into a folder of their own and runs test/clients with them.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { installDebusine } from "./debusine-clients.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { exitOf, startChild, stopOnSignals } from "./processes.mjs";
import { BIN, NODE, ROOT, toolEnvironment } from "./project.mjs";
import { installResumable } from "./resumable-clients.mjs";

const VENV = join(ROOT, ".clients");
const CLIENT = join(VENV, "bin", "sf-client");
const PACKAGES = ["shakenfist-client==0.8.3"];

stopOnSignals(130);
await ensureInstalled();
if (!existsSync(CLIENT)) {
  execFileSync("python3", ["-m", "venv", VENV], { stdio: "inherit" });
  const pip = ["-m", "pip", "install", "--quiet", ...PACKAGES];
  execFileSync(join(VENV, "bin", "python3"), pip, { stdio: "inherit" });
}
const { clients, missing } = installDebusine(join(VENV, "debusine"));
for (const reason of missing) {
  console.warn(`Not tested: ${reason}`);
}
const resumable = installResumable(join(VENV, "resumable"));
const vitest = ["run", "--config", "vitest.clients.config.ts", ...process.argv.slice(2)];
if (clients.length === 0) {
  vitest.push("--exclude", "test/clients/debusine.test.ts");
}
process.exitCode = await exitOf(
  startChild(NODE, [join(BIN, "vitest"), ...vitest], {
    env: {
      ...toolEnvironment(),
      SF_CLIENT: CLIENT,
      DEBUSINE_CLIENTS: JSON.stringify(clients),
      RESUMABLE_CLIENTS: JSON.stringify(resumable),
    },
    output: "inherit",
  }),
);
