// /a/: who may read is decided before any path is looked up, so that a stranger learns nothing of paths.

import { Hono } from "hono";
import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { gzipStream } from "../archive/gzip.ts";
import { tarPieces } from "../archive/tar.ts";
import { bundleFolder } from "../artifacts/bundle.ts";
import { findFolder } from "../catalog/files.ts";
import type { Folder } from "../catalog/files.ts";
import { contentDisposition } from "../http/disposition.ts";
import { AppError } from "../protocol/errors.ts";
import { folderUrl } from "../protocol/urls.ts";
import { bytesHeaders, readPath, redirect, requireBrowsed } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";
import { listFolder } from "./list-folder.tsx";
import { sendChecksums } from "./send-checksums.ts";
import { requireFile, sendFile } from "./send-file.ts";
import { viewFile } from "./view-file.tsx";

/** The pages and files of artifacts. */
export const browse = new Hono<AppEnv>().get("/:id/*", show).get("/:id", show);

async function show(c: Context<AppEnv>): Promise<Response> {
  const artifact = await requireBrowsed(c);
  if (artifact instanceof Response) {
    return artifact;
  }
  const path = readPath(c.req.url);
  if (path === null) {
    return redirect(c, folderUrl(artifact.id, ""));
  }
  return path === "" || path.endsWith("/")
    ? showFolder(c, artifact, path)
    : showFile(c, artifact, path);
}

async function showFile(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const file = await requireFile(c, artifact, path);
  if (file instanceof Response) {
    return file;
  }
  return c.req.query("view") === undefined
    ? sendFile(c, artifact, file)
    : viewFile(c, artifact, file);
}

async function showFolder(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const folder = await findFolder(c.env.DB, artifact.version.id, path);
  if (folder === null) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  const checksums = c.req.query("checksums");
  if (checksums !== undefined) {
    return sendChecksums(c, artifact, folder, checksums);
  }
  const archive = c.req.query("archive");
  if (archive === undefined) {
    return listFolder(c, artifact, folder);
  }
  if (archive !== "tar.gz") {
    throw new AppError("archive_unsupported", `'${archive}'`);
  }
  return sendTarGz(c, artifact, folder);
}

function sendTarGz(c: Context<AppEnv>, artifact: Browsed, folder: Folder): Response {
  const place = folder.path === "" ? "" : `-${folder.path.slice(0, -1).replaceAll("/", "_")}`;
  const headers = bytesHeaders(c, artifact, "application/gzip");
  const fileName = `artifact-${artifact.id}${place}.tar.gz`;
  headers.set("Content-Disposition", contentDisposition("attachment", fileName));
  if (c.req.method === "HEAD") {
    return new Response(null, { headers });
  }
  const entries = bundleFolder(c.env, artifact.version, folder);
  return new Response(gzipStream(tarPieces(entries)), { headers });
}
