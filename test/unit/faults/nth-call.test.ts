// Every call to R2, D1 and an upload object that a job makes is made to fail (fault-jobs.ts), and every call of a download. A sweep that comes late
// enough leaves nothing behind.
// SECURITY.md: ASVS 2.3.3, 16.5.3.

import { abortAllDurableObjects } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import type { CallKind } from "../support/calls.ts";
import { expectInvariants, expectNothingLeft } from "../support/invariants.ts";
import { client, expectPublished, failEach, insist, JOBS, MODES, PART } from "./fault-jobs.ts";

describe.each(Object.entries(JOBS))("%s", (_name, { prepare, kinds, modes = MODES }) => {
  it.each(modes)(
    `survives any call's fault: %s`,
    async (mode) => {
      // What fails before its effect goes on failing until the client comes again, whatever the service tries.
      const plan = { mode, lasting: mode === "before", ...(kinds && { only: kinds }) };
      expect(await failEach(prepare, plan)).toBeGreaterThan(0);
    },
    60_000,
  );
});

describe("a completion of R2 that takes effect when nobody expects it any more", () => {
  it("costs no byte that was appended meanwhile", async () => {
    const [name, content] = ["late", bytes(2 * PART + 3_000, 9_000_001)];
    const uuid = await client.upload(content.subarray(0, PART + 100));
    calls.arm({ from: 1, mode: "late", lasting: true, only: ["r2A"] });
    expect((await client.truncate(uuid, 2_000)).status).toBe(503);
    expect(calls.heal()).toBe(LIMITS.storageAttempts);

    await insist(() => client.append(uuid, content.subarray(PART + 100)));
    await calls.deliverLate();
    await abortAllDurableObjects();
    await insist(() => client.convert(uuid, name));
    await expectPublished(name, content);
    await expectInvariants();
  });
});

/** What a client gets: all bytes of a body that ends cleanly, or null for an error or a cut. */
async function download(path: string): Promise<Uint8Array | null> {
  const response = await client.send("GET", path);
  if (response.status !== 200) {
    expect(response.status).toBeGreaterThanOrEqual(500);
    return null;
  }
  return new Uint8Array(await response.arrayBuffer());
}

describe("a download", () => {
  const small = bytes(10_000, 9_000_002);
  const large = bytes(100_000, 9_000_003);
  let id = 0;

  beforeAll(async () => {
    const files = { "d/large": large, "d/small": small };
    ({ id } = await (await client.declare(files)).json<{ id: number }>());
    for (const [path, content] of Object.entries(files)) {
      await insist(() => client.send("PUT", `/api/1.0/artifact/${id}/files/${path}`, content));
    }
  });

  it.each(["d/large", "?archive=tar", "?archive=zip", "?archive=tar.gz"])(
    "of %s never ends cleanly without all its bytes, whichever call fails",
    async (path) => {
      const whole = await download(`/a/${id}/${path}`);
      for (const mode of ["before", "after"] as const) {
        let fired = 1;
        for (let from = 1; fired > 0; from += 1) {
          calls.arm({ from, mode, lasting: false });
          const got = await download(`/a/${id}/${path}`).catch(() => null);
          fired = calls.heal();
          expect([null, whole]).toContainEqual(got);
          expect(fired === 0 && got === null).toBe(false);
        }
      }
    },
  );
});

describe("after all of these", () => {
  it("nothing is left behind", async () => {
    await expectNothingLeft();
  });

  it("every kind of call has failed in every way that it can", () => {
    const kinds: CallKind[] = ["r2A", "r2B", "r2Body", "r2Free", "d1", "object"];
    const all = kinds.flatMap((kind) => [`before ${kind}`, `after ${kind}`]);
    expect([...calls.injected.keys()]).toEqual(
      expect.arrayContaining([...all, "crash r2A", "crash d1"]),
    );
    expect([...calls.injected.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(250);
  });
});
