// A process that uses the service as its neighbours do, all the time, and notes how long each request waits. It is one of its own
// so that what an attack costs the attacker is not taken for a wait. Its argument is {@link Watched} as JSON; it sends what it
// noted whenever a message comes.

import { readFileSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** What a request looks like that is sent again and again. */
export interface Probe {
  name: string;
  method: string;
  path: string;
  bearer: string | null;
  /** Bytes of its body. */
  bytes: number;
}

export interface Watched {
  origin: string;
  /** The process of the service. */
  pid: number;
  probes: Probe[];
}

/** One request: when it began, and milliseconds until its answer was whole, without those in which the machine let the
 * service's thread wait for a processor. */
export interface Sample {
  name: string;
  at: number;
  ms: number;
  status: number;
}

const EVERY_MS = 50;
const LIMIT_MS = 120_000;
/** Nobody else comes from there. */
const NETWORK = "192.0.2.77";

const { origin, pid, probes } = JSON.parse(process.argv[2] ?? "") as Watched;
const { hostname, port } = new URL(origin);
const samples: Sample[] = [];

/** Milliseconds for which the main thread of the service was ready to run and had no processor. */
function starvedMs(): number {
  const [, waited = "0"] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
  return Number(waited) / 1e6;
}

function ask({ method, path, bearer, bytes }: Probe): Promise<number> {
  const headers = {
    "CF-Connecting-IP": NETWORK,
    ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }),
    ...(bytes === 0 ? {} : { "Content-Length": bytes }),
  };
  return new Promise((resolve) => {
    const options = { hostname, port, method, path, headers, agent: false, timeout: LIMIT_MS };
    const sent = request(options, (reply) => {
      reply.resume().on("close", () => resolve(reply.complete ? (reply.statusCode ?? 0) : 0));
    });
    sent.on("error", () => resolve(0)).on("timeout", () => sent.destroy());
    sent.end(Buffer.alloc(bytes, "x"));
  });
}

/** Requests under way, by the name of their probe. */
const underWay = new Map<string, Promise<void>>();

async function note(probe: Probe): Promise<void> {
  const [at, starved] = [performance.timeOrigin + performance.now(), starvedMs()];
  const status = await ask(probe);
  const took = performance.timeOrigin + performance.now() - at;
  const ms = Math.max(0, took - (starvedMs() - starved));
  samples.push({ name: probe.name, at, ms, status });
}

async function watch(probe: Probe): Promise<never> {
  for (;;) {
    const next = delay(EVERY_MS);
    const noted = note(probe);
    underWay.set(probe.name, noted);
    await noted;
    await next;
  }
}

process.once("disconnect", () => process.exit());
process.on("message", async () => {
  await Promise.all(underWay.values()); // a request that still waits counts, too
  process.send?.(samples.splice(0));
});
await Promise.all(probes.map(watch));
