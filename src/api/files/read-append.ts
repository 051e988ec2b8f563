// The headers of a request that appends, by either protocol.

import { BodyCheck, readBodyPromise } from "../../http/body-check.ts";
import { readDigests } from "../../http/digest-headers.ts";
import type { BodyDigest, BodyPromise } from "../../protocol/body-promise.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import {
  IETF_TYPE,
  INTEROP_VERSIONS,
  readBoolean,
  readDigits,
  readInteger,
  TUS_CHECKSUMS,
  TUS_TYPE,
} from "../../protocol/tus.ts";
import type { FilesTerms } from "../../protocol/uploads.ts";

const LENGTHS = { sha1: 20, sha256: 32, sha512: 64, md5: 16 } as const;

/** What a PATCH says. */
export function readAppend(request: Request, dialect: "tus" | "ietf"): FilesTerms {
  return dialect === "tus" ? readTusAppend(request) : readIetfAppend(request);
}

function readTusAppend(request: Request): FilesTerms {
  const { headers } = request;
  const offset = readDigits(headers.get("Upload-Offset"));
  if (offset === null) {
    throw new AppError("upload_offset_malformed", `'${headers.get("Upload-Offset") ?? ""}'`);
  }
  requireTusType(headers);
  const text = headers.get("Upload-Length");
  const uploadLength = readDigits(text);
  if (text !== null && uploadLength === null) {
    throw new AppError("upload_length_malformed", `'${text}'`);
  }
  return {
    offset,
    length: lengthOf(request),
    promise: readPromise(headers, false),
    uploadLength,
    completes: "at length",
    endsWhenTooLong: false,
  };
}

/** Refuses a body of another type than tus has. */
export function requireTusType(headers: Headers): void {
  if (typeOf(headers) !== TUS_TYPE) {
    throw new AppError("upload_type_unexpected", `'${typeOf(headers)}'`);
  }
}

function readIetfAppend(request: Request): FilesTerms {
  const { headers } = request;
  const offset = readInteger(headers.get("Upload-Offset"));
  if (offset === null) {
    throw new AppError("upload_offset_malformed", `'${headers.get("Upload-Offset") ?? ""}'`);
  }
  // The oldest version that is spoken has no type of its own yet.
  const isOldest = headers.get("Upload-Draft-Interop-Version") === INTEROP_VERSIONS[0];
  if (typeOf(headers) !== IETF_TYPE && !isOldest) {
    throw new AppError("upload_partial_type_unexpected", `'${typeOf(headers)}'`);
  }
  const length = lengthOf(request);
  const isLast = readBoolean(headers.get("Upload-Complete")) === true;
  const said = readInteger(headers.get("Upload-Length"));
  return {
    offset,
    length,
    promise: readPromise(headers, false),
    uploadLength: requireSameLength(said, isLast && length !== null ? offset + length : null),
    completes: isLast ? "now" : "later",
    endsWhenTooLong: true,
  };
}

/** The length of an upload as two headers say it. */
export function requireSameLength(said: number | null, implied: number | null): number | null {
  if (said !== null && implied !== null && said !== implied) {
    throw new AppError("upload_length_conflict", `${said} and ${implied}`);
  }
  return said ?? implied;
}

/** Bytes of the body; null: they come in chunks, and nobody says how many. */
export function lengthOf({ headers, body }: Request): number | null {
  const length = readDigits(headers.get("Content-Length"));
  return length ?? (body === null ? 0 : null);
}

/** The headers that speak of the whole upload. */
const OF_WHOLE = ["Repr-Digest", "Digest"] as const;

/** What is promised of the bytes of one request. Those of the whole are known only where it `opens` the upload: readWhole() reads
 * them there. */
export function readPromise(headers: Headers, opens: boolean): BodyPromise {
  const range = headers.get("Content-Range");
  if (range !== null) {
    throw new AppError("content_range_unexpected", `'${range}'`);
  }
  const own = new Headers(headers);
  for (const name of opens ? OF_WHOLE : []) {
    own.delete(name);
  }
  const { boundary, digests } = valueOf(readBodyPromise(own, "part")).promise;
  return { boundary, digests: [...digests, ...readChecksum(headers)] };
}

/** The digests of the whole upload that the request which opens it has: only those that are kept for all of its bytes can be
 * held against it. */
export function readWhole(headers: Headers): BodyDigest[] {
  const own = new Headers();
  for (const name of OF_WHOLE) {
    const text = headers.get(name);
    if (text !== null) {
      own.set(name, text);
    }
  }
  const { digests, unreadable } = readDigests(own, false);
  const unkept = digests.find(({ algorithm }) => algorithm !== "sha256" && algorithm !== "sha512");
  if (unreadable !== null || unkept !== undefined) {
    throw new AppError("body_digest_unknown", unreadable ?? unkept?.algorithm ?? null);
  }
  return digests;
}

/** Refuses a request without a body of which one was promised. */
export function requireNothing(promise: BodyPromise): void {
  const refusal = new BodyCheck(promise).finish();
  if (refusal !== null) {
    throw new AppError(refusal);
  }
}

/** The digest in tus's own header, whoever sends it. */
export function readChecksum(headers: Headers): BodyDigest[] {
  const text = headers.get("Upload-Checksum");
  if (text === null) {
    return [];
  }
  const [name = "", encoded = "", ...more] = text.split(" ");
  const algorithm = TUS_CHECKSUMS.find((known) => known === name);
  if (algorithm !== undefined && more.length === 0) {
    try {
      const bytes = Uint8Array.fromBase64(encoded);
      if (bytes.length === LENGTHS[algorithm]) {
        return [{ algorithm, hex: bytes.toHex() }];
      }
    } catch {
      // Refused below.
    }
  }
  throw new AppError("upload_checksum_malformed", `'${text}'`);
}

function typeOf(headers: Headers): string {
  return (headers.get("Content-Type") ?? "").replace(/;.*$/su, "").trim().toLowerCase();
}
