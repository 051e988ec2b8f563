import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { run } from "./processes.mjs";
import { BIN, NODE, toolEnvironment } from "./project.mjs";

/**
 * A module of a built Worker.
 * @typedef {{ type: "ESModule" | "CompiledWasm", path: string, contents: Uint8Array<ArrayBuffer> }} Module
 */

/**
 * Builds the Worker of a wrangler.toml into a folder, as `wrangler deploy` would upload it, and gives its modules, the
 * entry first; or what was printed instead.
 * @param {string} config
 * @param {string} folder
 * @param {string[]} flags further ones of `wrangler deploy`
 * @returns {Promise<{ modules: Module[] } | { modules: null, output: string }>}
 */
export async function buildModules(config, folder, ...flags) {
  const { code, output } = await run(
    NODE,
    [
      join(BIN, "wrangler"),
      "deploy",
      "--dry-run",
      `--config=${config}`,
      `--outdir=${folder}`,
      ...flags,
    ],
    toolEnvironment(),
  );
  if (code !== 0) {
    return { modules: null, output };
  }
  const modules = readdirSync(folder)
    .filter((name) => /\.(?:js|wasm)$/.test(name))
    .map(
      /** @returns {Module} */
      (name) => ({
        type: name.endsWith(".js") ? "ESModule" : "CompiledWasm",
        path: name,
        contents: new Uint8Array(readFileSync(join(folder, name))),
      }),
    )
    .toSorted((one, other) => other.type.localeCompare(one.type));
  return { modules };
}
