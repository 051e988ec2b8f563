// Members for archive tests: byte streams with a chosen cut, and what became of them.

import type { ArchiveEntry } from "../../../src/archive/entry.ts";

export const KiB = 1024;
export const MODIFIED_AT = Date.UTC(2026, 10, 22, 12, 30, 15, 999);

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** What a reader has done to a member. */
export interface Traces {
  opened: number;
  bytesGiven: number;
  cancelledFor: unknown;
}

interface MemberOptions {
  /** What the header says, when that is not the truth. */
  size?: number;
  /** Bytes that the stream gives at a time. */
  cut?: number;
}

/** Makes a member that gives `bytes` and keeps traces of its reader. */
export function makeMember(
  path: string,
  bytes: Uint8Array,
  options: MemberOptions = {},
): ArchiveEntry & { traces: Traces } {
  const { size = bytes.length, cut = 64 * KiB } = options;
  const traces: Traces = { opened: 0, bytesGiven: 0, cancelledFor: null };
  const open = async () => {
    traces.opened++;
    let offset = 0;
    return new ReadableStream({
      type: "bytes",
      pull(controller) {
        const slice = bytes.slice(offset, offset + cut);
        if (slice.length === 0) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        offset += slice.length;
        traces.bytesGiven += slice.length;
        controller.enqueue(slice);
      },
      cancel(reason) {
        traces.cancelledFor = reason;
      },
    });
  };
  return { path, size, modifiedAt: MODIFIED_AT, open, traces };
}

/** Gives entries one at a time, as pages of a catalog do. */
export async function* inOrder<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Reads a stream to its end. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Joins runs of bytes. */
export async function concat(parts: Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
