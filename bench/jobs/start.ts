// A new process: what is loaded, and how long the first request takes.

import type { Job } from "../bench.ts";
import { closeConnections, expectStatus } from "../client.ts";
import { sha256Of, expectSame } from "../content.ts";
import { storeMany } from "../fixtures.ts";
import { runPairs, toRow } from "../measure.ts";
import type { Subject } from "../subject.ts";

const coldStart: Job = {
  name: "cold-start",
  async run(bench) {
    const { url, prefix, files, sha256 } = await storeMany(bench, "cold", 1, 4096);
    const path = files[0]?.path ?? "";
    const startOnce = async (subject: Subject, address: string) => {
      await subject.restart();
      closeConnections();
      const { body, ms } = await expectStatus(200, subject.origin + address);
      expectSame(sha256Of(body), sha256, `bytes of ${address}`);
      return ms;
    };
    const { ours, bare } = bench.sides;
    const pairs = await runPairs(bench.sides, bench.rounds(5), {
      ours: () => startOnce(ours, url + path),
      bare: () => startOnce(bare, `/file/${prefix}${path}`),
    });
    const sizes = { ours: [ours.gzipped / 1024], bare: [bare.gzipped / 1024] };
    return [
      toRow("bundle, gzipped", "KiB", sizes, { of: "ours", atMost: 200 }),
      toRow("first request after start", "ms", pairs, { of: "ours", atMost: 50 }),
    ];
  },
};

export const startJobs: readonly Job[] = [coldStart];
