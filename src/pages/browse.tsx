// /a/: who may not read is refused before anything that depends on the path, so that a stranger learns nothing of paths.

import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { entriesOf } from "../artifacts/entries.ts";
import { pageCaching } from "../http/caching.ts";
import type { VersionEntries } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import { folderUrl } from "../protocol/urls.ts";
import { isPublic, readPath, redirect, requireBrowsed, requireBrowsedFile } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";
import { listFolder } from "./list-folder.tsx";
import { sendArchive } from "./send-archive.ts";
import { sendChecksums } from "./send-checksums.ts";
import { requireFile, sendFile } from "./send-file.ts";
import { viewFile } from "./view-file.tsx";

/** The pages and files of artifacts. The wildcard takes the address without the slash, too. */
export const browse = new Routes().get("/:id/*", show);

async function show(c: Context<AppEnv>): Promise<Response> {
  const path = readPath(c.req.path);
  const asked = typeof path === "string" ? path : "";
  if (!isFolderPath(asked) && c.req.query("view") === undefined) {
    return sendBytes(c, asked);
  }
  const artifact = await requireBrowsed(c);
  if (artifact instanceof Response) {
    return artifact;
  }
  if (path instanceof AppError) {
    throw path;
  }
  if (path === null) {
    return redirect(c, artifact, folderUrl(artifact.id, ""));
  }
  return isFolderPath(path) ? showFolder(c, artifact, path) : showFile(c, artifact, path);
}

async function sendBytes(c: Context<AppEnv>, path: string): Promise<Response> {
  const artifact = await requireBrowsedFile(c);
  if (artifact instanceof Response) {
    return artifact;
  }
  const file = await requireFile(c, artifact, path);
  return file instanceof Response ? file : sendFile(c, artifact, file);
}

async function showFile(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const file = await requireFile(c, artifact, path);
  return file instanceof Response ? file : viewFile(c, artifact, file);
}

async function showFolder(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const entries = entriesOf(c.env, artifact.version);
  const folder = await entries.find(path);
  if (folder?.kind !== "folder") {
    return toNearest(c, artifact, path, entries);
  }
  const checksums = c.req.query("checksums");
  if (checksums !== undefined) {
    return sendChecksums(c, artifact, { entries, folder }, checksums);
  }
  const archive = c.req.query("archive");
  return archive === undefined
    ? listFolder(c, artifact, { entries, folder })
    : sendArchive(c, artifact, folder, archive);
}

/** The way to the nearest parent that exists, where a link to another version asked for it. */
async function toNearest(
  c: Context<AppEnv>,
  artifact: Browsed,
  path: string,
  entries: VersionEntries,
): Promise<Response> {
  if (c.req.query("nearest") === undefined) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  let parent = path;
  do {
    parent = parent.slice(0, parent.lastIndexOf("/", parent.length - 2) + 1);
  } while ((await entries.find(parent))?.kind !== "folder");
  const to = folderUrl(artifact.id, parent, { version: artifact.version.index });
  c.header("Cache-Control", pageCaching(isPublic(artifact)));
  return c.redirect(to, 307);
}

/** Is a path that of a folder? */
function isFolderPath(path: string): boolean {
  return path === "" || path.endsWith("/");
}
