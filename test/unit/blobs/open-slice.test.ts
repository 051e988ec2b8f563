// Reads of R2 on their way out take turns (SECURITY.md, T36).

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { openSlice } from "../../../src/blobs/open-slice.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { noise } from "../archive/members.ts";

const LENGTH = LIMITS.readAtOnce / 2;
const AT_ONCE = LIMITS.readAtOnce / LENGTH;

beforeAll(async () => {
  await env.BUCKET.put("window", noise(LENGTH, 1));
});

/** Reads windows on behalf of somebody, and notes whose R2 was asked for. */
function readerOf(asked: string[]) {
  return async (payer: string) => {
    const bucket = new Proxy(env.BUCKET, {
      get: (target, name) =>
        name === "get"
          ? (key: string, options: R2GetOptions) => {
              asked.push(payer);
              return target.get(key, options);
            }
          : Reflect.get(target, name),
    });
    const object = await openSlice(
      { bucket, payer, window: LENGTH },
      { key: "window", offset: 0, length: LENGTH },
    );
    return (await object.arrayBuffer()).byteLength;
  };
}

describe("openSlice()", () => {
  it("asks R2 for no more than LIMITS.readAtOnce before others are let in", async () => {
    const asked: string[] = [];
    const read = readerOf(asked);
    const all = Promise.all(Array.from({ length: 4 * AT_ONCE }, () => read("one")));
    await Promise.resolve();
    expect(asked).toHaveLength(AT_ONCE);
    expect(new Set(await all)).toEqual(new Set([LENGTH]));
    expect(asked).toHaveLength(4 * AT_ONCE);
  });

  it("lets another caller in before those of one that came first", async () => {
    const asked: string[] = [];
    const read = readerOf(asked);
    const many = Array.from({ length: 6 * AT_ONCE }, () => read("many"));
    await Promise.all([...many, read("another")]);
    expect(asked.indexOf("another")).toBeLessThanOrEqual(2 * AT_ONCE);
  });

  it("refuses an object that does not hold all of a slice", async () => {
    const reading = { bucket: env.BUCKET, payer: "one", window: LENGTH };
    const beyond = { key: "window", offset: 1, length: LENGTH };
    await expect(openSlice(reading, beyond)).rejects.toThrow("has no");
  });
});
