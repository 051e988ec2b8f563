// Clients that take away: one deletes artifacts, one runs the sweep.

import { setTimeout as delay } from "node:timers/promises";

import { Lost } from "./world.ts";
import type { World } from "./world.ts";

/** Deletes artifacts that were acknowledged, now and then. */
export async function deleteArtifacts(world: World): Promise<void> {
  while (!world.isStopping) {
    await delay(150 + world.random.upTo(300));
    const names = [...world.artifacts.keys()].filter((name) => !world.busy.has(name));
    const name = names.length > 2 ? world.random.pick(names) : undefined;
    if (name !== undefined) {
      world.busy.add(name);
      await deleteOne(world, name);
      world.busy.delete(name);
    }
  }
}

async function deleteOne(world: World, name: string): Promise<void> {
  const uuid = world.artifacts.get(name)?.uuid ?? "";
  while (world.artifacts.has(name)) {
    try {
      await world.ask(
        "delete",
        (service, bearer) => service.fetch(`/artifacts/${uuid}`, { method: "DELETE", bearer }),
        async (response) => {
          const text = await response.text();
          // 404: the lost answer said that it was deleted.
          if (response.status !== 200 && response.status !== 404) {
            world.problems.push(`delete ${uuid}: ${response.status} ${text}`);
          }
        },
      );
      world.artifacts.delete(name);
    } catch (error) {
      await afterLoss(world, error);
    }
  }
}

/** Fires the cron again and again. */
export async function runSweeps(world: World): Promise<void> {
  while (!world.isStopping) {
    await delay(200 + world.random.upTo(600));
    await sweepOnce(world);
  }
}

/** Fires the cron, until it ran. */
export async function sweepOnce(world: World): Promise<void> {
  try {
    await world.sweep();
  } catch (error) {
    await afterLoss(world, error);
  }
}

async function afterLoss(world: World, error: unknown): Promise<void> {
  if (!(error instanceof Lost)) {
    throw error;
  }
  await world.waitForServer();
}

/** Has everything checked and repaired again and again, as `npm run fsck -- --repair` does. What is missing cannot be
 * repaired, and nothing may be missing. */
export async function runRepairs(world: World, systemKey: string): Promise<void> {
  while (!world.isStopping) {
    await delay(300 + world.random.upTo(1_500));
    try {
      await repairOnce(world, systemKey);
    } catch (error) {
      await afterLoss(world, error);
    }
  }
}

interface Page {
  cursor: string | null;
  differences: { kind: string; subject: string; detail: string; repaired: boolean }[];
}

async function repairOnce(world: World, systemKey: string): Promise<void> {
  let cursor: string | null = null;
  do {
    const from: object = cursor === null ? {} : { cursor };
    const page = await world.ask<Page>(
      "fsck",
      async (service) => {
        const system = await service.login("system", systemKey);
        return service.send("POST", "/fsck", { ...from, repair: true, deep: 5 }, system);
      },
      async (response) => (await response.json()) as Page,
    );
    for (const { kind, subject, detail, repaired } of page.differences) {
      world.differences.set(kind, (world.differences.get(kind) ?? 0) + 1);
      if (!repaired) {
        world.problems.push(`fsck: ${kind} ${subject} (${detail})`);
      }
    }
    ({ cursor } = page);
  } while (cursor !== null);
}
