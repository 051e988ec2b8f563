// What an attack does to the others meanwhile: how much longer their requests wait, what fails for them, and by how much the
// process and the catalog grow.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { residentMiB } from "../../../bench/processes.ts";
import { catalogBytes, makeTenant, service, workerd } from "./target.ts";
import type { Probe, Sample, Watched } from "./watcher.ts";

/** Milliseconds that a request may wait longer because of another tenant. */
export const LONGEST_ADDED_MS = 1_000;
/** What the process may grow by: what the heaps of the Worker, of the objects and of the simulators may hold before they are
 * tidied up. */
const MOST_MIB = 512;
/** For which the service is watched before and after an attack. */
const QUIET_MS = 800;
const MEMORY_EVERY_MS = 50;
const KiB = 1024;

export interface Seen<T> {
  result: T;
  /** The most that a request of each kind waited longer than it does alone. */
  addedMs: Record<string, number>;
  /** Statuses of others' requests that were not 200; 0 for no answer. */
  failures: number[];
  memoryMiB: number;
  catalogBytes: number;
  samples: Sample[];
}

const WATCHER = fileURLToPath(new URL("watcher.ts", import.meta.url));

async function startNeighbour(): Promise<ChildProcess> {
  const { bearer } = await makeTenant();
  const upload = await service.openUpload(bearer);
  const { blob_uuid: blob } = await service.upload("file", Buffer.alloc(64 * KiB, "y"), bearer);
  const probes: Probe[] = [
    { name: "healthz", method: "GET", path: "/healthz", bearer: null, bytes: 0 },
    { name: "append", method: "POST", path: `/upload/${upload}`, bearer, bytes: 4 * KiB },
    { name: "download", method: "GET", path: `/blobs/${blob}/data`, bearer, bytes: 0 },
  ];
  const told: Watched = { origin: service.origin, pid: workerd, probes };
  return fork(WATCHER, [JSON.stringify(told)], { execArgv: [] });
}

async function takeSamples(watcher: ChildProcess): Promise<Sample[]> {
  watcher.send("samples");
  const [samples] = (await once(watcher, "message")) as [Sample[]];
  return samples;
}

/** Runs an attack while others use the service. */
export async function watched<T>(title: string, attack: () => Promise<T>): Promise<Seen<T>> {
  const watcher = await startNeighbour();
  try {
    await takeSamples(watcher); // the first of each opens what was never used
    await delay(QUIET_MS);
    const alone = worstByName(await takeSamples(watcher));
    const rows = catalogBytes();
    const { result, memoryMiB } = await watchMemory(attack);
    await delay(QUIET_MS);
    const samples = await takeSamples(watcher);
    const added = Object.entries(worstByName(samples)).map(([name, ms]) => [
      name,
      Math.max(0, ms - (alone[name] ?? 0)),
    ]);
    const seen = {
      result,
      addedMs: Object.fromEntries(added) as Record<string, number>,
      failures: samples.flatMap(({ status }) => (status === 200 ? [] : [status])),
      memoryMiB,
      catalogBytes: catalogBytes() - rows,
      samples,
    };
    report(title, seen);
    return seen;
  } finally {
    watcher.disconnect();
  }
}

/** Runs something and gives by how much the process of the service grew at most meanwhile. */
async function watchMemory<T>(run: () => Promise<T>): Promise<{ result: T; memoryMiB: number }> {
  const before = residentMiB(workerd) ?? 0;
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMiB(workerd) ?? 0);
  }, MEMORY_EVERY_MS);
  try {
    return { result: await run(), memoryMiB: peak - before };
  } finally {
    clearInterval(timer);
  }
}

function worstByName(samples: readonly Sample[]): Record<string, number> {
  const worst: Record<string, number> = {};
  for (const { name, ms } of samples) {
    worst[name] = Math.max(worst[name] ?? 0, ms);
  }
  return worst;
}

function report(title: string, seen: Seen<unknown>): void {
  const waits = Object.entries(seen.addedMs).map(([name, ms]) => `${name} ${Math.round(ms)} ms`);
  const grown = `memory ${Math.round(seen.memoryMiB)} MiB, catalog ${Math.round(seen.catalogBytes / KiB)} KiB`;
  const failed = seen.failures.length === 0 ? "" : `, ${seen.failures.length} of others refused`;
  console.log(`${title}: ${waits.join(", ")} longer at worst; ${grown}${failed}`);
}

/** What an attack must not have done to others, or to the process that they share. */
export function harmOf(
  { addedMs, failures, memoryMiB }: Seen<unknown>,
  longestMs = LONGEST_ADDED_MS,
): string[] {
  const large = memoryMiB > MOST_MIB ? [`memory grew by ${Math.round(memoryMiB)} MiB`] : [];
  const slow = Object.entries(addedMs)
    .filter(([, ms]) => ms > longestMs)
    .map(([name, ms]) => `${name} waited ${Math.round(ms)} ms longer`);
  const refused = new Set(failures.map((status) => `others were answered ${status}`));
  return [...slow, ...refused, ...large];
}
