// What a member of a tar is, by the type flag of its header.

import { ArchiveProblem } from "./archive-problem.ts";

/** What no file can be made of, by its type flag. */
const REFUSED = new Map([
  ["D", "is part of an incremental backup"],
  ["M", "is continued from another volume"],
  ["N", "is a list of names of an old tar"],
]);

/** What is left out, by its type flag. */
export const SPECIAL = new Map([
  ["3", "is a device"],
  ["4", "is a device"],
  ["6", "is a fifo"],
]);

/** Headers that say something about the member after them. */
export type MetaType = "x" | "g" | "L" | "K";

/** What a member is. */
export type Kind = "file" | "folder" | "link" | "special" | "label";

/** A type that nobody knows is a file (POSIX.1-2017, "ustar Interchange Format", typeflag). */
export function kindOf(name: string, type: string): Kind {
  const refused = REFUSED.get(type);
  if (refused !== undefined) {
    throw new ArchiveProblem(name, refused);
  }
  if (SPECIAL.has(type)) {
    return "special";
  }
  switch (type) {
    case "1":
    case "2":
      return "link";
    case "5":
      return "folder";
    case "V":
      return "label";
    default:
      // Unix V7 had no type for folders.
      return type === "0" && name.endsWith("/") ? "folder" : "file";
  }
}

/** Solaris wrote what became pax as X. */
export function metaTypeOf(type: string): MetaType | null {
  switch (type) {
    case "x":
    case "X":
      return "x";
    case "g":
    case "L":
    case "K":
      return type;
    default:
      return null;
  }
}
