// Bytes in by tus: beside a bare object, and beside appends of the same size to the same service.

import { randomUUID } from "node:crypto";

import type { Bench, Job } from "../bench.ts";
import { expectStatus, load } from "../client.ts";
import { Content, expectSame } from "../content.ts";
import { memoryRow, runPairs, toRow } from "../measure.ts";
import type { Row } from "../measure.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const TUS = { "Tus-Resumable": "1.0.0" };
const CLIENTS = 8;

/** Opens an upload; gives its address. */
async function open({ stowage }: Bench, headers: Record<string, string | number>): Promise<string> {
  const own = { ...TUS, ...(await stowage.authorization()), ...headers };
  const call = { method: "POST", headers: own };
  return (await expectStatus(201, `${stowage.origin}/files/`, call)).location;
}

/** Sends a part of a content to an upload; gives the milliseconds of the requests. */
async function patchAll(
  { stowage }: Bench,
  upload: string,
  content: Content,
  { start, end, piece }: { start: number; end: number; piece: number },
): Promise<number> {
  const own = { ...TUS, ...(await stowage.authorization()) };
  let ms = 0;
  for (let offset = start; offset < end; offset += piece) {
    const body = content.read(offset, Math.min(piece, end - offset)); // before the clock runs
    const headers = {
      ...own,
      "Content-Type": "application/offset+octet-stream",
      "Upload-Offset": offset - start,
    };
    ms += (await expectStatus(204, upload, { method: "PATCH", headers, body })).ms;
  }
  return ms;
}

/** Makes an upload an artifact, and holds what the service says of it to the content. */
async function settle({ stowage }: Bench, upload: string, content: Content): Promise<void> {
  const { blob } = await stowage.convert(upload, `tus-${randomUUID()}`);
  const wanted = { ...content.checksums(), etag: content.etag() };
  expectSame(await stowage.describeBlob(blob), wanted, "checksums");
}

/** Appends a content by POSTs whose answers are offsets; gives the milliseconds. */
async function appendAll(
  url: string,
  content: Content,
  piece: number,
  headers: Record<string, string> = {},
): Promise<number> {
  let ms = 0;
  for (let offset = 0; offset < content.size; offset += piece) {
    const body = content.read(offset, piece);
    const answer = await expectStatus(200, url, { method: "POST", headers, body });
    expectSame(answer.body.toString(), String(offset + body.length), "offset");
    ms += answer.ms;
  }
  return ms;
}

interface Patches {
  name: string;
  title: string;
  size: number;
  least: number;
  piece: number;
  unit: { name: string; bytes: number };
  rounds: number;
}

function patchesJob({ name, title, size, least, piece, unit, rounds }: Patches): Job {
  return {
    name,
    async run(bench): Promise<Row[]> {
      const { sides, stowage } = bench;
      const appends: number[] = [];
      const content = new Content(bench.scaled(size, least));
      const figure = (ms: number) => (content.size / unit.bytes / ms) * 1000;
      const append = async () => {
        const upload = await stowage.openUpload();
        appends.push(
          figure(await appendAll(upload, content, piece, await stowage.authorization())),
        );
        await settle(bench, upload, content);
      };
      const pairs = await runPairs(sides, bench.rounds(rounds), {
        async ours(round) {
          // What came first would pay for both: they take turns.
          if (round % 2 === 0) {
            await append();
          }
          const upload = await open(bench, { "Upload-Defer-Length": 1 });
          const whole = { start: 0, end: content.size, piece };
          const ms = await patchAll(bench, upload, content, whole);
          await settle(bench, upload, content);
          if (round % 2 === 1) {
            await append();
          }
          return figure(ms);
        },
        async bare(round) {
          const key = `${name}/${round}`;
          const url = `${sides.bare.origin}/upload/${key}`;
          const ms = await appendAll(url, content, piece);
          await expectStatus(200, url, { method: "POST" });
          expectSame(await sides.bare.etagOf(key), content.etag(), "etag");
          return figure(ms);
        },
      });
      const beside = { ours: pairs.ours, bare: appends };
      return [
        toRow(title, unit.name, pairs),
        toRow(`${title}: beside appends`, unit.name, beside, { of: "ratio", atLeast: 0.95 }),
        ...memoryRow(title, pairs, 200),
      ];
    },
  };
}

/** Opens uploads and looks at them, from several clients at once. */
const lookJob: Job = {
  name: "tus-create-head",
  async run(bench): Promise<Row[]> {
    const { stowage } = bench;
    const count = bench.scaled(400, 40);
    const own = { ...TUS, ...(await stowage.authorization()) };
    const uploads: string[] = [];
    const created = await load(CLIENTS, count, async () => {
      uploads.push(await open(bench, { "Upload-Length": 1 }));
    });
    const looked = await load(CLIENTS, 5 * count, (number) =>
      expectStatus(200, uploads[number % count] ?? "", { method: "HEAD", headers: own }),
    );
    await load(CLIENTS, count, (number) =>
      expectStatus(204, uploads[number] ?? "", { method: "DELETE", headers: own }),
    );
    const row = (title: string, many: number, ms: number) =>
      toRow(`${title} by tus, ${CLIENTS} clients`, "1/s", { ours: [(many / ms) * 1000], bare: [] });
    return [row("create", count, created.ms), row("HEAD", 5 * count, looked.ms)];
  },
};

/** One file over four connections, joined, and over one. */
const parallelJob: Job = {
  name: "tus-parallel",
  async run(bench): Promise<Row[]> {
    const content = new Content(bench.scaled(256 * MiB, 64 * MiB));
    const quarter = content.size / 4;
    const [four, one]: [number[], number[]] = [[], []];
    for (let round = 0; round < bench.rounds(3); round += 1) {
      const began = performance.now();
      const parts = await Promise.all(
        [0, 1, 2, 3].map(async (number) => {
          const upload = await open(bench, {
            "Upload-Length": quarter,
            "Upload-Concat": "partial",
          });
          const [start, end] = [number * quarter, (number + 1) * quarter];
          await patchAll(bench, upload, content, { start, end, piece: 64 * MiB });
          return upload;
        }),
      );
      await open(bench, { "Upload-Concat": `final;${parts.join(" ")}` });
      four.push((content.size / MiB / (performance.now() - began)) * 1000);
      const alone = performance.now();
      const upload = await open(bench, { "Upload-Length": content.size });
      await patchAll(bench, upload, content, { start: 0, end: content.size, piece: 64 * MiB });
      one.push((content.size / MiB / (performance.now() - alone)) * 1000);
    }
    const title = "256 MiB by tus over four connections, beside one";
    return [toRow(title, "MiB/s", { ours: four, bare: one })];
  },
};

export const tusJobs: readonly Job[] = [
  patchesJob({
    name: "tus-64m",
    title: "PATCHes of 64 MiB",
    size: 256 * MiB,
    least: 64 * MiB,
    piece: 64 * MiB,
    unit: { name: "MiB/s", bytes: MiB },
    rounds: 4,
  }),
  patchesJob({
    name: "tus-64k",
    title: "PATCHes of 64 KiB, one client",
    size: 500 * 64 * KiB,
    least: 64 * 64 * KiB,
    piece: 64 * KiB,
    unit: { name: "1/s", bytes: 64 * KiB },
    rounds: 4,
  }),
  lookJob,
  parallelJob,
];
