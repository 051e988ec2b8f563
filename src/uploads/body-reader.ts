import { LIMITS } from "../protocol/limits.ts";

/** Thrown when a request's body did not arrive as promised. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly reason: "incomplete" | "stalled" | "altered";

  constructor(reason: "incomplete" | "stalled" | "altered", cause?: unknown) {
    super(`Body ${reason}`, { cause });
    this.reason = reason;
  }
}

/** Reads a request's body straight into the caller's buffers. */
export class BodyReader {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #isContested: () => boolean;
  #received = 0;

  /** `isContested` tells whether another request waits for this one to end. */
  constructor(body: ReadableStream<Uint8Array>, isContested: () => boolean) {
    this.#reader = body.getReader({ mode: "byob" });
    this.#isContested = isContested;
  }

  /** Bytes read so far. */
  get received(): number {
    return this.#received;
  }

  /** Reads at least one byte into `buffer` at `position`, or finds the end. The buffer is handed over and
   * comes back as another view of the same memory: the old one must not be used again. */
  async read(buffer: Uint8Array, position: number): Promise<{ buffer: Uint8Array; count: number }> {
    const size = Math.min(LIMITS.readView, buffer.length - position);
    const { length } = buffer;
    const view = new Uint8Array(buffer.buffer, position, size);
    const { value } = await this.#withinIdleLimit(this.#reader.read(view));
    if (value === undefined) {
      throw new BodyError("incomplete");
    }
    this.#received += value.byteLength;
    return { buffer: new Uint8Array(value.buffer, 0, length), count: value.byteLength };
  }

  /** Gives up the rest of the body; does not wait for a client that may be gone. */
  cancel(): void {
    void this.#reader.cancel().catch(() => {});
  }

  /** A client that broke off and came back must not wait for its own dead connection: a body that stands
   * still is given up sooner when another request waits. */
  async #withinIdleLimit<T>(read: Promise<T>): Promise<T> {
    const begun = Date.now();
    let timer: number | null = null;
    const stalled = new Promise<never>((_resolve, reject) => {
      timer = setInterval(() => {
        if (this.#isContested() || Date.now() - begun >= LIMITS.bodyIdle) {
          reject(new BodyError("stalled"));
        }
      }, LIMITS.bodyIdleContested);
    });
    try {
      return await Promise.race([read, stalled]);
    } catch (error) {
      throw error instanceof BodyError ? error : new BodyError("incomplete", error);
    } finally {
      clearInterval(timer);
    }
  }
}
