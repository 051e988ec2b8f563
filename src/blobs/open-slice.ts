// Reads of R2 on their way out, in turn. Whoever asks for many bytes at once would keep the others from the runtime's one
// thread: R2's local simulator pushes all that was asked for, at 100 MB/s and without a pause, whether or not
// somebody takes it (docs/decisions/006-archives-read-r2-in-windows.md).

import { REQUEST } from "../budget/budget.ts";
import { READING } from "../budget/shares.ts";
import type { Slice } from "./extents.ts";

/** Where bytes are read, and on whose behalf: those of one take turns with those of another. */
export interface Reading {
  bucket: R2Bucket;
  payer: string;
  /** Bytes of one read, at most. */
  window: number;
}

/** Opens a slice, in its turn; rejects when the object does not hold all of it. */
export async function openSlice(reading: Reading, slice: Slice): Promise<R2ObjectBody> {
  const { key, offset, length } = slice;
  const object = await ask(reading, slice);
  if (object === null || object.size < offset + length) {
    // R2 would give what there is and end cleanly.
    await object?.body.cancel();
    throw new Error(`Object ${key} has no ${length} bytes at ${offset}`);
  }
  return object;
}

async function ask({ bucket, payer }: Reading, slice: Slice): Promise<R2ObjectBody | null> {
  const { key, offset, length } = slice;
  const get = () => bucket.get(key, { range: { offset, length } });
  if (READING.isFree(length)) {
    return get();
  }
  const begin = async () => {
    const answer = get();
    answer.catch(() => undefined); // told below
    // A timer fires once others had their turn: after all that the simulator had to push, at once with R2.
    await scheduler.wait(1);
    return { answer };
  };
  const { answer } = await READING.run(length, REQUEST, begin, payer);
  return answer;
}
