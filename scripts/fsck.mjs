// `npm run fsck`: compares the catalog, the uploads and the bytes of a Stowage with each other, and says what to do
// about each difference. `-- --url URL` asks a deployed one, with SYSTEM_KEY in the environment; without it the local
// one is asked, and started if it is not running. `--repair` repairs what is safe, `--deep` reads all bytes again and
// `--deep=5` those of 5 files in 100. Exits with 1 when differences remain.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

import { DIFFERENCES } from "../src/openapi/differences.ts";
import { findServer, readSecret } from "./local-state.mjs";
import { onOutputLine, startChild, stopChildren, stopOnSignals } from "./processes.mjs";
import { NODE, ROOT, toolEnvironment } from "./project.mjs";

/**
 * @typedef {{ kind: keyof typeof DIFFERENCES, subject: string, detail: string, repaired: boolean }} Difference
 * @typedef {{ cursor: string | null, rows: number, objects: number, uploads: number, bytes: number, young: number,
 *   differences: Difference[] }} Page
 */

const START_LIMIT_MS = 120_000;
/** An access token is good for 15 minutes, a check may take hours. */
const LOGIN_MS = 600_000;
/** Tries of one call before the check is given up. */
const TRIES = 5;

const UNKNOWN_HERE = {
  means: "this script does not know what that is",
  todo: "run the script of the version that is deployed",
};

const options = readOptions();

stopOnSignals(130);
try {
  process.exitCode = await check(options.url ?? (await localAddress()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
} finally {
  await stopChildren();
}

function readOptions() {
  const args = process.argv.slice(2).map((arg) => (arg === "--deep" ? "--deep=100" : arg));
  const { values } = parseArgs({
    args,
    options: { url: { type: "string" }, repair: { type: "boolean" }, deep: { type: "string" } },
  });
  const deep = Number(values.deep ?? 0);
  if (!(deep >= 0 && deep <= 100)) {
    throw new Error(`--deep takes how many of 100 files are read again, not '${values.deep}'`);
  }
  return { url: values.url?.replace(/\/+$/, ""), repair: values.repair ?? false, deep };
}

/** The local server's address; starts it for the time of the check where it does not run. */
async function localAddress() {
  const state = resolve(ROOT, process.env.STOWAGE_STATE || ".wrangler/state");
  const running = await findServer(state, "127.0.0.1");
  if (running !== null) {
    return running;
  }
  if (!existsSync(state)) {
    throw new Error(`There is nothing to check: ${state} is not there`);
  }
  const port = await freePort();
  const env = { ...toolEnvironment(), PORT: String(port), STOWAGE_STATE: state };
  const server = startChild(NODE, [join(ROOT, "scripts", "start.mjs")], { env, output: "pipe" });
  /** @type {string[]} */
  const lines = [];
  const isReady = new Promise((settle) => {
    onOutputLine(server, (line) => {
      lines.push(line);
      if (line.includes("Stowage is ready at")) {
        settle(true);
      }
    });
    server.once("exit", () => settle(false));
  });
  if (!(await Promise.race([isReady, delay(START_LIMIT_MS, false, { ref: false })]))) {
    throw new Error(["The server did not start", ...lines.slice(-20)].join("\n"));
  }
  return `http://127.0.0.1:${port}`;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((settle, refuse) => {
    const probe = createServer().once("error", refuse);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => settle(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/**
 * Goes through the check call by call, and gives the exit code.
 * @param {string} url
 */
async function check(url) {
  const total = { rows: 0, objects: 0, uploads: 0, bytes: 0, young: 0, found: 0, repaired: 0 };
  let token = await login(url);
  let loginAt = Date.now();
  /** @type {string | null} */
  let cursor = null;
  do {
    if (Date.now() - loginAt > LOGIN_MS) {
      token = await login(url);
      loginAt = Date.now();
    }
    const { repair, deep } = options;
    /** @type {Page} */
    const page = await post(`${url}/fsck`, { cursor, repair, deep }, token);
    page.differences.forEach(report);
    for (const name of /** @type {const} */ (["rows", "objects", "uploads", "bytes", "young"])) {
      total[name] += page[name];
    }
    total.found += page.differences.length;
    total.repaired += page.differences.filter(({ repaired }) => repaired).length;
    ({ cursor } = page);
  } while (cursor !== null);
  if (total.young > 0) {
    console.log(
      `${total.young} objects are too young to tell: an upload may be about to name them`,
    );
  }
  if (options.deep > 0) {
    console.log(`${total.bytes} bytes hashed again`);
  }
  const repaired = total.repaired > 0 ? `, ${total.repaired} repaired` : "";
  console.log(
    `${total.rows} rows, ${total.objects} objects, ${total.uploads} uploads checked: ${total.found} differences${repaired}`,
  );
  return total.found > total.repaired ? 1 : 0;
}

/** @param {Difference} difference A newer service may know kinds that are new here. */
function report({ kind, subject, detail, repaired }) {
  const { means, todo } = Object.hasOwn(DIFFERENCES, kind) ? DIFFERENCES[kind] : UNKNOWN_HERE;
  console.log(`${kind} ${subject} (${detail}): ${means}; ${repaired ? "repaired" : todo}`);
}

/** @param {string} url */
async function login(url) {
  const key = process.env.SYSTEM_KEY || (options.url === undefined ? readSecret("SYSTEM_KEY") : "");
  if (key === "") {
    throw new Error(`Set SYSTEM_KEY to the key of the workspace system of ${url}`);
  }
  /** @type {{ access_token: string }} */
  const { access_token: token } = await post(`${url}/auth`, { namespace: "system", key });
  return token;
}

/**
 * Sends a request that may be repeated, and repeats it when the service is busy or does not answer.
 * @param {string} url
 * @param {object} body
 * @param {string} [token]
 */
async function post(url, body, token) {
  for (let round = 1; ; round += 1) {
    const answer = await attempt(url, body, token);
    if (answer.ok) {
      return answer.json;
    }
    if (!answer.isPassing || round === TRIES) {
      throw new Error(`POST ${url}: ${answer.problem}`);
    }
    await delay(answer.waitMs ?? 500 * 2 ** round);
  }
}

/**
 * @param {string} url
 * @param {object} body
 * @param {string | undefined} token
 */
async function attempt(url, body, token) {
  const headers = {
    "Content-Type": "application/json",
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
  try {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.ok) {
      return { ok: /** @type {const} */ (true), json: JSON.parse(text) };
    }
    const isPassing = response.status === 429 || response.status >= 500;
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    const waitMs = Number.isFinite(seconds) ? seconds * 1000 : null;
    const problem = `${response.status} ${text}`;
    return { ok: /** @type {const} */ (false), isPassing, waitMs, problem };
  } catch (error) {
    const { message, cause } = /** @type {Error} */ (error);
    const problem = cause instanceof Error ? cause.message : message;
    return { ok: /** @type {const} */ (false), isPassing: true, waitMs: null, problem };
  }
}
