// The public Debusine client, unmodified: the packages of Debian, which apt finds where the machine's own apt finds
// Debian, unpacked into a folder of ours. Its dependencies come from the Python Package Index.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { ROOT } from "./project.mjs";

/** The oldest client that Debian supports and the newest. What Debian has replaced cannot be had any more. */
const PACKAGES = [
  {
    suite: "trixie",
    version: "0.11.3+deb13u1",
    sha256: "614d03f7198e10369533653b7ba7d348ec0d7dd7540427f2c4fe3db01157d4d7",
    python: [3, 11],
  },
  {
    suite: "sid",
    version: "0.16.2",
    sha256: "16686f92dbe0ea84dce04e248521d35e30647a6f003e48392b8d30c6adc947c2",
    python: [3, 13],
  },
];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const REQUIREMENTS = join(ROOT, "test", "clients", "debusine-requirements.txt");

/**
 * A client that can be run: `python -m debusine.client` with `path` in PYTHONPATH.
 * @typedef {{ version: string, python: string, path: string }} Client
 */

/**
 * Installs what can be had of the clients into `folder`, and says why of what cannot.
 * @param {string} folder
 * @returns {{ clients: Client[], missing: string[] }}
 */
export function installDebusine(folder) {
  /** @type {Client[]} */
  const clients = [];
  /** @type {string[]} */
  const missing = [];
  /**
   * @param {string} version
   * @param {() => Client} install
   */
  function attempt(version, install) {
    try {
      clients.push(install());
    } catch (error) {
      const [reason] = String(error instanceof Error ? error.message : error).split("\n");
      missing.push(`debusine ${version}: ${reason}`);
    }
  }
  mkdirSync(folder, { recursive: true });
  const found = findPython();
  for (const { python, ...wanted } of PACKAGES) {
    attempt(wanted.version, () => {
      if (compare(found.version, python) < 0) {
        throw new Error(`needs Python ${python.join(".")}; PYTHON=<path> names one`);
      }
      const path = unpackPackage(folder, wanted);
      return { version: wanted.version, path, python: makeVenv(folder, found.command) };
    });
  }
  const source = process.env["DEBUSINE_SOURCE"];
  if (source !== undefined) {
    attempt(`of ${source}`, () => {
      if (!existsSync(join(source, "debusine", "client"))) {
        throw new Error("DEBUSINE_SOURCE has no debusine/client");
      }
      const python = makeVenv(folder, found.command);
      return { version: "of DEBUSINE_SOURCE", path: resolve(source), python };
    });
  }
  return { clients, missing };
}

/** @returns {{ command: string, version: number[] }} the newest Python that runs */
function findPython() {
  const named = process.env["PYTHON"];
  const candidates = named === undefined ? ["python3", "python3.13", ...pyenvPythons()] : [named];
  let newest = { command: "python3", version: [0, 0] };
  for (const command of candidates) {
    try {
      const script = "import sys; print(*sys.version_info[:2])";
      const text = execFileSync(command, ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
      const version = text.toString().trim().split(" ").map(Number);
      newest = compare(version, newest.version) > 0 ? { command, version } : newest;
    } catch {
      // There is none of that name.
    }
  }
  return newest;
}

/** @returns {string[]} */
function pyenvPythons() {
  const root = process.env["PYENV_ROOT"];
  const versions = root === undefined ? "" : join(root, "versions");
  return existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, "bin", "python3"))
    : [];
}

/**
 * @param {number[]} one
 * @param {number[]} other
 */
function compare(one, other) {
  const [major = 0, minor = 0] = one;
  return (major - (other[0] ?? 0)) * 1_000 + minor - (other[1] ?? 0);
}

/**
 * A virtual environment with the dependencies; gives its Python.
 * @param {string} folder
 * @param {string} command
 */
function makeVenv(folder, command) {
  const venv = join(folder, "venv");
  const python = join(venv, "bin", "python3");
  const mark = join(venv, "installed");
  const wanted = digestOf(REQUIREMENTS);
  if (!existsSync(mark) || readFileSync(mark, "utf8") !== wanted) {
    execFileSync(command, ["-m", "venv", "--clear", venv], { stdio: "inherit" });
    const pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", REQUIREMENTS];
    execFileSync(python, pip, { stdio: "inherit" });
    writeFileSync(mark, wanted);
  }
  return python;
}

/**
 * Gets a package with an apt of its own, which changes nothing of the machine's; gives where its modules are.
 * @param {string} folder
 * @param {{ suite: string, version: string, sha256: string }} wanted
 */
function unpackPackage(folder, { suite, version, sha256 }) {
  const unpacked = join(folder, version);
  const modules = join(unpacked, "usr", "lib", "python3", "dist-packages");
  if (existsSync(join(modules, "debusine", "client"))) {
    return modules;
  }
  const file = downloadPackage(folder, suite, `python3-debusine=${version}`);
  if (digestOf(file) !== sha256) {
    throw new Error(`${file} has another SHA-256`);
  }
  execFileSync("dpkg-deb", ["-x", file, unpacked], { stdio: "inherit" });
  return modules;
}

/**
 * @param {string} folder
 * @param {string} suite
 * @param {string} name
 */
function downloadPackage(folder, suite, name) {
  const home = join(folder, suite);
  for (const part of ["state/lists/partial", "cache/archives/partial", "got"]) {
    mkdirSync(join(home, part), { recursive: true });
  }
  writeFileSync(join(home, "status"), "");
  writeFileSync(
    join(home, "sources"),
    `deb [signed-by=${KEYRING}] ${findMirror()} ${suite} main\n`,
  );
  writeFileSync(
    join(home, "apt.conf"),
    `Dir::Etc::sourcelist "${home}/sources"; Dir::Etc::sourceparts "/dev/null";
     Dir::State "${home}/state"; Dir::State::status "${home}/status"; Dir::Cache "${home}/cache";
     APT::Sandbox::User ""; Acquire::Languages "none"; Acquire::Retries "2";
     Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
     Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";\n`,
  );
  /** @type {import("node:child_process").ExecFileSyncOptions} */
  const options = {
    cwd: join(home, "got"),
    env: { ...process.env, APT_CONFIG: join(home, "apt.conf") },
    stdio: "pipe",
    timeout: 300_000,
  };
  execFileSync("apt-get", ["--quiet", "update"], options);
  execFileSync("apt-get", ["--quiet", "download", name], options);
  const [file] = readdirSync(join(home, "got"));
  if (file === undefined) {
    throw new Error(`apt-get gave no ${name}`);
  }
  return join(home, "got", file);
}

/** Where the machine's own apt gets Debian from. */
function findMirror() {
  const targets = ["indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"];
  const uris = execFileSync("apt-get", targets, { stdio: ["ignore", "pipe", "ignore"] });
  const mirror = uris
    .toString()
    .split("\n")
    .find((uri) => /\/debian\/?$/u.test(uri));
  if (mirror === undefined || !existsSync(KEYRING)) {
    throw new Error("apt here has no Debian mirror and key");
  }
  return mirror;
}

/** @param {string} file */
function digestOf(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
