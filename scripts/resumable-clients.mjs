// The public clients of tus that test/clients/resumable.test.ts and uppy.test.ts run, each in a folder of its own.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const TUS_JS = "tus-js-client@4.3.1";
const TUSPY = "tuspy==1.1.0";
const TUSGO = "github.com/bdragon300/tusgo@v0.1.2";
const TUS_JAVA = "io.tus.java.client:tus-java-client:0.5.1";
const UPPY = "uppy@6.0.1";

/**
 * Installs what can be had here; a client that cannot is null, and why is told.
 *
 * @param {string} folder
 */
export function installResumable(folder) {
  mkdirSync(folder, { recursive: true });
  return {
    js: attempt(TUS_JS, () => installFromNpm(TUS_JS, join(folder, "js"))),
    uppy: attempt(UPPY, () => installFromNpm(UPPY, join(folder, "uppy"))),
    python: attempt(TUSPY, () => installPython(join(folder, "python"))),
    go: attempt(TUSGO, () => installGo(join(folder, "go"))),
    java: attempt(TUS_JAVA, () => installJava(join(folder, "java"))),
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

/**
 * @param {string} wanted its name and version
 * @param {string} folder
 */
function installFromNpm(wanted, folder) {
  const installed = join(folder, "node_modules", wanted.slice(0, wanted.indexOf("@")));
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    execFileSync("npm", ["install", "--silent", "--no-audit", wanted], { cwd: folder });
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

/**
 * The class path of the library and of a program around it (test/clients/Upload.java).
 *
 * @param {string} folder
 */
function installJava(folder) {
  const [, name, version] = TUS_JAVA.split(":");
  const library = join(folder, `${name}-${version}.jar`);
  const classes = join(folder, "classes");
  if (!existsSync(join(classes, "Upload.class"))) {
    mkdirSync(classes, { recursive: true });
    const copy = ["dependency:copy", `-Dartifact=${TUS_JAVA}`, `-DoutputDirectory=${folder}`];
    execFileSync("mvn", ["--quiet", "--batch-mode", ...copy], { cwd: folder, stdio: "pipe" });
    const source = join(import.meta.dirname, "..", "test", "clients", "Upload.java");
    execFileSync("javac", ["-cp", library, "-d", classes, source], { stdio: "pipe" });
  }
  return [library, classes].join(delimiter);
}
