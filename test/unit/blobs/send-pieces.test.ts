import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import type { Piece } from "../../../src/blobs/join-pieces.ts";
import { sendPieces } from "../../../src/blobs/send-pieces.ts";
import { SENDING } from "../../../src/budget/shares.ts";
import { bodyOfUnknownLength } from "../../../src/http/stream-bytes.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { concat, digestOf, KiB, noise, readAll } from "../archive/members.ts";

const OBJECTS = {
  a: noise(600 * KiB, 1),
  b: noise(200 * KiB, 2),
} as const;
type Key = keyof typeof OBJECTS;

beforeAll(async () => {
  await Promise.all(Object.entries(OBJECTS).map(([key, bytes]) => env.BUCKET.put(key, bytes)));
});

const slice = (key: string, offset: number, length: number): Piece => ({
  kind: "slice",
  slice: { key, offset, length },
});
const atHand = (bytes: Uint8Array): Piece => ({ kind: "bytes", bytes });

function bytesOf(piece: Piece): Uint8Array<ArrayBuffer> {
  if (piece.kind === "bytes") {
    return piece.bytes as Uint8Array<ArrayBuffer>;
  }
  const { key, offset, length } = piece.slice;
  return OBJECTS[key as Key].subarray(offset, offset + length);
}

/** Sends batches of pieces, and says which reads of R2 it took and whether the batches were ended. */
function send(...batches: Piece[][]) {
  const traces = { reads: [] as string[], batches: 0, isEnded: false };
  const bucket = new Proxy(env.BUCKET, {
    get: (target, name) =>
      name === "get"
        ? (key: string, options: { range: { offset: number; length: number } }) => {
            const { offset, length } = options.range;
            traces.reads.push(`${key} ${offset}+${length}`);
            return target.get(key, options);
          }
        : Reflect.get(target, name),
  });
  async function* inTurn() {
    try {
      for (const batch of batches) {
        traces.batches += 1;
        yield batch;
      }
    } finally {
      traces.isEnded = true;
    }
  }
  const body = bodyOfUnknownLength((to) =>
    sendPieces({ bucket, payer: "somebody", window: LIMITS.readWindow }, inTurn(), to),
  );
  return { body, traces };
}

describe("sendPieces()", () => {
  it("sends any pieces in their order, byte for byte", async () => {
    const someSlice = fc
      .record({
        key: fc.constantFrom<Key>("a", "b"),
        from: fc.double({ min: 0, max: 1, noNaN: true }),
        length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 150 * KiB })),
      })
      .map(({ key, from, length }) =>
        slice(key, Math.floor(from * (OBJECTS[key].length - length)), length),
      );
    const someBytes = fc
      .integer({ min: 1, max: 2000 })
      .map((length) => atHand(noise(length, length)));
    const someBatches = fc.array(fc.array(fc.oneof(someSlice, someBytes), { maxLength: 12 }), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(someBatches, async (batches) => {
        const expected = await concat(batches.flat().map(bytesOf));
        expect(await digestOf(await readAll(send(...batches).body))).toBe(await digestOf(expected));
      }),
      { numRuns: 60 },
    );
  });

  it("reads slices that lie near each other in an object at once", async () => {
    const head = atHand(noise(512));
    const pieces = [
      head,
      slice("a", 512, 1000),
      head,
      slice("a", 2048, 1000),
      head,
      slice("a", 2048 + 1000 + LIMITS.smallSlice, 10),
    ];
    const { body, traces } = send(pieces);
    await readAll(body);
    expect(traces.reads).toEqual([`a 512+${2536 + LIMITS.smallSlice + 10}`]);
  });

  it.each([
    ["in another object", slice("b", 2048, 10)],
    ["before the last", slice("a", 100, 10)],
    ["over the last", slice("a", 1511, 10)],
    ["far behind", slice("a", 1512 + LIMITS.smallSlice + 1, 10)],
    ["in a large slice", slice("a", 1512, LIMITS.smallSlice + 1)],
  ])("reads what lies %s apart", async (_, other) => {
    const { body, traces } = send([slice("a", 0, 1), slice("a", 512, 1000), other]);
    await readAll(body);
    expect(traces.reads).toHaveLength(3);
  });

  it("reads no more than the first window for a client that takes nothing", async () => {
    const length = LIMITS.firstWindow + 3 * LIMITS.readWindow;
    await env.BUCKET.put("large", noise(length));
    const { body, traces } = send([slice("large", 0, length)]);
    await scheduler.wait(200);
    expect(traces.reads).toEqual([`large 0+${LIMITS.firstWindow}`]);
    expect((await readAll(body)).byteLength).toBe(length);
    const window = (at: number) => LIMITS.firstWindow + at * LIMITS.readWindow;
    expect(traces.reads.slice(1)).toEqual(
      [0, 1, 2].map((at) => `large ${window(at)}+${LIMITS.readWindow}`),
    );
  });

  it("reads at most LIMITS.groupLength bytes at once", async () => {
    const length = 16 * KiB;
    const pieces = Array.from({ length: 37 }, (_, index) => slice("a", index * length, length));
    const twice = [...pieces, ...pieces];
    const { body, traces } = send([atHand(noise(1)), ...twice]);
    expect(await digestOf(await readAll(body))).toBe(
      await digestOf(await concat([atHand(noise(1)), ...twice].map(bytesOf))),
    );
    expect(traces.reads).toEqual(Array.from({ length: 2 }, () => `a 0+${37 * length}`));
  });

  it("sends small pieces one by one, and waits for nobody, where there is no memory to read them together", async () => {
    const pieces = [slice("a", 0, 10), atHand(noise(7)), slice("a", 20, 1_000), slice("b", 5, 30)];
    const lease = SENDING.open(LIMITS.memoryShares.sending, "test");
    expect(SENDING.tryGrow(lease, lease.claim)).toBe(true);
    try {
      const { body, traces } = send(pieces);
      expect(await digestOf(await readAll(body))).toBe(
        await digestOf(await concat(pieces.map(bytesOf))),
      );
      expect(traces.reads).toEqual(["a 0+10", "a 20+1000", "b 5+30"]);
    } finally {
      SENDING.end(lease);
    }
    expect(SENDING.held).toBe(0);
  });

  it("sends the first piece before it looks for another", async () => {
    const { body, traces } = send([atHand(noise(1)), slice("a", 0, 10)], [slice("b", 0, 10)]);
    const reader = body.getReader();
    expect((await reader.read()).value).toHaveLength(1);
    expect(traces).toMatchObject({ reads: [], batches: 1 });
    await reader.cancel();
  });

  it("opens no more than LIMITS.piecesAhead behind the one that is sent", async () => {
    const far = Array.from({ length: 40 }, (_, index) =>
      slice(index % 2 === 0 ? "a" : "b", 0, LIMITS.smallSlice),
    );
    const { body, traces } = send(far);
    const reader = body.getReader({ mode: "byob" });
    await reader.readAtLeast(LIMITS.smallSlice, new Uint8Array(LIMITS.smallSlice));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The first, which was read, the second, which nobody takes, and those behind it.
    expect(traces.reads).toHaveLength(2 + LIMITS.piecesAhead);
    await reader.cancel();
  });

  it.each([
    ["is gone", slice("nothing", 0, 10)],
    ["is too short", slice("b", 200 * KiB - 5, 10)],
  ])("cuts the body where an object %s", async (_, missing) => {
    const { body, traces } = send([atHand(noise(10)), missing, atHand(noise(10))]);
    await expect(readAll(body)).rejects.toThrow("has no 10 bytes");
    expect(traces.isEnded).toBe(true);
  });
});
