// Bodies that are written by a function. The promise they keep: a body ends cleanly only when all
// of it was written; otherwise the connection is cut, so that no client takes a part for the whole.

/**
 * Writes a body into `to` and leaves it open and unlocked, also when it rejects: an abort cannot get
 * through a lock, and the client would wait for ever.
 */
export type Fill = (to: WritableStream<Uint8Array>) => Promise<void>;

/** A body of exactly `length` bytes; a `fill` that writes fewer or more cuts the connection too. */
export function bodyOfLength(length: number, fill: Fill): ReadableStream<Uint8Array> {
  return pour(new FixedLengthStream(length), fill);
}

/**
 * A body whose length is not told to the client, which sees its end by the last chunk. Here only
 * `fill` knows how much there is to write, and rejects when it cannot.
 */
export function bodyOfUnknownLength(fill: Fill): ReadableStream<Uint8Array> {
  return pour(new IdentityTransformStream(), fill);
}

/** Writes one piece and leaves `to` open and unlocked. */
export async function writeBytes(to: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = to.getWriter();
  try {
    await writer.write(bytes);
  } finally {
    writer.releaseLock();
  }
}

function pour(pipe: IdentityTransformStream, fill: Fill): ReadableStream<Uint8Array> {
  void fillAndClose(pipe.writable, fill);
  return pipe.readable;
}

async function fillAndClose(writable: WritableStream<Uint8Array>, fill: Fill): Promise<void> {
  try {
    await fill(writable);
    await writable.close();
  } catch (reason) {
    // The reader gets the reason. When it is the reader that left, nobody does: workerd then still
    // takes the stream for locked and refuses the abort.
    await writable.abort(reason).catch(() => undefined);
  }
}
