// `npm start`: serves Stowage on this machine. Installs what is missing, prepares the state folder, runs serve.mjs, and says
// how to use it. PORT chooses the port, STOWAGE_STATE the folder that holds everything. SIGUSR2 fires the cron.
import { once } from "node:events";
import { get } from "node:http";
import { createServer } from "node:net";
import { join, relative, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";

import { ensureInstalled } from "./ensure-installed.mjs";
import { claimState, migrateState, provideSecrets } from "./local-state.mjs";
import { exitOf, onOutputLine, startChild, stopChildren, stopOnSignals } from "./processes.mjs";
import { NODE, ROOT, toolEnvironment } from "./project.mjs";

/** @typedef {import("./local-state.mjs").Step} Step */

const HOST = "127.0.0.1";
const START_LIMIT_MS = 60_000;

const port = readPort(process.env.PORT || "8787");
const state = resolve(ROOT, process.env.STOWAGE_STATE || ".wrangler/state");
const address = `http://${HOST}:${port}`;

process.umask(0o077); // what is stored and who may ask for it is nobody else's on this machine
stopOnSignals(0);
requireDone(await probePort());
await ensureInstalled();
requireDone(provideSecrets());
requireDone(await claimState(state, HOST, port));
requireDone(await migrateState(state));
await serve();

/** @param {string} text */
function readPort(text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    fail(`PORT is "${text}"; it must be a number from 1 to 65535`);
  }
  return number;
}

/**
 * Finds out whether the port can be had.
 * @returns {Promise<Step>}
 */
function probePort() {
  const probe = createServer();
  return new Promise((settle) => {
    probe.once("error", (/** @type {NodeJS.ErrnoException} */ { code, message }) => {
      const advice = `stop what runs there, or choose another port, as in PORT=${port + 1} npm start`;
      settle({
        ok: false,
        reason:
          code === "EADDRINUSE"
            ? `Port ${port} is in use: ${advice}`
            : `Cannot listen on port ${port}: ${message}`,
      });
    });
    probe.listen(port, HOST, () => probe.close(() => settle({ ok: true })));
  });
}

/** Runs the server until it ends; what it prints goes to the terminal from the moment that it answers. */
async function serve() {
  const server = startChild(
    NODE,
    ["--disable-warning=ExperimentalWarning", join(ROOT, "scripts", "serve.mjs"), `${port}`, state],
    { env: toolEnvironment(), output: "pipe", ipc: true },
  );
  /** @type {[string, "stdout" | "stderr"][]} */
  const early = [];
  /** @type {typeof report} */
  let onLine = (line, stream) => {
    early.push([line, stream]);
  };
  onOutputLine(server, (line, stream) => onLine(line, stream));
  const ended = exitOf(server);
  const isUp = await Promise.race([
    answers(server),
    ended.then(() => false),
    delay(START_LIMIT_MS, false),
  ]);
  if (!isUp) {
    await stopChildren();
    fail("The server did not start", early.map(([line]) => line).join("\n"));
  }
  const refusal = await findRefusal();
  if (refusal !== null) {
    await stopChildren();
    fail(refusal);
  }
  console.log(welcome());
  onLine = report;
  early.forEach(([line, stream]) => report(line, stream));
  process.on("SIGUSR2", () => server.send("sweep"));
  const code = await ended;
  await stopChildren();
  fail(`The server ended by itself with code ${code}`);
}

/**
 * Waits until the server says that it serves, then until it answers.
 * @param {import("node:child_process").ChildProcess} server
 */
async function answers(server) {
  await once(server, "message");
  while (!(await isAnswering())) {
    await delay(50);
  }
  return true;
}

/** @returns {Promise<boolean>} */
function isAnswering() {
  return new Promise((settle) => {
    get(address, { agent: false }, (response) => {
      response.resume();
      settle(true);
    }).once("error", () => settle(false));
  });
}

/**
 * Why the service refuses its database, in a line; null where it does not.
 * @returns {Promise<string | null>}
 */
async function findRefusal() {
  const response = await fetch(`${address}/healthz`);
  const { error = "", detail = "", help = "" } = await response.json();
  if (response.status === 500 && detail !== "") {
    return `The ${error}: ${detail} (.dev.vars, wrangler.toml). ${help}`;
  }
  return response.status === 503 && error.startsWith("database ")
    ? `The ${error} (${state}). ${help}`
    : null;
}

function welcome() {
  const inside = relative(ROOT, state);
  return String.raw`
Stowage is ready at ${address}/ and keeps everything in ${inside.startsWith("..") ? state : inside}
Ctrl-C stops it.

The key of the workspace "system", which administers all, is SYSTEM_KEY in .dev.vars
To try it, paste these into another terminal in this folder.

Ask for the front page:

  curl ${address}/

Log in as "system":

  KEY=$(sed -n 's/^SYSTEM_KEY=//p' .dev.vars); TOKEN=$(printf '{"namespace":"system","key":"%s"}' "$KEY" | curl -s ${address}/auth -H 'Content-Type: application/json' -d @- | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

Make a workspace "demo" with a key for CI:

  curl -s -X POST ${address}/auth/namespaces -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"namespace":"demo","key_name":"ci","key":"demo-key"}'
`;
}

/**
 * @param {string} line
 * @param {"stdout" | "stderr"} stream
 */
function report(line, stream) {
  console[stream === "stdout" ? "log" : "error"](plain(line));
}

/**
 * Miniflare colours some errors even where nothing shows colours.
 * @param {string} text
 */
function plain(text) {
  return process.stderr.isTTY ? text : stripVTControlCharacters(text);
}

/** @param {Step} step */
function requireDone(step) {
  if (!step.ok) {
    fail(step.reason, step.output);
  }
}

/**
 * Ends the script with what was wrong and the last lines that tell why.
 * @param {string} message
 * @param {string} [output]
 * @returns {never}
 */
function fail(message, output = "") {
  const lines = plain(output).trim().split("\n").slice(-20);
  console.error([message, ...lines].join("\n").trim());
  process.exit(1);
}
