// The three checksums alone, without an upload around them: ours, hash-wasm's, and the runtime's own, whose state cannot
// be saved.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { V4WorkerOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

import type { Bench, Job } from "../bench.ts";
import { buildBundle } from "../bundle.ts";
import type { Bundle } from "../bundle.ts";
import { closeConnections, expectStatus } from "../client.ts";
import { expectSame } from "../content.ts";
import { toRow } from "../measure.ts";

const MiB = 1024 * 1024;
const CONFIG = "bench/hashing/wrangler.toml";
const WAYS = ["ours", "hash-wasm", "native"] as const;
const WARM_UP = 3;

const checksums: Job = {
  name: "checksums",
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "stowage-hashing-"));
    try {
      const miniflare = startWorker(await buildBundle(CONFIG, folder));
      try {
        const speeds = await measure(bench, (await miniflare.ready).origin);
        const title = "sha512, sha256 and crc32";
        const beside = { ours: speeds.ours, bare: speeds["hash-wasm"] };
        return [
          toRow(`${title}: beside hash-wasm`, "MiB/s", beside, { of: "ratio", atLeast: 1.4 }),
          toRow(`${title}: beside native`, "MiB/s", { ours: speeds.ours, bare: speeds.native }),
        ];
      } finally {
        closeConnections();
        await miniflare.dispose();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** MiB a second of each way, which take turns. */
async function measure(bench: Bench, origin: string) {
  const speeds: Record<(typeof WAYS)[number], number[]> = { ours: [], "hash-wasm": [], native: [] };
  const size = bench.scaled(32 * MiB, 4 * MiB);
  for (let round = 0; round < bench.rounds(21) + WARM_UP; round += 1) {
    let expected: string | null = null;
    for (const way of WAYS) {
      const { body, ms } = await expectStatus(200, `${origin}/${way}?bytes=${size}`);
      expected ??= body.toString();
      expectSame(body.toString(), expected, `checksums of ${way}`);
      if (round >= WARM_UP) {
        speeds[way].push((size / MiB / ms) * 1000);
      }
    }
  }
  return speeds;
}

function startWorker({ modules }: Bundle): Miniflare {
  const { workerOptions } = unstable_getMiniflareWorkerOptions(CONFIG);
  const { compatibilityDate, compatibilityFlags } = workerOptions as V4WorkerOptions;
  const worker = {
    name: "hashing",
    modules: [...modules, ...["sha512", "sha256", "crc32"].map(hashWasmModule)],
    modulesRoot: "/",
    compatibilityDate,
    compatibilityFlags,
  } as V4WorkerOptions;
  return new Miniflare(
    convertV4MiniflareOptions({ host: "127.0.0.1", port: 0, cf: false, workers: [worker] }),
  );
}

/** A binary out of hash-wasm's package, which has it as text within its JavaScript. */
function hashWasmModule(name: string) {
  const file = new URL(`../../node_modules/hash-wasm/dist/${name}.umd.min.js`, import.meta.url);
  const [, encoded = ""] = /data:"([A-Za-z0-9+/=]+)"/u.exec(readFileSync(file, "utf8")) ?? [];
  const contents = new Uint8Array(Buffer.from(encoded, "base64"));
  return { type: "CompiledWasm", path: `hash-wasm-${name}.wasm`, contents };
}

export const checksumJobs: readonly Job[] = [checksums];
