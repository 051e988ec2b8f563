// Every refusal of the service: its code, its status and its text. Nothing else writes a status for an error.
// The texts that Shaken Fist's clients know are kept word for word (docs/conformance.md, Shaken Fist).

/** A line of ERRORS. `help` says what to do, where the message alone does not. */
interface Refusal {
  status: 400 | 401 | 403 | 404 | 405 | 406 | 408 | 409 | 411 | 413 | 416 | 500 | 503 | 507;
  message: string;
  help?: string;
}

export const ERRORS = {
  request_malformed: { status: 400, message: "malformed request" },
  namespace_missing: { status: 400, message: "missing namespace in request" },
  namespace_unspecified: { status: 400, message: "no namespace specified" },
  namespace_name_invalid: {
    status: 400,
    message: "namespace name is not usable",
    help: "A name is 1 to 100 letters, digits, '.', '_' and '-', and begins with a letter or digit",
  },
  key_missing: { status: 400, message: "missing key in request" },
  key_unspecified: { status: 400, message: "no key specified" },
  key_name_unspecified: { status: 400, message: "no key name specified" },
  key_name_invalid: {
    status: 400,
    message: "key name is not usable",
    help: "A name is 1 to 1,000 characters without '/', '\\' or control characters, and not '.' or '..'",
  },
  key_not_a_string: { status: 400, message: "key is not a string" },
  key_too_long: { status: 400, message: "key must have at most 1,024 characters" },
  keys_too_many: { status: 507, message: "namespace has as many keys as it may have" },
  key_unauthorized: { status: 401, message: "unauthorized" },
  token_missing: {
    status: 401,
    message: "Missing Authorization Header",
    help: "Get a token with POST /auth and send it as 'Authorization: Bearer <token>'",
  },
  token_not_bearer: {
    status: 401,
    message:
      "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'",
  },
  token_invalid: {
    status: 401,
    message: "invalid JWT in Authorization header",
    help: "Get a new token with POST /auth",
  },
  token_expired: {
    status: 401,
    message: "Signature has expired",
    help: "Get a new token with POST /auth",
  },
  access_token_refused: {
    status: 401,
    message: "token is unknown, expired or disabled",
    help: "Ask for a new token, or leave the header out to read what is public",
  },
  system_only: {
    status: 401,
    message: "unauthorized",
    help: "Only a key of the system namespace may do this",
  },
  workspace_key_needed: {
    status: 403,
    message: "only a namespace key may do this",
    help: "Get a token with POST /auth and send it as 'Authorization: Bearer <token>'",
  },
  artifact_forbidden: {
    status: 403,
    message: "permission denied",
    help: "Ask an owner of the workspace to add you as a member",
  },
  route_not_found: { status: 404, message: "no such endpoint", help: "GET / lists what is here" },
  method_not_allowed: { status: 405, message: "method not allowed" },

  namespace_not_found: { status: 404, message: "namespace not found" },
  namespace_exists: { status: 403, message: "namespace exists" },
  namespace_not_empty: {
    status: 409,
    message: "namespace still has artifacts or uploads",
    help: "Delete them first; what is deleted is gone for good a day later",
  },
  namespace_is_system: {
    status: 403,
    message: "the system namespace cannot be changed or deleted",
  },
  key_not_found: { status: 404, message: "key name not found in namespace" },
  user_name_invalid: {
    status: 400,
    message: "user name is not usable",
    help: "A name is 1 to 100 letters, digits, '.', '_', '-' and '@', and begins with a letter or digit",
  },
  password_invalid: { status: 400, message: "password must have 8 to 1,024 characters" },
  role_invalid: { status: 400, message: "role must be owner, contributor or viewer" },
  user_not_found: { status: 404, message: "user not found" },
  user_exists: { status: 409, message: "user already exists" },
  member_not_found: { status: 404, message: "user is not a member of the namespace" },
  access_token_not_found: { status: 404, message: "token not found" },

  upload_not_found: {
    status: 404,
    message: "upload not found",
    help: "It may have become an artifact or been removed after 24 hours without data; create a new one with POST /upload",
  },
  upload_offset_conflict: {
    status: 409,
    message: "upload is at another offset",
    help: "Continue from the offset that GET /upload/<uuid> gives as size, or truncate to yours",
  },
  upload_sealing: {
    status: 406,
    message: "upload is being converted",
    help: "Send the same request again in a second",
  },
  upload_converted: {
    status: 409,
    message: "upload has already become another artifact",
  },
  upload_body_incomplete: {
    status: 400,
    message: "body ended before its Content-Length; nothing was appended",
    help: "Send the same bytes again",
  },
  upload_length_required: {
    status: 411,
    message: "an append needs a Content-Length; nothing was appended",
    help: "Send the bytes in pieces of a known length: without one, a broken body cannot be told from a whole one",
  },
  upload_answer_lost: {
    status: 503,
    message: "answer of the upload was lost; the bytes may have been appended",
    help: "Compare with the size that GET /upload/<uuid> gives, or truncate to the last size you know",
  },
  upload_body_stalled: {
    status: 408,
    message: "no data arrived for a minute; nothing was appended",
    help: "Send the same bytes again",
  },
  upload_digest_mismatch: {
    status: 400,
    message: "body does not have the digest of its Content-Digest header; nothing was appended",
    help: "Send the same bytes again",
  },
  upload_digest_malformed: {
    status: 400,
    message: "Content-Digest must hold sha-256 or sha-512 as in RFC 9530",
  },
  upload_offset_malformed: {
    status: 400,
    message: "Upload-Offset is not an integer of at least 0",
  },
  upload_too_large: {
    status: 507,
    message: "an upload holds at most 5 TiB",
  },
  upload_too_scattered: {
    status: 507,
    message: "upload was truncated too often to be kept; start again with POST /upload",
  },
  upload_content_mismatch: {
    status: 409,
    message: "upload does not have the size or sha512 of the request; nothing was converted",
    help: "Compare with GET /upload/<uuid>, truncate to the last good offset and append the rest",
  },
  truncate_not_integer: { status: 400, message: "offset is not an integer" },
  truncate_negative: { status: 400, message: "offset must not be negative" },
  truncate_beyond_end: { status: 400, message: "offset is beyond the end of the upload" },

  artifact_source_missing: {
    status: 400,
    message: "specify upload_uuid or blob_uuid",
  },
  artifact_source_ambiguous: {
    status: 400,
    message: "only specify one of upload_uuid or blob_uuid",
  },
  artifact_name_invalid: {
    status: 400,
    message: "artifact name is not usable",
    help: "A name is 1 to 1,000 bytes of UTF-8 without '/', '\\' or control characters, and not '.' or '..'",
  },
  artifact_type_invalid: { status: 403, message: "invalid artifact type specified" },
  artifact_shared_outside_system: {
    status: 403,
    message: "only the system namespace can create shared artifacts",
  },
  artifact_not_found: {
    status: 404,
    message: "artifact not found",
    help: "Check its id, uuid or name; it may have been deleted or have expired",
  },
  artifact_ambiguous: { status: 400, message: "multiple artifacts have the name" },
  blob_not_found: { status: 404, message: "blob not found" },
  hash_algorithm_unknown: { status: 400, message: "unknown hash algorithm" },
  data_offset_invalid: {
    status: 400,
    message: "offset must be an integer from 0 to the size of the blob",
  },
  data_limit_invalid: { status: 400, message: "limit must be an integer of at least 0" },

  page_private: { status: 401, message: "this artifact is private" },
  version_not_found: { status: 404, message: "artifact has no such version" },
  version_malformed: { status: 400, message: "version is not a positive integer" },
  path_not_found: {
    status: 404,
    message: "artifact has no such file or folder",
    help: "The address of the artifact with a slash at its end lists what it has",
  },
  path_malformed: { status: 400, message: "path is not percent-encoded UTF-8" },
  page_not_found: { status: 404, message: "listing has no such page" },
  page_malformed: { status: 400, message: "page is not a positive integer" },
  archive_unsupported: {
    status: 400,
    message: "unsupported archive format",
    help: "Supported: archive=tar.gz, archive=tar, archive=zip",
  },
  archive_incomplete: {
    status: 409,
    message: "files of this version are not uploaded yet",
    help: "The listing says which are missing; an archive can be had once none is",
  },

  bundle_invalid: { status: 400, message: "artifact cannot be made as requested" },
  bundle_too_large: {
    status: 413,
    message: "too much for one artifact",
    help: "An artifact has at most 100,000 files and as many folders, declared in a request of at most 24 MiB",
  },
  contributor_needed: {
    status: 403,
    message: "only contributors may change this workspace",
    help: "Ask an owner of the workspace to add you as a contributor",
  },
  file_range_malformed: {
    status: 400,
    message: "Content-Range does not fit the file",
    help: "Send 'bytes <first>-<last>/<size>' with as many bytes as it names, or 'bytes */<size>' and no body to ask",
  },
  file_range_gap: {
    status: 400,
    message: "bytes before these are missing; nothing was stored",
    help: "Ask with 'Content-Range: bytes */<size>' and continue from there",
  },
  file_too_long: { status: 400, message: "body is longer than the file; nothing was stored" },
  file_content_mismatch: {
    status: 409,
    message: "bytes are not those that were declared; all of them were dropped",
    help: "Send the file again from its first byte",
  },
  relation_filter_missing: {
    status: 400,
    message: "specify artifact or target_artifact",
  },
  relation_not_found: { status: 404, message: "relation not found" },

  storage_unavailable: {
    status: 503,
    message: "storage did not answer",
    help: "Send the same request again in a few seconds",
  },
  configuration_incomplete: {
    status: 500,
    message: "service is not configured",
    help: "Set the secrets SYSTEM_KEY and TOKEN_SECRET, each of at least 32 characters, and check the variables",
  },
  internal: { status: 500, message: "internal error", help: "Send the same request again" },
} as const satisfies Record<string, Refusal>;

export type ErrorCode = keyof typeof ERRORS;

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
