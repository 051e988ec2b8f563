// What replies hold, each thing once. docs/conformance.md says where the shapes come from; every reply in
// the service tests is held to them.

import { DIFFERENCE_KINDS } from "../protocol/differences.ts";
import { BUNDLE_SCHEMAS } from "./bundle-schemas.ts";
import {
  BOOLEAN,
  count,
  hex,
  listOf,
  METADATA,
  NULL,
  nullable,
  oneOf,
  record,
  seconds,
  text,
  UUID,
} from "./json-schema.ts";
import type { JsonSchema, Properties } from "./json-schema.ts";
import { PEOPLE_SCHEMAS } from "./people-schemas.ts";

/** A reference to a schema of the document. */
export function ref(name: keyof typeof SCHEMAS): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

const blob: Properties = {
  uuid: UUID,
  state: oneOf("created"),
  metadata: METADATA,
  version: { const: 6 },
  size: count("Bytes"),
  modified: seconds("When its content was first seen here"),
  fetched_at: seconds("The same"),
  depends_on: NULL,
  transcodes: METADATA,
  locations: listOf({ type: "string" }),
  reference_count: count("Versions that the caller may read and that have this content"),
  sha512: hex(128, "SHA-512"),
  sha256: hex(64, "SHA-256"),
  crc32: hex(8, "CRC-32"),
  last_used: NULL,
  instances: listOf({ type: "string" }),
};

const folderEntry = {
  path: text("From the artifact's root"),
  file_count: count("Files below"),
  total_bytes: count("Their bytes"),
};

/** All schemas of the document by name. */
export const SCHEMAS = {
  Refusal: {
    type: "object",
    description: "Why a request was refused",
    properties: {
      error: text("What is wrong, in fixed words"),
      status: { type: "integer", minimum: 400, maximum: 599 },
      request_id: UUID,
      detail: text("The values that were wrong and wanted"),
      help: text("What to do"),
    },
    required: ["error", "status", "request_id"],
    additionalProperties: false,
  },
  Problem: {
    type: "object",
    description: "Why a request was refused (RFC 9457)",
    properties: {
      title: text("What is wrong, in fixed words"),
      detail: text("The values that were wrong and wanted, and what to do"),
      validation_errors: {
        type: "object",
        description: "What is wrong with single members of the request, by their names",
        additionalProperties: true,
      },
    },
    required: ["title"],
    additionalProperties: false,
  },
  Service: record("What this service is and can do", {
    service: { const: "Stowage" },
    description: text("In a sentence"),
    capabilities: listOf(text("A word that clients look for")),
  }),
  Check: record("What a piece of the check compared and found", {
    cursor: nullable(text("Where to go on; null at the end")),
    rows: count("Rows of the catalog"),
    objects: count("Objects in R2"),
    uploads: count("Uploads"),
    bytes: count("Bytes hashed again"),
    young: count("Objects that nothing names yet, too young to tell"),
    differences: listOf(
      record("One thing that does not agree with another", {
        kind: oneOf(...DIFFERENCE_KINDS),
        subject: text("The key, uuid or name that it is about"),
        detail: text("The values"),
        repaired: BOOLEAN,
      }),
    ),
  }),
  Bearer: record("A token for the header Authorization", {
    access_token: text("A JWT"),
    token_type: { const: "Bearer" },
    expires_in: count("Seconds for which it is good"),
  }),
  Upload: record("Bytes on their way in", {
    uuid: UUID,
    state: oneOf("created"),
    metadata: METADATA,
    version: { const: 3 },
    node: text("Where it is"),
    created_at: seconds("When it was opened"),
    size: count("Bytes received: where the next append goes on"),
    expires_at: seconds("When it is removed unless bytes arrive"),
  }),
  Blob: record("Immutable bytes", blob),
  VersionBlob: record("The content of a version", { ...blob, index: count("The version's index") }),
  Artifact: record(
    "A named thing with versions",
    {
      uuid: UUID,
      state: oneOf("initial", "created", "error", "deleted"),
      error_message: nullable(text("Why the last fetch or explosion failed")),
      progress: nullable(
        record("How far the explosion under way has come; null before its first report", {
          phase: oneOf("unpacking", "reading", "publishing"),
          bytes: count("Bytes of the archive that are read"),
          total_bytes: count("Of how many"),
          files: count("Files found so far"),
        }),
      ),
      metadata: METADATA,
      version: { const: 6 },
      artifact_type: oneOf("image", "snapshot", "label", "other"),
      source_url: text("With workspace and type its identity"),
      name: text("Its name"),
      id: count("Its number, which addresses under /a/ have"),
      max_versions: count("Versions kept; 0 keeps all"),
      namespace: text("Its workspace"),
      shared: BOOLEAN,
      created_at: seconds("When it was made"),
      index: count("Index of the newest version; 0 without one"),
      blob_uuid: { ...UUID, description: "The newest version's content" },
      blobs: {
        type: "object",
        description: "The contents of its versions by index",
        additionalProperties: { $ref: "#/components/schemas/IndexedBlob" },
      },
    },
    ["blob_uuid"],
  ),
  Event: record("Something that happened to an artifact", {
    timestamp: seconds("When"),
    fqdn: text("Where"),
    duration: NULL,
    message: text("What"),
    extra: { ...METADATA, description: "Its particulars; `actor` is who did it" },
    type: text("audit, status, prune, mutate, ..."),
  }),
  IndexedBlob: record("A content in an artifact", {
    uuid: UUID,
    size: count("Bytes"),
    reference_count: count("Versions that the caller may read and that have this content"),
    depends_on: NULL,
    instances: listOf({ type: "string" }),
  }),
  Listing: record(
    "A page of the entries below a folder, in byte order of path",
    {
      artifact: record("Whose folder it is", {
        id: count("Number"),
        uuid: UUID,
        name: text("Name"),
      }),
      workspace: text("The artifact's workspace"),
      version: count("The version's index"),
      folder: text("The folder's path, with a slash at its end; empty for the root"),
      file_count: count("Files below, on all pages"),
      total_bytes: count("Their bytes"),
      missing_count: count("Files whose bytes are not there yet; absent when none is missing"),
      left_out: record("What the archive that it was made of had beside files; of the root alone", {
        count: count("How many members; nothing is absent"),
        members: listOf(
          record("One of the first of them", { path: text("Its name"), reason: text("Why") }),
        ),
      }),
      page: count("This page"),
      pages: count("All pages"),
      entries: listOf({
        anyOf: [
          record("A folder", {
            type: { const: "folder" },
            ...folderEntry,
            url: text("Its listing"),
          }),
          record("A file that is not there yet", {
            type: { const: "missing" },
            path: text("From the artifact's root"),
            size: nullable(count("Bytes")),
          }),
          record(
            "A file",
            {
              type: { const: "file" },
              path: text("From the artifact's root"),
              size: count("Bytes"),
              sha256: hex(64, "SHA-256"),
              sha512: hex(128, "SHA-512"),
              executable: { const: true },
              modified_at: { type: "string", format: "date-time" },
              url: text("Its bytes"),
            },
            ["executable", "modified_at"],
          ),
        ],
      }),
    },
    ["missing_count", "left_out"],
  ),
  Workspace: record("A page of a workspace's artifacts", {
    workspace: text("Its name"),
    public: BOOLEAN,
    artifacts: listOf(
      record("An artifact", {
        id: count("Its number"),
        uuid: UUID,
        name: text("Its name"),
        category: text("What it is: Debusine's category, or the type"),
        created_at: { type: "string", format: "date-time" },
        expires_at: nullable({ type: "string", format: "date-time" }),
        versions: count("Living versions, counted up to a bound"),
        version: nullable(count("The newest version's index")),
        file_count: count("Files of the newest version"),
        total_bytes: count("Their bytes"),
        url: text("Its page"),
      }),
    ),
  }),
  Namespace: record(
    "A workspace",
    {
      name: text("Its name"),
      state: oneOf("created"),
      metadata: METADATA,
      version: { const: 5 },
      keys: listOf(text("A key's name")),
      trust: record("Whom it trusts", { full: listOf(text("A workspace whose keys may read it")) }),
      public: { ...BOOLEAN, description: "Anyone may read its artifacts" },
      quota_bytes: nullable(count("Bytes that it may hold")),
      used_bytes: count("Bytes that it holds: the sizes of the files of its living versions"),
      quota_entries: count("Entries that it may have in the catalog"),
      used_entries: count(
        "Entries that it has: artifacts (8; 1 once deleted), versions, their files and folders, metadata, relations, trusts and uploads converted in the last month",
      ),
      default_expiration_days: nullable(count("Days after which its artifacts expire")),
      key_makers: {
        type: "object",
        description: "For each key that others set: which; absent without any",
        additionalProperties: listOf(text("A key's name")),
      },
    },
    ["key_makers"],
  ),
  Truster: record("A workspace that trusts another", {
    namespace: text("Its name"),
    accepted: { ...BOOLEAN, description: "The other accepted that" },
  }),
  ...BUNDLE_SCHEMAS,
  ...PEOPLE_SCHEMAS,
} as const satisfies Record<string, JsonSchema>;
