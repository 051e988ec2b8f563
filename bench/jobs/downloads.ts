// Bytes out: whole files, and many small ranges at once.

import { randomInt } from "node:crypto";

import type { Bench, Job } from "../bench.ts";
import { download, expectStatus, load, percentile } from "../client.ts";
import { Content, expectSame, sha256Of } from "../content.ts";
import { storeWhole } from "../fixtures.ts";
import { memoryRow, runPairs, toRow } from "../measure.ts";
import type { Row } from "../measure.ts";
import { withTail } from "./uploads.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const RANGE = 4 * KiB;
const CLIENTS = 16;

/** One file by its paths on both sides. */
interface Served {
  content: Content;
  ours: string;
  bare: string;
}

/** A file that R2 got in one put. */
async function serveSinglePut(bench: Bench, size: number): Promise<Served> {
  const content = new Content(size);
  const { url, prefix } = await storeWhole(bench, `single-${size}`, content);
  return { content, ours: `${url}single-${size}`, bare: `/file/${prefix}single-${size}` };
}

/** A file that came in parts, of an upload job or uploaded now. */
async function serveMultipart(bench: Bench, wanted: number): Promise<Served> {
  const size = withTail(wanted); // as the upload job has it
  const { stowage, sides, uploaded } = bench;
  const content = uploaded.get(size)?.content ?? new Content(size);
  const key = `multipart/${size}`;
  const toBare = `${sides.bare.origin}/upload/${key}`;
  const upload = uploaded.has(size) ? null : await stowage.openUpload();
  const headers = await stowage.authorization();
  for (let at = 0; at < size; at += 64 * MiB) {
    const body = content.read(at, 64 * MiB);
    await expectStatus(200, toBare, { method: "POST", body });
    if (upload !== null) {
      await expectStatus(200, upload, { method: "POST", headers, body });
    }
  }
  await expectStatus(200, toBare, { method: "POST" });
  const url = uploaded.get(size)?.url ?? (await stowage.convert(upload ?? "", "multipart")).url;
  return { content, ours: url, bare: `/file/${key}` };
}

function downloadJob(
  name: string,
  title: string,
  rounds: number,
  serve: (bench: Bench, size: number) => Promise<Served>,
): Job {
  return {
    name,
    async run(bench) {
      const { content, ...paths } = await serve(bench, bench.scaled(1024 * MiB, 64 * MiB));
      const { size } = content;
      const { sha256 } = content.checksums();
      await bench.restart();
      const fetchOnce = async (side: "ours" | "bare") => {
        const { body, ms } = await download(bench.sides[side].origin + paths[side], size);
        expectSame(sha256Of(body), sha256, `bytes of ${paths[side]}`);
        return (size / MiB / ms) * 1000;
      };
      const pairs = await runPairs(bench.sides, bench.rounds(rounds), {
        ours: () => fetchOnce("ours"),
        bare: () => fetchOnce("bare"),
      });
      return [
        toRow(title, "MiB/s", pairs, { of: "ratio", atLeast: 0.95 }),
        ...memoryRow(title, pairs, 200),
      ];
    },
  };
}

const ranges: Job = {
  name: "ranges",
  async run(bench) {
    const { content, ...paths } = await serveSinglePut(bench, 256 * MiB);
    await bench.restart();
    const count = bench.scaled(3_000, 300);
    const late = { ours: [] as number[], bare: [] as number[] };
    const readMany = async (side: "ours" | "bare") => {
      const url = bench.sides[side].origin + paths[side];
      const readOne = async () => {
        const at = randomInt(content.size - RANGE);
        const headers = { Range: `bytes=${at}-${at + RANGE - 1}` };
        const { body } = await expectStatus(206, url, { headers });
        if (!body.equals(content.read(at, RANGE))) {
          throw new Error(`Wrong bytes of ${url} at ${at}`);
        }
      };
      const loaded = await load(CLIENTS, count, readOne);
      late[side].push(percentile(loaded, 0.99));
      half[side].push(percentile(loaded, 0.5));
      return (count / loaded.ms) * 1000;
    };
    const half = { ours: [] as number[], bare: [] as number[] };
    const pairs = await runPairs(bench.sides, bench.rounds(5), {
      ours: () => readMany("ours"),
      bare: () => readMany("bare"),
    });
    const title = "ranges of 4 KiB, 16 clients";
    const rows: Row[] = [
      toRow(title, "1/s", pairs, { of: "ratio", atLeast: 0.75 }),
      toRow(`${title}: half within`, "ms", half),
      toRow(`${title}: 99 % within`, "ms", late, { of: "ratio", atMost: 2 }),
    ];
    return [...rows, ...memoryRow(title, pairs, 200)];
  },
};

export const downloadJobs: readonly Job[] = [
  downloadJob("download-single", "download of 1 GiB, put at once", 5, serveSinglePut),
  downloadJob("download-multipart", "download of 1 GiB, put in parts", 3, serveMultipart),
  ranges,
];
