// An upload as a flaky link makes it: appends of any size, and again and again back to where the client was.

import { randomInt } from "node:crypto";

import type { Bench, Job } from "../bench.ts";
import { download, expectStatus } from "../client.ts";
import { Content, expectSame, sha256Of } from "../content.ts";
import { memoryRow, toRow } from "../measure.ts";

const MiB = 1024 * 1024;
const PART = 8 * MiB;

/** Where a client goes back to in its turns: to the start once, inside the tail, to the end of a part, inside a part
 * that R2 has, and to where it is. */
function placeToGoBackTo(offset: number, turn: number): number {
  const boundary = Math.floor(offset / PART) * PART;
  const places = [
    Math.max(boundary, offset - 3),
    boundary,
    Math.max(0, boundary - PART + 12_345),
    offset,
  ];
  return turn === 0 ? 0 : (places[turn % places.length] ?? offset);
}

/** Uploads a content; gives the address of the upload and the milliseconds of all its requests. */
async function uploadAtRandom(
  { stowage }: Bench,
  content: Content,
): Promise<{ upload: string; ms: number }> {
  const upload = await stowage.openUpload();
  const headers = await stowage.authorization();
  let [offset, ms] = [0, 0];
  for (let round = 0; offset < content.size; round += 1) {
    const body = content.read(offset, randomInt(1, 20 * MiB + 1));
    const appended = await expectStatus(200, upload, { method: "POST", headers, body });
    offset += body.length;
    expectSame(appended.body.toString(), String(offset), "offset");
    ms += appended.ms;
    if (round % 3 === 2) {
      offset = placeToGoBackTo(offset, (round - 2) / 3);
      const url = `${upload}/truncate/${offset}`;
      ms += (await expectStatus(200, url, { method: "POST", headers })).ms;
    }
  }
  return { upload, ms };
}

const randomAppends: Job = {
  name: "upload-random",
  async run(bench) {
    const { sides, stowage } = bench;
    const content = new Content(bench.scaled(256 * MiB, 64 * MiB));
    const { result, growth } = await sides.ours.watchMemory(() => uploadAtRandom(bench, content));
    const { url, blob } = await stowage.convert(result.upload, "random");
    const wanted = content.checksums();
    const { sha256, crc32 } = await stowage.describeBlob(blob);
    expectSame({ sha256, crc32 }, wanted, "checksums");
    const { body } = await download(sides.ours.origin + url, content.size);
    expectSame(sha256Of(body), wanted.sha256, `bytes of ${url}`);
    const title = "upload of 256 MiB, random appends and truncates";
    const ours = [(content.size / MiB / result.ms) * 1000];
    const pairs = { ours, bare: [], growth: { ours: growth, bare: null } };
    return [toRow(title, "MiB/s", pairs), ...memoryRow(title, pairs, 200)];
  },
};

export const randomJobs: readonly Job[] = [randomAppends];
