import { LIMITS } from "../protocol/limits.ts";

/** Thrown when a request's body did not arrive as promised. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly reason: "incomplete" | "stalled";

  constructor(reason: "incomplete" | "stalled", cause?: unknown) {
    super(`Body ${reason}`, { cause });
    this.reason = reason;
  }
}

/** Reads a request's body straight into the caller's buffers. */
export class BodyReader {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #contestedFloor: () => number;
  #received = 0;
  /** Milliseconds waited for it and bytes received since it last made progress. */
  #waited = 0;
  #fresh = 0;
  #isStopped = false;
  #endWait = () => {};

  /** `contestedFloor` tells how many bytes must come within `LIMITS.bodyIdleContested` because others wait for this
   * body to end; 0: nobody does. A body need never bring more than the buffer that is read into. */
  constructor(body: ReadableStream<Uint8Array>, contestedFloor: () => number) {
    this.#reader = body.getReader({ mode: "byob" });
    this.#contestedFloor = contestedFloor;
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
    const begun = Date.now();
    const { value } = await this.#withinIdleLimit(this.#reader.read(view), begun);
    if (value === undefined) {
      throw new BodyError("incomplete");
    }
    this.#received += value.byteLength;
    this.#requireProgress(value.byteLength, Date.now() - begun, length);
    return { buffer: new Uint8Array(value.buffer, 0, length), count: value.byteLength };
  }

  /** Ends the read that waits, and those to come, as if the body stood still. */
  stop(): void {
    this.#isStopped = true;
    this.#endWait();
  }

  /** Gives up the rest of the body; does not wait for a client that may be gone. */
  cancel(): void {
    void this.#reader.cancel().catch(() => {});
  }

  /** A client that broke off and came back must not wait for its own dead connection, nor for one that sends a byte
   * now and then: a body that stands still is given up sooner when others wait. */
  async #withinIdleLimit<T>(read: Promise<T>, begun: number): Promise<T> {
    let timer: number | null = null;
    const stalled = new Promise<never>((_resolve, reject) => {
      this.#endWait = () => reject(new BodyError("stalled"));
      if (this.#isStopped) {
        this.#endWait();
      }
      timer = setInterval(() => {
        if (this.#contestedFloor() > 0 || Date.now() - begun >= LIMITS.bodyIdle) {
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

  /** Throws when bytes come, but too few for the time that was waited for them. */
  #requireProgress(count: number, waited: number, capacity: number): void {
    this.#fresh += count;
    this.#waited += waited;
    const contested = this.#contestedFloor();
    const limit = contested > 0 ? LIMITS.bodyIdleContested : LIMITS.bodyIdle;
    const enough = Math.max(Math.min(contested, capacity), LIMITS.bodyProgress);
    if (count === 0 || this.#fresh >= enough) {
      this.#fresh = 0;
      this.#waited = 0;
    } else if (this.#waited >= limit) {
      throw new BodyError("stalled");
    }
  }
}
