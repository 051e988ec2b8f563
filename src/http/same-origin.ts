// Whether a request comes from a page of ours, as browsers tell it: the check against requests that other
// sites make a browser send (CSRF). It holds for every method and content type.

/**
 * May a request of this method change something, for all that its origin says? One that tells nothing of its
 * origin may when it carries no cookie: what it does is then done with what its sender knows.
 */
export function mayChange(method: string, headers: Headers, url: string): boolean {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) {
    return true;
  }
  const site = siteOf(headers, url);
  return site === "same" || (site === "unknown" && !headers.has("Cookie"));
}

/** Where a request comes from, by Sec-Fetch-Site (Fetch Metadata §2.3) or else Origin (RFC 6454 §7);
 * `unknown` is no browser. */
function siteOf(headers: Headers, url: string): "same" | "other" | "unknown" {
  const site = headers.get("Sec-Fetch-Site");
  if (site !== null) {
    return site === "same-origin" ? "same" : "other";
  }
  const origin = headers.get("Origin");
  if (origin !== null) {
    return origin === new URL(url).origin ? "same" : "other";
  }
  return "unknown";
}
