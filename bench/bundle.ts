// Workers as `wrangler deploy` would upload them.

import { gzipSync } from "node:zlib";

import { buildModules } from "../scripts/build.mjs";
import type { Module } from "../scripts/build.mjs";

/** A built Worker. */
export interface Bundle {
  modules: Module[];
  /** Bytes of all modules, each compressed with gzip. */
  gzipped: number;
}

/** Builds the Worker of a wrangler.toml into a folder. */
export async function buildBundle(config: string, folder: string): Promise<Bundle> {
  const built = await buildModules(config, folder);
  if (built.modules === null) {
    throw new Error(`Cannot build ${config}:\n${built.output}`);
  }
  const { modules } = built;
  const gzipped = modules.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  return { modules, gzipped };
}
