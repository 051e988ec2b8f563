import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { checksumLine } from "../archive/checksum-line.ts";
import { contentDisposition } from "../http/disposition.ts";
import { bodyOfUnknownLength, writeBytes } from "../http/stream-bytes.ts";
import { entriesBelow } from "../protocol/entries.ts";
import type { Folder, VersionEntries } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import type { ChecksumName } from "../protocol/urls.ts";
import { bytesHeaders } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";

const NAMES: readonly ChecksumName[] = ["sha256", "sha512"];

/** The checksums of everything below a folder as `sha256sum -c` reads them, with the paths that archives have;
 * written page by page while the client reads. */
export function sendChecksums(
  c: Context<AppEnv>,
  artifact: Browsed,
  { entries, folder }: { entries: VersionEntries; folder: Folder },
  asked: string,
): Response {
  const name = NAMES.find((known) => known === asked);
  if (name === undefined) {
    throw new AppError("checksums_unsupported", `'${asked}'`);
  }
  const headers = bytesHeaders(c, artifact, "text/plain; charset=utf-8");
  headers.set("Content-Disposition", contentDisposition("inline", `${name.toUpperCase()}SUMS`));
  if (c.req.method === "HEAD") {
    return new Response(null, { headers });
  }
  const body = bodyOfUnknownLength(async (to) => {
    const encoder = new TextEncoder();
    for await (const page of entries.walk(entriesBelow(folder))) {
      const lines = page.map((entry) =>
        entry.kind === "file" ? checksumLine(entry[name], entry.path) : "",
      );
      await writeBytes(to, encoder.encode(lines.join("")));
    }
  });
  return new Response(body, { headers });
}
