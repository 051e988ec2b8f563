import * as v from "valibot";

import { isWithinBounds } from "../http/json-shape.ts";
import { parseJsonInSteps } from "../http/json-steps.ts";
import { readText } from "../http/read-text.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Reads a request's JSON object by a schema; no body reads as an empty object. The Content-Type is not
 * asked for: clients send all kinds. */
export async function readJson<const S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  const body = parseJson(await readText(request));
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
function parseJson(text: string): unknown {
  if (text.trim() === "") {
    return {};
  }
  if (!isWithinBounds(text, BOUNDS)) {
    throw beyondBounds();
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("request_malformed", "body is not JSON");
  }
}

/** The same of a large text, in steps. */
export async function parseLargeJson(text: string): Promise<unknown> {
  if (text.length <= LIMITS.jsonBody) {
    return parseJson(text);
  }
  const parsed = await parseJsonInSteps(text, BOUNDS).catch(() => {
    throw new AppError("request_malformed", "body is not JSON");
  });
  if (parsed === null) {
    throw beyondBounds();
  }
  return parsed.value;
}

const BOUNDS = { depth: LIMITS.jsonDepth, values: LIMITS.jsonValues };

function beyondBounds(): AppError {
  return new AppError(
    "request_malformed",
    "body holds too many values, too large ones, or too deep within each other",
  );
}
