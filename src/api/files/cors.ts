// Browsers on other sites may use /files/ and the logins for it: those take credentials in headers, never a cookie, so an
// origin is no more than the address of whoever has them.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { isFilesPath } from "../../protocol/tus.ts";

const EXPOSED = [
  "Location",
  "Upload-Offset",
  "Upload-Length",
  "Upload-Expires",
  "Upload-Metadata",
  "Upload-Defer-Length",
  "Upload-Concat",
  "Upload-Complete",
  "Upload-Limit",
  "Tus-Resumable",
  "Tus-Version",
  "Tus-Extension",
  "Tus-Max-Size",
  "Tus-Checksum-Algorithm",
  "Retry-After",
  "Repr-Digest",
  "Link",
  "Stowage-Artifact",
  "Stowage-Version",
  "X-Request-Id",
].join(", ");

const ALLOWED = [
  "Authorization",
  "Token",
  "Content-Type",
  "Content-Digest",
  "Content-Disposition",
  "Repr-Digest",
  "Tus-Resumable",
  "Upload-Length",
  "Upload-Offset",
  "Upload-Metadata",
  "Upload-Defer-Length",
  "Upload-Concat",
  "Upload-Checksum",
  "Upload-Complete",
  "Upload-Draft-Interop-Version",
  "X-HTTP-Method-Override",
  "X-Requested-With",
  "X-Request-ID",
].join(", ");

/** Lets scripts of the origins of the settings read the answer. */
export function allowOrigins(c: Context<AppEnv>): void {
  const { path, method } = c.req;
  if (!isFilesPath(path) && !/^\/(?:auth$|bundles\/)/u.test(path)) {
    return;
  }
  const { headers } = c.res;
  const { settings }: Partial<AppEnv["Variables"]> = c.var;
  const origins = settings?.corsOrigins ?? null;
  const origin = origins === null ? "*" : (c.req.header("Origin") ?? "");
  if (origins !== null) {
    headers.append("Vary", "Origin");
    if (!origins.includes(origin)) {
      return;
    }
  }
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", EXPOSED);
  if (method === "OPTIONS") {
    headers.set("Access-Control-Allow-Methods", "POST, GET, HEAD, PATCH, PUT, DELETE, OPTIONS");
    headers.set("Access-Control-Allow-Headers", ALLOWED);
    headers.set("Access-Control-Max-Age", "86400");
  }
}
