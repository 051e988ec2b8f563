import { BundleUploadsRequest } from "../protocol/bundle-requests.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { TUS_TYPE } from "../protocol/tus.ts";
import { BYTES_REPLIES } from "./blobs.ts";
import { UUID } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Area, Operation, Parameters, Reply } from "./operation.ts";

const TEXT: JsonSchema = { type: "string" };

const VERSION: Parameters = {
  "Tus-Resumable": {
    description: "`1.0.0`; without it a request speaks the IETF's protocol",
    schema: TEXT,
  },
};

const SENT: Parameters = {
  "Upload-Length": { description: "Bytes that the upload is to have", schema: TEXT },
  "Upload-Complete": {
    description: "`?1`: with this body all of it is there (IETF)",
    schema: TEXT,
  },
  "Upload-Checksum": {
    description: "sha1, sha256, sha512 or md5 of the body in base64 (tus)",
    schema: TEXT,
  },
  "Content-Digest": { description: "The same as RFC 9530 has it", schema: TEXT },
};

/** What an artifact that was uploaded is called. */
const UPLOADED: JsonSchema = {
  type: "object",
  required: ["id", "uuid", "version", "url"],
  additionalProperties: false,
  properties: {
    id: { type: "integer" },
    uuid: UUID,
    version: { type: ["integer", "null"] },
    url: { type: "string" },
  },
};

const ARTIFACT_HEADERS = {
  "Stowage-Artifact": "The artifact's number",
  "Stowage-Version": "The index of its version",
  Link: "The address of its file",
  "Repr-Digest": "sha-256 and sha-512 of the whole",
};

const STANDING_HEADERS = {
  "Upload-Offset": "Bytes that are there",
  "Upload-Length": "Bytes that there are to be",
  "Upload-Expires": "When it ends without another byte",
  ...ARTIFACT_HEADERS,
};

const CREATED: Reply = {
  description:
    "Opened; `Location` has its address, or that of the artifact where all of it is there",
  content: { "application/json": UPLOADED },
  mayBeEmpty: true,
  headers: { Location: "An absolute URL", ...STANDING_HEADERS },
};

const STALLED: Reply = {
  description: "The body of an upload in one request arrived too slowly; nothing was changed",
  content: { "text/plain": TEXT },
};

const OPENING: readonly ErrorCode[] = [
  "tus_version_unsupported",
  "upload_metadata_malformed",
  "upload_metadata_refused",
  "contributor_needed",
  "namespace_not_found",
  "quota_exceeded",
  "entries_exceeded",
  "uploads_too_many",
  "upload_too_large",
  "upload_answer_lost",
];

const APPENDING: readonly ErrorCode[] = [
  "upload_too_long",
  "upload_type_unexpected",
  "upload_length_malformed",
  "upload_length_conflict",
  "upload_checksum_malformed",
  "body_encoded",
  "body_is_form",
  "content_range_unexpected",
  "body_digest_mismatch",
  "body_digest_unknown",
  "upload_whole_mismatch",
  "upload_body_broken",
  "upload_body_incomplete",
  "upload_body_stalled",
  "upload_superseded",
  "upload_sealing",
  "upload_converted",
  "upload_too_scattered",
  "catalog_full",
];

const KNOWN: readonly ErrorCode[] = [
  "tus_version_unsupported",
  "contributor_needed",
  "upload_not_found",
  "upload_sealing",
];

const APPEND: readonly ErrorCode[] = [
  ...KNOWN,
  ...APPENDING,
  "upload_offset_malformed",
  "upload_offset_conflict",
  "upload_partial_type_unexpected",
  "upload_is_final",
  "upload_complete",
  "upload_too_large",
  "quota_exceeded",
  "entries_exceeded",
  "upload_answer_lost",
  "namespace_not_found",
  "artifact_not_found",
  "archive_unsupported",
];

const create: Operation = {
  summary: "Open an upload, or upload a file in one request",
  description:
    "By tus 1.0 with `Upload-Length` or `Upload-Defer-Length: 1`, or `Upload-Concat`; by the IETF's resumable uploads with `Upload-Complete`; with neither the body is the file. `Upload-Metadata` knows `filename`, `filetype`, `artifact`, `artifact_type`, `workspace`, `sha256`, `sha512`, `explode`, `expires` and `expire_days`. A user names the `workspace`.",
  who: "somebody",
  headers: {
    ...VERSION,
    ...SENT,
    "Upload-Metadata": { description: "Keys and values in base64 (tus)", schema: TEXT },
    "Upload-Concat": {
      description: "`partial`, or `final;` and the addresses of parts (tus)",
      schema: TEXT,
    },
    "Upload-Defer-Length": { description: "`1`: the length comes later (tus)", schema: TEXT },
  },
  body: { bytes: "The first bytes, or all; none is fine", mediaType: TUS_TYPE },
  replies: { 201: CREATED, 408: STALLED },
  refusals: [
    ...OPENING,
    ...APPENDING,
    "method_override_unknown",
    "upload_concat_malformed",
    "upload_part_unknown",
    "upload_part_unfinished",
    "upload_not_partial",
    "upload_not_found",
    "artifact_not_found",
    "archive_unsupported",
  ],
};

export const files: Area = {
  name: "Resumable uploads",
  description:
    "Uploads by any client of tus 1.0 (core, creation, creation-with-upload, creation-defer-length, expiration, checksum, termination, concatenation) or of the IETF's resumable uploads, and by `curl -T`. An upload becomes an artifact by itself once all of it is there. `OPTIONS` tells the extensions and limits; scripts of other sites may call all of it.",
  refusalsFor: "files",
  operations: {
    "POST /files/": create,
    "POST /files": create,
    "GET /files/{upload}": {
      summary: "Say how far an upload is, or send its bytes",
      description:
        "`HEAD` tells the offset in `Upload-Offset`; it ends an append that is under way, of which what arrived is kept. `GET` of an upload that is complete sends its bytes, as `GET /blobs/{uuid}/data` does.",
      who: "somebody",
      headers: VERSION,
      replies: {
        200: {
          description: "The bytes, or for HEAD by tus the standing",
          content: { "*/*": null },
          headers: STANDING_HEADERS,
        },
        204: {
          description: "The standing of an upload that is not complete",
          headers: STANDING_HEADERS,
        },
        ...BYTES_REPLIES,
      },
      refusals: [...APPEND, "blob_not_found"],
    },
    "PATCH /files/{upload}": {
      summary: "Append bytes",
      description:
        "What arrives is kept when the body breaks off, unless a checksum or digest makes the request all or nothing. No Content-Length is needed. The request that brings the last byte is answered once the artifact exists.",
      who: "somebody",
      headers: {
        ...VERSION,
        ...SENT,
        "Upload-Offset": { description: "Where the upload ends", schema: TEXT },
      },
      body: { bytes: "The next bytes", mediaType: TUS_TYPE },
      replies: {
        200: {
          description: "The artifact that it became (IETF)",
          content: { "application/json": UPLOADED },
          headers: STANDING_HEADERS,
        },
        204: { description: "Appended", headers: STANDING_HEADERS },
      },
      refusals: APPEND,
    },
    "DELETE /files/{upload}": {
      summary: "End an upload",
      who: "somebody",
      headers: VERSION,
      replies: { 204: { description: "Ended" } },
      refusals: [...KNOWN, "upload_complete"],
    },
    "POST /files/{upload}": {
      summary: "Append, end or look, for clients that cannot send the method",
      who: "somebody",
      headers: {
        "X-HTTP-Method-Override": { description: "`PATCH`, `DELETE` or `HEAD`", schema: TEXT },
      },
      body: { bytes: "As of the method", mediaType: TUS_TYPE },
      replies: {
        200: { description: "As of the method", headers: STANDING_HEADERS },
        204: { description: "As of the method", headers: STANDING_HEADERS },
      },
      refusals: [...APPEND, "method_override_unknown"],
    },
    "PUT /files/{upload}": {
      summary: "Upload a file in one request",
      description:
        "`curl -T disk.img -H 'Authorization: …' …/files/` is that. All or nothing. A user names the workspace in `Stowage-Workspace`.",
      who: "somebody",
      headers: {
        "Stowage-Workspace": { description: "The workspace, for a user", schema: TEXT },
        "Content-Digest": { description: "Of the file (RFC 9530)", schema: TEXT },
      },
      body: { bytes: "The file" },
      replies: { 201: CREATED, 408: STALLED },
      refusals: [...OPENING, ...APPENDING, "artifact_name_invalid", "artifact_not_found"],
    },
  },
};

/** An artifact of a folder. */
const BUNDLED: JsonSchema = {
  ...UPLOADED,
  required: ["id", "uuid", "version", "url", "file_count", "total_bytes"],
  properties: {
    ...(UPLOADED["properties"] as Record<string, JsonSchema>),
    file_count: { type: "integer" },
    total_bytes: { type: "integer" },
  },
};

export const bundleCalls: Area = {
  name: "Folders of uploads",
  description:
    "Uploads by tus whose metadata names a `bundle` are kept until one call makes them the files of an artifact. Scripts of other sites may call it",
  operations: {
    "POST /bundles/{bundle}": {
      summary: "Make uploads the files of one artifact",
      description:
        "The next version of the artifact of that bundle. A path is that of the request, else `relativePath` or `filename` of the upload. Nothing shows before all are in; a repeat is answered alike for seven days. A user names the `workspace`.",
      who: "somebody",
      path: {
        bundle: {
          description: "As the uploads' metadata says, 64 characters at most",
          schema: TEXT,
        },
      },
      body: BundleUploadsRequest,
      reply: BUNDLED,
      refusals: [
        "artifact_name_invalid",
        "bundle_files_invalid",
        "bundle_too_large",
        "contributor_needed",
        "namespace_not_found",
        "upload_metadata_refused",
        "upload_not_found",
        "upload_not_bundled",
        "upload_part_unfinished",
        "upload_part_gone",
        "upload_content_mismatch",
        "artifact_not_found",
        "quota_exceeded",
        "entries_exceeded",
        "uploads_too_many",
        "upload_too_large",
        "catalog_full",
      ],
    },
  },
};
