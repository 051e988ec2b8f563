import * as v from "valibot";

import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Reads a request's JSON object by a schema; no body reads as an empty object. The Content-Type is not
 * asked for: clients send all kinds. */
export async function readJson<const S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  const parsed = v.safeParse(
    schema,
    parseJson(await readText(request, LIMITS.jsonBody, "request_malformed")),
  );
  if (parsed.success) {
    return parsed.output;
  }
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "body";
  throw new AppError("request_malformed", `${path}: ${issue.message}`);
}

/** The value of a JSON text; an empty text is an empty object. */
export function parseJson(text: string): unknown {
  if (text.trim() === "") {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("request_malformed", "body is not JSON");
  }
}

/** A body's text, or the refusal of one of more than `limit` bytes. */
export async function readText(
  request: Request,
  limit: number,
  tooLong: ErrorCode,
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
  return text + decoder.decode();
}
