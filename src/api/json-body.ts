import * as v from "valibot";

import { readText } from "../http/read-text.ts";
import { AppError } from "../protocol/errors.ts";

/** Reads a request's JSON object by a schema; no body reads as an empty object. The Content-Type is not
 * asked for: clients send all kinds. */
export async function readJson<const S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  const parsed = v.safeParse(schema, parseJson(await readText(request)));
  if (parsed.success) {
    return parsed.output;
  }
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "body";
  throw new AppError("request_malformed", `${path}: ${issue.message}`);
}

function parseJson(text: string): unknown {
  if (text.trim() === "") {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("request_malformed", "body is not JSON");
  }
}
