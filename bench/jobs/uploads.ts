// Bytes in: appends of three sizes, and the seal.

import { randomUUID } from "node:crypto";

import { HASHED } from "../bare/names.ts";
import type { Bench, Job } from "../bench.ts";
import { expectStatus } from "../client.ts";
import { Content, expectSame } from "../content.ts";
import { memoryRow, runPairs, toRow } from "../measure.ts";
import type { Row } from "../measure.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const SMALL_SEAL = 10 * MiB;
const PART = 8 * MiB;

/** One upload in appends of one size. */
interface Appends {
  name: string;
  title: string;
  size: number;
  /** Below this the scale does not take it. */
  least: number;
  piece: number;
  unit: { name: string; bytes: number };
  rounds: number;
  atLeast: number;
  /** Are seals measured too? */
  hasSeals: boolean;
  /** Does most of the time go into checksums? */
  isHashBound: boolean;
}

class UploadRuns {
  readonly #bench: Bench;
  readonly #job: Appends;
  readonly #contents: Content[] = [];
  /** Milliseconds of each: of this size by either side, and of 10 MiB by ours. */
  readonly seals = { ours: [] as number[], bare: [] as number[], small: [] as number[] };
  /** The figures of the bare object when it makes the checksums, too. */
  readonly hashed: number[] = [];

  constructor(bench: Bench, job: Appends) {
    this.#bench = bench;
    this.#job = job;
  }

  /** Uploads to Stowage, and has it say what it got. */
  async ours(round: number): Promise<number> {
    const content = this.#content(round);
    const speed = await this.#upload(content, this.seals.ours);
    if (this.#job.hasSeals) {
      await this.#upload(new Content(SMALL_SEAL), this.seals.small);
    }
    return speed;
  }

  /** Uploads to the bare object. */
  async bare(round: number): Promise<number> {
    const { speed, ms } = await this.#uploadBare(`${this.#job.name}/${round}`, round);
    this.seals.bare.push(ms);
    return speed;
  }

  /** The same with the checksums that Stowage makes. */
  async bareHashed(round: number): Promise<void> {
    const { speed } = await this.#uploadBare(`${HASHED}${this.#job.name}/${round}`, round);
    this.hashed.push(speed);
  }

  /** Gives the speed, and how long the completion took. */
  async #uploadBare(key: string, round: number): Promise<{ speed: number; ms: number }> {
    const { bare } = this.#bench.sides;
    const content = this.#content(round);
    const url = `${bare.origin}/upload/${key}`;
    const speed = await this.#appendAll(url, content, {});
    const { ms } = await expectStatus(200, url, { method: "POST" });
    expectSame(await bare.etagOf(key), content.etag(), "etag");
    return { speed, ms };
  }

  /** Both sides of a round get the same. */
  #content(round: number): Content {
    this.#contents[round] ??= new Content(this.#job.size);
    return this.#contents[round];
  }

  async #upload(content: Content, seals: number[]): Promise<number> {
    const { stowage, uploaded } = this.#bench;
    const upload = await stowage.openUpload();
    const speed = await this.#appendAll(upload, content, await stowage.authorization());
    // A name of its own: under one name each would be a version of the same artifact.
    const { url, blob, ms } = await stowage.convert(upload, `${this.#job.name}-${randomUUID()}`);
    seals.push(ms);
    const wanted = { ...content.checksums(), etag: content.etag() };
    expectSame(await stowage.describeBlob(blob), wanted, "checksums");
    uploaded.set(content.size, { url, content });
    return speed;
  }

  /** Appends a content; gives the speed. */
  async #appendAll(url: string, content: Content, headers: Record<string, string>) {
    const { piece, unit } = this.#job;
    let ms = 0;
    for (let offset = 0; offset < content.size; offset += piece) {
      const body = content.read(offset, piece); // before the clock runs
      const began = performance.now();
      const answer = await expectStatus(200, url, { method: "POST", headers, body });
      ms += performance.now() - began;
      expectSame(answer.body.toString(), String(offset + body.length), "offset");
    }
    return (content.size / unit.bytes / ms) * 1000;
  }
}

function appendsJob(full: Appends): Job {
  return {
    name: full.name,
    async run(bench) {
      const scaled = bench.scaled(full.size, full.least);
      const job = { ...full, size: full.hasSeals ? withTail(scaled) : scaled };
      const runs = new UploadRuns(bench, job);
      const pairs = await runPairs(bench.sides, bench.rounds(job.rounds), {
        ours: (round) => runs.ours(round),
        bare: (round) => runs.bare(round),
        ...(job.isHashBound ? { beside: (round) => runs.bareHashed(round) } : {}),
      });
      const hashed = { ours: pairs.ours, bare: runs.hashed };
      return [
        toRow(job.title, job.unit.name, pairs, { of: "ratio", atLeast: job.atLeast }),
        ...(job.isHashBound ? [toRow(`${job.title}: bare, hashing`, job.unit.name, hashed)] : []),
        ...memoryRow(job.title, pairs, 200),
        ...(job.hasSeals ? sealRows(runs.seals, job.size) : []),
      ];
    },
  };
}

function sealRows({ ours, bare, small }: UploadRuns["seals"], size: number): Row[] {
  const title = `seal of ${Math.round(size / MiB)} MiB`;
  const beside = { ours, bare: small };
  return [
    toRow(title, "ms", { ours, bare }),
    toRow(`${title}, beside one of 10 MiB`, "ms", beside, { of: "ratio", atMost: 1.3 }),
  ];
}

/** A size near one that leaves as much for the last part as 10 MiB do: the seal sends that. */
export function withTail(size: number): number {
  return Math.round(size / PART) * PART + (SMALL_SEAL % PART);
}

const MIB_A_SECOND = { name: "MiB/s", bytes: MiB };

export const uploadJobs: readonly Job[] = [
  appendsJob({
    name: "upload-64m-seal",
    title: "upload of 1 GiB, 64 MiB an append",
    size: 1024 * MiB,
    least: 64 * MiB,
    piece: 64 * MiB,
    unit: MIB_A_SECOND,
    rounds: 3,
    atLeast: 0.7,
    hasSeals: true,
    isHashBound: true,
  }),
  appendsJob({
    name: "upload-2m",
    title: "upload of 256 MiB, 2 MiB an append",
    size: 256 * MiB,
    least: 16 * MiB,
    piece: 2 * MiB,
    unit: MIB_A_SECOND,
    rounds: 4,
    atLeast: 0.75,
    hasSeals: false,
    isHashBound: true,
  }),
  appendsJob({
    name: "append-4k",
    title: "appends of 4 KiB, one client",
    size: 1_500 * 4 * KiB, // less than a part
    least: 200 * 4 * KiB,
    piece: 4 * KiB,
    unit: { name: "1/s", bytes: 4 * KiB },
    rounds: 5,
    atLeast: 0.7,
    hasSeals: false,
    isHashBound: false,
  }),
];
