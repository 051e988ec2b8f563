// What the scripts share: where the project is, the Node that runs its tools, and their environment.
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The commands of the installed packages. */
export const BIN = join(ROOT, "node_modules", ".bin");

/** The Node of the npm package `node`; wrangler and vitest refuse the oldest Node that may start a script. */
export const NODE = join(BIN, "node");

/** Keeps wrangler and Miniflare off the network, inside the project folder, and silent but for errors. */
export const OFFLINE = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true", // the banner asks the registry for updates
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
  WRANGLER_LOG: "error",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

/** The environment of the project's tools: offline, and with `node` being {@link NODE}. */
export function toolEnvironment() {
  return { ...process.env, ...OFFLINE, PATH: [BIN, process.env.PATH].join(delimiter) };
}
