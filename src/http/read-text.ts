import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Reads a body of UTF-8 text; refuses a long one while it arrives. */
export async function readText({ body }: Request): Promise<string> {
  if (body === null) {
    return "";
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > LIMITS.jsonBody) {
      throw new AppError("request_malformed", `body is over ${LIMITS.jsonBody} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
