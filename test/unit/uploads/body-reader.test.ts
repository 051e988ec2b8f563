import { afterEach, describe, expect, it, vi } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { BodyReader } from "../../../src/uploads/body-reader.ts";

const UNCONTESTED = (): boolean => false;

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
    ["three seconds while another request waits", (): boolean => true, LIMITS.bodyIdleContested],
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
});
