// What clients send as JSON: a member that is not here is refused. null and absence mean the same.

import * as v from "valibot";

import { isPlain } from "./hidden.ts";

const MAX_NAME = 1_000;
/** The last millisecond that a Date can hold. */
const MAX_TIME = 8.64e15;

const optionalText = v.nullish(v.pipe(v.string(), v.maxLength(MAX_NAME)), null);

/** POST /auth. What is wrong with a value is answered in Shaken Fist's words, so all is allowed here. */
export const AuthRequest = v.object({
  namespace: v.optional(v.unknown()),
  key: v.optional(v.unknown()),
});

/** POST /artifacts/upload/<name>. */
export const ConvertRequest = v.object({
  upload_uuid: optionalText,
  blob_uuid: optionalText,
  source_url: v.nullish(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)), null),
  shared: v.nullish(v.boolean(), false),
  explode: v.nullish(v.boolean(), false),
  strict: v.nullish(v.boolean(), false),
  namespace: optionalText,
  artifact_type: v.nullish(v.string(), "image"),
  size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), null),
  sha512: v.nullish(v.pipe(v.string(), v.regex(/^[0-9A-Fa-f]{128}$/u), v.toLowerCase()), null),
});

/** DELETE /artifacts. What is wrong with a value is answered in Shaken Fist's words, here and below. */
export const DeleteArtifactsRequest = v.object({
  confirm: v.optional(v.unknown()),
  namespace: optionalText,
});

/** POST /artifacts/<ref>/versions. */
export const MaxVersionsRequest = v.object({ max_versions: v.optional(v.unknown()) });

/** GET /artifacts/<ref>/events: a body, as the client sends it, or a query. */
export const EventsRequest = v.object({
  event_type: optionalText,
  limit: v.nullish(v.union([v.string(), v.number()]), null),
});

/** POST and PUT of metadata, of any value but null; with PUT the key is in the path. */
export const MetadataRequest = v.object({
  key: v.nullish(v.string(), null),
  value: v.nullish(v.unknown(), null),
});

/** POST /label/<name>. */
export const LabelRequest = v.object({
  blob_uuid: optionalText,
  max_versions: v.optional(v.unknown()),
});

/** POST /artifacts. */
export const FetchRequest = v.object({
  url: v.nullish(v.string(), ""),
  shared: v.nullish(v.boolean(), false),
  namespace: optionalText,
});

const quota = v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0)));
const days = v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(36_500)));

/** POST /auth/namespaces. */
export const CreateNamespaceRequest = v.object({
  namespace: optionalText,
  public: v.nullish(v.boolean(), false),
  key_name: optionalText,
  key: v.optional(v.unknown()),
});

/** PATCH /auth/namespaces/<ns>: what is absent stays. */
export const ChangeNamespaceRequest = v.object({
  public: v.optional(v.boolean()),
  quota_bytes: v.optional(quota),
  quota_entries: v.optional(quota),
  default_expiration_days: v.optional(days),
});

/** POST /auth/namespaces/<ns>/keys and PUT .../keys/<name>; without a key one is drawn. */
export const KeyRequest = v.object({ key_name: optionalText, key: v.optional(v.unknown()) });

/** POST /auth/namespaces/<ns>/trust. */
export const TrustRequest = v.object({ external_namespace: optionalText });

/** POST /auth/users. */
export const CreateUserRequest = v.object({
  name: optionalText,
  password: v.optional(v.unknown()),
});

/** PATCH /auth/users/<name>. */
export const ChangeUserRequest = v.object({
  password: v.optional(v.unknown()),
  end_tokens: v.nullish(v.boolean(), false),
});

/** PUT /auth/namespaces/<ns>/members/<user>. */
export const MemberRequest = v.object({ role: v.optional(v.unknown()) });

/** POST /auth/tokens; `expires_at` in ISO 8601 or milliseconds. */
export const CreateTokenRequest = v.object({
  kind: v.picklist(["user", "worker"]),
  user: optionalText,
  label: v.nullish(
    v.pipe(v.string(), v.maxLength(255), v.check(isPlain, "Holds a character that does not show")),
    "",
  ),
  expires_at: v.nullish(
    v.union([
      v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_TIME)),
      v.pipe(
        v.string(),
        v.transform((text) => Date.parse(text)),
        v.number("expires_at is not an ISO 8601 time"),
      ),
    ]),
    null,
  ),
});

/** PATCH /auth/tokens/<id>. */
export const ChangeTokenRequest = v.object({ enabled: v.boolean() });

/** POST /fsck. */
export const FsckRequest = v.object({
  cursor: v.nullish(v.pipe(v.string(), v.maxLength(2_000)), null),
  repair: v.nullish(v.boolean(), false),
  deep: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 0),
});
