import { afterEach, describe, expect, it, vi } from "vitest";

import { BodyReader } from "../../../src/http/body-reader.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";

const UNCONTESTED = (): number => 0;
const CONTESTED = (): number => LIMITS.bodyProgress;

afterEach(() => {
  vi.useRealTimers();
});

describe("BodyReader", () => {
  it("reads into the caller's buffer behind what is there, and finds the end", async () => {
    const reader = new BodyReader(new Blob(["cde"]).stream(), UNCONTESTED);
    const start = new TextEncoder().encode("ab------");
    const { buffer, count } = await reader.read(start, 2);
    expect([new TextDecoder().decode(buffer), count]).toEqual(["abcde---", 3]);
    expect((await reader.read(buffer, 5)).count).toBe(0);
    expect(reader.received).toBe(3);
  });

  it("never reads past the end of the buffer", async () => {
    const reader = new BodyReader(new Blob(["abcdef"]).stream(), UNCONTESTED);
    const { count } = await reader.read(new Uint8Array(4), 1);
    expect(count).toBe(3);
  });

  it("throws 'incomplete' when the stream breaks off", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const reader = new BodyReader(readable, UNCONTESTED);
    const writer = writable.getWriter();
    void writer.abort(new Error("Network connection lost.")).catch(() => {});
    await expect(reader.read(new Uint8Array(4), 0)).rejects.toMatchObject({ reason: "incomplete" });
  });

  it.each([
    ["a minute", UNCONTESTED, LIMITS.bodyIdle],
    ["three seconds while another request waits", CONTESTED, LIMITS.bodyIdleContested],
  ])("throws 'stalled' when nothing comes for %s", async (_words, isContested, limit) => {
    vi.useFakeTimers();
    const { readable } = new IdentityTransformStream();
    const reader = new BodyReader(readable, isContested);
    let outcome: unknown = null;
    const read = reader.read(new Uint8Array(4), 0).catch((error: unknown) => {
      outcome = error;
    });
    await vi.advanceTimersByTimeAsync(limit - 1);
    expect(outcome).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    await read;
    expect(outcome).toMatchObject({ reason: "stalled" });
    reader.cancel();
  });

  it.each([
    ["a minute", UNCONTESTED, LIMITS.bodyIdle],
    ["three seconds while another request waits", CONTESTED, LIMITS.bodyIdleContested],
  ])("throws 'stalled' when a byte a second comes for %s (T16)", async (_, isContested, limit) => {
    vi.useFakeTimers();
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const reader = new BodyReader(readable, isContested);
    let bytes = 0;
    const reads = async (): Promise<void> => {
      for (let buffer: Uint8Array = new Uint8Array(64 * 1024); ; bytes += 1) {
        ({ buffer } = await reader.read(buffer, bytes));
      }
    };
    const outcome = reads().catch((error: unknown) => error);
    for (let sent = 0; sent < limit / 1_000; sent += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      await writer.write(Uint8Array.of(sent));
    }
    expect(await outcome).toMatchObject({ reason: "stalled" });
    expect(bytes).toBe(limit / 1_000 - 1);
    reader.cancel();
  });

  it("goes on with a body that brings 16 KiB in three seconds while another waits", async () => {
    vi.useFakeTimers();
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const reader = new BodyReader(readable, CONTESTED);
    const size = LIMITS.bodyProgress / 2;
    for (let sent = 0; sent < 8; sent += 1) {
      const read = reader.read(new Uint8Array(size), 0);
      await vi.advanceTimersByTimeAsync(1_500 - 1);
      const [{ count }] = await Promise.all([read, writer.write(new Uint8Array(size))]);
      expect(count).toBe(size);
    }
  });

  it.each([
    ["a large buffer", LIMITS.bodyContested, 100 * 1024, "stalled"],
    ["a large buffer", LIMITS.bodyContested, LIMITS.bodyContested, null],
    ["a small buffer", LIMITS.firstBuffer, LIMITS.firstBuffer, null],
  ])(
    "of %s of %i bytes that brings %i in three seconds while others wait for memory: %s",
    async (_, capacity, brought, wanted) => {
      vi.useFakeTimers();
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      const reader = new BodyReader(readable, () => LIMITS.bodyContested);
      const outcomes: unknown[] = [];
      const reads = async (): Promise<void> => {
        for (let buffer: Uint8Array = new Uint8Array(capacity); ;) {
          ({ buffer } = await reader.read(buffer, 0));
        }
      };
      void reads().catch((error: unknown) => outcomes.push(error));
      for (let second = 0; second < 9 && outcomes.length === 0; second += 1) {
        await vi.advanceTimersByTimeAsync(999);
        await writer.write(new Uint8Array(Math.ceil(brought / 3)));
      }
      expect(outcomes).toEqual(
        wanted === null ? [] : [expect.objectContaining({ reason: wanted })],
      );
      reader.cancel();
    },
  );
});
