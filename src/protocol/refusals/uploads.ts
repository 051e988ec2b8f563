// Bytes on their way in.

import type { Refusal } from "./refusal.ts";

export const UPLOAD_REFUSALS = {
  fetch_url_invalid: {
    status: 400,
    message: "url is not an http or https URL that can be fetched",
    help: "Give a whole URL of at most 4,096 characters, without a name or password in it",
  },
  fetch_url_forbidden: {
    status: 403,
    message: "url leads to a private address",
    help: "Upload the content instead, or ask an administrator to set FETCH_ALLOW_PRIVATE",
  },
  fetch_host_unlisted: {
    status: 403,
    message: "url leads to a host that this service does not fetch from",
    help: "Upload the content instead, or ask an administrator to add the host to FETCH_HOSTS",
  },
  fetches_too_many: {
    status: 406,
    message: "namespace has as many fetches and explosions under way as it may have",
    help: "Send the same request again when one of them has ended",
  },
  uploads_too_many: {
    status: 507,
    message: "namespace has as many open uploads as it may have",
    help: "Convert some of them; those that get no byte for a while end by themselves",
  },
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
    message: "data arrived too slowly; nothing was appended",
    help: "Send the same bytes again",
  },
  body_encoded: {
    status: 415,
    message: "body is in a content coding, which is not undone here; nothing was changed",
    help: "Send it as it is, without Content-Encoding: curl --data-binary @file, or curl -T file",
  },
  body_is_form: {
    status: 415,
    message: "body is a form around the content; nothing was changed",
    help: "Send the bytes of the file alone: curl --data-binary @file, or curl -T file, instead of -F; JSON with curl -d",
  },
  content_range_unexpected: {
    status: 400,
    message: "Content-Range has no meaning here; nothing was changed",
    help: "An append goes to the end of the upload; the header Upload-Offset says where you expect that",
  },
  body_digest_mismatch: {
    status: 400,
    message: "body does not have the digest that its header gives; nothing was changed",
    help: "Send the same bytes again",
  },
  body_digest_unknown: {
    status: 400,
    message: "digest in the header cannot be checked; nothing was changed",
    help: "Content-Digest and Repr-Digest take sha-256 and sha-512 as in RFC 9530, Digest these, SHA and MD5, Content-MD5 its 16 bytes in base64; of a part only Content-Digest and Content-MD5 are known",
  },
  upload_offset_malformed: {
    status: 400,
    message: "Upload-Offset is not an integer of at least 0",
  },
  quota_exceeded: {
    status: 507,
    message: "namespace has no room for that; nothing was changed",
    help: "Delete artifacts or versions that are not needed, or ask an administrator for a larger quota",
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
} as const satisfies Record<string, Refusal>;
