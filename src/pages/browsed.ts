// A request under /a/ -> the artifact and the path that it asks for, once it may be read.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { decidePage, readerFor } from "../auth/access.ts";
import { lookUp } from "../auth/look-up.ts";
import { parseArtifactId } from "../catalog/artifacts/find.ts";
import { findBrowsed, findBrowsedFile } from "../catalog/pages/lookup.ts";
import type { BrowsedArtifact, BrowsedFile } from "../catalog/pages/lookup.ts";
import { bytesCaching, pageCaching } from "../http/caching.ts";
import { userContentHeaders } from "../http/user-content.ts";
import { AppError, isAppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import type { ExplodeProgress } from "../protocol/uploads.ts";
import { loginUrl } from "../protocol/urls.ts";
import { formatBytes, formatCount } from "./format.ts";

/** An artifact that the reader may read, with the version asked for. */
export type Browsed = BrowsedArtifact & { version: NonNullable<BrowsedArtifact["version"]> };

/** The same as far as a file's bytes need it. */
export type BrowsedBytes = BrowsedFile & { version: NonNullable<BrowsedFile["version"]> };

/** The artifact of a request, or the way to the login page; refuses those who may not read it. */
export async function requireBrowsed(c: Context<AppEnv>): Promise<Browsed | Response> {
  const found = await findAsked(c, findBrowsed);
  return admit(c, found.readable) ?? { ...found, version: requireVersion(c, found) };
}

/** The same for the bytes of a file. */
export async function requireBrowsedFile(c: Context<AppEnv>): Promise<BrowsedBytes | Response> {
  const found = await findAsked(c, findBrowsedFile);
  const way = admit(c, found.readable);
  if (way !== null) {
    return way;
  }
  refuseMalformedVersion(c);
  // Why there is none, only the whole artifact tells.
  const version = found.version ?? requireVersion(c, await findAsked(c, findBrowsed));
  return { ...found, version };
}

/** Null where the reader may read; the way to the login page for nobody; otherwise refuses. */
export function admit(c: Context<AppEnv>, readable: boolean): Response | null {
  switch (decidePage(c.var.identity, readable)) {
    case "login":
      return c.redirect(loginUrl(c.req.path + new URL(c.req.url).search), 307);
    case "refuse":
      throw new AppError("access_token_refused");
    case "forbid":
      throw new AppError("artifact_forbidden");
    case "show":
      return null;
  }
}

type Find<T> = (...query: Parameters<typeof findBrowsed>) => Promise<T | null>;

async function findAsked<T>(c: Context<AppEnv>, find: Find<T>): Promise<T> {
  const artifact = parseArtifactId(c.req.param("id") ?? "");
  // One that is not a number is refused later, to those who may read.
  const version = parseCount(c.req.query("version") ?? "");
  const reader = readerFor(c.var.identity);
  const query = { artifact: artifact ?? 0, version };
  const key = [find === findBrowsed ? "artifact" : "file", query];
  const found = artifact && (await lookUp(c, key, () => find(c.env.DB, reader, query, Date.now())));
  if (!found) {
    throw new AppError("artifact_not_found");
  }
  return found;
}

function requireVersion(c: Context<AppEnv>, artifact: BrowsedArtifact): Browsed["version"] {
  refuseMalformedVersion(c);
  const { version, state, errorMessage, progress } = artifact;
  if (version === null) {
    throw state === "initial"
      ? new AppError("artifact_not_ready", progress && describeProgress(progress))
      : new AppError("version_not_found", errorMessage);
  }
  return version;
}

/** Refuses a version that is no number. */
function refuseMalformedVersion(c: Context<AppEnv>): void {
  readPositive(c.req.query("version"), "version_malformed");
}

/** How far an explosion has come, in a line. */
function describeProgress({ phase, bytes, totalBytes, files }: ExplodeProgress): string {
  const read = `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
  return `${phase} an archive, ${read} read, ${formatCount(files, "file")} found so far`;
}

/** The decoded path below the artifact; null where not even the slash behind the id is there, and the refusal of what
 * no path can be. */
export function readPath(pathname: string): string | null | AppError {
  const [, , , ...segments] = pathname.split("/");
  if (segments.length === 0) {
    return null;
  }
  try {
    return segments.map(decodeSegment).join("/");
  } catch (refusal) {
    if (isAppError(refusal)) {
      return refusal;
    }
    throw refusal;
  }
}

/** One segment of a path as it was meant; refuses what no segment can be. */
export function decodeSegment(segment: string): string {
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

/** A number of at least 1 from a query, null where it is not given. */
export function readPositive(text: string | undefined, code: ErrorCode): number | null {
  if (text === undefined) {
    return null;
  }
  const value = parseCount(text);
  if (value === null || value === 0) {
    throw new AppError(code, `'${text}'`);
  }
  return value;
}

/** To the form with the slash; not for ever, as the next version may have a file of that name. */
export function redirect(c: Context<AppEnv>, of: Visibility, to: string): Response {
  c.header("Cache-Control", pageCaching(isPublic(of)));
  return c.redirect(to + new URL(c.req.url).search, 301);
}

/** The headers of a user's bytes, which stay those of their address where it names a whole version. */
export function bytesHeaders(
  c: Context<AppEnv>,
  artifact: Browsed | BrowsedBytes,
  contentType: string,
): Headers {
  const { expiresAt, version } = artifact;
  const isFixed = c.req.query("version") !== undefined && version.sealed;
  const freshness = { isPublic: isPublic(artifact), isFixed, expiresAt };
  return new Headers({
    ...userContentHeaders(),
    "Content-Type": contentType,
    "Cache-Control": bytesCaching(freshness, c.var.settings.publicMaxAge, Date.now()),
  });
}

/** Whom a thing is shown to; a workspace is not shared. */
interface Visibility {
  public: boolean;
  shared?: boolean;
}

/** May anybody read it? */
export function isPublic(of: Visibility): boolean {
  return of.public || of.shared === true;
}
