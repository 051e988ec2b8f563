// Holds every reply of the service that a test sees to the API document: its path, method, status, media
// type, with an encoding where it is text (ASVS 4.1.1), and, where that is JSON, its body.

import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";

import { buildDocument } from "../../src/openapi/document.ts";

/** A reply as it came. */
export interface SeenReply {
  method: string;
  /** With or without a query. */
  path: string;
  status: number;
  contentType: string | null;
  /** The text of a JSON body; null where the body is not looked at. */
  json: string | null;
  /** The text of the request's body; null where it is not looked at. */
  sent: string | null;
}

/** What a body may be; so is a requestBody. */
interface Response {
  "x-may-be-empty"?: boolean;
  content?: Record<string, { schema?: object }>;
}

interface Template {
  path: string;
  pattern: RegExp;
  /** Segments that are literal sort before those that are parameters. */
  order: string;
  operations: Record<string, { requestBody?: Response; responses: Record<string, Response> }>;
}

const apiDocument = buildDocument();
const templates = readTemplates();
const ajv = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  formats: { "date-time": (value: string) => !Number.isNaN(Date.parse(value)) },
});
ajv.addVocabulary(Object.keys(apiDocument)); // the document around the schemas is none
ajv.addSchema(apiDocument, "api");

/** What is told at most of one body. */
const COMPLAINTS = 20;

/** An operation of the document. */
interface Place {
  name: string;
  path: string;
  method: string;
}

/** Counts what it checks, so that a service whose replies nobody checked can be told. */
export class ReplyCheck {
  #bodies = 0;

  /** Throws when the document does not describe the reply. */
  check(reply: SeenReply): void {
    const complaint = complain(reply);
    if (complaint !== null) {
      const { method, path, status, contentType, json } = reply;
      const shown = json === null ? `${contentType}` : json.slice(0, 500);
      throw new Error(
        `${method} ${path} answered ${status}: ${complaint}. Change the answer or its description in src/openapi/.\n${shown}`,
      );
    }
    this.#bodies += reply.json === null ? 0 : 1;
  }

  /** Throws when no body was checked: then the tests say nothing about the document. */
  requireSome(): void {
    if (this.#bodies === 0) {
      throw new Error("No reply of this service was held to the API document");
    }
  }
}

/** Compiles every schema of the document that a JSON reply may have, and counts them. */
export function compileAll(): number {
  const schemas = templates.flatMap(({ path, operations }) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.entries(responses)
        .filter(([, { content = {} }]) => "application/json" in content)
        .map(([status]) => validatorFor(path, method, status)),
    ),
  );
  return schemas.length;
}

function complain(reply: SeenReply): string | null {
  const path = new URL(`http://stowage${reply.path}`).pathname.replace(/^\/+/u, "/");
  const method = reply.method === "HEAD" ? "get" : reply.method.toLowerCase();
  const fitting = templates.filter(({ pattern }) => pattern.test(path));
  const template = fitting.find(({ operations }) => method in operations);
  if (template === undefined) {
    return complainOutside(reply, fitting.length > 0);
  }
  const name = `${method.toUpperCase()} ${template.path}`;
  const response = template.operations[method]?.responses[reply.status];
  if (response === undefined) {
    return `the operation ${name} has no such status`;
  }
  const place = { name, path: template.path, method };
  return complainOfBody(reply, response, place) ?? complainOfRequest(reply, template, place);
}

/** Where there is no operation, only that may be said. */
function complainOutside({ method, status, json }: SeenReply, hasPath: boolean): string | null {
  const wanted = hasPath ? [method === "OPTIONS" ? 204 : 405, 500] : [404, 500];
  if (!wanted.includes(status)) {
    return `no operation of the API document has this ${hasPath ? "method" : "path"}`;
  }
  return json === null ? null : complaintOf(ajv.getSchema("api#/components/schemas/Refusal"), json);
}

function complainOfBody(
  { method, contentType, status, json }: SeenReply,
  { content = {}, "x-may-be-empty": mayBeEmpty = false }: Response,
  place: Place,
): string | null {
  const type = contentType?.replace(/;.*$/su, "").trim().toLowerCase() ?? null;
  const hasContent = Object.keys(content).length > 0;
  if (type === null) {
    return hasContent && !mayBeEmpty && method !== "HEAD"
      ? `the operation ${place.name} wants a body`
      : null;
  }
  if (!(type in content) && !("*/*" in content)) {
    return `the operation ${place.name} has no ${type} there`;
  }
  if (/^text\/|\bxml$/u.test(type) && !/;\s*charset=/iu.test(contentType ?? "")) {
    return `the operation ${place.name} does not say how its ${type} is encoded`;
  }
  if (json === null || content[type]?.schema === undefined) {
    return null;
  }
  const complaint = complaintOf(validatorFor(place.path, place.method, String(status)), json);
  return complaint === null
    ? null
    : `the body is not that of the operation ${place.name}: ${complaint}`;
}

/** What was accepted must have been as the document wants it. */
function complainOfRequest(
  { status, sent }: SeenReply,
  template: Template,
  place: Place,
): string | null {
  const body = template.operations[place.method]?.requestBody?.content ?? {};
  if (status !== 200 || sent === null || !("application/json" in body)) {
    return null;
  }
  const complaint = complaintOf(validatorFor(place.path, place.method, "requestBody"), sent);
  return complaint === null
    ? null
    : `but ${place.name} does not describe what was sent: ${complaint}`;
}

function complaintOf(validate: ValidateFunction | undefined, json: string): string | null {
  if (validate === undefined) {
    throw new Error("The API document has no such schema");
  }
  if (validate(JSON.parse(json))) {
    return null;
  }
  const errors = validate.errors ?? [];
  return errors
    .slice(0, COMPLAINTS)
    .map(({ instancePath, message, params }) => {
      const values = Object.values(params).flat().join(", ");
      return `${instancePath === "" ? "the whole" : instancePath} ${message} (${values})`;
    })
    .join("; ");
}

function validatorFor(path: string, method: string, status: string): ValidateFunction {
  const part = status === "requestBody" ? [status] : ["responses", status];
  const pointer = ["paths", path, method, ...part, "content", "application/json"]
    .map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1")))
    .join("/");
  const validate = ajv.getSchema(`api#/${pointer}/schema`);
  if (validate === undefined) {
    throw new Error(`The API document has no schema at ${pointer}`);
  }
  return validate;
}

/** The paths of the document, those with more literal segments first, as OpenAPI wants them matched. */
function readTemplates(): Template[] {
  return Object.entries(apiDocument.paths)
    .map(([path, operations]) => ({
      path,
      pattern: toPattern(path),
      order: path.replaceAll(/\{\w+\}/gu, "\u{10FFFF}"),
      operations: operations as unknown as Template["operations"],
    }))
    .toSorted((one, other) => (one.order < other.order ? -1 : 1));
}

function toPattern(path: string): RegExp {
  const source = path
    .split(/(\{\w+\})/u)
    .map((part) => {
      if (!part.startsWith("{")) {
        return RegExp.escape(part);
      }
      return part === "{path}" ? ".+" : "[^/]+";
    })
    .join("");
  return new RegExp(`^${source}$`, "su");
}
