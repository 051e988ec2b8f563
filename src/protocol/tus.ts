// What /files/ speaks: tus 1.0 and the IETF's resumable uploads.

import { LIMITS } from "./limits.ts";

export const TUS_VERSION = "1.0.0";
export const TUS_EXTENSIONS =
  "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";

/** Names of tus are those of node:crypto. */
export const TUS_CHECKSUMS = ["sha1", "sha256", "sha512", "md5"] as const;

/** Versions of draft-ietf-httpbis-resumable-upload that clients speak here, the newest last: they differ in nothing that this
 * side sees. */
export const INTEROP_VERSIONS = ["5", "6", "7", "8", "9"] as const;

export const TUS_TYPE = "application/offset+octet-stream";
export const IETF_TYPE = "application/partial-upload";

/** Is a path one of the uploads that any resumable client makes? */
export function isFilesPath(path: string): boolean {
  return /^\/files(?:\/|$)/u.test(path);
}

/** The address of an upload, from the root. */
export function uploadUrl(uuid: string): string {
  return `/files/${uuid}`;
}

/** What stands for the uuid in an upload's address, which is absolute or a path; null where that is none. */
export function uploadOfUrl(url: string): string | null {
  return /^(?:https?:\/\/[^/]+)?\/+files\/([^/?#]+)$/u.exec(url)?.[1] ?? null;
}

/** How a request speaks: `plain` is an upload in one request, as any HTTP client makes it. */
export type Dialect = "tus" | "ietf" | "plain";

const OF_TUS = [
  "Upload-Length",
  "Upload-Defer-Length",
  "Upload-Offset",
  "Upload-Metadata",
  "Upload-Concat",
  "Upload-Checksum",
] as const;

/** How a request speaks, or null: it is tus of no version that is known. */
export function dialectOf(method: string, { headers, body }: Request): Dialect | null {
  const version = headers.get("Tus-Resumable");
  if (version !== null) {
    return version === TUS_VERSION ? "tus" : null;
  }
  if (method === "PUT") {
    return "plain";
  }
  if (!["POST", "PATCH"].includes(method) || readBoolean(headers.get("Upload-Complete")) !== null) {
    return "ietf";
  }
  const hasBody = body !== null && headers.get("Content-Length") !== "0";
  const isForgotten = OF_TUS.some((name) => headers.has(name));
  return method === "POST" && hasBody && !isForgotten ? "plain" : null;
}

/** A structured boolean (RFC 9651 §3.3.6), with any parameters; null for anything else, which counts as absent. */
export function readBoolean(text: string | null): boolean | null {
  const [, value] = /^\s*\?([01])\s*(?:;.*)?$/u.exec(text ?? "") ?? [];
  return value === undefined ? null : value === "1";
}

/** Digits as a number: what no number holds is past every bound as well. Null for anything else. */
export function readDigits(text: string | null): number | null {
  if (text === null || !/^\d+$/u.test(text)) {
    return null;
  }
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : Number.MAX_SAFE_INTEGER;
}

/** The same of a structured integer (RFC 9651 §3.3.1), which has at most 15 digits, with any parameters. */
export function readInteger(text: string | null): number | null {
  const [, digits] = /^\s*(\d{1,15})\s*(?:;.*)?$/u.exec(text ?? "") ?? [];
  return digits === undefined ? null : Number(digits);
}

/** What `Upload-Limit` says; `maxAge` in seconds. */
export function uploadLimit(maxAppend: number, maxAge: number | null, maxSize?: number): string {
  const age = maxAge === null ? "" : `, max-age=${Math.max(0, Math.floor(maxAge))}`;
  return `max-size=${maxSize ?? LIMITS.uploadSize}, max-append-size=${maxAppend}, min-size=0${age}`;
}
