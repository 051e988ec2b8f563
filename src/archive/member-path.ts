import { findPathFault } from "../protocol/paths.ts";
import { ArchiveProblem } from "./archive-problem.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Decodes a member's name; refused when it is not UTF-8. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new ArchiveProblem(lenient.decode(bytes), "has a name that is not UTF-8");
  }
}

/** The path of the file or folder that an archive calls `name`. A leading `./` is how tar names what it
 * finds in `.`, and a folder's name may end in slashes; everything else has to follow the path rules.
 * Null for `.` itself. */
export function memberPath(name: string, kind: "file" | "folder"): string | null {
  const relative = name.replace(/^(?:\.\/+)+/u, "");
  const path = kind === "folder" ? relative.replace(/(?<=[^/])\/+$/u, "") : relative;
  if (kind === "folder" && (path === "" || path === ".") && name.startsWith(".")) {
    return null;
  }
  const fault = findPathFault(path);
  if (fault !== null) {
    throw new ArchiveProblem(name, `has a path that ${fault}`);
  }
  return path;
}
