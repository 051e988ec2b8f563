// `npm run test:soak`: thousands of runs of the model test (test/unit/model), each batch in a process of its own and from a
// seed of its own. STOWAGE_RUNS says how many (5,000), or SOAK_MINUTES for how long; STOWAGE_SEED where it begins.
import { join } from "node:path";

import { ensureInstalled } from "./ensure-installed.mjs";
import { run, stopOnSignals } from "./processes.mjs";
import { BIN, NODE, toolEnvironment } from "./project.mjs";

const BATCH = 150;
/** Commands of a sequence, at most: `npm test` tries shorter ones. */
const STEPS = "40";
const { STOWAGE_RUNS = "5000", STOWAGE_SEED, SOAK_MINUTES } = process.env;
const wanted = SOAK_MINUTES === undefined ? Number(STOWAGE_RUNS) : Infinity;
const end = SOAK_MINUTES === undefined ? Infinity : Date.now() + Number(SOAK_MINUTES) * 60_000;
const first = Number(STOWAGE_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** @typedef {{ [name: string]: number | Figures }} Figures */

/**
 * Adds the numbers of a batch to those so far, by name.
 * @param {Figures} sums
 * @param {Figures} more
 */
function add(sums, more) {
  for (const [name, value] of Object.entries(more)) {
    const before = sums[name];
    if (typeof value === "number") {
      sums[name] = (typeof before === "number" ? before : 0) + value;
    } else {
      sums[name] = add(typeof before === "object" ? before : {}, value);
    }
  }
  return sums;
}

/**
 * Runs a batch and gives its figures; null when it failed.
 * @param {number} seed
 * @param {number} runs
 */
async function runBatch(seed, runs) {
  const args = [join(BIN, "vitest"), "run", "--project=storage", "test/unit/model"];
  const env = {
    ...toolEnvironment(),
    STOWAGE_RUNS: String(runs),
    STOWAGE_STEPS: STEPS,
    STOWAGE_SEED: String(seed),
  };
  const { code, output } = await run(NODE, args, { ...env, NO_COLOR: "1" });
  const figures = /^.*Model test: (\{.*\})$/mu.exec(output)?.[1];
  if (code !== 0 || figures === undefined) {
    console.error(output);
    console.error(
      `To replay: STOWAGE_SEED=${seed} STOWAGE_RUNS=${runs} STOWAGE_STEPS=${STEPS} npm test -- test/unit/model`,
    );
    return null;
  }
  const { seed: _, ...sums } = /** @type {Figures} */ (JSON.parse(figures));
  return sums;
}

/** @param {unknown} figures */
function inWords(figures) {
  const entries = Object.entries(/** @type {Record<string, number>} */ (figures ?? {}));
  const sorted = entries.toSorted((one, other) => other[1] - one[1]);
  const total = entries.reduce((sum, entry) => sum + entry[1], 0);
  return `${total} (${sorted.map(([name, count]) => `${count} ${name}`).join(", ")})`;
}

stopOnSignals(130);
await ensureInstalled();
/** @type {Figures} */
let sums = {};
/** @param {string} name */
const count = (name) => Number(sums[name] ?? 0);
for (let seed = first; count("runs") < wanted && Date.now() < end; seed += 1) {
  const figures = await runBatch(seed, Math.min(BATCH, wanted - count("runs")));
  if (figures === null) {
    process.exitCode = 1;
    break;
  }
  sums = add(sums, figures);
  console.log(`seed ${seed}: ${count("runs")} runs`);
}
console.log(`commands: ${inWords(sums.commands)}`);
console.log(`faults: ${inWords(sums.faults)}`);
console.log(
  [
    `soak: ${count("runs")} runs from seed ${first}`,
    `${count("requests")} requests`,
    `${count("repeats")} of them repeated`,
    `${count("bytesChecked")} bytes checked`,
    process.exitCode === 1 ? "FAILED" : "0 differences",
  ].join(", "),
);
