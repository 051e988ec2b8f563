// Parameters that many operations have.

import { LIMITS } from "../protocol/limits.ts";
import { UUID } from "./json-schema.ts";
import type { Parameters } from "./operation.ts";

/** What the names in braces of a path stand for. One called `path` may hold slashes. */
export const PATH_PARAMETERS = {
  algorithm: {
    description: "A hash algorithm",
    schema: { type: "string", enum: ["sha512", "sha256"] },
  },
  hash: { description: "A checksum in hex", schema: { type: "string" } },
  id: {
    description: "An artifact's number or uuid",
    schema: { type: "string", examples: ["7"] },
  },
  key: { description: "The name of a key", schema: { type: "string" } },
  name: { description: "A name", schema: { type: "string" } },
  namespace: { description: "The name of a workspace", schema: { type: "string" } },
  path: {
    description: "A path; its slashes stay slashes",
    schema: { type: "string", examples: ["doc/manual.pdf"] },
  },
  ref: {
    description:
      "An artifact's uuid, or its name: among the caller's own, then those of workspaces whose trust it accepted and shared ones, then public ones",
    schema: { type: "string" },
  },
  truster: { description: "The name of the workspace that trusts", schema: { type: "string" } },
  trusted: { description: "The name of the workspace that is trusted", schema: { type: "string" } },
  upload: {
    description: "An upload's uuid, as its `Location` has it; of a PUT the name of the file",
    schema: { type: "string" },
  },
  user: { description: "The name of a user", schema: { type: "string" } },
  uuid: { description: "A uuid", schema: UUID },
} satisfies Parameters;

/** `?after=` of a list. */
export function after(what: string): Parameters {
  return {
    after: {
      description: `Goes on after this ${what}: a list holds at most ${LIMITS.listed}`,
      schema: { type: "string" },
    },
  };
}

const TEXT = { type: "string" };

/** What a request for bytes may say (RFC 9110 §13, §14). */
export const BYTES_HEADERS: Parameters = {
  Range: {
    description: "The bytes wanted, at most five ranges, as in `bytes=0-1023`",
    schema: TEXT,
  },
  "If-Range": { description: "Heeds Range only while the ETag or date is this", schema: TEXT },
  "If-None-Match": { description: "304 while the ETag is one of these", schema: TEXT },
  "If-Modified-Since": { description: "304 unless changed since", schema: TEXT },
  "If-Match": { description: "412 unless the ETag is one of these", schema: TEXT },
  "If-Unmodified-Since": { description: "412 if changed since", schema: TEXT },
};
