import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { entriesOf } from "../artifacts/entries.ts";
import { readingOf } from "../auth/author.ts";
import type { Reading } from "../blobs/open-slice.ts";
import { blobSource, openBlob } from "../blobs/reader.ts";
import { charsetOf } from "../http/charset.ts";
import type { Charset } from "../http/charset.ts";
import { respondWithBytes } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { isServedText, servedAs, textType } from "../http/media-types.ts";
import { decidePreconditions } from "../http/preconditions.ts";
import type { StoredFile } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { folderUrl } from "../protocol/urls.ts";
import { bytesHeaders, redirect } from "./browsed.ts";
import type { BrowsedBytes } from "./browsed.ts";
import { lastSegment } from "./names.tsx";

/** The file at a path, or the way to the folder that has the name. */
export async function requireFile(
  c: Context<AppEnv>,
  artifact: BrowsedBytes,
  path: string,
): Promise<StoredFile | Response> {
  const entries = entriesOf(c.env, artifact.version);
  const file = await entries.find(path);
  if (file?.kind === "file") {
    return file;
  }
  if ((await entries.find(`${path}/`)) !== null) {
    return redirect(c, artifact, folderUrl(artifact.id, `${path}/`));
  }
  throw new AppError("path_not_found", `'${path}'`);
}

/** A file's bytes, shown or saved by the browser as is safe for its type. */
export async function sendFile(
  c: Context<AppEnv>,
  artifact: BrowsedBytes,
  file: StoredFile,
): Promise<Response> {
  const name = lastSegment(file.path);
  const served = servedAs(name);
  const kind = c.req.query("download") === undefined ? served.disposition : "attachment";
  const source = blobSource(readingOf(c), file, file, artifact.version.createdAt);
  const { headers: asked, method } = c.req.raw;
  const isWanted = decidePreconditions(asked, method, source) === "proceed";
  const contentType =
    isServedText(served) && isWanted
      ? textType(await readCharset(readingOf(c), file))
      : served.contentType;
  const headers = bytesHeaders(c, artifact, contentType);
  headers.set("Content-Disposition", contentDisposition(kind, name));
  return respondWithBytes(c.req.raw, source, headers);
}

/** The charset that the first bytes of a text tell. Where they cannot be read, the body says so. */
async function readCharset(reading: Reading, file: StoredFile): Promise<Charset> {
  const size = Math.min(file.size, LIMITS.charsetBytes);
  if (size === 0) {
    return "utf-8";
  }
  try {
    const start = await new Response(openBlob(reading, file, size)).arrayBuffer();
    return charsetOf(new Uint8Array(start));
  } catch {
    return "utf-8";
  }
}
