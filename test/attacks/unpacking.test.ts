// Archives that take long to unpack, of two tenants: a third one's is unpacked meanwhile (SECURITY.md, T15, T36).

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { tarOf } from "./support/archives.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const MiB = 1024 * 1024;
const HUGE = 2;
/** Milliseconds that a small archive may take beside huge ones. */
const LONGEST_MS = 15_000;
const GIVEN_UP_MS = 240_000;

/** Begins to unpack an archive; gives its artifact. */
async function explode({ bearer }: Tenant, archive: Buffer): Promise<string> {
  const upload = await service.openUpload(bearer);
  await service.append(upload, archive as Uint8Array<ArrayBuffer>, bearer);
  const body = { upload_uuid: upload, explode: true, artifact_type: "other" };
  return (await service.json<{ uuid: string }>("POST", "/artifacts/upload/a", body, bearer)).uuid;
}

async function stateOf({ bearer }: Tenant, artifact: string): Promise<string> {
  const reply = await service.send("GET", `/artifacts/${artifact}`, undefined, bearer);
  return ((await reply.json()) as { state: string }).state;
}

async function waitForEnd(tenant: Tenant, artifact: string): Promise<string> {
  const end = Date.now() + GIVEN_UP_MS;
  for (let state = "initial"; ; await delay(100)) {
    state = await stateOf(tenant, artifact);
    if (state !== "initial" || Date.now() > end) {
      return state;
    }
  }
}

describe("archives that take long", () => {
  it(`of ${HUGE} tenants let a third one's be unpacked meanwhile`, async () => {
    const huge = gzipSync(tarOf("f", Buffer.from(randomBytes(48 * MiB).toString("hex"))), {
      level: 1,
    });
    const small = gzipSync(tarOf("f", Buffer.from("small")));
    const tenants = await Promise.all(Array.from({ length: HUGE }, () => makeTenant()));
    const other = await makeTenant();
    const seen = await watched(`${HUGE} huge archives`, async () => {
      const begun = await Promise.all(tenants.map((tenant) => explode(tenant, huge)));
      await delay(1_000); // both are being unpacked
      const from = performance.now();
      const state = await waitForEnd(other, await explode(other, small));
      const ms = performance.now() - from;
      const others = await Promise.all(
        tenants.map((tenant, at) => stateOf(tenant, begun[at] ?? "")),
      );
      console.log(`A small archive beside ${HUGE} huge ones: ${Math.round(ms)} ms`);
      return { state, ms, others, begun };
    });
    const { state, ms, others, begun } = seen.result;
    expect({ state, others }).toEqual({ state: "created", others: ["initial", "initial"] });
    expect(ms).toBeLessThan(LONGEST_MS);
    expect(harmOf(seen)).toEqual([]);
    // Those that let it go first end as well, with the right bytes.
    const ended = await Promise.all(
      tenants.map((tenant, at) => waitForEnd(tenant, begun[at] ?? "")),
    );
    expect(ended).toEqual(["created", "created"]);
  });
});
