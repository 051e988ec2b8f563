import * as v from "valibot";

import { isWithinBounds } from "../http/json-shape.ts";
import { useText } from "../http/read-body.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Reads a request's JSON object by a schema; no body reads as an empty object. The Content-Type is not
 * asked for: clients send all kinds. */
export function readJson<const S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  return useText(request, async (text) => readBy(schema, text));
}

function readBy<const S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  const body = parseJson(text);
  if (Array.isArray(body)) {
    // To a schema it would be an object without members.
    throw new AppError("request_malformed", "body: Expected Object but received Array");
  }
  const parsed = v.safeParse(schema, body);
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
  if (!isWithinBounds(text, { depth: LIMITS.jsonDepth, values: LIMITS.jsonValues })) {
    throw new AppError(
      "request_malformed",
      "body holds too many values, or too deep within each other",
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("request_malformed", "body is not JSON");
  }
}
