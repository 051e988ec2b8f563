// The OpenAPI 3.1 document of the whole service, built from the areas. src/openapi/ holds no request
// handling; test/conformance/openapi.test.ts holds it to the routes, and every service test to the replies.

import { toJsonSchema } from "@valibot/to-json-schema";

import type { ErrorCode } from "../protocol/errors.ts";
import { isRefusedWhenFull } from "../protocol/when-full.ts";
import { absent } from "./absent.ts";
import { administration } from "./administration.ts";
import { artifacts } from "./artifacts.ts";
import { blobs } from "./blobs.ts";
import { browsing } from "./browsing.ts";
import { bundles, oldAddresses } from "./bundles.ts";
import { bundleCalls, files } from "./files.ts";
import { checking } from "./fsck.ts";
import type { JsonSchema } from "./json-schema.ts";
import { labels } from "./labels.ts";
import type { Area, Operation, Parameter, Parameters, Reply } from "./operation.ts";
import { PATH_PARAMETERS } from "./parameters.ts";
import { people } from "./people.ts";
import { toReplies, WHO } from "./refusals.ts";
import { SCHEMAS } from "./schemas.ts";
import { sessions } from "./sessions.ts";
import { start } from "./start.ts";
import { uploads } from "./uploads.ts";
import { watching } from "./watching.ts";

/** In the order of the page. */
const AREAS: readonly Area[] = [
  start,
  uploads,
  files,
  bundleCalls,
  artifacts,
  labels,
  blobs,
  browsing,
  bundles,
  sessions,
  administration,
  people,
  checking,
  watching,
  absent,
  oldAddresses,
];

const DESCRIPTION = `
Uploads that resume into versioned artifacts, as Shaken Fist's clients make them, and browsing and downloading under \`/a/\` as in Debusine.

- **Success** is 200 with a JSON body (\`null\` where there is nothing to say), unless an operation says otherwise.
- **Refusals** have \`error\`, \`status\` and \`request_id\`, and where it helps \`detail\` (the values) and \`help\` (what to do).
- Every answer names its request in \`X-Request-Id\`.
- \`HEAD\` answers as \`GET\` without a body; \`OPTIONS\` and a method that a path does not have are answered with \`Allow\`.
- **Logging in**: \`POST /auth\` gives a bearer token of 15 minutes for a workspace's key. Users and workers have tokens that last, for the \`Token\` header; it wins over \`Authorization\`.
`;

const SECURITY_SCHEMES = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The access_token that POST /auth gives for a workspace's key",
  },
  token: {
    type: "apiKey",
    in: "header",
    name: "Token",
    description: "A user's or a worker's token, from POST /auth/tokens",
  },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "__Host-stowage",
    description: "What POST /login sets; for pages and the files of artifacts only",
  },
};

/** Builds the document; nothing in it depends on a request. */
export function buildDocument() {
  return {
    openapi: "3.1.1",
    info: { title: "Stowage", version: "0.1.0", description: DESCRIPTION.trim() },
    servers: [{ url: "/" }],
    tags: AREAS.map(({ name, description }) => ({ name, description })),
    paths: buildPaths(),
    components: { schemas: SCHEMAS, securitySchemes: SECURITY_SCHEMES },
  };
}

function buildPaths(): Record<string, Record<string, JsonSchema>> {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const area of AREAS) {
    for (const [name, operation] of Object.entries(area.operations)) {
      const [method = "", path = ""] = name.split(" ");
      paths[path] = { ...paths[path], [method.toLowerCase()]: toOperation(area, name, operation) };
    }
  }
  return paths;
}

function toOperation(area: Area, name: string, operation: Operation): JsonSchema {
  const { summary, description = "", body, who } = operation;
  return {
    operationId: name.replaceAll(/[^A-Za-z0-9]+/gu, "_").replaceAll(/^_|_$/gu, ""),
    tags: [area.name],
    summary,
    description: `${description}\n\n${whenFull(name, operation)}For ${WHO[who].words}.`.trim(),
    security: WHO[who].security,
    parameters: [
      ...toParameters("path", pathParameters(name, operation)),
      ...toParameters("query", operation.query),
      ...toParameters("header", operation.headers),
    ],
    ...(body === undefined ? {} : { requestBody: toRequestBody(area, operation, body) }),
    responses: {
      ...toOwnReplies(operation),
      ...toReplies(refusalsOf(area, name, operation), area.refusalsFor ?? "api"),
    },
  };
}

/** Says that it is refused while the catalog is full, where it is. */
function whenFull(name: string, { who }: Operation): string {
  return isRefusedWhenFull(name) && who !== "system"
    ? "Refused with 507 while the catalog of the service is full.\n\n"
    : "";
}

function pathParameters(name: string, { path = {} }: Operation): Parameters {
  const names = [...name.matchAll(/\{(\w+)\}/gu)].map(([, parameter = ""]) => parameter);
  const described: Parameters = { ...PATH_PARAMETERS, ...path };
  return Object.fromEntries(names.map((each) => [each, requireParameter(described[each], each)]));
}

function requireParameter(parameter: Parameter | undefined, name: string): Parameter {
  if (parameter === undefined) {
    throw new Error(`Path parameter {${name}} is not described in PATH_PARAMETERS`);
  }
  return parameter;
}

function toParameters(place: string, parameters: Parameters = {}): JsonSchema[] {
  return Object.entries(parameters).map(([name, { description, schema }]) => ({
    name,
    in: place,
    description,
    ...(place === "path" ? { required: true } : {}),
    schema,
  }));
}

const NODE: JsonSchema = { description: "Ignored: Shaken Fist's clients name one" };

function toRequestBody(
  area: Area,
  operation: Operation,
  body: NonNullable<Operation["body"]>,
): JsonSchema {
  const { bodyHints = {} } = operation;
  if ("bytes" in body) {
    return {
      description: body.bytes,
      content: { [body.mediaType ?? "application/octet-stream"]: {} },
    };
  }
  const { $schema: _, ...schema } = toJsonSchema(body, {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore", // what only JavaScript can check
  });
  const isStrict = isStrictAbout(area, operation);
  const own = { ...schema.properties, ...bodyHints.properties };
  const properties = isStrict ? { ...own, node: NODE } : own;
  const required = bodyHints.required ?? schema.required;
  const others = isStrict ? { additionalProperties: false } : {};
  const whole = { ...schema, properties, required, ...others };
  return { content: { "application/json": { schema: whole } } };
}

function toOwnReplies({ reply, replies = {} }: Operation): Record<string, JsonSchema> {
  const json = reply && { 200: { description: "Done", content: { "application/json": reply } } };
  return Object.fromEntries(
    Object.entries<Reply>({ ...json, ...replies }).map(([status, each]) => [status, toReply(each)]),
  );
}

function toReply({ description, content, headers, mayBeEmpty }: Reply): JsonSchema {
  return {
    description,
    ...(content && {
      content: mapValues(content, (schema) => (schema === null ? {} : { schema })),
    }),
    ...(mayBeEmpty && { "x-may-be-empty": true }),
    ...(headers && {
      headers: mapValues(headers, (about) => ({
        description: about,
        schema: { type: "string" },
      })),
    }),
  };
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

/** Of a request with a body, or that is refused for having one. */
const OF_BODIES = [
  "body_encoded",
  "body_is_form",
  "body_digest_mismatch",
  "body_digest_unknown",
  "content_range_unexpected",
] as const satisfies ErrorCode[];

/** What may be wrong with a body of JSON, whatever it is for. */
const OF_TEXTS = [
  "request_malformed",
  "request_incomplete",
  "request_stalled",
] as const satisfies ErrorCode[];

function refusalsOf(area: Area, name: string, operation: Operation): readonly ErrorCode[] {
  const { who, body, refusals = [] } = operation;
  const isStrict = isStrictAbout(area, operation);
  const isBytes = body !== undefined && "bytes" in body;
  const readsBody = body !== undefined || (isStrict && !name.startsWith("GET "));
  const unknown: ErrorCode[] = isStrict ? ["query_unknown"] : [];
  if (readsBody && !isBytes) {
    unknown.push(...OF_TEXTS, ...(isStrict ? (["member_unknown"] as const) : []));
  }
  const ofBodies = readsBody ? OF_BODIES : [];
  return [...WHO[who].refusals, ...unknown, ...ofBodies, ...ofWrites(name), ...refusals];
}

/** Whatever writes may find no room; what goes on while the catalog is full finds some for long. */
function ofWrites(name: string): readonly ErrorCode[] {
  return name.startsWith("GET ") ? [] : ["catalog_full"];
}

/** Is what is not described refused? */
function isStrictAbout(area: Area, operation: Operation): boolean {
  return (area.ignoresUnknown ?? operation.ignoresUnknown) !== true;
}
