import { decodeName, memberPath } from "./member-path.ts";

/** Something of an archive that has no bytes of its own. */
export type Beside =
  | { kind: "folder"; path: string }
  /** Another name of a member before it (hard), or a symbolic link. */
  | { kind: "link"; path: string; target: string; isHard: boolean }
  /** Something that cannot be a file of an artifact; its name as it stands, as far as it is kept. */
  | { kind: "left out"; name: Uint8Array; reason: string };

/** What an archive says that a member is; `special` is why a device or fifo cannot be kept. */
interface Described {
  kind: "file" | "folder" | "link" | "special";
  special: string;
  target: Uint8Array;
  isHard: boolean;
}

/** Bytes of the target of a link: PATH_MAX of Linux, its NUL included. */
export const LONGEST_TARGET = 4_095;
/** Bytes that are kept of the name of what is left out. */
const NAME_KEPT = 1_000;

/** What a member comes to, whatever archive it is in: a file, something beside the files, or the root. */
export function describeMember(
  name: Uint8Array,
  { kind, special, target, isHard }: Described,
): Beside | { kind: "file"; path: string } | { kind: "root" } {
  const leftOut = (reason: string) =>
    ({ kind: "left out", name: name.slice(0, NAME_KEPT), reason }) as const;
  if (kind === "special") {
    return leftOut(special);
  }
  const text = decodeName(name);
  if (text === null) {
    return leftOut("has a name that is not UTF-8");
  }
  const named = memberPath(text, kind === "folder" ? "folder" : "file");
  if (named.kind !== "path") {
    return named.kind === "root" ? named : leftOut(`has a path that ${named.fault}`);
  }
  const { path } = named;
  if (kind !== "link") {
    return { kind, path };
  }
  const leadsTo = target.length > LONGEST_TARGET ? null : decodeName(target);
  return leadsTo === null
    ? leftOut("is a link to a name that is too long or not UTF-8")
    : { kind, path, target: leadsTo, isHard };
}
