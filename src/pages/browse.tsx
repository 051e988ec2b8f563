// /a/: who may read is decided before any path is looked up, so that a stranger learns nothing of paths.

import { Hono } from "hono";
import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { decidePage, readerFor } from "../auth/access.ts";
import { blobSource } from "../blobs/reader.ts";
import { findBrowsed, parseArtifactId } from "../catalog/artifacts.ts";
import type { BrowsedArtifact } from "../catalog/artifacts.ts";
import { countMissing, findFile, findFolder, listEntries } from "../catalog/files.ts";
import type { Folder } from "../catalog/files.ts";
import { preferredForm } from "../http/accepts.ts";
import { respondWithBytes } from "../http/content.ts";
import { contentDisposition } from "../http/disposition.ts";
import { servedAs } from "../http/media-types.ts";
import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { fileUrl, folderUrl, loginUrl } from "../protocol/urls.ts";
import { bytesHeaders } from "./bytes-headers.ts";
import { FolderPage } from "./folder-page.tsx";
import type { FolderPageProps } from "./folder-page.tsx";
import { renderPage } from "./layout.tsx";
import { sendArchive } from "./send-archive.ts";

type Browsed = BrowsedArtifact & { version: NonNullable<BrowsedArtifact["version"]> };

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
    : sendFile(c, artifact, path);
}

async function requireBrowsed(c: Context<AppEnv>): Promise<Browsed | Response> {
  const { identity } = c.var;
  const found = await findAsked(c);
  switch (decidePage(identity, found.readable)) {
    case "login":
      return c.redirect(loginUrl(pathOf(c.req.url) + new URL(c.req.url).search), 307);
    case "refuse":
      throw new AppError("access_token_refused");
    case "forbid":
      throw new AppError("artifact_forbidden");
    case "show":
      return { ...found, version: requireVersion(c, found) };
  }
}

async function findAsked(c: Context<AppEnv>): Promise<BrowsedArtifact> {
  const artifact = parseArtifactId(c.req.param("id") ?? "");
  // One that is not a number is refused later, to those who may read.
  const version = parseCount(c.req.query("version") ?? "");
  const reader = readerFor(c.var.identity);
  const found =
    artifact && (await findBrowsed(c.env.DB, reader, { artifact, version }, Date.now()));
  if (!found) {
    throw new AppError("artifact_not_found");
  }
  return found;
}

function requireVersion(c: Context<AppEnv>, { version }: BrowsedArtifact): Browsed["version"] {
  readPositive(c.req.query("version"), "version_malformed");
  if (version === null) {
    throw new AppError("version_not_found");
  }
  return version;
}

/** The decoded path below the artifact; null where not even the slash behind the id is there. */
function readPath(url: string): string | null {
  const [, , , ...segments] = pathOf(url).split("/");
  if (segments.length === 0) {
    return null;
  }
  return segments.map(decodeSegment).join("/");
}

function decodeSegment(segment: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    throw new AppError("path_malformed", `'${segment}'`);
  }
  if (decoded.includes("/")) {
    throw new AppError("path_not_found");
  }
  return decoded;
}

function readPositive(text: string | undefined, code: ErrorCode): number | null {
  if (text === undefined) {
    return null;
  }
  const value = parseCount(text);
  if (value === null || value === 0) {
    throw new AppError(code, `'${text}'`);
  }
  return value;
}

/** The path as the router sees it: several slashes at its start would name another host to a browser. */
function pathOf(url: string): string {
  return new URL(url).pathname.replace(/^\/+/u, "/");
}

/** To the form with the slash; not for ever, as the next version may have a file of that name. */
function redirect(c: Context<AppEnv>, to: string): Response {
  c.header("Cache-Control", "no-cache");
  return c.redirect(to + new URL(c.req.url).search, 301);
}

async function sendFile(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const { version } = artifact;
  const file = await findFile(c.env.DB, version.id, path);
  if (file === null) {
    if ((await findFolder(c.env.DB, version.id, `${path}/`)) !== null) {
      return redirect(c, folderUrl(artifact.id, `${path}/`));
    }
    throw new AppError("path_not_found", `'${path}'`);
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  const { contentType, disposition } = servedAs(name);
  const kind = c.req.query("download") === undefined ? disposition : "attachment";
  const headers = bytesHeaders(c, artifact, contentType);
  headers.set("Content-Disposition", contentDisposition(kind, name));
  const source = blobSource(c.env.BUCKET, file, file.extents, version.createdAt);
  return respondWithBytes(c.req.raw, source, headers);
}

async function showFolder(c: Context<AppEnv>, artifact: Browsed, path: string): Promise<Response> {
  const folder = await findFolder(c.env.DB, artifact.version.id, path);
  if (folder === null) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  const archive = c.req.query("archive");
  return archive === undefined
    ? list(c, artifact, folder)
    : sendArchive(c, artifact, folder, archive);
}

async function list(c: Context<AppEnv>, artifact: Browsed, folder: Folder): Promise<Response> {
  const page = readPositive(c.req.query("page"), "page_malformed") ?? 1;
  const pages = Math.max(1, Math.ceil(folder.entryCount / LIMITS.pageSize));
  if (page > pages) {
    throw new AppError("page_not_found", `${page} of ${pages}`);
  }
  const first = folder.ordinal + 1 + (page - 1) * LIMITS.pageSize;
  const last = Math.min(first + LIMITS.pageSize - 1, folder.ordinal + folder.entryCount);
  const { version } = artifact;
  const props: FolderPageProps = {
    artifact,
    version: { ...version, pinned: c.req.query("version") !== undefined },
    folder: folder.path,
    fileCount: folder.fileCount,
    totalBytes: folder.totalBytes,
    missingCount: version.sealed ? 0 : await countMissing(c.env.DB, version.id, folder),
    entries: await listEntries(c.env.DB, version.id, first, last),
    page,
    pages,
  };
  c.header("Cache-Control", "no-cache");
  if (preferredForm(c.req.header("Accept") ?? null, "html") === "json") {
    return listAsJson(c, props);
  }
  return c.html(renderPage(<FolderPage {...props} />));
}

function listAsJson(c: Context<AppEnv>, props: FolderPageProps): Response {
  const { artifact, version, folder, entries, page, pages } = props;
  const pin = version.pinned ? { version: version.index } : {};
  if (page < pages) {
    // Pinned, so that a walk does not mix two versions.
    const next = folderUrl(artifact.id, folder, { version: version.index, page: page + 1 });
    c.header("Link", `<${next}>; rel="next"`);
  }
  return c.json({
    artifact: { id: artifact.id, uuid: artifact.uuid, name: artifact.name },
    workspace: artifact.workspace,
    version: version.index,
    folder,
    file_count: props.fileCount,
    total_bytes: props.totalBytes,
    ...(props.missingCount === 0 ? {} : { missing_count: props.missingCount }),
    page,
    pages,
    entries: entries.map((entry) => {
      switch (entry.kind) {
        case "folder":
          return {
            type: "folder",
            path: entry.path,
            file_count: entry.fileCount,
            total_bytes: entry.totalBytes,
            url: folderUrl(artifact.id, entry.path, pin),
          };
        case "missing":
          return { type: "missing", path: entry.path, size: entry.size };
        case "file":
          return {
            type: "file",
            path: entry.path,
            size: entry.size,
            sha256: entry.sha256,
            sha512: entry.sha512,
            url: fileUrl(artifact.id, entry.path, pin),
          };
      }
    }),
  });
}
