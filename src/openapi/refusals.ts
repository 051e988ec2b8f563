// The refusals of an operation as replies of the document, from the one table of refusals.

import { ERRORS, helpFor, messageFor } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { FILES_STATUS } from "../protocol/files-status.ts";
import type { JsonSchema } from "./json-schema.ts";

/** How the refusals of an area come. */
export type RefusalForm = "api" | "people" | "problem" | "files";

/** Who may call an operation. */
export type Who = keyof typeof WHO;

const SOMEBODY = [
  "token_missing",
  "token_not_bearer",
  "token_invalid",
  "token_expired",
  "access_token_refused",
] as const satisfies ErrorCode[];

const ANY_SCHEME = [{ bearer: [] }, { token: [] }];

interface Caller {
  words: string;
  /** OpenAPI's security requirement: any one of these; an empty one is nobody. */
  security: readonly Readonly<Record<string, readonly string[]>>[];
  refusals: readonly ErrorCode[];
}

/** Callers and how they are refused (src/auth/access.ts). */
export const WHO = {
  anyone: { words: "anyone", security: [], refusals: [] },
  /** Like `decidePage`: what is public is for anyone. */
  reader: {
    words: "anyone for what is public or shared, otherwise whoever may read it",
    security: [{}, ...ANY_SCHEME, { session: [] }],
    refusals: ["access_token_refused", "artifact_forbidden"],
  },
  somebody: { words: "anyone with credentials", security: ANY_SCHEME, refusals: SOMEBODY },
  /** Like `requireWorkspaceKey`. */
  workspace: {
    words: "a workspace's key",
    security: [{ bearer: [] }],
    refusals: [...SOMEBODY, "workspace_key_needed"],
  },
  /** Like `requireOwn`. */
  own: {
    words: "a key of the workspace, and `system`",
    security: [{ bearer: [] }],
    refusals: [...SOMEBODY, "workspace_key_needed", "namespace_not_found"],
  },
  /** Like `requireSystem`. */
  system: {
    words: "a key of the workspace `system`",
    security: [{ bearer: [] }],
    refusals: [...SOMEBODY, "workspace_key_needed", "system_only"],
  },
  userOrSystem: {
    words: "a user, and the workspace `system`",
    security: ANY_SCHEME,
    refusals: [...SOMEBODY, "workspace_key_needed", "system_only"],
  },
} as const satisfies Record<string, Caller>;

/** What can go wrong wherever one asks. */
const ALWAYS = [
  "too_many_requests",
  "internal",
  "configuration_incomplete",
  "storage_unavailable",
  "service_busy",
  "schema_outdated",
  "object_newer",
] as const satisfies ErrorCode[];

/** The replies by status for a set of refusals, in the order of the table of refusals. */
export function toReplies(
  codes: Iterable<ErrorCode>,
  form: RefusalForm,
): Record<string, JsonSchema> {
  const wanted = new Set<string>([...ALWAYS, ...codes]);
  const known = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => wanted.has(code));
  const byStatus = Map.groupBy(known, (code) => statusOf(code, form));
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [status, toReply(status, group, form)]),
  );
}

function statusOf(code: ErrorCode, form: RefusalForm): number {
  return (form === "files" ? FILES_STATUS[code] : undefined) ?? ERRORS[code].status;
}

function toReply(status: number, codes: readonly ErrorCode[], form: RefusalForm): JsonSchema {
  const schema = {
    allOf: [REFUSAL_REF],
    properties: { status: { const: status }, error: anyOf(codes) },
  };
  const description = codes.map(describe).join("\n");
  if (form === "problem") {
    const problem = { schema: { $ref: "#/components/schemas/Problem" } };
    return { description, content: { "application/problem+json": problem } };
  }
  if (form === "files") {
    // Where draft-ietf-httpbis-resumable-upload has a problem, it is one.
    const content = { "text/plain": TEXT, "application/problem+json": {} };
    return { description, content };
  }
  const forms = form === "people" ? { "text/plain": TEXT, "text/html": TEXT } : {};
  return { description, content: { "application/json": { schema }, ...forms } };
}

const REFUSAL_REF: JsonSchema = { $ref: "#/components/schemas/Refusal" };
const TEXT: JsonSchema = { schema: { type: "string" } };

function describe(code: ErrorCode): string {
  const help = helpFor(code);
  // In Markdown `<uuid>` would be a tag.
  const advice = help === null ? "" : `: ${help.replaceAll("<", String.raw`\<`)}`;
  return `- \`${ERRORS[code].message}\`${advice}`;
}

/** The texts of refusals; one that has values in it is known by its beginning. */
function anyOf(codes: readonly ErrorCode[]): JsonSchema {
  const fixed = { enum: [...new Set(codes.filter(isFixed).map((code) => ERRORS[code].message))] };
  const open = codes
    .filter((code) => !isFixed(code))
    .map((code) => ({ type: "string", pattern: `^${RegExp.escape(ERRORS[code].message)} ` }));
  if (open.length === 0) {
    return fixed;
  }
  return { anyOf: fixed.enum.length === 0 ? open : [fixed, ...open] };
}

function isFixed(code: ErrorCode): boolean {
  return messageFor(code, "x") === ERRORS[code].message;
}
