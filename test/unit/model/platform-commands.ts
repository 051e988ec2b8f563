// What happens to the service: time, the cron, restarts and faults; and what others try.

import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect } from "vitest";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { expectStatus, settle, TRIES } from "./ask.ts";
import { breakCalls, isArmed, unbroken } from "./breakage.ts";
import type { Breakage } from "./breakage.ts";
import { command } from "./command.ts";
import { expectSound } from "./invariants.ts";
import { applySweep, IDLE, pick } from "./model.ts";
import type { Model } from "./model.ts";
import { moveClock } from "./service.ts";

const HOUR = 3_600_000;
const any = fc.nat(99);
const hasUploads = ({ uploads }: Model) => uploads.length > 0;

export const fault = command("fault", {
  weight: 9,
  args: fc.record<Breakage>({
    target: fc.constantFrom("r2", "d1", "object"),
    mode: fc.constantFrom("before", "after", "crash"),
    skip: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4),
    // From the fourth on R2 has failed for good: three attempts are made of each call.
    count: fc.constantFrom(1, 1, 1, 2, 4),
  }),
  ready: () => !isArmed(),
  async run(_model, breakage) {
    breakCalls(breakage);
  },
});

export const evict = command("evict", {
  weight: 2,
  args: fc.record({ upload: any }),
  ready: hasUploads,
  async run(model, { upload }) {
    const { client, uuid } = pick(model.uploads, upload);
    await settle(client, `/upload/${uuid}`); // only a running object can be evicted
    await evictDurableObject(env.UPLOADS.getByName(uuid));
  },
});

export const abort = command("abort all objects", {
  weight: 2,
  args: fc.constant(null),
  run: () => abortAllDurableObjects(),
});

export const wake = command("wake", {
  weight: 1,
  args: fc.record({ upload: any }),
  ready: hasUploads,
  run: (model, { upload }) => runAlarm(pick(model.uploads, upload).uuid),
});

/** An object may die in its alarm, which the platform then repeats. */
async function runAlarm(uuid: string): Promise<void> {
  for (let round = 1; round < TRIES; round += 1) {
    try {
      await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
      return;
    } catch {
      // Again.
    }
  }
  throw new Error("An alarm goes on failing");
}

export const tick = command("tick", {
  weight: 3,
  args: fc.record({ minutes: fc.constantFrom(7, 7, 300, 300, 25 * 60, 9 * 24 * 60) }),
  run: (model, { minutes }) => passTime(model, minutes * 60_000),
});

/** Lets time go by, then runs the alarms that are due, then the cron. */
export async function passTime(model: Model, milliseconds: number): Promise<void> {
  moveClock(milliseconds);
  for (const uuid of await unbroken(() => dueObjects(model))) {
    await runAlarm(uuid);
  }
  for (let round = 1; ; round += 1) {
    const { failures } = await sweep(env, IDLE, Date.now());
    if (failures === 0) {
      break;
    }
    expect(round, "a sweep goes on failing").toBeLessThan(TRIES);
  }
  applySweep(model);
}

async function dueObjects(model: Model): Promise<string[]> {
  const due = [];
  for (const { uuid } of [...model.uploads, ...model.converted]) {
    const alarm = await runInDurableObject(env.UPLOADS.getByName(uuid), (_object, { storage }) =>
      storage.getAlarm(),
    );
    if (alarm !== null && alarm <= Date.now()) {
      due.push(uuid);
    }
  }
  return due;
}

/** The sweep alone, as often as the cron likes. */
export const sweepAgain = command("sweep", {
  weight: 1,
  args: fc.constant(null),
  run: (model) => passTime(model, HOUR / 600),
});

export const inspect = command("inspect", {
  weight: 1,
  args: fc.constant(null),
  run: (model) => unbroken(() => expectSound(model)),
});

type Thing = { uuid: string; id: number };

/** What tells of a thing, and must not tell a stranger that it is there. */
const PATHS: ((thing: Thing) => string)[] = [
  ({ uuid }) => `/upload/${uuid}`,
  ({ uuid }) => `/upload/${uuid}/truncate/0`,
  ({ uuid }) => `/artifacts/${uuid}`,
  ({ uuid }) => `/artifacts/${uuid}/versions/1`,
  ({ uuid }) => `/artifacts/${uuid}/events`,
  ({ id }) => `/api/1.0/artifact/${id}/`,
];

/** A workspace asks for what belongs to another: the answer is that about what does not exist. */
export const intrude = command("intrude", {
  weight: 1,
  args: fc.record({ what: any, by: fc.constantFrom("GET", "POST", "DELETE") }),
  ready: ({ uploads, artifacts }) => uploads.length + artifacts.length > 0,
  async run(model, { what, by }) {
    const all = [...model.uploads.map((upload) => ({ ...upload, id: 0 })), ...model.artifacts];
    const { client, uuid, id } = pick(all, what);
    const stranger = model.clients.find((one) => one !== client) ?? client;
    const nothing = { uuid: crypto.randomUUID(), id: 999_999_999 };
    for (const path of PATHS) {
      const real = await settle(stranger, path({ uuid, id }), { method: by });
      const unreal = await settle(stranger, path(nothing), { method: by });
      expect(real.status, `${by} ${path({ uuid, id })}`).toBe(unreal.status);
      expect(real.status).toBeGreaterThanOrEqual(400);
    }
    // These numbers can be counted up: that one is taken is no secret, what it is of is one.
    const page = await settle(stranger, `/a/${id}/`);
    expectStatus(page, "a foreign page", 403, 404);
  },
});
