// What the local server keeps between starts, for nobody else on this machine: its secrets, and the folder with its database
// and bytes.
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { localTarget, migrateDatabase, tellMigrated } from "./migrate-database.mjs";
import { readMigrations } from "./migrations.mjs";
import { ROOT } from "./project.mjs";

const SECRETS = ["SYSTEM_KEY", "TOKEN_SECRET"];
const SECRETS_FILE = join(ROOT, ".dev.vars");
/** In the state folder: who serves it. */
const CLAIM = "server.json";
/** All that is ours in the state folder. */
const OURS = [CLAIM, "v3"];

/**
 * What a step of the start answers: done, or why not, and the output that tells more.
 * @typedef {{ ok: true } | { ok: false, reason: string, output?: string }} Step
 */

/**
 * Writes the secrets of the local server unless an earlier start did; never changes them, but lets only their owner read them.
 * @returns {Step}
 */
export function provideSecrets() {
  if (!existsSync(SECRETS_FILE)) {
    const draft = `${SECRETS_FILE}.${process.pid}`;
    const lines = SECRETS.map((name) => `${name}=${randomBytes(32).toString("hex")}\n`);
    writeFileSync(draft, lines.join(""), { mode: 0o600 });
    linkUnlessThere(draft, SECRETS_FILE);
    rmSync(draft);
  }
  closeToOthers(SECRETS_FILE);
  const text = readFileSync(SECRETS_FILE, "utf8");
  const missing = SECRETS.filter((name) => !new RegExp(`^${name}=.`, "m").test(text));
  return missing.length === 0
    ? { ok: true }
    : {
        ok: false,
        reason: `.dev.vars lacks ${missing.join(" and ")}: add NAME=value lines, or delete the file to get new ones`,
      };
}

/**
 * Takes the state folder for this process, because two servers would corrupt each other's view of it. The claim
 * needs no release: it holds while its process lives and its port answers.
 * @param {string} state
 * @param {string} host
 * @param {number} port
 * @returns {Promise<Step>}
 */
export async function claimState(state, host, port) {
  const owner = existsSync(state) ? statSync(state).uid : process.getuid?.();
  if (owner !== process.getuid?.()) {
    return {
      ok: false,
      reason: `${state} belongs to another user of this machine (${owner}), who could read and change all that is kept there: set STOWAGE_STATE to a folder of your own, or make this one yours`,
    };
  }
  const running = await findServer(state, host);
  if (running !== null) {
    return {
      ok: false,
      reason: `${state} is being served at ${running}/: stop that server, or set STOWAGE_STATE to another folder`,
    };
  }
  mkdirSync(state, { recursive: true });
  closeState(state);
  writeFileSync(join(state, CLAIM), JSON.stringify({ pid: process.pid, port }));
  return { ok: true };
}

/**
 * Lets only its owner into the state folder, and takes from others what an earlier version let them have of what is in it.
 * @param {string} state
 */
function closeState(state) {
  if (closeToOthers(state)) {
    OURS.map((name) => join(state, name))
      .filter((path) => existsSync(path))
      .forEach(tighten);
  }
}

/** @param {string} path */
function tighten(path) {
  const kind = lstatSync(path);
  if (kind.isDirectory()) {
    readdirSync(path).forEach((name) => tighten(join(path, name)));
  }
  if (!kind.isSymbolicLink()) {
    closeToOthers(path);
  }
}

/**
 * Takes from a file or folder what others may do with it; says whether they might do anything. One that is closed is left as it is: a
 * running server builds itself anew when its secrets are touched.
 * @param {string} path
 */
function closeToOthers(path) {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0) {
    chmodSync(path, mode & 0o700);
  }
  return (mode & 0o077) !== 0;
}

/**
 * The address of the server that serves a state folder now, or null.
 * @param {string} state
 * @param {string} host
 * @returns {Promise<string | null>}
 */
export async function findServer(state, host) {
  const file = join(state, CLAIM);
  const holder = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null;
  const isServing =
    holder !== null && isAlive(holder.pid) && (await isListening(host, holder.port));
  return isServing ? `http://${host}:${holder.port}` : null;
}

/**
 * A secret of the local server, or an empty text.
 * @param {string} name
 */
export function readSecret(name) {
  const text = existsSync(SECRETS_FILE) ? readFileSync(SECRETS_FILE, "utf8") : "";
  return new RegExp(`^${name}=(.+)$`, "m").exec(text)?.[1] ?? "";
}

/**
 * Brings the local database to the newest schema, and says so where that changed anything. The mark beside the database says
 * that it was done: it has all that decides about it, whatever chooses the database's file too.
 * @param {string} state
 * @returns {Promise<Step>}
 */
export async function migrateState(state) {
  const mark = join(state, "v3", "d1", "migrated.sha256");
  const digest = createHash("sha256").update(JSON.stringify(readMigrations()));
  for (const file of ["wrangler.toml", "node_modules/wrangler/package.json"]) {
    digest.update(readFileSync(join(ROOT, file)));
  }
  const wanted = digest.digest("hex");
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) {
    return { ok: true };
  }
  const target = localTarget(state);
  const migrated = await migrateDatabase(target);
  if (!migrated.ok) {
    return migrated;
  }
  if (migrated.from !== migrated.to) {
    console.log(tellMigrated(target, migrated));
  }
  writeFileSync(mark, wanted);
  return { ok: true };
}

/**
 * Puts a whole file in place, unless another start did so meanwhile.
 * @param {string} draft
 * @param {string} path
 */
function linkUnlessThere(draft, path) {
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!existsSync(path)) {
      throw error;
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * @param {string} host
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isListening(host, port) {
  return new Promise((settle) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", () => settle(false));
  });
}
