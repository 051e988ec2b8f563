// ?archive=: a folder in one file. tar and zip have a length and can be asked for in ranges; tar.gz is streamed.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { gzipStream } from "../archive/gzip.ts";
import { tarPieces } from "../archive/tar.ts";
import { planArchive } from "../artifacts/archive.ts";
import { bundleFolder } from "../artifacts/bundle.ts";
import type { BrowsedArtifact } from "../catalog/artifacts.ts";
import type { Folder } from "../catalog/files.ts";
import { respondWithBytes } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { AppError } from "../protocol/errors.ts";
import { ARCHIVES } from "../protocol/urls.ts";
import type { Archive } from "../protocol/urls.ts";
import { bytesHeaders } from "./bytes-headers.ts";

type Shown = BrowsedArtifact & { version: NonNullable<BrowsedArtifact["version"]> };

const CONTENT_TYPES: Record<Archive, string> = {
  "tar.gz": "application/gzip",
  tar: "application/x-tar",
  zip: "application/zip",
};

/** Answers with the archive of a folder; `asked` is what the client wrote behind `archive=`. */
export async function sendArchive(
  c: Context<AppEnv>,
  artifact: Shown,
  folder: Folder,
  asked: string,
): Promise<Response> {
  const archive = ARCHIVES.find((name) => name === asked);
  if (archive === undefined) {
    throw new AppError("archive_unsupported", `'${asked}'`);
  }
  if (!artifact.version.sealed) {
    throw new AppError("archive_incomplete");
  }
  const place = folder.path === "" ? "" : `-${folder.path.slice(0, -1).replaceAll("/", "_")}`;
  const headers = bytesHeaders(c, artifact, CONTENT_TYPES[archive]);
  const fileName = `artifact-${artifact.id}${place}.${archive}`;
  headers.set("Content-Disposition", contentDisposition("attachment", fileName));
  if (archive === "tar.gz") {
    return sendTarGz(c, artifact, folder, headers);
  }
  const version = { ...artifact.version, artifactUuid: artifact.uuid };
  return respondWithBytes(c.req.raw, await planArchive(c.env, archive, version, folder), headers);
}

function sendTarGz(
  c: Context<AppEnv>,
  { version }: Shown,
  folder: Folder,
  headers: Headers,
): Response {
  const isHead = c.req.method === "HEAD";
  const body = isHead ? null : gzipStream(tarPieces(bundleFolder(c.env, version, folder)));
  return new Response(body, { headers });
}
