// The public clients of tus that test/clients/resumable.test.ts runs, each in a folder of its own.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TUS_JS = "tus-js-client@4.3.1";
const TUSPY = "tuspy==1.1.0";
const TUSGO = "github.com/bdragon300/tusgo@v0.1.2";

/**
 * Installs what can be had here; a client that cannot is null, and why is told.
 *
 * @param {string} folder
 */
export function installResumable(folder) {
  mkdirSync(folder, { recursive: true });
  return {
    js: attempt(TUS_JS, () => installJs(join(folder, "js"))),
    python: attempt(TUSPY, () => installPython(join(folder, "python"))),
    go: attempt(TUSGO, () => installGo(join(folder, "go"))),
  };
}

/**
 * @param {string} name
 * @param {() => string} install
 */
function attempt(name, install) {
  try {
    return install();
  } catch (error) {
    console.warn(`Not tested: ${name} cannot be installed: ${String(error)}`);
    return null;
  }
}

/** @param {string} folder */
function installJs(folder) {
  const installed = join(folder, "node_modules", "tus-js-client");
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    execFileSync("npm", ["install", "--silent", "--no-audit", TUS_JS], { cwd: folder });
  }
  return installed;
}

/** @param {string} folder */
function installPython(folder) {
  const python = join(folder, "bin", "python3");
  if (!existsSync(join(folder, "installed"))) {
    execFileSync("python3", ["-m", "venv", folder]);
    execFileSync(python, ["-m", "pip", "install", "--quiet", TUSPY]);
    writeFileSync(join(folder, "installed"), TUSPY);
  }
  return python;
}

/**
 * A program around the library (test/clients/tusgo-upload.go).
 *
 * @param {string} folder
 */
function installGo(folder) {
  const program = join(folder, "tusgo-upload");
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    const source = join(import.meta.dirname, "..", "test", "clients", "tusgo-upload.go");
    execFileSync("cp", [source, join(folder, "main.go")]);
    writeFileSync(join(folder, "go.mod"), "module example.org/upload\n\ngo 1.18\n");
    /** @param {string[]} args */
    const go = (...args) => execFileSync("go", args, { cwd: folder, stdio: "pipe" });
    go("get", TUSGO);
    go("build", "-o", program, ".");
  }
  return program;
}
