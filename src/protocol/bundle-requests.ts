// What makes artifacts of many files, as JSON: Debusine's client, of which unknown keys are dropped, and the call that makes one of
// uploads. null and absence mean the same.

import * as v from "valibot";

import { LIMITS } from "./limits.ts";

/** The same object, not a copy: `files` may have 100,000 members. */
const object = v.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "Not an object",
);

const expireAt = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/u, "Not an ISO 8601 time"),
  v.transform((text) => Date.parse(text)),
  v.number("Not an ISO 8601 time"),
);

/** POST /api/1.0/artifact/; its files are looked at one by one. */
export const CreateBundleRequest = v.object({
  category: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  workspace: v.nullish(v.pipe(v.string(), v.maxLength(255)), "System"),
  files: v.nullish(object, {}),
  data: v.nullish(object, {}),
  expire_at: v.nullish(expireAt, null),
  /** Days. */
  expiration_delay: v.nullish(
    v.pipe(v.number(), v.minValue(0), v.notValue(0), v.maxValue(36_500)),
    null,
  ),
});

/** One of its files. */
export const FileDeclaration = v.object({
  type: v.literal("file"),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LIMITS.uploadSize)),
  checksums: v.object({
    sha256: v.pipe(v.string(), v.toLowerCase(), v.regex(/^[0-9a-f]{64}$/u, "Not a sha256 in hex")),
  }),
  content_type: v.nullish(v.pipe(v.string(), v.maxLength(255)), null),
});

const artifactId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** POST /api/1.0/artifact-relation/. */
export const RelationRequest = v.object({
  artifact: artifactId,
  target: artifactId,
  type: v.picklist(["extends", "relates-to", "built-using"]),
});

/** POST /bundles/<bundle>: what the uploads of a bundle become. */
export const BundleUploadsRequest = v.object({
  name: v.nullish(v.string(), null),
  workspace: v.nullish(v.pipe(v.string(), v.maxLength(255)), null),
  artifact_type: v.nullish(v.picklist(["image", "snapshot", "label", "other"]), "other"),
  category: v.nullish(v.pipe(v.string(), v.minLength(1), v.maxLength(255)), null),
  data: v.nullish(object, null),
  expire_at: v.nullish(expireAt, null),
  files: v.pipe(
    v.array(
      v.strictObject({
        upload: v.pipe(v.string(), v.maxLength(4_096)),
        path: v.nullish(v.string(), null),
        sha256: v.nullish(
          v.pipe(v.string(), v.toLowerCase(), v.regex(/^[0-9a-f]{64}$/u, "Not a sha256 in hex")),
          null,
        ),
        size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), null),
      }),
    ),
    v.minLength(1),
    v.maxLength(LIMITS.bundledUploads),
  ),
});
