// The headers of a PUT of a declared file -> which bytes of it come, or the question how many are there.

import { readBodyPromise } from "../../http/body-check.ts";
import { parseContentRange } from "../../http/content-range.ts";
import type { BodyPromise } from "../../protocol/body-promise.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import { parseCount } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** What a request brings; `size` is what it says of the whole file, null for nothing. `isSmall`: it may be all of a
 * small file. */
export type Sent = { kind: "question"; size: number | null } | SentPiece;

/** Bytes of a file, and what the headers say of them. */
export interface SentPiece {
  kind: "piece";
  size: number | null;
  start: number;
  length: number;
  isSmall: boolean;
  promise: BodyPromise;
}

/** Reads what the headers say; refuses what does not fit together. */
export function readSent(headers: Headers): Sent {
  const header = headers.get("Content-Range");
  const range = parseContentRange(header);
  if (range.kind === "malformed") {
    throw new AppError("file_range_malformed", `'${header}'`);
  }
  if (range.kind === "question") {
    return range;
  }
  const length = readLength(headers);
  if (range.kind === "none") {
    const { promise } = valueOf(readBodyPromise(headers, "file"));
    return { kind: "piece", size: null, start: 0, length, isSmall: isSmall(length), promise };
  }
  const { start, end, size } = range;
  if (length !== end - start) {
    throw new AppError("file_range_malformed", `'${header}' with a body of ${length} bytes`);
  }
  const isWhole = length === size;
  const { promise } = valueOf(readBodyPromise(headers, isWhole ? "file" : "part"));
  return { kind: "piece", size, start, length, isSmall: isWhole && isSmall(length), promise };
}

function isSmall(length: number): boolean {
  return length > 0 && length <= LIMITS.smallFile;
}

function readLength(headers: Headers): number {
  const length = parseCount(headers.get("Content-Length") ?? "");
  if (length === null) {
    throw new AppError("upload_length_required");
  }
  return length;
}
