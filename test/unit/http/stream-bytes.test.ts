// How bodies end when something goes wrong, through the responses that carry them.

import { describe, expect, it, vi } from "vitest";

import { respondWithBytes, respondWithStream, type ByteSource } from "../../../src/http/content.ts";
import { makeSource } from "./make-source.ts";

const SIZE = 10_000;

/** Every kind of body, with room for a failure at byte 5000. */
const bodies: [string, (source: ByteSource) => Response][] = [
  ["the whole", (source) => get(source, null)],
  ["one range", (source) => get(source, "bytes=1000-8999")],
  ["several ranges", (source) => get(source, "bytes=0-99,1000-8999")],
  [
    "a stream",
    (source) =>
      respondWithStream(
        new Request("https://stowage.example/"),
        source,
        { start: 0, end: SIZE },
        new Headers(),
      ),
  ],
];

const bodiesWithLength = bodies.filter(([name]) => name !== "a stream");

function get(source: ByteSource, range: string | null) {
  const headers = new Headers(range === null ? {} : { Range: range });
  return respondWithBytes(
    new Request("https://stowage.example/", { headers }),
    source,
    new Headers(),
  );
}

/** Replaces how a source sends its bytes. */
function sending(send: ByteSource["send"]): ByteSource {
  return { ...makeSource(SIZE), send };
}

async function write(to: WritableStream<Uint8Array>, count: number) {
  const writer = to.getWriter();
  try {
    await writer.write(new Uint8Array(count));
  } finally {
    writer.releaseLock();
  }
}

describe("a body whose source fails", () => {
  it.each(bodies)("rejects for the reader of %s in the middle", async (_name, respond) => {
    const source = makeSource(SIZE, 5000);
    const reading = respond(source).arrayBuffer();
    await expect(reading).rejects.toThrow("Cannot read the blob");
    expect(source.outcomes.at(-1)).toBe("stopped");
    expect(source.taken).toBeGreaterThan(0);
  });

  it.each(bodies)("rejects for the reader of %s before the first byte", async (_name, respond) => {
    await expect(respond(makeSource(SIZE, 0)).arrayBuffer()).rejects.toThrow(
      "Cannot read the blob",
    );
  });

  it.each(bodies)(
    "rejects for the reader of %s when send() throws at once",
    async (_name, respond) => {
      const source = sending(() => {
        throw new Error("Cannot open the blob");
      });
      await expect(respond(source).arrayBuffer()).rejects.toThrow("Cannot open the blob");
    },
  );

  it.each(bodies)("rejects for the reader of %s when a pipe breaks", async (_name, respond) => {
    const source = sending(async (_start, _end, to) => {
      let pulls = 0;
      const broken = new ReadableStream<Uint8Array>({
        pull(controller) {
          pulls += 1;
          if (pulls > 3) {
            controller.error(new Error("Lost the blob"));
          } else {
            controller.enqueue(new Uint8Array(10));
          }
        },
      });
      await broken.pipeTo(to, { preventClose: true });
    });
    await expect(respond(source).arrayBuffer()).rejects.toThrow("Lost the blob");
  });

  it.each(bodiesWithLength)(
    "rejects for the reader of %s when bytes are missing",
    async (_name, respond) => {
      const source = sending((start, end, to) => write(to, end - start - 1));
      await expect(respond(source).arrayBuffer()).rejects.toThrow("did not see all expected bytes");
    },
  );

  it.each(bodiesWithLength)(
    "rejects for the reader of %s when there are too many bytes",
    async (_name, respond) => {
      const source = sending((start, end, to) => write(to, end - start + 1));
      await expect(respond(source).arrayBuffer()).rejects.toThrow("too many bytes");
    },
  );
});

describe("a body whose reader leaves", () => {
  it.each(bodies)("stops the source of %s", async (_name, respond) => {
    const source = makeSource(SIZE);
    const reader = respond(source).body?.getReader();
    await reader?.read();
    await reader?.cancel("gone");

    await vi.waitFor(() => expect(source.outcomes).toEqual(["stopped"]));
    const { taken } = source;
    await scheduler.wait(20);
    expect(source.taken).toBe(taken);
    expect(taken).toBeLessThan(SIZE / 2);
  });

  it.each(bodies)("cancels what is piped into %s", async (_name, respond) => {
    const cancelled = Promise.withResolvers<string>();
    const source = sending(async (_start, _end, to) => {
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
        cancel: (reason) => cancelled.resolve(String(reason)),
      });
      await endless.pipeTo(to, { preventClose: true });
    });
    const reader = respond(source).body?.getReader();
    await reader?.read();
    await reader?.cancel("gone");
    expect(await cancelled.promise).toContain("gone");
  });

  it.each(bodies)("stops the source of %s before the first read", async (_name, respond) => {
    const source = makeSource(SIZE);
    await respond(source).body?.cancel("gone");
    expect(source.taken).toBe(0);
  });

  it.each(bodies)("asks no more of the source of %s than is read", async (_name, respond) => {
    const source = makeSource(SIZE);
    const reader = respond(source).body?.getReader();
    await reader?.read();
    await scheduler.wait(20);
    expect(source.taken).toBeLessThan(SIZE / 2);
    await reader?.cancel();
  });

  it.each(bodies)("leaves no unhandled rejection behind in %s", async (_name, respond) => {
    const unhandled: unknown[] = [];
    const remember = (event: PromiseRejectionEvent) => void unhandled.push(event.reason);
    addEventListener("unhandledrejection", remember);
    const reader = respond(makeSource(SIZE)).body?.getReader();
    await reader?.read();
    await reader?.cancel("gone");
    await respond(makeSource(SIZE)).body?.cancel("gone");
    await scheduler.wait(20);
    removeEventListener("unhandledrejection", remember);
    expect(unhandled).toEqual([]);
  });
});
