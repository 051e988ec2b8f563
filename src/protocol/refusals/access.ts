// Who may do what: keys, tokens, logins, workspaces, users.

import type { Refusal } from "./refusal.ts";

export const ACCESS_REFUSALS = {
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
    help: "A name is 1 to 1,000 characters without '/', '\\', control characters or others that do not show, and not '.' or '..'",
  },
  key_not_a_string: { status: 400, message: "key is not a string" },
  key_too_long: { status: 400, message: "key must have at most 1,024 characters" },
  key_too_short: {
    status: 400,
    message: "key must have at least 8 characters",
    help: "Leave key out: one is drawn then, which nobody can guess",
  },
  keys_too_many: { status: 507, message: "namespace has as many keys as it may have" },
  descendants_malformed: { status: 400, message: "descendants is neither true nor false" },
  key_unauthorized: { status: 401, message: "unauthorized" },
  keys_too_often: {
    status: 429,
    message: "too many wrong keys",
    help: "Wait, then try again; a key that was drawn never has to wait",
  },
  secrets_busy: {
    status: 503,
    message: "too many passwords and keys are being checked",
    help: "Send the same request again in some seconds",
  },
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
  namespace_not_found: { status: 404, message: "namespace not found" },
  namespace_exists: { status: 403, message: "namespace exists" },
  trust_not_found: { status: 404, message: "namespace is not trusted by that one" },
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
  access_token_end_past: { status: 400, message: "expires_at is in the past" },
  access_token_outlives: {
    status: 400,
    message: "expires_at is after the end of the token that asks",
    help: "Leave expires_at out: the new token then ends with yours",
  },
  access_token_not_made: {
    status: 403,
    message: "only the token that made this one may enable it",
    help: "Make a new token, or ask an administrator",
  },
  access_token_parent_disabled: {
    status: 409,
    message: "the token that made this one is disabled",
    help: "Enable that one first",
  },
  tokens_too_many: {
    status: 507,
    message: "user has as many tokens as they may have, or there are as many of workers",
    help: "Delete some that are not needed",
  },
  login_failed: {
    status: 401,
    message: "name or password is wrong",
    help: "Try again; a forgotten password can be set anew by who runs this service",
  },
  login_too_often: {
    status: 429,
    message: "too many failed logins",
    help: "Wait, then try again",
  },
  login_insecure: {
    status: 403,
    message: "logging in needs https",
    help: "Open this address with https, so that nobody on the way can read the password",
  },
  too_many_requests: {
    status: 429,
    message: "too many requests",
    help: "Wait for as many seconds as Retry-After says, then go on",
  },
  cross_site_request: {
    status: 403,
    message: "request does not come from a page of this site",
    help: "Open the page on this site and use its form; a browser of before 2023 does not say where a form is from",
  },
  contributor_needed: {
    status: 403,
    message: "only contributors may change this workspace",
    help: "Ask an owner of the workspace to add you as a contributor",
  },
} as const satisfies Record<string, Refusal>;
