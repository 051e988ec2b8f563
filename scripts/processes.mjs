// Child processes that do not outlive the script that started them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

import { ROOT } from "./project.mjs";

const GRACE_MS = 3000;
const ORPHAN_CHECK_MS = 1000;

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const children = new Set();

/** True once a signal ends the script: how its children end then concerns nobody. */
let isStopping = false;

/**
 * Starts a command in the project folder without standard input. It leads a process group of its own, so that
 * a Ctrl-C reaches only this script, and so that whatever it starts can be ended with it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env: NodeJS.ProcessEnv, output: "pipe" | "inherit", ipc?: boolean }} options
 */
export function startChild(command, args, { env, output, ipc = false }) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ["ignore", output, output, ...(ipc ? /** @type {const} */ (["ipc"]) : [])],
  });
  children.add(child);
  child.once("close", () => children.delete(child));
  return child;
}

/**
 * Calls back with every line that a child prints.
 * @param {ChildProcess} child
 * @param {(line: string, stream: "stdout" | "stderr") => void} onLine
 */
export function onOutputLine(child, onLine) {
  for (const stream of /** @type {const} */ (["stdout", "stderr"])) {
    const input = child[stream];
    if (input) {
      createInterface({ input }).on("line", (line) => onLine(line, stream));
    }
  }
}

/**
 * Waits for the end of a child; one that could not be started, or was killed, counts as code 1.
 * Never settles once a signal ends the script.
 * @param {ChildProcess} child
 * @param {"exit" | "close"} event `close` comes when all output is read, so after the end of its own children
 * @returns {Promise<number>}
 */
export function exitOf(child, event = "exit") {
  return new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once(event, (code) => {
      if (!isStopping) {
        resolve(code ?? 1);
      }
    });
  });
}

/**
 * Runs a command to its end and keeps what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
export async function run(command, args, env) {
  const child = startChild(command, args, { env, output: "pipe" });
  /** @type {string[]} */
  const lines = [];
  onOutputLine(child, (line) => lines.push(line));
  child.once("error", (error) => lines.push(error.message));
  const code = await exitOf(child, "close");
  return { code, output: lines.join("\n") };
}

/** Ends every child with all that it started: politely, then after a grace by force. */
export async function stopChildren() {
  await Promise.all([...children].map(stopChild));
}

/**
 * Ends the children and then this script when it is interrupted, told to stop, or loses its terminal or its npm.
 * Signals to npm arrive here because package.json starts the script with `exec`, in place of npm's shell.
 * @param {number} code what the script then exits with
 */
export function stopOnSignals(code) {
  const stop = async () => {
    if (!isStopping) {
      isStopping = true;
      await stopChildren();
      process.exit(code);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, stop); // a Ctrl-C comes twice: from the terminal, and from npm
  }
  if (process.env.npm_lifecycle_event !== undefined) {
    const npm = process.ppid;
    const watch = setInterval(() => process.ppid === npm || stop(), ORPHAN_CHECK_MS);
    watch.unref();
  }
}

/** @param {ChildProcess} child */
async function stopChild(child) {
  if (child.pid === undefined) {
    return;
  }
  if (child.kill("SIGTERM")) {
    await Promise.race([once(child, "exit"), delay(GRACE_MS)]);
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The whole group is gone already.
  }
}
