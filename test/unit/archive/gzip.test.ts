import { describe, expect, it } from "vitest";

import type { ArchiveEntry, ArchivePiece } from "../../../src/archive/entry.ts";
import { gzipStream } from "../../../src/archive/gzip.ts";
import { bytes, hexDigest } from "../support/bytes.ts";

const MiB = 1024 * 1024;

function member(content: Uint8Array, size = content.length): ArchivePiece {
  const entry: ArchiveEntry = {
    path: "doc/a.bin",
    size,
    modifiedAt: 0,
    open: async () => new Blob([content]).stream(),
  };
  return { kind: "member", entry };
}

async function* listed(pieces: ArchivePiece[]): AsyncGenerator<ArchivePiece> {
  yield* pieces;
}

function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Response(stream).bytes();
}

function gunzip(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return readAll(stream.pipeThrough(new DecompressionStream("gzip")));
}

describe("gzipStream()", () => {
  it("is the gzip of the pieces in order", async () => {
    const [one, two] = [bytes(3 * MiB + 7, 1), bytes(300_000, 2)];
    const literal = new TextEncoder().encode("between");
    const pieces = [member(one), { kind: "bytes" as const, bytes: literal }, member(two)];
    const expected = await new Blob([one, literal, two]).bytes();
    const unzipped = await gunzip(gzipStream(listed(pieces)));
    expect(await hexDigest("SHA-256", unzipped)).toBe(await hexDigest("SHA-256", expected));
  });

  it("gives the same bytes for the same pieces", async () => {
    const content = bytes(700_000, 3);
    const zip = () => readAll(gzipStream(listed([member(content)])));
    expect(await zip()).toEqual(await zip());
  });

  it("is a valid gzip of nothing", async () => {
    expect(await gunzip(gzipStream(listed([])))).toEqual(new Uint8Array());
  });

  it.each([
    ["is shorter than it said", member(bytes(1_000, 4), 1_001)],
    ["is longer than it said", member(bytes(1_000, 5), 999)],
    [
      "cannot be opened",
      {
        kind: "member" as const,
        entry: { path: "a", size: 1, modifiedAt: 0, open: () => Promise.reject(new Error("gone")) },
      },
    ],
  ])("errors, and does not end, when a member %s", async (_what, broken) => {
    await expect(readAll(gzipStream(listed([broken])))).rejects.toThrow(/Cannot archive|gone/u);
  });

  it("opens members only as far as it is read, and gives them up when cancelled", async () => {
    let opened = 0;
    let cancelled = 0;
    let returned = false;
    const content = bytes(4 * MiB, 6);
    async function* endless(): AsyncGenerator<ArchivePiece> {
      try {
        for (;;) {
          yield {
            kind: "member",
            entry: {
              path: "a",
              size: content.length,
              modifiedAt: 0,
              open: async () => {
                opened += 1;
                return new ReadableStream({
                  type: "bytes",
                  start: (controller) => controller.enqueue(content.slice()),
                  cancel: () => {
                    cancelled += 1;
                  },
                });
              },
            },
          };
        }
      } finally {
        returned = true;
      }
    }
    const reader = gzipStream(endless()).getReader();
    await reader.read();
    await scheduler.wait(50);
    expect(opened).toBe(1);
    await reader.cancel("enough");
    await scheduler.wait(10);
    expect({ opened, cancelled, returned }).toEqual({ opened: 1, cancelled: 1, returned: true });
  });
});
