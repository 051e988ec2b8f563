// The cookie that holds a session's id. Where the site is https its name begins with __Host-, which makes browsers
// hold it to Secure, Path=/ and this very host (RFC 6265bis §4.1.3.2): no other site can set it.

import { parse, serialize } from "hono/utils/cookie";

/** A site's cookie; plain http is good enough only where nothing goes over a wire. */
export type CookieKind =
  | { name: "__Host-stowage"; secure: true }
  | { name: "stowage"; secure: false };

const LOOPBACK = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/u;

/** The cookie of the site of a URL; null over plain http from another machine, where none is safe. */
export function cookieKind(url: string): CookieKind | null {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:") {
    return { name: "__Host-stowage", secure: true };
  }
  return LOOPBACK.test(hostname) ? { name: "stowage", secure: false } : null;
}

/** The id in a request's cookie, when it looks like one. */
export function readSessionId({ headers, url }: Request): string | null {
  const kind = cookieKind(url);
  if (kind === null) {
    return null;
  }
  const id = parse(headers.get("Cookie") ?? "", kind.name)[kind.name];
  return id !== undefined && /^[0-9a-f]{64}$/u.test(id) ? id : null;
}

/** The Set-Cookie that gives a browser a session's id until it is closed, or with null takes it away. */
export function sessionCookie({ name, secure }: CookieKind, id: string | null): string {
  return serialize(name, id ?? "", {
    path: "/",
    httpOnly: true,
    secure,
    sameSite: "Lax",
    ...(id === null ? { maxAge: 0 } : {}),
  });
}
