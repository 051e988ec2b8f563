import { AppError } from "../protocol/errors.ts";

/** The decoded segment `index` of a URL's path, read from the raw path: clients send names unquoted, and a
 * malformed escape must be refused, not passed on as it is. */
export function pathName(url: string, index: number): string {
  const segment = new URL(url).pathname.replace(/^\/+/u, "/").split("/")[index + 1] ?? "";
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw new AppError("artifact_name_invalid", `'${segment}' is not percent-encoded UTF-8`);
  }
  const bytes = new TextEncoder().encode(name).length;
  if (name === "." || name === ".." || bytes === 0 || bytes > 1_000 || /[/\\\p{Cc}]/u.test(name)) {
    throw new AppError("artifact_name_invalid", `'${segment}'`);
  }
  return name;
}
