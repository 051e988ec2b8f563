// What happens to the service: time, the cron, restarts and faults; and what others try.

import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";

import { sweep } from "../../../src/artifacts/sweep.ts";
import { calls } from "../support/calls.ts";
import type { FaultPlan } from "../support/calls.ts";
import { expectInvariants } from "../support/invariants.ts";
import { watchedEnv } from "../support/watched-worker.ts";
import { expectSame, expectStatus, settle } from "./ask.ts";
import { command, isFaultOrdered, orderFault } from "./command.ts";
import { expectUsage } from "./left-over.ts";
import { applySweep, IDLE, pick } from "./model.ts";
import type { Model } from "./model.ts";
import { moveClock } from "./service.ts";

const HOUR = 3_600_000;
const any = fc.nat(99);
const hasUploads = ({ uploads }: Model) => uploads.length > 0;

/** The kinds of calls that fail together. */
const KINDS = {
  r2: ["r2A", "r2B", "r2Free"],
  body: ["r2Body"],
  d1: ["d1"],
  object: ["object"],
} as const;

export const fault = command("fault", {
  weight: 9,
  args: fc.record({
    kind: fc.constantFrom("r2", "r2", "body", "d1", "d1", "object"),
    mode: fc.constantFrom<FaultPlan["mode"]>("before", "after", "crash"),
    from: fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 5),
    lasting: fc.boolean(),
  }),
  ready: () => !isFaultOrdered(),
  async run(_model, { kind, ...plan }) {
    orderFault({ ...plan, only: KINDS[kind] });
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

/** Has the objects of all uploads that no client knows, as an answer was lost, do what they still mean to. */
export async function wakeUnknown(model: Model): Promise<void> {
  const known = new Set([...model.uploads, ...model.files].map(({ uuid }) => uuid));
  const { results } = await env.DB.prepare("SELECT uuid FROM uploads").all<{ uuid: string }>();
  for (const { uuid } of results.filter((row) => !known.has(row.uuid))) {
    await runAlarm(uuid);
  }
}

/** An object may die in its alarm, which the platform then repeats. */
async function runAlarm(uuid: string): Promise<void> {
  try {
    await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
  } catch {
    calls.heal();
    await runDurableObjectAlarm(env.UPLOADS.getByName(uuid));
  }
}

export const tick = command("tick", {
  weight: 3,
  args: fc.record({ minutes: fc.constantFrom(7, 7, 300, 300, 25 * 60, 9 * 24 * 60) }),
  run: (model, { minutes }) => passTime(model, minutes * 60_000),
});

/** Lets time go by, then runs the alarms that are due, then the cron. */
export async function passTime(model: Model, milliseconds: number): Promise<void> {
  moveClock(milliseconds);
  for (const uuid of await dueObjects(model)) {
    await runAlarm(uuid);
  }
  const { failures } = await sweep(watchedEnv, IDLE, Date.now());
  if (failures > 0) {
    calls.heal();
    const again = await sweep(watchedEnv, IDLE, Date.now());
    expectSame(again.failures, 0, "failures of the sweep after one that failed");
  }
  applySweep(model);
}

async function dueObjects(model: Model): Promise<string[]> {
  const due = [];
  for (const { uuid } of [...model.uploads, ...model.files, ...model.converted]) {
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

/** The invariants hold, and the model's figures. */
export async function expectSound(model: Model): Promise<void> {
  calls.heal();
  await expectInvariants();
  await expectUsage(model);
}

export const inspect = command("inspect", {
  weight: 1,
  args: fc.constant(null),
  run: expectSound,
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
      expectSame(real.status, unreal.status, `${by} ${path({ uuid, id })}`);
      if (real.status < 400) {
        throw new Error(`A stranger may ${by} ${path({ uuid, id })}`);
      }
    }
    // These numbers can be counted up: that one is taken is no secret, what it is of is one.
    const page = await settle(stranger, `/a/${id}/`);
    expectStatus(page, "a foreign page", 403, 404);
  },
});
