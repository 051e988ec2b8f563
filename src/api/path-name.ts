import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";

const MAX_BYTES = 1_000;

/** The decoded segment `index` of a URL's path, read from the raw path: clients send names unquoted, and a
 * malformed escape must be refused, not passed on as it is. `refusal` is for what cannot be a name. */
export function pathName(
  url: string,
  index: number,
  refusal: ErrorCode = "artifact_name_invalid",
): string {
  const segment = new URL(url).pathname.replace(/^\/+/u, "/").split("/")[index + 1] ?? "";
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw new AppError(refusal, `'${segment}' is not percent-encoded UTF-8`);
  }
  if (!isName(name)) {
    throw new AppError(refusal, `'${segment}'`);
  }
  return name;
}

/** May this be a name that stands in a URL, unquoted but for what a URL cannot hold? */
export function isName(name: string, maxBytes: number = MAX_BYTES): boolean {
  const bytes = new TextEncoder().encode(name).length;
  const isDots = name === "." || name === "..";
  return !isDots && bytes > 0 && bytes <= maxBytes && !/[/\\\p{Cc}\p{Cs}]/u.test(name);
}
