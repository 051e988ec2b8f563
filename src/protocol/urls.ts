// Builds every URL of the service, as a path from the root. Artifact paths are data: each segment
// is percent-encoded on its own, so that no name can end a path, start a query or leave a quote.

export const HOME_URL = "/";
export const LOGIN_URL = "/login";
export const LOGOUT_URL = "/logout";
export const API_DOCS_URL = "/apidocs/";
export const OPENAPI_URL = "/openapi.json";
export const STYLESHEET_URL = "/style.css";
export const FAVICON_URL = "/favicon.svg";

/** Is a path one of the pages for people? Only on those does a session's cookie count. */
export function isPagePath(path: string): boolean {
  return /^\/(?:(?:[aw](?:\/.*)?|login|logout)?)$/su.test(path);
}

/** The values of `?archive=`, which end the names of the files too. */
export const ARCHIVES = ["tar.gz", "tar", "zip"] as const;
export type Archive = (typeof ARCHIVES)[number];

export interface FolderQuery {
  version?: number;
  page?: number;
  archive?: Archive;
  checksums?: ChecksumName;
  /** Where there is no such folder, the nearest above it. */
  nearest?: boolean;
}

/** The checksums that a folder can be listed by. */
export type ChecksumName = "sha256" | "sha512";

export interface FileQuery {
  version?: number;
  download?: boolean;
  view?: boolean;
}

/** Where a list of artifacts begins: behind or before one of them, by its id. */
export interface WorkspaceQuery {
  /** What the names begin with. */
  name?: string;
  after?: number;
  before?: number;
}

/** The start page; `after` is the last public workspace of the page before. */
export function homeUrl(after: string): string {
  return withQuery(HOME_URL, [`after=${encodeText(after)}`]);
}

/** The page of a workspace. */
export function workspaceUrl(workspace: string, query: WorkspaceQuery = {}): string {
  const { name = "", after, before } = query;
  return withQuery(`/w/${encodeText(workspace)}/`, [
    name === "" ? null : `name=${encodeText(name)}`,
    after === undefined ? null : `after=${after}`,
    before === undefined ? null : `before=${before}`,
  ]);
}

/**
 * The page, archive or checksums of a folder: "" for the whole artifact, else a path that ends in a slash.
 * Page 1 is the folder's plain URL, so that a page has one address.
 */
export function folderUrl(artifactId: number, folder: string, query: FolderQuery = {}): string {
  const { version, page = 1, archive, checksums, nearest = false } = query;
  return withQuery(artifactPath(artifactId, folder), [
    version === undefined ? null : `version=${version}`,
    page === 1 ? null : `page=${page}`,
    archive === undefined ? null : `archive=${archive}`,
    checksums === undefined ? null : `checksums=${checksums}`,
    nearest ? "nearest" : null,
  ]);
}

/** The bytes of one file; `download` asks for an attachment whatever the type, `view` for a page about it. */
export function fileUrl(artifactId: number, path: string, query: FileQuery = {}): string {
  const { version, download = false, view = false } = query;
  return withQuery(artifactPath(artifactId, path), [
    version === undefined ? null : `version=${version}`,
    download ? "download" : null,
    view ? "view" : null,
  ]);
}

/** The login form; `next` is the path and query to come back to, as it stood in the request. */
export function loginUrl(next: string): string {
  return `${LOGIN_URL}?next=${encodeText(next)}`;
}

/** The bytes of a blob. */
export function blobDataUrl(uuid: string): string {
  return `/blobs/${encodeText(uuid)}/data`;
}

function artifactPath(artifactId: number, path: string): string {
  return `/a/${artifactId}/${path.split("/").map(encodeText).join("/")}`;
}

function withQuery(path: string, parameters: (string | null)[]): string {
  const given = parameters.filter((parameter) => parameter !== null);
  return given.length === 0 ? path : `${path}?${given.join("&")}`;
}

/**
 * Leaves only RFC 3986 §2.3 unreserved characters: `!'()*` too are encoded, which shells and HTML
 * give a meaning. A lone surrogate, which has no UTF-8, becomes U+FFFD.
 */
function encodeText(text: string): string {
  if (/^[\w.~-]*$/u.test(text)) {
    return text;
  }
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
