import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { entriesOf } from "../artifacts/entries.ts";
import { readingOf } from "../auth/author.ts";
import { blobSource } from "../blobs/reader.ts";
import { respondWithBytes } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { servedAs } from "../http/media-types.ts";
import type { StoredFile } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
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
export function sendFile(c: Context<AppEnv>, artifact: BrowsedBytes, file: StoredFile): Response {
  const name = lastSegment(file.path);
  const { contentType, disposition } = servedAs(name);
  const kind = c.req.query("download") === undefined ? disposition : "attachment";
  const headers = bytesHeaders(c, artifact, contentType);
  headers.set("Content-Disposition", contentDisposition(kind, name));
  const source = blobSource(readingOf(c), file, file, artifact.version.createdAt);
  return respondWithBytes(c.req.raw, source, headers);
}
