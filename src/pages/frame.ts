import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { loginUrl, LOGIN_URL } from "../protocol/urls.ts";

/** What the header of a page depends on besides the page. */
export type Frame =
  | { kind: "user"; name: string }
  /** Where the link to log in leads. */
  | { kind: "visitor"; loginUrl: string }
  /** Nobody to name and no link: the login page, and requests that carry a token. */
  | { kind: "bare" };

/** The frame of the pages that answer a request. */
export function frameOf(c: Context<AppEnv>): Frame {
  const { session, identity } = c.var as Partial<AppEnv["Variables"]>; // an early refusal has neither
  if (session) {
    return { kind: "user", name: session.user };
  }
  const { pathname, search } = new URL(c.req.url);
  if (identity?.kind !== "nobody" || identity.refusal !== null || pathname === LOGIN_URL) {
    return { kind: "bare" };
  }
  return {
    kind: "visitor",
    loginUrl: c.req.method === "GET" ? loginUrl(pathname + search) : LOGIN_URL,
  };
}
