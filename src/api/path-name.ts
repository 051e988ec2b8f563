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
  if (!isUsableName(name)) {
    throw new AppError("artifact_name_invalid", `'${segment}'`);
  }
  return name;
}

/** Can an artifact have this name, and its only file this path? */
export function isUsableName(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length;
  const isDots = name === "." || name === "..";
  return !isDots && bytes > 0 && bytes <= 1_000 && !/[/\\\p{Cc}]/u.test(name);
}
