import type { ErrorCode } from "./errors.ts";

/** Where clients of /files/ need another status than others: what is to be tried again must be 409, 423 or a 5xx, and
 * nothing else may be. */
export const FILES_STATUS: Partial<Record<ErrorCode, number>> = {
  quota_exceeded: 413,
  entries_exceeded: 413,
  upload_too_large: 413,
  upload_too_scattered: 413,
  uploads_too_many: 429,
  upload_sealing: 423,
  upload_body_stalled: 503,
  upload_body_incomplete: 503,
  body_digest_mismatch: 460,
  upload_whole_mismatch: 460,
};
