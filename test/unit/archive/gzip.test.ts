import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";

import type { ArchiveEntry } from "../../../src/archive/entry.ts";
import { gzipStream } from "../../../src/archive/gzip.ts";
import { CHUNK_SIZE } from "../../../src/archive/piece-reader.ts";
import { tarHeader, tarPadding, tarPieces } from "../../../src/archive/tar.ts";
import { concat, inOrder, KiB, makeMember, MODIFIED_AT, noise, readAll } from "./members.ts";

function gzipOf(entries: Iterable<ArchiveEntry>): ReadableStream<Uint8Array> {
  return gzipStream(tarPieces(inOrder(entries)));
}

function gunzip(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return readAll(stream.pipeThrough(new DecompressionStream("gzip")));
}

/** Makes a member of `bytes` kept in R2, of which the header says `size`. */
async function storeMember(path: string, bytes: Uint8Array, size: number): Promise<ArchiveEntry> {
  await env.BUCKET.put(path, bytes);
  const open = async () => {
    const object = await env.BUCKET.get(path);
    if (object === null) {
      throw new Error("Nothing was stored");
    }
    return object.body;
  };
  return { path, size, modifiedAt: MODIFIED_AT, open };
}

/** Compares long runs of bytes without printing them. */
async function digest(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Gives a reader that does not wait time to do all that it is ever going to do. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** Gives entries for ever, and tells whether it has been ended. */
function endless(make: (index: number) => ArchiveEntry) {
  const state = { taken: 0, isEnded: false };
  async function* entries() {
    try {
      for (;;) {
        yield make(state.taken++);
      }
    } finally {
      state.isEnded = true;
    }
  }
  return { state, entries: entries() };
}

describe("gzipStream()", () => {
  it.each([
    ["of two small files", [5, 600]],
    ["of one empty file", [0]],
    ["of empty files between others", [0, 10, 0, 0, 512, 0]],
    ["of files that end around a chunk", [CHUNK_SIZE - 512, CHUNK_SIZE, CHUNK_SIZE + 1, 1]],
    ["of one file of many chunks", [3 * 1024 * KiB + 77]],
    ["of many small files", Array.from({ length: 700 }, (_, index) => index)],
  ])("unpacks to the tar %s", async (_, sizes) => {
    const files = sizes.map((size, index) => ({ path: `f/${index}`, bytes: noise(size, index) }));
    const expected: Uint8Array[] = [];
    for (const { path, bytes } of files) {
      const size = bytes.length;
      expected.push(tarHeader({ path, size, modifiedAt: MODIFIED_AT }), bytes, tarPadding(size));
    }
    expected.push(new Uint8Array(1024));
    const tar = await gunzip(gzipOf(files.map(({ path, bytes }) => makeMember(path, bytes))));
    expect(await digest(tar)).toBe(await digest(await concat(expected)));
  });

  it("unpacks to two blocks of zeros without entries", async () => {
    expect(await gunzip(gzipOf([]))).toEqual(new Uint8Array(1024));
  });

  it("compresses what can be compressed", async () => {
    const zip = await readAll(gzipOf([makeMember("zeros", new Uint8Array(4 * 1024 * KiB))]));
    expect(zip.length).toBeLessThan(16 * KiB);
  });

  it("reads members from R2", async () => {
    const bytes = noise(700 * KiB);
    const stored = await storeMember("member", bytes, bytes.length);
    const inMemory = makeMember("member", bytes);
    expect(await digest(await readAll(gzipOf([stored])))).toBe(
      await digest(await readAll(gzipOf([inMemory]))),
    );
  });

  it("gives the same bytes however the members are cut and the output is read", async () => {
    const text = new TextEncoder().encode("the same line again\n".repeat(40_000));
    const bytes = await concat([noise(300 * KiB), text]);
    const digests = new Set<string>();
    for (const cut of [777, 64 * KiB, 1024 * KiB]) {
      digests.add(await digest(await readAll(gzipOf([makeMember("a", bytes, { cut })]))));
    }
    const parts: Uint8Array[] = [];
    const reader = gzipOf([makeMember("a", bytes)]).getReader({ mode: "byob" });
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1000));
      if (done) {
        break;
      }
      parts.push(value);
    }
    digests.add(await digest(await concat(parts)));
    expect(digests.size).toBe(1);
  });

  it("opens a member only after it has read the one before", async () => {
    const events: string[] = [];
    const entries = ["a", "b"].map((path) => {
      const member = makeMember(path, noise(600 * KiB));
      const open = async () => {
        events.push(`open ${path} after ${entries.map((entry) => entry.traces.bytesGiven).join()}`);
        return member.open();
      };
      return { ...member, open };
    });
    await readAll(gzipOf(entries));
    expect(events).toEqual(["open a after 0,0", `open b after ${600 * KiB},0`]);
  });

  it("reads no more than a few chunks ahead of a consumer that does not read", async () => {
    const member = makeMember("a", noise(8 * 1024 * KiB));
    const reader = gzipOf([member]).getReader();
    await settle();
    expect(member.traces.bytesGiven).toBeLessThanOrEqual(2 * CHUNK_SIZE);
    await reader.read();
    await settle();
    expect(member.traces.bytesGiven).toBeLessThanOrEqual(4 * CHUNK_SIZE);
    await reader.cancel();
  });

  it("takes no more entries than a consumer that does not read has room for", async () => {
    const { state, entries } = endless((index) => makeMember(`${index}`, noise(64 * KiB)));
    const stream = gzipStream(tarPieces(entries));
    await settle();
    expect(state.taken).toBeLessThan(12);
    await stream.cancel();
  });
});

describe("gzipStream() with a member that breaks its word", () => {
  const before = () => makeMember("before", noise(10));
  const after = () => makeMember("after", noise(10));

  it.each([
    ["an empty stream", 0, 1],
    ["one byte less", 99, 100],
    ["one byte less than a chunk", CHUNK_SIZE - 1, CHUNK_SIZE],
    ["chunks less", CHUNK_SIZE, 5 * CHUNK_SIZE],
  ])("errors the output on %s", async (_, length, size) => {
    const last = after();
    const stream = gzipOf([before(), makeMember("short", noise(length), { size }), last]);
    await expect(readAll(stream)).rejects.toThrow('Cannot archive "short": it ends before its');
    expect(last.traces.opened).toBe(0);
  });

  it.each([
    ["one byte more", 101, 100],
    ["one byte more than a chunk", CHUNK_SIZE + 1, CHUNK_SIZE],
    ["chunks more", 5 * CHUNK_SIZE, CHUNK_SIZE],
  ])("errors the output on %s, and cancels the member", async (_, length, size) => {
    const long = makeMember("long", noise(length), { size });
    const stream = gzipOf([before(), long, after()]);
    await expect(readAll(stream)).rejects.toThrow('Cannot archive "long": it has more than its');
    expect(long.traces.cancelledFor).toBeInstanceOf(Error);
  });

  it.each([
    ["shorter", CHUNK_SIZE - 1, "it ends before its"],
    ["longer", CHUNK_SIZE + 1, "it has more than its"],
  ])("errors the output on an object in R2 that is %s", async (_, length, message) => {
    const stored = await storeMember("object", noise(length), CHUNK_SIZE);
    await expect(readAll(gzipOf([stored]))).rejects.toThrow(`Cannot archive "object": ${message}`);
  });

  it("errors the output with the error of the member's stream", async () => {
    const open = async () => {
      const { readable, writable } = new FixedLengthStream(1000);
      const writer = writable.getWriter();
      void writer.write(noise(500)).then(() => writer.abort(new Error("R2 went away")));
      return readable;
    };
    const broken = { path: "broken", size: 1000, modifiedAt: MODIFIED_AT, open };
    await expect(readAll(gzipOf([before(), broken]))).rejects.toThrow("R2 went away");
  });

  it("errors the output when a member cannot be opened", async () => {
    const open = async () => {
      throw new Error("No such object");
    };
    const { state, entries } = endless((index) => ({ ...makeMember(`${index}`, noise(1)), open }));
    await expect(readAll(gzipStream(tarPieces(entries)))).rejects.toThrow("No such object");
    expect(state).toEqual({ taken: 1, isEnded: true });
  });

  it("errors the output when the entries cannot be listed", async () => {
    async function* entries() {
      yield before();
      throw new Error("No such table");
    }
    await expect(readAll(gzipStream(tarPieces(entries())))).rejects.toThrow("No such table");
  });

  it("never ends the output cleanly", async () => {
    const reader = gzipOf([
      makeMember("short", noise(CHUNK_SIZE), { size: CHUNK_SIZE + 1 }),
    ]).getReader();
    await expect(async () => {
      for (;;) {
        const { done } = await reader.read();
        expect(done).toBe(false);
      }
    }).rejects.toThrow('Cannot archive "short"');
    await expect(reader.read()).rejects.toThrow('Cannot archive "short"');
  });
});

describe("gzipStream() with a consumer that cancels", () => {
  it("cancels the open member and ends the entries", async () => {
    const members = [makeMember("0", noise(8 * 1024 * KiB)), makeMember("1", noise(1))] as const;
    const { state, entries } = endless((index) => members[index === 0 ? 0 : 1]);
    const reader = gzipStream(tarPieces(entries)).getReader();
    await reader.read();
    await reader.cancel(new Error("Client went away"));
    await vi.waitFor(() => expect(state.isEnded).toBe(true));
    expect(members[0].traces.cancelledFor).toEqual(new Error("Client went away"));
    expect(state.taken).toBe(1);
    expect(members[0].traces.bytesGiven).toBeLessThanOrEqual(4 * CHUNK_SIZE);
  });

  it("cancels the open member before anything has been read", async () => {
    const member = makeMember("0", noise(8 * 1024 * KiB));
    const { state, entries } = endless(() => member);
    await gzipStream(tarPieces(entries)).cancel(new Error("Not wanted"));
    await vi.waitFor(() => expect(state.isEnded).toBe(true));
    expect(member.traces.bytesGiven).toBeLessThanOrEqual(2 * CHUNK_SIZE);
  });

  it("ends the entries while it waits for more of a slow member", async () => {
    const member = makeMember("slow", noise(8 * 1024 * KiB));
    const gate = Promise.withResolvers<void>();
    const open = async () => {
      await gate.promise;
      return member.open();
    };
    const { state, entries } = endless(() => ({ ...member, open }));
    const reader = gzipStream(tarPieces(entries)).getReader();
    const read = reader.read();
    await reader.cancel(new Error("Client went away"));
    await expect(read).rejects.toThrow("Client went away");
    gate.resolve();
    await vi.waitFor(() => expect(state.isEnded).toBe(true));
    expect(member.traces.bytesGiven).toBeLessThanOrEqual(2 * CHUNK_SIZE);
  });
});
