// JSON Schema (draft 2020-12) as data, with the few shapes that nearly every reply is made of.

/** A schema, keyword by keyword. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export type Properties = Readonly<Record<string, JsonSchema>>;

/** An object with these members and no others; those named in `optional` may be absent. */
export function record(
  description: string,
  properties: Properties,
  optional: readonly string[] = [],
): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", description, properties, required, additionalProperties: false };
}

export function listOf(items: JsonSchema, description?: string): JsonSchema {
  return { type: "array", items, ...(description === undefined ? {} : { description }) };
}

/** The schema, or null. */
export function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

/** One of these texts. */
export function oneOf(...texts: string[]): JsonSchema {
  return { type: "string", enum: texts };
}

export function text(description: string, more: JsonSchema = {}): JsonSchema {
  return { type: "string", description, ...more };
}

export function count(description: string): JsonSchema {
  return { type: "integer", minimum: 0, description };
}

/** A time as Shaken Fist writes it. */
export function seconds(description: string): JsonSchema {
  return { type: "number", description: `${description}, in seconds since 1970` };
}

/** A checksum in lower-case hex. */
export function hex(digits: number, description: string): JsonSchema {
  return { type: "string", pattern: `^[0-9a-f]{${digits}}$`, description };
}

export const UUID: JsonSchema = {
  type: "string",
  pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
  examples: ["0b3f1c9e-5d0a-4a56-9c1e-2f6a7d8b9c01"],
};

export const BOOLEAN: JsonSchema = { type: "boolean" };
export const NULL: JsonSchema = { type: "null" };

/** What a request or reply calls metadata: keys and values of the caller's choice. */
export const METADATA: JsonSchema = {
  type: "object",
  description: "Keys and values of its owner",
  additionalProperties: true,
};
