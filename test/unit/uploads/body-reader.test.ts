import { afterEach, describe, expect, it, vi } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { BodyReader } from "../../../src/uploads/body-reader.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("BodyReader", () => {
  it("reads into the caller's buffer behind what is there, and finds the end", async () => {
    const reader = new BodyReader(new Blob(["cde"]).stream());
    const start = new TextEncoder().encode("ab------");
    const { buffer, count } = await reader.read(start, 2);
    expect([new TextDecoder().decode(buffer), count]).toEqual(["abcde---", 3]);
    expect((await reader.read(buffer, 5)).count).toBe(0);
    expect(reader.received).toBe(3);
  });

  it("never reads past the end of the buffer", async () => {
    const reader = new BodyReader(new Blob(["abcdef"]).stream());
    const { count } = await reader.read(new Uint8Array(4), 1);
    expect(count).toBe(3);
  });

  it("throws 'incomplete' when the stream breaks off", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const reader = new BodyReader(readable);
    const writer = writable.getWriter();
    void writer.abort(new Error("Network connection lost.")).catch(() => {});
    await expect(reader.read(new Uint8Array(4), 0)).rejects.toMatchObject({ reason: "incomplete" });
  });

  it("throws 'stalled' when nothing comes for a minute", async () => {
    vi.useFakeTimers();
    const { readable } = new IdentityTransformStream();
    const reader = new BodyReader(readable);
    const read = reader.read(new Uint8Array(4), 0).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(LIMITS.bodyIdle);
    expect(await read).toMatchObject({ reason: "stalled" });
    await reader.cancel();
  });
});
