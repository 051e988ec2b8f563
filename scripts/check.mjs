// `npm run check`: types, lint, format, layers, dead code, lock file, migrations; arguments select some of them. A check that
// missed a source file fails too: a tool that finds nothing to look at often says that all is well.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { ensureInstalled } from "./ensure-installed.mjs";
import { readMigrations } from "./migrations.mjs";
import { run, stopOnSignals } from "./processes.mjs";
import { BIN, ROOT, toolEnvironment } from "./project.mjs";

const AT_ONCE = 2;
const FOLDERS = ["src", "test", "bench", "scripts"];
/** Those with rules about who imports whom. */
const LAYERED = ["src", "bench"];
const CONFIGURATION = ["vitest.config.ts", ".dependency-cruiser.cjs"];
const CODE = new Set([".ts", ".tsx", ".mjs"]);

/**
 * What a check found: how much it looked at, and its complaints, if any.
 * @typedef {{ count: number, of: string, complaint: string | null }} Finding
 */

/** @type {Record<string, () => Promise<Finding>>} */
const CHECKS = {
  types: checkTypes,
  lint: checkLint,
  format: checkFormat,
  deps: checkDependencies,
  dead: checkDeadCode,
  lock: checkLockFile,
  schema: checkMigrations,
};

/** @type {ReturnType<typeof tool> | undefined} */
let bindings;

stopOnSignals(130);
const selected = select(process.argv.slice(2));
const sources = findSources();
await ensureInstalled();
const failures = await checkAll(selected);
console.log(
  failures.length === 0
    ? `${selected.length} checks passed`
    : `${failures.length} of ${selected.length} checks failed: ${failures.join(", ")}`,
);
process.exitCode = failures.length === 0 ? 0 : 1;

/** @param {string[]} names those to run; none means all */
function select(names) {
  const unknown = names.filter((name) => !Object.hasOwn(CHECKS, name));
  if (unknown.length > 0) {
    const known = Object.keys(CHECKS).join(", ");
    console.error(`No check is called "${unknown.join('", "')}"; there are ${known}`);
    process.exit(1);
  }
  return Object.entries(CHECKS).filter(([name]) => names.length === 0 || names.includes(name));
}

/**
 * Runs checks, a few at a time, all of them whatever they find.
 * @param {readonly [string, () => Promise<Finding>][]} checks
 * @returns {Promise<string[]>} the names of those that failed
 */
async function checkAll(checks) {
  const queue = [...checks];
  /** @type {string[]} */
  const failed = [];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, check] = next;
      const began = performance.now();
      const found = await check();
      report(name, found, performance.now() - began);
      if (found.complaint !== null) {
        failed.push(name);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failed;
}

/**
 * @param {string} name
 * @param {Finding} found
 * @param {number} milliseconds
 */
function report(name, { count, of, complaint }, milliseconds) {
  const verdict = complaint === null ? "ok  " : "FAIL";
  const seconds = (milliseconds / 1000).toFixed(1);
  console.log(`${verdict}  ${name.padEnd(6)}  ${`${count} ${of}`.padEnd(12)}  ${seconds} s`);
  if (complaint !== null) {
    console.log(`\n${complaint.trim()}\n`);
  }
}

/** Both TypeScript projects, which together must hold every source file. */
async function checkTypes() {
  const generated = await generateBindings();
  if (generated.code !== 0) {
    return finding(0, [], generated);
  }
  const version = await tool("tsc", "--version");
  if (!version.output.startsWith("Version 7.")) {
    return finding(0, [`tsc must be TypeScript 7: ${version.output}`], version);
  }
  const projects = await Promise.all(
    ["tsconfig.json", "tsconfig.node.json"].map((project) =>
      tool("tsc", "-p", project, "--listFiles"),
    ),
  );
  const lines = projects.flatMap(({ output }) => output.split("\n"));
  const listed = new Set(lines.filter((line) => line.startsWith(sep)));
  const own = sources.filter((path) => listed.has(join(ROOT, path)));
  return finding(own.length, missing(sources, own), {
    code: Math.max(...projects.map(({ code }) => code)),
    output: lines.filter((line) => !listed.has(line)).join("\n"),
  });
}

async function checkLint() {
  await generateBindings();
  const files = (await tool("oxlint", "--debug=files")).output.split("\n");
  const result = await tool("oxlint", "--type-aware", "--deny-warnings", "--format=default");
  return finding(numberIn(result.output, /on (\d+) files?/), missing(sources, files), result);
}

/** Formats all, but counts the sources by themselves: oxfmt tells a number of files, not which. */
async function checkFormat() {
  const counted = await tool("oxfmt", "--check", ...sources);
  const count = numberIn(counted.output, /on (\d+) files?/);
  const result = await tool("oxfmt", "--check");
  return finding(numberIn(result.output, /on (\d+) files?/), tooFew(count, sources.length), result);
}

async function checkDependencies() {
  const options = ["--config", ".dependency-cruiser.cjs", "--output-type", "json"];
  const result = await tool("depcruise", ...LAYERED, ...options);
  if (result.code !== 0) {
    return finding(0, [], result);
  }
  /** @type {{ modules: { source: string }[], summary: { violations: Violation[] } }} */
  const { modules, summary } = JSON.parse(result.output);
  const files = modules.map(({ source }) => source).filter(isLayered);
  return finding(files.length, missing(sources.filter(isLayered), files), {
    code: summary.violations.length,
    output: summary.violations.map(toLine).join("\n"),
  });
}

/** @typedef {{ rule: { name: string }, from: string, to: string, cycle?: { name: string }[] }} Violation */

/** @param {Violation} violation */
function toLine({ rule, from, to, cycle }) {
  const path = cycle === undefined ? [to] : cycle.map(({ name }) => name);
  return `${rule.name}: ${[from, ...path].join(" -> ")}`;
}

/** Knip tells only a number of files: the sources, and the configuration files that it reads. */
async function checkDeadCode() {
  const options = ["--no-progress", "--treat-config-hints-as-errors"];
  const reporters = ["--reporter", "symbols", "--reporter", "./scripts/knip-count.mjs"];
  const result = await tool("knip", ...options, ...reporters);
  const count = numberIn(result.output, /^(\d+) files$/m);
  return finding(count, tooFew(count, sources.length + CONFIGURATION.length), result);
}

/** The lock file names no registry, and package.json answers for every package with an install script. */
async function checkLockFile() {
  const { packages } = readJson("package-lock.json");
  const { allowScripts = {} } = readJson("package.json");
  /** @type {[string, { version: string, resolved?: string, hasInstallScript?: boolean }][]} */
  const entries = Object.entries(packages).filter(([path]) => path !== "");
  const complaints = entries.flatMap(([path, { version, resolved, hasInstallScript }]) => {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const isAnswered = name in allowScripts || `${name}@${version}` in allowScripts;
    return [
      ...(resolved === undefined ? [] : [`${path} names where it came from: ${resolved}`]),
      ...(hasInstallScript === true && !isAnswered
        ? [`${path} runs a script at installation: npm install-scripts approve ${name}`]
        : []),
    ];
  });
  return finding(entries.length, complaints, { code: 0, output: "" }, "packages");
}

/** Migrations are numbered without a gap, and their triggers have the capitals that D1 looks for (workers-sdk #10998). */
async function checkMigrations() {
  const done = { code: 0, output: "" };
  try {
    const migrations = readMigrations();
    const complaints = migrations.flatMap(({ name, statements }) =>
      statements
        .filter(
          (text) => /^CREATE (?:\w+ )?TRIGGER/i.test(text) && !/\sBEGIN\s[^]*\sEND$/.test(text),
        )
        .map((text) => `migrations/${name}: BEGIN and END in capitals: ${text.split("\n")[0]}`),
    );
    return finding(migrations.length, complaints, done);
  } catch (error) {
    return finding(0, [String(error)], done);
  }
}

/**
 * @param {number} count how much was looked at
 * @param {readonly string[]} complaints our own, beside those of the tool
 * @param {{ code: number, output: string }} result what the tool said
 * @param {string} [of] what is counted
 * @returns {Finding}
 */
function finding(count, complaints, { code, output }, of = "files") {
  const isGood = code === 0 && complaints.length === 0 && count > 0;
  const said = [output.trim(), ...complaints].filter((text) => text !== "");
  return { count, of, complaint: isGood ? null : said.join("\n") || "Nothing was checked" };
}

/**
 * @param {readonly string[]} wanted
 * @param {readonly string[]} checked
 */
function missing(wanted, checked) {
  const seen = new Set(checked);
  return wanted.filter((path) => !seen.has(path)).map((path) => `Not checked: ${path}`);
}

/**
 * @param {number} count
 * @param {number} least
 */
function tooFew(count, least) {
  return count < least ? [`Only ${count} of at least ${least} files were checked`] : [];
}

/** @param {string} path */
function isLayered(path) {
  return LAYERED.some((folder) => path.startsWith(folder + sep));
}

/** @param {string} path */
function isInSrc(path) {
  return path.startsWith(`src${sep}`);
}

/** Writes worker-configuration.d.ts, the types of the Worker's bindings, once a run. */
function generateBindings() {
  bindings ??= tool("wrangler", "types", "--include-runtime=false", "worker-configuration.d.ts");
  return bindings;
}

/**
 * Runs the command of an installed package; its output comes without colours.
 * @param {string} name
 * @param {string[]} args
 */
async function tool(name, ...args) {
  const { code, output } = await run(join(BIN, name), args, toolEnvironment());
  return { code, output: stripVTControlCharacters(output) };
}

/** Lists all code, with paths from the project folder, and ends the script when there is none. */
function findSources() {
  const found = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { encoding: "utf8", recursive: true })
      .filter((path) => CODE.has(extname(path)))
      .map((path) => join(folder, path)),
  );
  if (!found.some(isInSrc)) {
    console.error("Nothing to check: src holds no code");
    process.exit(1);
  }
  return found;
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function numberIn(text, pattern) {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}
