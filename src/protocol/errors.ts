// Every refusal of the service: its code, its status and its text. Nothing else writes a status for an error.
// The texts that Shaken Fist's clients know are kept word for word (docs/conformance.md, Shaken Fist).

import { ACCESS_REFUSALS } from "./refusals/access.ts";
import { ARTIFACT_REFUSALS } from "./refusals/artifacts.ts";
import { FILES_REFUSALS } from "./refusals/files.ts";
import { PAGE_REFUSALS } from "./refusals/pages.ts";
import type { Refusal } from "./refusals/refusal.ts";
import { UPLOAD_REFUSALS } from "./refusals/uploads.ts";

export const ERRORS = {
  request_malformed: { status: 400, message: "malformed request" },
  query_unknown: {
    status: 400,
    message: "query has a parameter that is not known here",
  },
  member_unknown: {
    status: 400,
    message: "body has a member that is not known here",
  },
  request_incomplete: {
    status: 400,
    message: "body ended early; nothing was changed",
    help: "Send the same request again",
  },
  request_stalled: {
    status: 408,
    message: "body arrived too slowly; nothing was changed",
    help: "Send the same request again",
  },
  route_not_found: { status: 404, message: "no such endpoint", help: "GET / lists what is here" },
  method_not_allowed: { status: 405, message: "method not allowed" },
  ...ACCESS_REFUSALS,
  ...UPLOAD_REFUSALS,
  ...FILES_REFUSALS,
  ...ARTIFACT_REFUSALS,
  ...PAGE_REFUSALS,
  storage_unavailable: {
    status: 503,
    message: "storage did not answer",
    help: "Send the same request again in a few seconds; this one may have been done or not",
  },
  service_busy: {
    status: 503,
    message: "service has no memory left for this at the moment; nothing was changed",
    help: "Send the same request again in a few seconds",
  },
  catalog_full: {
    status: 507,
    message: "catalog is full, for everybody; nothing was changed",
    help: "Whoever runs the service has to act (docs/deploy.md, A full catalog); what is there can be read and deleted",
  },
  schema_outdated: {
    status: 503,
    message: "database was made for another version of this service",
    help: "A database with a lower number is migrated by `npm run migrate -- --remote` (npm start does so by itself); one with a higher number needs the version that made it, and one without a number is replaced by a new one (docs/upgrade.md)",
  },
  object_newer: {
    status: 503,
    message: "upload is kept by a newer version of this service; nothing was changed",
    help: "Send the same request again in some seconds: a new version is being rolled out. Where it stays so, the service was rolled back too far (docs/upgrade.md)",
  },
  configuration_incomplete: {
    status: 500,
    message: "service is not configured",
    help: "Set the secrets SYSTEM_KEY and TOKEN_SECRET, each of at least 32 characters, and check the variables",
  },
  internal: { status: 500, message: "internal error", help: "Send the same request again" },
} as const satisfies Record<string, Refusal>;

export type ErrorCode = keyof typeof ERRORS;

/** Is a word the code of a refusal? */
export function isErrorCode(word: string): word is ErrorCode {
  return Object.hasOwn(ERRORS, word);
}

/** What a function that may refuse gives back: its values, or the code of the refusal. */
export type Outcome<T extends object> =
  | ({ ok: true } & T)
  | { ok: false; code: ErrorCode; detail?: string };

/** The text of a refusal as it goes over the wire. */
export function messageFor(code: ErrorCode, detail: string | null): string {
  const { message } = ERRORS[code];
  // Shaken Fist's one text with values in it.
  return code === "artifact_ambiguous" && detail !== null ? `${message} ${detail}` : message;
}

/** A refusal on its way to the client. Known by its code: instances do not survive a Durable Object call. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | null;
  /** What is wrong with single members of a request, by their name. */
  readonly members: Record<string, unknown> | null;

  /** `detail` is added to the table's message: the values that were wrong and wanted. */
  constructor(
    code: ErrorCode,
    detail: string | null = null,
    members: Record<string, unknown> | null = null,
  ) {
    super(detail === null ? ERRORS[code].message : `${ERRORS[code].message}: ${detail}`);
    this.name = "AppError";
    this.code = code;
    this.detail = detail;
    this.members = members;
  }
}

/** Tells a refusal from a bug. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof Error && "code" in error && Object.hasOwn(ERRORS, String(error.code));
}

/** The values of an outcome, or the refusal thrown. */
export function valueOf<T extends object>(outcome: Outcome<T>): { ok: true } & T {
  if (!outcome.ok) {
    throw new AppError(outcome.code, outcome.detail ?? null);
  }
  return outcome;
}

/** What to do about a refusal, or null when its message says it. */
export function helpFor(code: ErrorCode): string | null {
  const refusal: Refusal = ERRORS[code];
  return refusal.help ?? null;
}
