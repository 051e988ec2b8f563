import { describe, expect, it, vi } from "vitest";

import { CHUNK_SIZE, gzipStream, TooSlow } from "../../../src/archive/gzip.ts";
import { bodyOfUnknownLength, writeBytes } from "../../../src/http/stream-bytes.ts";
import { concat, digestOf, KiB, noise, readAll } from "./members.ts";

/** Writes bytes, so many at a time, and tells what became of it. */
function source(bytes: Uint8Array, cut = 64 * KiB) {
  const traces = { taken: 0, failedFor: null as unknown };
  const stream = bodyOfUnknownLength(async (to) => {
    try {
      for (let at = 0; at < bytes.length; at += cut) {
        const part = bytes.subarray(at, at + cut);
        await writeBytes(to, part);
        traces.taken += part.length;
      }
    } catch (error) {
      traces.failedFor = error;
      throw error;
    }
  });
  return { stream, traces };
}

function gunzip(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return readAll(stream.pipeThrough(new DecompressionStream("gzip")));
}

/** Gives a reader that does not wait time to do all that it is ever going to do. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

describe("gzipStream()", () => {
  it.each([0, 1, 511, 512, 513, 512 + CHUNK_SIZE, 513 + CHUNK_SIZE, 3 * 1024 * KiB + 77])(
    "unpacks to the %d bytes that it was made of",
    async (length) => {
      const bytes = noise(length);
      const unpacked = await gunzip(gzipStream(source(bytes).stream));
      expect(await digestOf(unpacked)).toBe(await digestOf(bytes));
    },
  );

  it("compresses what can be compressed", async () => {
    const gzip = await readAll(gzipStream(source(new Uint8Array(4 * 1024 * KiB)).stream));
    expect(gzip.length).toBeLessThan(16 * KiB);
  });

  it("gives the same bytes however the source is written and the output is read", async () => {
    const text = new TextEncoder().encode("the same line again\n".repeat(40_000));
    const bytes = await concat([noise(300 * KiB), text]);
    const digests = new Set<string>();
    for (const cut of [777, 64 * KiB, 1024 * KiB]) {
      digests.add(await digestOf(await readAll(gzipStream(source(bytes, cut).stream))));
    }
    const parts: Uint8Array[] = [];
    const reader = gzipStream(source(bytes).stream).getReader({ mode: "byob" });
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1000));
      if (done) {
        break;
      }
      parts.push(value);
    }
    digests.add(await digestOf(await concat(parts)));
    expect(digests.size).toBe(1);
  });

  it("begins with the first block of its source, while the second is still awaited", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = bodyOfUnknownLength(async (to) => {
      await writeBytes(to, noise(512));
      await gate.promise;
    });
    const reader = gzipStream(slow).getReader();
    const { value } = await reader.read();
    expect(value?.subarray(0, 3).toHex()).toBe("1f8b08");
    gate.resolve();
    await reader.cancel();
  });

  it("reads no more than a few chunks ahead of a consumer that does not read", async () => {
    const { stream, traces } = source(noise(8 * 1024 * KiB));
    const reader = gzipStream(stream).getReader();
    await settle();
    expect(traces.taken).toBeLessThanOrEqual(2 * CHUNK_SIZE);
    await reader.read();
    await settle();
    expect(traces.taken).toBeLessThanOrEqual(4 * CHUNK_SIZE);
    await reader.cancel();
  });
});

describe("gzipStream() of a source that breaks", () => {
  it.each([0, 100, CHUNK_SIZE, 5 * CHUNK_SIZE])(
    "errors with its error after %d bytes, and never ends cleanly",
    async (length) => {
      const broken = bodyOfUnknownLength(async (to) => {
        await writeBytes(to, noise(length));
        throw new Error("R2 went away");
      });
      const reader = gzipStream(broken).getReader();
      await expect(async () => {
        for (;;) {
          expect((await reader.read()).done).toBe(false);
        }
      }).rejects.toThrow("R2 went away");
      await expect(reader.read()).rejects.toThrow("R2 went away");
    },
  );
});

describe("gzipStream() with a consumer that cancels", () => {
  it("cancels the source in the middle", async () => {
    const { stream, traces } = source(noise(8 * 1024 * KiB));
    const reader = gzipStream(stream).getReader();
    await reader.read();
    await reader.cancel(new Error("Client went away"));
    await vi.waitFor(() => expect(traces.failedFor).toEqual(new Error("Client went away")));
    expect(traces.taken).toBeLessThanOrEqual(4 * CHUNK_SIZE);
  });

  it("cancels the source before anything has been read", async () => {
    const { stream, traces } = source(noise(8 * 1024 * KiB));
    await gzipStream(stream).cancel(new Error("Not wanted"));
    await vi.waitFor(() => expect(traces.failedFor).toEqual(new Error("Not wanted")));
  });
});

describe("gzipStream() with a consumer that is too slow for those who wait for its memory", () => {
  it("is cut off, never ended, and gives the memory back", async () => {
    const { stream, traces } = source(noise(8 * 1024 * KiB));
    let isFree = false;
    const whileWanted = async (taken: Promise<void>): Promise<void> => {
      const late = scheduler.wait(50).then(() => Promise.reject(new TooSlow("Too slow")));
      await Promise.race([taken, late]);
    };
    const free = () => {
      isFree = true;
    };
    const reader = gzipStream(stream, { whileWanted, free }).getReader();
    await vi.waitFor(() => expect(isFree).toBe(true));
    await expect(async () => {
      for (;;) {
        expect((await reader.read()).done).toBe(false);
      }
    }).rejects.toThrow("Network connection lost.");
    await vi.waitFor(() => expect(traces.failedFor).toEqual(new TooSlow("Too slow")));
  });
});
