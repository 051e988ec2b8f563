// Serves Stowage for start.mjs, on a port and a state folder: builds the Worker, runs it in Miniflare, fires its cron, and builds
// it again when its sources change. Prints the Worker's lines; says to its parent when it serves, and ends with it.
//
// `wrangler dev` is not what runs it: that opens an inspector and a debug port, by which any user of the machine reads the
// secrets, and routes that show what R2 holds. What listens here answers nobody else: the Worker (local-gate.ts), and
// Miniflare's own server, which wants a secret.
import { readFileSync, rmSync, watch } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

import { buildModules } from "./build.mjs";
import { ROOT } from "./project.mjs";

/** @typedef {import("miniflare").V4WorkerOptions} WorkerOptions */

const HOST = "127.0.0.1";
const NAME = "stowage";
const CONFIG = join(ROOT, "wrangler.toml");
/** The Worker reads this from the front of every path. */
const PREFIX = "/worker";

/** Of each read of R2, whose simulator gives all of it at once, whether or not anybody takes it. */
const READ_WINDOW_BYTES = String(2 * 1024 * 1024);

/** As in wrangler.toml: nothing fires a cron locally. */
const CRON_MS = 600_000;

/** What the Worker is made of. */
const FOLDERS = ["src", "public"];
const FILES = new Set(["wrangler.toml", ".dev.vars"]);
/** Changes come in groups: editors write a file in several steps, git many files. */
const SETTLE_MS = 300;

const [port = "", state = ""] = process.argv.slice(2);
const miniflare = new Miniflare(await optionsOrEnd());
await miniflare.ready;

process.on("message", (message) => message === "sweep" && sweep());
process.once("disconnect", stop);
process.once("SIGTERM", stop);
setInterval(sweep, CRON_MS);
watchSources();
process.send?.("ready");

async function stop() {
  await miniflare.dispose();
  process.exit();
}

/** Runs the Worker's cron; one that cannot run now runs the next time. */
async function sweep() {
  try {
    const worker = await miniflare.getWorker(NAME);
    await worker.scheduled({ cron: "*/10 * * * *" });
  } catch (error) {
    console.error(error);
  }
}

async function optionsOrEnd() {
  const { options, output } = await makeOptions();
  if (options === null) {
    console.error(output);
    process.exit(1);
  }
  return options;
}

/** Serves new sources; those that cannot be built are told of, and the former ones are served on. */
async function reload() {
  const { options, output } = await makeOptions();
  if (options === null) {
    console.error(output);
    return;
  }
  await miniflare.setOptions(options);
  console.error("The Worker is built anew");
}

function watchSources() {
  let isDue = false;
  let last = Promise.resolve();
  const change = () => {
    if (!isDue) {
      isDue = true;
      last = last
        .then(() => delay(SETTLE_MS))
        .then(() => {
          isDue = false;
          return reload();
        })
        .catch(console.error);
    }
  };
  const watchers = [
    ...FOLDERS.map((folder) => watch(join(ROOT, folder), { recursive: true }, change)),
    watch(ROOT, (_, name) => FILES.has(name ?? "") && change()),
  ];
  for (const watcher of watchers) {
    watcher.on("error", console.error);
  }
}

async function makeOptions() {
  const folder = join(state, "build");
  const built = await buildModules(CONFIG, folder, "--no-minify");
  if (built.modules === null) {
    return { options: null, output: built.output };
  }
  rmSync(folder, { recursive: true });
  return { options: toOptions(built.modules), output: "" };
}

/** @param {import("./build.mjs").Module[]} modules */
function toOptions(modules) {
  const { workerOptions } = unstable_getMiniflareWorkerOptions(CONFIG);
  const { modulesRules: _, ...options } = /** @type {WorkerOptions} */ (workerOptions);
  const { compatibilityDate } = options;
  const gate = stripTypeScriptTypes(readFileSync(join(ROOT, "scripts", "local-gate.ts"), "utf8"));
  const workers = /** @type {WorkerOptions[]} */ ([
    {
      name: "gate",
      modules: [{ type: "ESModule", path: "gate.js", contents: gate }],
      modulesRoot: "/",
      compatibilityDate,
      bindings: { PREFIX },
      serviceBindings: { STOWAGE: NAME },
    },
    {
      ...options,
      name: NAME,
      rootPath: ROOT,
      modules,
      modulesRoot: "/",
      bindings: { ...options.bindings, READ_WINDOW_BYTES },
    },
  ]);
  return convertV4MiniflareOptions({
    host: HOST,
    port: Number(port),
    upstream: `http://${NAME}.invalid${PREFIX}/`,
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    handleStructuredLogs: ({ level, message }) => {
      (level === "error" || level === "warn" ? console.error : console.log)(message);
    },
    cf: false,
    resourcePersistencePath: join(state, "v3"), // where `wrangler --persist-to` has it
    workers,
  });
}
