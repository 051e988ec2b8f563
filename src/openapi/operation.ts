// The shape of what the API document is made from. An area is data: operations by method and path.

import type { GenericSchema } from "valibot";

import type { ErrorCode } from "../protocol/errors.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { RefusalForm, Who } from "./refusals.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Operations that belong together, under one heading. */
export interface Area {
  name: string;
  description: string;
  /** How refusals come: `people` get JSON, text or a page, as they like best; a `problem` is that of RFC 9457.
   * Without it as JSON. */
  refusalsFor?: RefusalForm;
  /** Parameters and members that are not described are ignored by all its operations; without it they are refused. */
  ignoresUnknown?: true;
  operations: Readonly<Record<`${Method} /${string}`, Operation>>;
}

export interface Operation {
  /** What it does, as an imperative without a full stop. */
  summary: string;
  /** What the summary leaves open, in Markdown. */
  description?: string;
  who: Who;
  /** The same as of an area. */
  ignoresUnknown?: true;
  /** Parameters of the path that PATH_PARAMETERS does not describe, or not well enough here. */
  path?: Parameters;
  query?: Parameters;
  headers?: Parameters;
  /** The schema that reads the body, or what the bytes are. */
  body?: GenericSchema | BytesBody;
  /** Members of the body of which its schema says too little; `required` names those that must be there. */
  bodyHints?: { properties?: Readonly<Record<string, JsonSchema>>; required?: readonly string[] };
  /** The JSON of a 200. */
  reply?: JsonSchema;
  /** Answers that are neither that nor a refusal. */
  replies?: Readonly<Record<number, Reply>>;
  /** The refusals of its own; those of `who`, of a bad body and of a failing service are added. */
  refusals?: readonly ErrorCode[];
}

interface BytesBody {
  bytes: string;
  mediaType?: string;
}

/** An answer: its forms by media type. A null schema is bytes. */
export interface Reply {
  description: string;
  content?: Readonly<Record<string, JsonSchema | null>>;
  /** It has a body in some cases only. */
  mayBeEmpty?: true;
  headers?: Readonly<Record<string, string>>;
}

export type Parameters = Readonly<Record<string, Parameter>>;

export interface Parameter {
  description: string;
  schema: JsonSchema;
}
