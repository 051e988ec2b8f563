import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { lookUp } from "../auth/look-up.ts";
import { listOffered } from "../catalog/pages/lookup.ts";
import { preferredForm } from "../http/accepts.ts";
import { pageCaching } from "../http/caching.ts";
import { entriesBelow } from "../protocol/entries.ts";
import type { Folder, VersionEntries } from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { fileUrl, folderUrl } from "../protocol/urls.ts";
import { isPublic, readPositive } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";
import { FolderPage } from "./folder-page.tsx";
import type { FolderPageProps } from "./folder-page.tsx";
import { frameOf } from "./frame.ts";
import { renderPage } from "./layout.tsx";
import type { FolderEntry } from "./listing.tsx";
import { isWalker, WalkedPage } from "./walked-page.tsx";

/** A page of everything below a folder, as HTML or JSON. */
export async function listFolder(
  c: Context<AppEnv>,
  artifact: Browsed,
  { entries, folder }: { entries: VersionEntries; folder: Folder },
): Promise<Response> {
  const page = readPositive(c.req.query("page"), "page_malformed") ?? 1;
  const pages = Math.max(1, Math.ceil(folder.entryCount / LIMITS.pageSize));
  if (page > pages) {
    throw new AppError("page_not_found", `${page} of ${pages}`);
  }
  const first = folder.ordinal + 1 + (page - 1) * LIMITS.pageSize;
  const last = Math.min(first + LIMITS.pageSize - 1, folder.ordinal + folder.entryCount);
  const { version } = artifact;
  const isJson = preferredForm(c.req.header("Accept") ?? null, "html") === "json";
  const versions = isJson ? 0 : LIMITS.versionsOffered;
  const [listed, missingCount, leftOut, offered] = await Promise.all([
    entries.page(first, last),
    entries.countMissing(entriesBelow(folder)),
    folder.path === "" ? entries.leftOut() : { count: 0, named: [] },
    versions === 0
      ? []
      : lookUp(c, ["versions", artifact.id, versions], () =>
          listOffered(c.env.DB, artifact.id, versions),
        ),
  ]);
  const props: FolderPageProps = {
    // What is shared of a private workspace does not make its list readable.
    artifact: { ...artifact, listed: artifact.public || !artifact.shared },
    version: { ...version, pinned: c.req.query("version") !== undefined },
    entries: listed,
    missingCount,
    leftOut,
    versions: offered,
    folder: folder.path,
    fileCount: folder.fileCount,
    totalBytes: folder.totalBytes,
    page,
    pages,
  };
  c.header("Cache-Control", pageCaching(isPublic(artifact)));
  return isJson ? listAsJson(c, props) : listAsPage(c, props);
}

function listAsPage(c: Context<AppEnv>, props: FolderPageProps): Response | Promise<Response> {
  if (!isWalker(c.req.header("User-Agent") ?? null)) {
    return c.html(renderPage(<FolderPage {...props} />, frameOf(c)));
  }
  // What is made for one program is kept nowhere for others.
  c.header("Cache-Control", pageCaching(false));
  return c.html(renderPage(<WalkedPage {...props} />, frameOf(c)));
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
    ...(props.leftOut.count === 0
      ? {}
      : { left_out: { count: props.leftOut.count, members: props.leftOut.named } }),
    page,
    pages,
    entries: entries.map((entry) => toJson(entry, artifact.id, pin)),
  });
}

function toJson(entry: FolderEntry, artifactId: number, pin: { version?: number }) {
  switch (entry.kind) {
    case "folder":
      return {
        type: "folder",
        path: entry.path,
        file_count: entry.fileCount,
        total_bytes: entry.totalBytes,
        url: folderUrl(artifactId, entry.path, pin),
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
        ...(entry.isExecutable ? { executable: true } : {}),
        ...(entry.modifiedAt === null
          ? {}
          : { modified_at: new Date(entry.modifiedAt).toISOString() }),
        url: fileUrl(artifactId, entry.path, pin),
      };
  }
}
