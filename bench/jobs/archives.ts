// Whole folders out. The bare Worker sends the contents alone; ours come with headers, and are unpacked by the
// common tools.

import { spawn } from "node:child_process";
import { gunzipSync } from "node:zlib";

import type { Bench, Job } from "../bench.ts";
import { download } from "../client.ts";
import { expectSame, sha256Of } from "../content.ts";
import { storeMany } from "../fixtures.ts";
import type { Stored } from "../fixtures.ts";
import { memoryRow, runPairs, toRow } from "../measure.ts";
import { sha256OfMembers } from "../unpack.ts";
import type { Format } from "../unpack.ts";

const KiB = 1024;
const MB = 1_000_000;

/** Downloads of one folder in one format. The first is unpacked, the others must be the same. */
class ArchiveRuns {
  readonly #bench: Bench;
  readonly #stored: Stored;
  readonly #format: Format;
  #known: string | null = null;

  constructor(bench: Bench, stored: Stored, format: Format) {
    this.#bench = bench;
    this.#stored = stored;
    this.#format = format;
  }

  async ours(): Promise<number> {
    const { bytes, sha256, url } = this.#stored;
    const address = `${this.#bench.sides.ours.origin}${url}?archive=${this.#format}`;
    const { body, ms } = await download(address, bytes + this.#stored.files.length * 2 * KiB);
    if (this.#known === null) {
      expectSame(sha256OfMembers(this.#format, body, bytes), sha256, `members of ${address}`);
    }
    this.#known ??= sha256Of(body);
    expectSame(sha256Of(body), this.#known, `bytes of ${address}`);
    return (bytes / MB / ms) * 1000;
  }

  async bare(): Promise<number> {
    const { bytes, sha256, prefix } = this.#stored;
    const isGzip = this.#format === "tar.gz";
    const address = `${this.#bench.sides.bare.origin}/archive/${prefix}${isGzip ? "?gzip" : ""}`;
    const { body, ms } = await download(address, bytes);
    expectSame(sha256Of(isGzip ? gunzipSync(body) : body), sha256, `bytes of ${address}`);
    return (bytes / MB / ms) * 1000;
  }
}

interface Archive {
  name: string;
  title: string;
  count: number;
  size: number;
  formats: readonly Format[];
  rounds: number;
  atLeast: number;
}

function archiveJob({ name, title, count, size, formats, rounds, atLeast }: Archive): Job {
  return {
    name,
    async run(bench) {
      const stored = await storeMany(bench, name, bench.scaled(count, 10), size);
      const rows = [];
      for (const format of formats) {
        await bench.restart();
        const runs = new ArchiveRuns(bench, stored, format);
        const pairs = await runPairs(bench.sides, bench.rounds(rounds), {
          ours: () => runs.ours(),
          bare: () => runs.bare(),
        });
        const job = `${format} of ${title}`;
        rows.push(
          toRow(job, "MB/s", pairs, { of: "ratio", atLeast }),
          ...memoryRow(job, pairs, 200),
        );
      }
      return rows;
    },
  };
}

/** What the process grows by while a client takes 4 MB/s. */
const slowClient: Job = {
  name: "archive-slow",
  async run(bench) {
    const stored = await storeMany(bench, "archive-slow", bench.scaled(16, 4), 4 * MB);
    await bench.restart();
    const readSlowly = async (url: string) => {
      const curl = spawn("curl", ["-sS", "--fail", "--limit-rate", "4M", "-o", "/dev/null", url]);
      const code = await new Promise((resolve) => curl.once("close", resolve));
      expectSame(code, 0, `end of curl ${url}`);
      return 0;
    };
    const pairs = await runPairs(bench.sides, 1, {
      ours: () => readSlowly(`${bench.sides.ours.origin}${stored.url}?archive=tar.gz`),
      bare: () => readSlowly(`${bench.sides.bare.origin}/archive/${stored.prefix}?gzip`),
    });
    return memoryRow("tar.gz of 64 MB at 4 MB/s", pairs, 64);
  },
};

export const archiveJobs: readonly Job[] = [
  archiveJob({
    name: "archive-large",
    title: "400 MB in 100 files",
    count: 100,
    size: 4 * MB,
    formats: ["tar", "zip"],
    rounds: 5,
    atLeast: 0.7,
  }),
  archiveJob({
    name: "archive-small",
    title: "10,000 files of 4 KiB",
    count: 10_000,
    size: 4 * KiB,
    formats: ["tar", "zip"],
    rounds: 3,
    atLeast: 0.7,
  }),
  archiveJob({
    name: "archive-gzip",
    title: "100 MB in 25 files",
    count: 25,
    size: 4 * MB,
    formats: ["tar.gz"],
    rounds: 5,
    atLeast: 0.95,
  }),
  slowClient,
];
