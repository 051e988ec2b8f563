// The headers of a request that appends, by either protocol.

import { readBodyPromise } from "../../http/body-check.ts";
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
    promise: readTusPromise(headers),
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
    promise: readPromise(headers),
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

/** What is promised of the bytes of one request. */
export function readPromise(headers: Headers): BodyPromise {
  const { digests } = valueOf(readBodyPromise(headers, "part")).promise;
  return { boundary: null, digests };
}

/** The same by tus, which has a header of its own. */
export function readTusPromise(headers: Headers): BodyPromise {
  const { digests } = readPromise(headers);
  const text = headers.get("Upload-Checksum");
  const checksum = text === null ? [] : [readChecksum(text)];
  return { boundary: null, digests: [...digests, ...checksum] };
}

function readChecksum(text: string): BodyDigest {
  const [name = "", encoded = "", ...more] = text.split(" ");
  const algorithm = TUS_CHECKSUMS.find((known) => known === name);
  if (algorithm !== undefined && more.length === 0) {
    try {
      const bytes = Uint8Array.fromBase64(encoded);
      if (bytes.length === LENGTHS[algorithm]) {
        return { algorithm, hex: bytes.toHex() };
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
