// Dependencies for a clone that has none, or has old ones.
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { run } from "./processes.mjs";
import { NODE, ROOT } from "./project.mjs";

/** Installs what package-lock.json names unless it is there already; ends the script when that fails. */
export async function ensureInstalled() {
  if (isInstalled()) {
    return;
  }
  console.log("Installing dependencies: npm ci");
  const { code, output } = await run("npm", ["ci", "--loglevel=error"], environment());
  if (code !== 0) {
    console.error(`Cannot install the dependencies: npm ci failed\n\n${output.trim()}`);
    process.exit(1);
  }
  if (!existsSync(NODE)) {
    console.error(
      "Cannot find node_modules/.bin/node: npm must be allowed to run the install script of the package `node`",
    );
    process.exit(1);
  }
}

/** Whether node_modules holds the versions of package-lock.json; packages of other platforms may be absent. */
function isInstalled() {
  const wanted = readPackages("package-lock.json");
  const installed = readPackages("node_modules/.package-lock.json");
  return (
    existsSync(NODE) &&
    Object.entries(wanted)
      .filter(([path]) => path !== "")
      .every(([path, { version, optional }]) =>
        path in installed ? installed[path]?.version === version : optional,
      )
  );
}

/**
 * @param {string} path
 * @returns {Record<string, { version: string, optional?: boolean }>}
 */
function readPackages(path) {
  const file = join(ROOT, path);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

/** Without node_modules/.bin in the path: npm must not run on a Node that it is about to replace. */
function environment() {
  const path = (process.env.PATH ?? "").split(delimiter);
  return {
    ...process.env,
    PATH: path.filter((folder) => !folder.endsWith(join("node_modules", ".bin"))).join(delimiter),
  };
}
