// A version as plain arrays, by nothing but what docs/manifest.md, docs/conformance.md and decision 3 say: its entries are
// sorted, counted and summed up anew for each question.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { plainTar, plainZip, tarMember, zipEntry, zipMember } from "./plain-archives.ts";
import type { PlainMember } from "./plain-archives.ts";

const utf8 = new TextEncoder();

/** A file with all that a manifest may say of it. */
export interface PlainFile {
  path: string;
  data: Uint8Array;
  type: string | null;
  isExecutable: boolean;
  modifiedAt: number | null;
  linkTarget: string | null;
}

/** Files, and folders by their paths without a slash, which need not be those of files. */
export interface PlainTree {
  files: readonly PlainFile[];
  folders: readonly string[];
}

/** An entry of a version; `path` of a folder ends in a slash. */
type PlainEntry = { path: string; bytes: Uint8Array } & (
  | { kind: "file"; file: PlainFile; hashes: PlainHashes }
  | { kind: "folder" }
);

interface PlainHashes {
  crc32: number;
  sha256: string;
  sha512: string;
}

export function hashesOf(data: Uint8Array): PlainHashes {
  return {
    crc32: crc32(data),
    sha256: createHash("sha256").update(data).digest("hex"),
    sha512: createHash("sha512").update(data).digest("hex"),
  };
}

/** Why a path is that of no file; null where it may be. */
function faultOfPath(path: string): string | null {
  const length = utf8.encode(path).length;
  const segments = path.split("/");
  const isOdd = Array.from(path).some((character) => {
    const code = character.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return isControl || character === "\\" || (code >= 0xd800 && code < 0xe000);
  });
  const isIll = segments.some((segment) => ["", ".", ".."].includes(segment));
  return length < 1 || length > 1_000 || isOdd || isIll ? "no path" : null;
}

/** The paths for which files cannot be a version: those that no file may have; without any, those that are there twice and
 * those that are folders, too. */
export function plainRefusals(paths: readonly string[]): Set<string> {
  const bad = paths.filter((path) => faultOfPath(path) !== null);
  if (bad.length > 0) {
    return new Set(bad);
  }
  const folders = new Set(paths.flatMap(foldersAbove));
  const seen = new Set<string>();
  const refused = new Set<string>();
  for (const path of paths) {
    if (seen.has(path) || folders.has(`${path}/`)) {
      refused.add(path);
    }
    seen.add(path);
  }
  return refused;
}

/** The folders of a path: "a/b/c" has "a/" and "a/b/". */
function foldersAbove(path: string): string[] {
  const segments = path.split("/");
  return segments.slice(1).map((_, at) => `${segments.slice(0, at + 1).join("/")}/`);
}

function compare(one: Uint8Array, other: Uint8Array): number {
  for (let at = 0; at < one.length && at < other.length; at += 1) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return one.length - other.length;
}

/** A version, whose archives are dated to `seconds`. */
export class PlainVersion {
  readonly entries: readonly PlainEntry[];
  readonly seconds: number;

  constructor({ files, folders }: PlainTree, seconds: number) {
    this.seconds = seconds;
    const paths = [
      ...files.flatMap(({ path }) => foldersAbove(path)),
      ...folders.flatMap((path) => foldersAbove(`${path}/`)),
    ];
    const entries: PlainEntry[] = [
      ...[...new Set(paths)].map((path) => ({
        kind: "folder" as const,
        path,
        bytes: utf8.encode(path),
      })),
      ...files.map((file) => ({
        kind: "file" as const,
        path: file.path,
        bytes: utf8.encode(file.path),
        file,
        hashes: hashesOf(file.data),
      })),
    ];
    this.entries = entries.toSorted((one, other) => compare(one.bytes, other.bytes));
  }

  /** The folders, the root first. */
  get folders(): string[] {
    return ["", ...this.entries.filter(({ kind }) => kind === "folder").map(({ path }) => path)];
  }

  /** The entries below a folder, at any depth. */
  below(folder: string): PlainEntry[] {
    return this.entries.filter(({ path }) => path !== folder && path.startsWith(folder));
  }

  /** The files below a folder. */
  filesIn(folder: string): PlainFile[] {
    return this.below(folder).flatMap((entry) => (entry.kind === "file" ? [entry.file] : []));
  }

  /** What the pages of a folder show, of all its pages together. */
  listing(folder: string) {
    const below = this.below(folder);
    const rows = below.map((entry) => {
      if (entry.kind === "folder") {
        const files = this.filesIn(entry.path);
        const bytes = files.reduce((sum, { data }) => sum + data.length, 0);
        return {
          type: "folder",
          path: entry.path,
          file_count: files.length,
          total_bytes: bytes,
          url: urlOf(entry.path),
        };
      }
      const { sha256, sha512 } = entry.hashes;
      const { path, file } = entry;
      return {
        type: "file",
        path,
        size: file.data.length,
        sha256,
        sha512,
        ...(file.isExecutable ? { executable: true } : {}),
        ...(file.modifiedAt === null
          ? {}
          : { modified_at: new Date(file.modifiedAt).toISOString() }),
        url: urlOf(path),
      };
    });
    const files = this.filesIn(folder);
    return {
      file_count: files.length,
      total_bytes: files.reduce((sum, { data }) => sum + data.length, 0),
      pages: Math.max(1, Math.ceil(rows.length / 50)),
      rows,
    };
  }

  /** SHA256SUMS or SHA512SUMS of a folder: no path has what would have to be escaped. */
  checksums(folder: string, name: "sha256" | "sha512"): string {
    return this.below(folder)
      .map((entry) => (entry.kind === "file" ? `${entry.hashes[name]}  ${entry.path}\n` : ""))
      .join("");
  }

  archive(folder: string, format: "tar" | "zip"): Uint8Array {
    const members = this.below(folder).flatMap((entry) => this.#memberOf(entry) ?? []);
    return (format === "tar" ? plainTar : plainZip)(members, this.seconds);
  }

  /** What archives have of an entry: files, and folders without anything below them. */
  #memberOf(entry: PlainEntry): PlainMember | null {
    if (entry.kind === "file") {
      return entry.file;
    }
    const { path } = entry;
    const isEmpty = this.below(path).length === 0;
    return isEmpty ? { path, data: new Uint8Array(), isExecutable: false, modifiedAt: null } : null;
  }

  /** The sums over the first entries, by number: what members take in archives is counted by making that of each. */
  sums(): Record<"files" | "bytes" | "tar" | "zip" | "directory" | "emptyFolders", number>[] {
    const now = { files: 0, bytes: 0, tar: 0, zip: 0, directory: 0, emptyFolders: 0 };
    const sums = [{ ...now }];
    for (const entry of this.entries) {
      const member = this.#memberOf(entry);
      if (member !== null) {
        now[entry.kind === "file" ? "files" : "emptyFolders"] += 1;
        now.bytes += member.data.length;
        now.tar += tarMember(member, this.seconds).length;
        now.zip += zipMember(member, this.seconds).length;
        now.directory += zipEntry(member, this.seconds, 0).length;
      }
      sums.push({ ...now });
    }
    return sums;
  }
}

/** The address of an entry of artifact 7: RFC 3986 leaves letters, digits and four more as they are. */
function urlOf(path: string): string {
  let url = "/a/7/";
  for (const byte of utf8.encode(path)) {
    const character = String.fromCharCode(byte);
    const isPlain = /[\w.~/-]/u.test(character);
    url += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return url;
}
