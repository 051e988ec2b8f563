import { findPathFault } from "../protocol/paths.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Characters of a name that is looked at: no path of more has at most 1,000 bytes. */
const LONGEST_NAME = 4_096;

/** What the name of a member comes to: a path, the root, or nothing, as it has a fault. */
export type NamedPath =
  | { kind: "path"; path: string }
  | { kind: "root" }
  | { kind: "fault"; fault: string };

/** Decodes a member's name; null when it is not UTF-8. */
export function decodeName(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** A name as a message shows it, whatever its bytes are. */
export function showName(bytes: Uint8Array): string {
  return lenient.decode(bytes);
}

/** The path of what an archive calls `name`. As unpackers do, a leading slash, a `.` and what is empty between two slashes are left
 * out; everything else has to follow the path rules. */
export function memberPath(name: string, kind: "file" | "folder"): NamedPath {
  if (name.length > LONGEST_NAME) {
    return { kind: "fault", fault: findPathFault("x".repeat(LONGEST_NAME)) ?? "is too long" };
  }
  const path = name
    .split("/")
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/");
  if (path === "" && kind === "folder" && name !== "") {
    return { kind: "root" };
  }
  const fault = findPathFault(path);
  return fault === null ? { kind: "path", path } : { kind: "fault", fault };
}
