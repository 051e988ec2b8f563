// Workers as `wrangler deploy` would upload them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { run } from "../scripts/processes.mjs";
import { BIN, NODE, toolEnvironment } from "../scripts/project.mjs";

/** A built Worker. */
export interface Bundle {
  modules: { type: "ESModule" | "CompiledWasm"; path: string; contents: Uint8Array<ArrayBuffer> }[];
  /** Bytes of all modules, each compressed with gzip. */
  gzipped: number;
}

/** Builds the Worker of a wrangler.toml into a folder. */
export async function buildBundle(config: string, folder: string): Promise<Bundle> {
  const { code, output } = await run(
    NODE,
    [join(BIN, "wrangler"), "deploy", "--dry-run", `--config=${config}`, `--outdir=${folder}`],
    toolEnvironment(),
  );
  if (code !== 0) {
    throw new Error(`Cannot build ${config}:\n${output}`);
  }
  const names = readdirSync(folder).filter((name) => /\.(?:js|wasm)$/u.test(name));
  const modules = names.map((name) => ({
    type: name.endsWith(".js") ? ("ESModule" as const) : ("CompiledWasm" as const),
    path: name,
    contents: new Uint8Array(readFileSync(join(folder, name))),
  }));
  // The entry comes first.
  modules.sort((one, other) => one.type.localeCompare(other.type) * -1);
  const gzipped = modules.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  return { modules, gzipped };
}
