// Bodies that a request to the Worker has in memory: read by the piece, in memory that is leased as they arrive.

import { REQUEST } from "../budget/budget.ts";
import type { Budget, Lease } from "../budget/budget.ts";
import { contestedFloor, firstBufferOf, RELAY, WORK } from "../budget/shares.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { bodyWasRead } from "./after-body.ts";
import { BodyCheck, readBodyPromise } from "./body-check.ts";
import { BodyError, BodyReader } from "./body-reader.ts";
import { payerOfRequest } from "./paid-by.ts";

/** The most bytes of a body, and the refusal of one that has more. */
interface Bounds {
  limit: number;
  tooLong: ErrorCode;
}

type Refusals = Record<BodyError["reason"], ErrorCode>;

const TEXT_REFUSALS: Refusals = { incomplete: "request_incomplete", stalled: "request_stalled" };
const FILE_REFUSALS: Refusals = {
  incomplete: "upload_body_incomplete",
  stalled: "upload_body_stalled",
};

/** What a text may be: its most bytes, the refusal of one that has more, and whether it may be a form. */
interface TextTerms {
  limit?: number;
  tooLong?: ErrorCode;
  form?: "refused" | "taken";
}

/** Reads a body of UTF-8 text, and gives what `use` makes of it while its memory is leased. Refuses one of more than
 * `limit` bytes before it is read, or while it arrives, and one that is not what the headers say. */
export async function useText<T>(
  request: Request,
  use: (text: string) => Promise<T>,
  { limit = LIMITS.jsonBody, tooLong = "request_malformed", form = "refused" }: TextTerms = {},
): Promise<T> {
  const { headers, body } = request;
  const { promise } = valueOf(readBodyPromise(headers, "content"));
  const check = new BodyCheck(form === "taken" ? { ...promise, boundary: null } : promise);
  if (body === null) {
    requirePromised(check);
    return use("");
  }
  const length = parseCount(headers.get("Content-Length") ?? "") ?? limit;
  if (length > limit) {
    throw new AppError(tooLong, `body is over ${limit} bytes`);
  }
  const read = async (lease: Lease) => {
    const bounds = { limit, tooLong, length };
    const text = await readText(body, { budget: WORK, lease }, bounds, check);
    await bodyWasRead(request);
    return use(text);
  };
  return WORK.use(length * LIMITS.valuesHeld, REQUEST, read, payerOfRequest(request));
}

/** Reads a request's body of so many bytes, and gives what `use` makes of them while their memory is leased. */
export function useBytes<T>(
  request: Request,
  body: ReadableStream<Uint8Array>,
  length: number,
  use: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  const read = async (lease: Lease) => use(await readBytes(body, { budget: RELAY, lease }, length));
  return RELAY.use(length, REQUEST, read, payerOfRequest(request));
}

interface Held {
  budget: Budget;
  lease: Lease;
}

async function readText(
  body: ReadableStream<Uint8Array>,
  { budget, lease }: Held,
  { limit, tooLong, length }: Bounds & { length: number },
  check: BodyCheck,
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  await readAll(body, TEXT_REFUSALS, async (reader) => {
    let view: Uint8Array = new Uint8Array(Math.max(firstBufferOf(length), 1));
    for (let count = 1; count > 0;) {
      await grow(budget, lease, (reader.received + view.length) * LIMITS.textHeld);
      const read = await reader.read(view, 0);
      if (reader.received > limit) {
        throw new AppError(tooLong, `body is over ${limit} bytes`);
      }
      ({ count } = read);
      const bytes = read.buffer.subarray(0, count);
      check.update(bytes);
      text += decode(decoder, bytes);
      view = read.buffer;
    }
    await grow(budget, lease, reader.received * LIMITS.valuesHeld);
  });
  requirePromised(check);
  return text + decode(decoder, null);
}

function requirePromised(check: BodyCheck): void {
  const refusal = check.finish();
  if (refusal !== null) {
    throw new AppError(refusal);
  }
}

/** The next characters; null is the end. Others in the place of bytes that are none would be stored as if meant. */
function decode(decoder: TextDecoder, bytes: Uint8Array | null): string {
  try {
    return bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    throw new AppError("request_malformed", "body is not UTF-8");
  }
}

async function readBytes(
  body: ReadableStream<Uint8Array>,
  { budget, lease }: Held,
  length: number,
): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array();
  await readAll(body, FILE_REFUSALS, async (reader) => {
    while (reader.received < length) {
      const filled = reader.received;
      if (filled === bytes.length) {
        const size = Math.min(length, Math.max(4 * bytes.length, firstBufferOf(length)));
        await grow(budget, lease, size);
        const larger = new Uint8Array(size);
        larger.set(bytes);
        bytes = larger;
      }
      const read = await reader.read(bytes, filled);
      if (read.count === 0) {
        throw new BodyError("incomplete");
      }
      bytes = read.buffer;
    }
  });
  return bytes;
}

/** Runs the reading of a body, which is given up when that fails. */
async function readAll(
  body: ReadableStream<Uint8Array>,
  refusals: Refusals,
  work: (reader: BodyReader) => Promise<void>,
): Promise<void> {
  const reader = new BodyReader(body, contestedFloor);
  try {
    await work(reader);
  } catch (error) {
    reader.cancel();
    if (error instanceof BodyError) {
      throw new AppError(refusals[error.reason]);
    }
    throw error;
  }
}

async function grow(budget: Budget, lease: Lease, to: number): Promise<void> {
  if (!budget.tryGrow(lease, to)) {
    await budget.grow(lease, to);
  }
}
