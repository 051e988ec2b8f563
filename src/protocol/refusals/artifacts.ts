// Artifacts, their versions, labels, metadata and events, and blobs.

import type { Refusal } from "./refusal.ts";

export const ARTIFACT_REFUSALS = {
  artifact_source_missing: {
    status: 400,
    message: "specify upload_uuid or blob_uuid",
  },
  artifact_source_ambiguous: {
    status: 400,
    message: "only specify one of upload_uuid or blob_uuid",
  },
  artifact_explode_blob: {
    status: 400,
    message: "explode takes an upload, not a blob",
  },
  artifact_explode_unknown: {
    status: 400,
    message: "upload is no archive that can be exploded",
    help: "Send a tar, a tar.gz or a zip",
  },
  artifact_explode_refused: {
    status: 400,
    message: "archive was refused before",
    help: "The same bytes are not read again; send an archive that is mended",
  },
  artifact_explode_folders: {
    status: 400,
    message: "archive has too many folders",
  },
  artifact_explode_strict: {
    status: 400,
    message: "archive has members that cannot be kept as they are",
    help: "Without `strict` links become files, and what cannot be a file is left out and listed",
  },
  artifact_busy: {
    status: 406,
    message: "artifact is being made from something else",
    help: "Send the same request again when that has ended",
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
  // Like one that is not there: Shaken Fist's refusal of who may read and not write.
  artifact_not_own: {
    status: 404,
    message: "artifact not found",
    help: "You may read it, but only its own namespace may change it",
  },
  artifact_deleted: {
    status: 404,
    message: "artifact not found",
    help: "It is deleted and cannot be changed any more",
  },
  artifact_share_outside_system: {
    status: 403,
    message: "only artifacts in the system namespace can be shared",
  },
  artifact_not_shared: { status: 403, message: "artifact not shared" },
  artifact_index_not_found: { status: 404, message: "artifact index not found" },
  artifact_index_not_integer: { status: 400, message: "version index is not an integer" },
  max_versions_not_integer: {
    status: 400,
    message: "max version is not an integer",
    help: "max_versions is an integer of at least 0; 0 keeps all versions",
  },
  deletion_unconfirmed: { status: 400, message: "parameter confirm is not set true" },
  deletion_namespace_missing: {
    status: 400,
    message: "system user must specify parameter namespace",
  },
  deletion_namespace_foreign: { status: 401, message: "you cannot delete other namespaces" },
  audit_query_malformed: {
    status: 400,
    message: "this cannot be asked of the audit",
    help: "from and to are dates or times such as 2026-11-22T12:00:00Z; after is `next` of the page before",
  },
  event_type_unknown: { status: 400, message: "unknown event type" },
  event_limit_not_integer: { status: 400, message: "limit is not an integer" },
  metadata_key_invalid: {
    status: 400,
    message: "metadata key is not usable",
    help: "A key is 1 to 255 bytes of UTF-8 without '/', '\\' or control characters, and not '.' or '..'",
  },
  metadata_value_missing: { status: 400, message: "no value specified" },
  metadata_full: {
    status: 507,
    message: "metadata is full",
    help: "A thing has at most 100 entries of 64 KiB in all; delete some first",
  },
  entries_exceeded: {
    status: 507,
    message: "namespace has as many entries in the catalog as it may have; nothing was changed",
    help: "Delete artifacts, versions, metadata or relations that are not needed, or ask an administrator for a larger quota; entries of deleted versions are free after a day, of deleted artifacts after a month",
  },
  label_not_found: {
    status: 404,
    message: "label not found",
    help: "A label is <name>, of your own namespace, or <namespace>/<name>",
  },
  artifact_ambiguous: { status: 400, message: "multiple artifacts have the name" },
  blob_not_found: { status: 404, message: "blob not found" },
  blob_forbidden: {
    status: 403,
    message: "permission denied",
    help: "Only a namespace with a version that holds the blob may note something of it",
  },
  hash_algorithm_unknown: { status: 400, message: "unknown hash algorithm" },
  data_offset_invalid: {
    status: 400,
    message: "offset must be an integer from 0 to the size of the blob",
  },
  data_limit_invalid: { status: 400, message: "limit must be an integer of at least 0" },
  bundle_invalid: { status: 400, message: "artifact cannot be made as requested" },
  bundle_too_large: {
    status: 413,
    message: "too much for one artifact",
    help: "An artifact has at most 100,000 files and as many folders, declared in a request of at most 24 MiB",
  },
  relation_filter_missing: {
    status: 400,
    message: "specify artifact or target_artifact",
  },
  relation_not_found: { status: 404, message: "relation not found" },
} as const satisfies Record<string, Refusal>;
