// `npm run bench`: Stowage beside a bare Worker that makes only the calls which a job cannot do without, in one
// run on one machine (docs/performance.md). `npm run bench -- NAME...` runs the jobs whose names contain one of
// the words; BENCH_SCALE=0.1 shrinks them. A wrong byte ends it with an error.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readMigrations, transactionOf } from "../scripts/migrations.mjs";
import { OFFLINE } from "../scripts/project.mjs";
import { statementsOf } from "../scripts/sql-statements.mjs";
import { TEST_SECRETS } from "../test/support/secrets.ts";
import type { Bench, Job } from "./bench.ts";
import { buildBundle } from "./bundle.ts";
import { closeConnections } from "./client.ts";
import { archiveJobs } from "./jobs/archives.ts";
import { catalogJobs } from "./jobs/catalog.ts";
import { checksumJobs } from "./jobs/checksums.ts";
import { crowdJobs } from "./jobs/crowd.ts";
import { downloadJobs } from "./jobs/downloads.ts";
import { manyFilesJobs } from "./jobs/many-files.ts";
import { randomJobs } from "./jobs/random.ts";
import { startJobs } from "./jobs/start.ts";
import { tusJobs } from "./jobs/tus.ts";
import { uploadJobs } from "./jobs/uploads.ts";
import type { Row } from "./measure.ts";
import { measurePeers } from "./peers.ts";
import { headline, toLine, toPeerLine, writeResults } from "./report.ts";
import { Stowage } from "./stowage.ts";
import { Subject } from "./subject.ts";

const JOBS: readonly Job[] = [
  ...uploadJobs,
  ...tusJobs,
  ...checksumJobs,
  ...randomJobs,
  ...downloadJobs,
  ...archiveJobs,
  ...catalogJobs,
  ...manyFilesJobs,
  ...crowdJobs,
  ...startJobs,
];

/** Selects what is not Stowage. */
const PEERS = "peers";

// Wrangler takes these from the environment.
Object.assign(process.env, OFFLINE, TEST_SECRETS);

const words = process.argv.slice(2);
const scale = Number(process.env["BENCH_SCALE"] ?? 1);
const hasPeers = words.length === 0 || words.includes(PEERS);
const jobs = selectJobs();
const folder = mkdtempSync(join(tmpdir(), "stowage-bench-"));
try {
  await runJobs();
} finally {
  rmSync(folder, { recursive: true });
}

function selectJobs(): readonly Job[] {
  const found = JOBS.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  if ((found.length === 0 && !hasPeers) || !(scale > 0)) {
    const names = [...JOBS.map(({ name }) => name), PEERS].join(", ");
    console.error(`Nothing to run: jobs are ${names}; BENCH_SCALE is a number above 0`);
    process.exit(1);
  }
  return found;
}

async function runJobs(): Promise<void> {
  const [own, bare] = await Promise.all([
    buildBundle("wrangler.toml", join(folder, "stowage")),
    buildBundle("bench/bare/wrangler.toml", join(folder, "bare")),
  ]);
  const ours = await Subject.start({
    name: "stowage",
    config: "wrangler.toml",
    statements: readMigrations().flatMap(transactionOf),
    bundle: own,
    filler: bare,
    state: join(folder, "state-stowage"),
  });
  const other = await Subject.start({
    name: "bare",
    config: "bench/bare/wrangler.toml",
    statements: statementsOf(readFileSync("bench/bare/schema.sql", "utf8")),
    bundle: bare,
    filler: bare,
    state: join(folder, "state-bare"),
  });
  try {
    await measure({ ours, bare: other });
  } finally {
    closeConnections();
    await Promise.all([ours.stop(), other.stop()]);
  }
}

async function measure(sides: Bench["sides"]): Promise<void> {
  const stowage = new Stowage(sides.ours);
  await stowage.prepare();
  const bench: Bench = {
    sides,
    stowage,
    uploaded: new Map(),
    restart: async () => {
      // One after the other: each finds its own process among the new ones.
      await sides.ours.restart();
      await sides.bare.restart();
    },
    scaled: (full, least) => Math.max(least, Math.round(full * scale)),
    rounds: (full) => (scale < 1 ? Math.min(full, 2) : full),
  };
  const rows: Row[] = [];
  console.log(headline());
  for (const job of jobs) {
    await bench.restart();
    const found = await job.run(bench);
    rows.push(...found);
    console.log(found.map(toLine).join("\n"));
  }
  const peers = hasPeers ? await measurePeers(join(folder, "peers"), bench.scaled) : [];
  console.log(peers.map((peer) => `\n${toPeerLine(peer)}`).join(""));
  if (words.length === 0 && scale === 1) {
    await writeResults(rows, peers);
  }
  const missed = rows.filter(({ met }) => met === false).length;
  console.log(`${rows.length} rows, ${missed} miss their target`);
}
