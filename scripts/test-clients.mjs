// `npm run test:clients`: installs the public Python clients into a folder of their own and runs test/clients with them.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ensureInstalled } from "./ensure-installed.mjs";
import { exitOf, startChild, stopOnSignals } from "./processes.mjs";
import { BIN, NODE, ROOT, toolEnvironment } from "./project.mjs";

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
process.exitCode = await exitOf(
  startChild(NODE, [join(BIN, "vitest"), "run", "--config", "vitest.clients.config.ts"], {
    env: { ...toolEnvironment(), SF_CLIENT: CLIENT },
    output: "inherit",
  }),
);
