import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { userContentHeaders } from "../http/user-content.ts";

/** The headers of a user's bytes; how long they may be kept depends on whether the URL can come to mean
 * others (docs/conformance.md, Bytes). */
export function bytesHeaders(
  c: Context<AppEnv>,
  artifact: { public: boolean; shared: boolean },
  contentType: string,
): Headers {
  const isPinned = c.req.query("version") !== undefined;
  const isPublic = artifact.public || artifact.shared;
  const shared = isPinned ? "public, max-age=31536000, immutable, no-transform" : "no-cache";
  return new Headers({
    ...userContentHeaders(),
    "Content-Type": contentType,
    "Cache-Control": isPublic ? shared : "private, no-transform",
  });
}
