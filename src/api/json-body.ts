import * as v from "valibot";

import { isWithinBounds } from "../http/json-shape.ts";
import { parseJsonInSteps } from "../http/json-steps.ts";
import { nearestOf } from "../http/nearest.ts";
import { useText } from "../http/read-body.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** A schema of an object, which names its members. */
type ObjectSchema = v.GenericSchema & { entries: Readonly<Record<string, unknown>> };

/** Reads a request's JSON object by a schema; no body reads as an empty object. The Content-Type is not
 * asked for: clients send all kinds. A member that the schema does not have was meant to change something and is
 * refused, but where an API promises to ignore it. */
export function readJson<const S extends ObjectSchema>(
  request: Request,
  schema: S,
  others: "refused" | "ignored" = "refused",
): Promise<v.InferOutput<S>> {
  return useText(request, async (text) => readBy(schema, text, others));
}

/** Reads a larger JSON object by a schema, which is all that it may have. */
export async function readLargeJson<const S extends ObjectSchema>(
  text: string,
  schema: S,
): Promise<v.InferOutput<S>> {
  return readValue(schema, await parseLargeJson(text), "refused");
}

function readBy<const S extends ObjectSchema>(
  schema: S,
  text: string,
  others: "refused" | "ignored",
): v.InferOutput<S> {
  return readValue(schema, parseJson(text), others);
}

function readValue<const S extends ObjectSchema>(
  schema: S,
  body: unknown,
  others: "refused" | "ignored",
): v.InferOutput<S> {
  if (Array.isArray(body)) {
    // To a schema it would be an object without members.
    throw new AppError("request_malformed", "body: Expected Object but received Array");
  }
  if (others === "refused") {
    refuseUnknown(body, Object.keys(schema.entries));
  }
  const parsed = v.safeParse(schema, body);
  if (parsed.success) {
    return parsed.output;
  }
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "body";
  throw new AppError("request_malformed", `${path}: ${issue.message}`);
}

/** Shaken Fist's clients name a node in any body; there are none here. */
const NODE = "node";

function refuseUnknown(body: unknown, known: readonly string[]): void {
  const names = typeof body === "object" && body !== null ? Object.keys(body) : [];
  const unknown = names.find((name) => name !== NODE && !known.includes(name));
  if (unknown !== undefined) {
    throw new AppError("member_unknown", describeUnknown(unknown, known));
  }
}

/** Names what is not known, and what may have been meant. */
export function describeUnknown(name: string, known: readonly string[]): string {
  const nearest = nearestOf(name, known);
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return nearest === null ? `'${shown}'` : `'${shown}'; the nearest that is known is '${nearest}'`;
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
