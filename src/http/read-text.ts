import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { bodyWasRead } from "./after-body.ts";

/** Reads a body of UTF-8 text; refuses one of more than `limit` bytes while it arrives. */
export async function readText(
  request: Request,
  limit: number = LIMITS.jsonBody,
  tooLong: ErrorCode = "request_malformed",
): Promise<string> {
  const { body } = request;
  if (body === null) {
    return "";
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new AppError(tooLong, `body is over ${limit} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  await bodyWasRead(request);
  return text + decoder.decode();
}
