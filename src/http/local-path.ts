// Where to go next, as a URL's query says: a path of this site, and never another site.

/** What browsers drop from a URL or take for a slash: a check of text that holds them sees another URL. */
const TREACHEROUS = /[\p{Cc}\\]/u;

/**
 * Reads an absolute path with its query, or null for all else: another origin or scheme, `//host`, and paths
 * that become `//host` when their dot segments are resolved.
 */
export function parseLocalPath(text: string): string | null {
  if (!text.startsWith("/") || TREACHEROUS.test(text)) {
    return null;
  }
  const base = "https://local.invalid";
  const url = URL.parse(text, base);
  if (url === null || url.origin !== base || url.pathname.startsWith("//")) {
    return null;
  }
  return url.pathname + url.search + url.hash;
}
