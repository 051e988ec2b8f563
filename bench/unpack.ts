import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sha256Of } from "./content.ts";

/** Prints the contents of all members in the order of the archive; `FILE` is where it is. */
const UNPACKERS = {
  tar: ["tar", "-xOf", "FILE"],
  "tar.gz": ["tar", "-xzOf", "FILE"],
  zip: ["unzip", "-p", "FILE"],
} as const;

export type Format = keyof typeof UNPACKERS;

/** The SHA-256 of all members' contents, of at most `most` bytes together, as the common tools unpack them. */
export function sha256OfMembers(format: Format, archive: Buffer, most: number): string {
  const folder = mkdtempSync(join(tmpdir(), "stowage-archive-"));
  const file = join(folder, "archive");
  try {
    writeFileSync(file, archive);
    const [command, ...args] = UNPACKERS[format].map((arg) => (arg === "FILE" ? file : arg));
    return sha256Of(execFileSync(command ?? "", args, { maxBuffer: most + 1 }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
