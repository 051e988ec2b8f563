import { AppError, valueOf } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { BodyCheck, readBodyPromise } from "./body-check.ts";

/** Reads a body of UTF-8 text; refuses one of more than `limit` bytes while it arrives, and one that is not what the
 * headers say. A form is refused where none is `taken`. */
export async function readText(
  { body, headers }: Request,
  limit: number = LIMITS.jsonBody,
  tooLong: ErrorCode = "request_malformed",
  form: "refused" | "taken" = "refused",
): Promise<string> {
  const { promise } = valueOf(readBodyPromise(headers, "content"));
  const check = new BodyCheck(form === "taken" ? { ...promise, boundary: null } : promise);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new AppError(tooLong, `body is over ${limit} bytes`);
    }
    check.update(chunk);
    text += decode(decoder, chunk);
  }
  const refusal = check.finish();
  if (refusal !== null) {
    throw new AppError(refusal);
  }
  return text + decode(decoder, null);
}

/** The next characters; null is the end. Others in the place of bytes that are none would be stored as if meant. */
function decode(decoder: TextDecoder, bytes: Uint8Array | null): string {
  try {
    return bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    throw new AppError("request_malformed", "body is not UTF-8");
  }
}
