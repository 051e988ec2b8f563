// Uploads under /files/, by tus and by the IETF's protocol.

import type { Refusal } from "./refusal.ts";

export const FILES_REFUSALS = {
  tus_version_unsupported: {
    status: 412,
    message: "Tus-Resumable is missing or another version than 1.0.0",
  },
  method_override_unknown: {
    status: 400,
    message: "X-HTTP-Method-Override is none of PATCH, DELETE and HEAD",
  },
  upload_type_unexpected: {
    status: 415,
    message: "Content-Type is not application/offset+octet-stream; nothing was changed",
  },
  upload_partial_type_unexpected: {
    status: 415,
    message: "Content-Type is not application/partial-upload; nothing was changed",
  },
  upload_length_malformed: {
    status: 400,
    message: "either Upload-Length, an integer of at least 0, or Upload-Defer-Length: 1 is needed",
  },
  upload_length_conflict: {
    status: 400,
    message: "upload has another length; nothing was appended",
  },
  upload_metadata_malformed: { status: 400, message: "Upload-Metadata cannot be read" },
  upload_metadata_refused: { status: 400, message: "Upload-Metadata asks for what cannot be" },
  upload_checksum_malformed: {
    status: 400,
    message: "Upload-Checksum is not one of sha1, sha256, sha512 and md5 with its digest in base64",
  },
  upload_whole_mismatch: {
    status: 400,
    message: "content does not have the digest of the upload; all of its bytes were dropped",
    help: "Send it again from its first byte",
  },
  upload_too_long: { status: 413, message: "Maximum size exceeded" },
  upload_body_broken: {
    status: 503,
    message: "body ended early or arrived too slowly; what arrived is kept",
    help: "Go on from the offset that HEAD gives",
  },
  upload_superseded: {
    status: 423,
    message: "a newer request for the upload ended this one; what arrived is kept",
    help: "Go on from the offset that HEAD gives",
  },
  upload_complete: { status: 403, message: "upload is an artifact; delete that instead" },
  upload_is_final: { status: 403, message: "upload is made of others and takes no bytes" },
  upload_not_partial: {
    status: 403,
    message: "upload is no part: it was opened without Upload-Concat: partial",
  },
  upload_concat_malformed: {
    status: 400,
    message:
      "Upload-Concat is neither partial nor final; with the URLs of uploads, or has a length or a body",
  },
  upload_part_unknown: { status: 400, message: "a part of Upload-Concat is not known" },
  upload_part_unfinished: {
    status: 409,
    message: "a part, or a file of a bundle, is not complete",
  },
  upload_not_bundled: {
    status: 409,
    message: "upload is no file of this bundle: its metadata says another, or none",
  },
  bundle_files_invalid: { status: 400, message: "files cannot be those of a folder" },
  upload_part_gone: { status: 409, message: "a part was changed or ended while it was joined" },
} as const satisfies Record<string, Refusal>;
