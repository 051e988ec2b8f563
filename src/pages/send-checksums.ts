import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { checksumLine } from "../archive/checksum-line.ts";
import { walkFiles } from "../catalog/files.ts";
import type { Folder, StoredFile } from "../catalog/files.ts";
import { contentDisposition } from "../http/disposition.ts";
import { bodyOfUnknownLength, writeBytes } from "../http/stream-bytes.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ChecksumName } from "../protocol/urls.ts";
import { bytesHeaders } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";

const NAMES: readonly ChecksumName[] = ["sha256", "sha512"];

/** The checksums of everything below a folder as `sha256sum -c` reads them, with the paths that archives have;
 * written page by page while the client reads. */
export function sendChecksums(
  c: Context<AppEnv>,
  artifact: Browsed,
  folder: Folder,
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
  const files = walkFiles(c.env.DB, artifact.version.id, folder, LIMITS.archivePage);
  return new Response(
    bodyOfUnknownLength((to) => writeChecksums(files, name, to)),
    { headers },
  );
}

async function writeChecksums(
  files: AsyncIterable<StoredFile>,
  name: ChecksumName,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  let lines: string[] = [];
  const flush = async () => {
    if (lines.length > 0) {
      await writeBytes(to, new TextEncoder().encode(lines.join("")));
    }
    lines = [];
  };
  for await (const file of files) {
    lines.push(checksumLine(file[name], file.path));
    if (lines.length === LIMITS.archivePage) {
      await flush();
    }
  }
  await flush();
}
