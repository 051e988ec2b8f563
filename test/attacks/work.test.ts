// Work that a stranger shapes: what is small to send and much to do, for every operation that takes it. However it looks, nobody
// waits for longer than HELD_MS because of one request of somebody else: work goes in short stretches (SECURITY.md, T15, T36).

import { setTimeout as delay } from "node:timers/promises";

import { beforeAll, describe, expect, it } from "vitest";

import { ARCHIVES } from "./support/archives.ts";
import { largestBodiesOf, longAddressesOf } from "./support/largest.ts";
import { OPERATIONS, addressOf, bodyOf, makeThings, membersOf } from "./support/operations.ts";
import type { Operation, Things } from "./support/operations.ts";
import { NOTHING, overAll } from "./support/over-all.ts";
import { send } from "./support/send.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const BYTES = "application/octet-stream";
/** Milliseconds for which an archive is watched: what blocks does it at once. */
const LONGEST_MS = 5_000;

/** Milliseconds that a request may wait longer because of one request of somebody else. */
const HELD_MS = 500;

let tenant: Tenant;
let things: Things;

beforeAll(async () => {
  tenant = await makeTenant();
  things = await makeThings(tenant);
});

/** Sends something to an operation; the status. */
function sendTo(
  operation: Operation,
  path: string,
  body: string | Uint8Array | null,
): Promise<number> {
  const { method, mediaType } = operation;
  const headers = {
    Authorization: `Bearer ${tenant.bearer}`,
    ...(body === null ? {} : { "Content-Type": mediaType ?? "application/json" }),
  };
  return send({ method, path, headers, body });
}

describe("every operation", () => {
  it("with addresses as long as they get holds nobody up", async () => {
    const seen = await overAll(
      "long addresses",
      async (operation) => {
        const body = bodyOf(operation, tenant, things);
        const statuses: number[] = [];
        for (const path of longAddressesOf(operation, tenant, things)) {
          statuses.push(await sendTo(operation, path, body));
        }
        return statuses;
      },
      HELD_MS,
    );
    expect(seen).toEqual(NOTHING);
  }, 600_000);

  it("with each member of its body as large as it gets holds nobody up", async () => {
    const seen = await overAll(
      "large members",
      async (operation) => {
        const statuses: number[] = [];
        for (const body of largestBodiesOf(operation, tenant, things)) {
          const path = addressOf(operation, tenant, things);
          statuses.push(await sendTo(operation, path, body));
        }
        return statuses;
      },
      HELD_MS,
    );
    expect(seen).toEqual(NOTHING);
  }, 600_000);

  it("that takes bytes holds nobody up with archives", async () => {
    const seen = await overAll(
      "archives as bytes",
      async (operation) => {
        const statuses: number[] = [];
        for (const make of operation.mediaType === BYTES ? Object.values(ARCHIVES) : []) {
          statuses.push(await sendTo(operation, addressOf(operation, tenant, things), make()));
        }
        return statuses;
      },
      HELD_MS,
    );
    expect(seen).toEqual(NOTHING);
  }, 600_000);
});

async function uploadOf(bytes: Uint8Array): Promise<string> {
  const uuid = await service.openUpload(tenant.bearer);
  await service.append(uuid, bytes as Uint8Array<ArrayBuffer>, tenant.bearer);
  return uuid;
}

/** Operations that make something of an upload, each with one of what they may be asked for. */
const CONVERSIONS = OPERATIONS.flatMap((operation) => {
  const members = membersOf(operation);
  const flags = Object.keys(members).filter((name) => members[name] === "boolean");
  return "upload_uuid" in members ? flags.map((flag) => ({ operation, flag })) : [];
});

/** Converts an upload, waits for its end, but not for long, and removes what came of it. */
async function convert(operation: Operation, flag: string, uuid: string): Promise<void> {
  const body = { upload_uuid: uuid, [flag]: true };
  const path = addressOf(operation, tenant, things);
  const response = await service.send(operation.method, path, body, tenant.bearer);
  if (response.status !== 200) {
    await response.arrayBuffer();
    return;
  }
  const { uuid: artifact } = (await response.json()) as { uuid: string };
  const end = Date.now() + LONGEST_MS;
  const isUnderWay = async () => {
    const reply = await service.send("GET", `/artifacts/${artifact}`, undefined, tenant.bearer);
    return ((await reply.json()) as { state?: string }).state === "initial";
  };
  while (Date.now() < end && (await isUnderWay())) {
    await delay(200);
  }
  await service.send("DELETE", `/artifacts/${artifact}`, undefined, tenant.bearer);
}

describe("an archive that is converted, in any way there is,", () => {
  it.each(Object.keys(ARCHIVES))("of %s holds nobody up", async (kind) => {
    const bytes = ARCHIVES[kind]?.() ?? Buffer.alloc(0);
    const harm: string[] = [];
    for (const { operation, flag } of CONVERSIONS) {
      const uuid = await uploadOf(bytes);
      const title = `${kind}, ${operation.name} with ${flag}`;
      harm.push(...harmOf(await watched(title, () => convert(operation, flag, uuid)), HELD_MS));
    }
    expect(harm).toEqual([]);
  });

  it("has a way there is", () => {
    expect(CONVERSIONS.map(({ flag }) => flag)).toContain("explode");
  });
});

describe("a declaration", () => {
  it("of 100,000 files holds nobody up", async () => {
    const files = Array.from(
      { length: 100_000 },
      (_, at) =>
        `"${at}/f":{"type":"file","size":1,"checksums":{"sha256":"${at.toString(16).padStart(64, "0")}"}}`,
    );
    const body = `{"category":"a:b","workspace":"${tenant.name}","files":{${files.join(",")}}}`;
    const seen = await watched("a declaration of 100,000 files", async () => {
      const init = { method: "POST", bearer: tenant.bearer, body };
      const response = await service.fetch("/api/1.0/artifact/", init);
      await response.text();
      return response.status;
    });
    expect(harmOf(seen)).toEqual([]);
  });
});

describe("pages about files", () => {
  const TEXTS = [
    ["[](", "md"],
    ["$", "java"],
    ["'\"`", "js"],
    ["/*", "c"],
    ["\\", "py"],
    ["\n", "txt"],
  ] as const;

  it("whose text is made to be hard to read hold nobody up", async () => {
    const ids = await Promise.all(
      TEXTS.map(async ([text, extension]) => {
        const bytes = Buffer.from(text.repeat((512 * KiB) / text.length));
        return (await service.upload(`f.${extension}`, bytes, tenant.bearer)).id;
      }),
    );
    const ask = async (id: number, extension: string) => {
      const init = { bearer: tenant.bearer, headers: { Accept: "text/html" } };
      await (await service.fetch(`/a/${id}/f.${extension}?view`, init)).text();
    };
    const seen = await watched("pages about hard texts", () =>
      Promise.all(
        TEXTS.flatMap(([, extension], at) => [
          ask(ids[at] ?? 0, extension),
          ask(ids[at] ?? 0, extension),
        ]),
      ),
    );
    expect(harmOf(seen)).toEqual([]);
  });
});

describe("ranges", () => {
  it("by the thousand hold nobody up", async () => {
    const { id } = await service.upload("ranges", Buffer.alloc(4 * MiB, "r"), tenant.bearer);
    const many = Array.from({ length: 1_500 }, (_, at) => `${at * 2}-${at * 2}`).join(",");
    const ask = async (range: string) => {
      const init = { bearer: tenant.bearer, headers: { Range: `bytes=${range}` } };
      await (await service.fetch(`/a/${id}/ranges`, init)).arrayBuffer();
    };
    const asked = [many, "0-,0-,0-,0-", "-1,-2,-3,-4,-5", "0-0,2-2,4-4,6-6,8-8"];
    const seen = await watched("ranges", () =>
      Promise.all(Array.from({ length: 100 }, (_, at) => ask(asked[at % asked.length] ?? ""))),
    );
    expect(harmOf(seen)).toEqual([]);
  });
});
