// Conditional requests (RFC 9110 §13). A condition that is not well formed is ignored: the request
// goes on as if it held, and a date that it overrides stays unread.

import { parseHttpDate } from "./http-date.ts";

/** What tells one state of a representation from another. */
export interface Validators {
  /** Strong, in its quotes. */
  etag: string;
  /** In milliseconds; compared in whole seconds, as Last-Modified shows it. */
  lastModified: number;
}

/** `not-modified` is answered with 304, `failed` with 412. */
export type Preconditions = "proceed" | "not-modified" | "failed";

interface EntityTag {
  isWeak: boolean;
  /** The tag in its quotes, without the W/. */
  opaque: string;
}

/** Decides what a request's conditions allow, in the order of RFC 9110 §13.2.2. */
export function decidePreconditions(
  headers: Headers,
  method: string,
  current: Validators,
): Preconditions {
  if (!isUnchanged(headers, current)) {
    return "failed"; // steps 1 and 2
  }
  const isRead = method === "GET" || method === "HEAD";
  if (isNews(headers, current, isRead)) {
    return "proceed"; // steps 3 and 4
  }
  return isRead ? "not-modified" : "failed";
}

/** Decides whether If-Range lets Range select bytes of this state; without the header it does. */
export function mayUseRange(ifRange: string | null, current: Validators): boolean {
  if (ifRange === null || ifRange === current.etag) {
    return true; // RFC 9110 §13.1.5: the strong comparison, which a W/ tag never passes
  }
  return parseHttpDate(ifRange) === wholeSeconds(current.lastModified); // the same date, not a later
}

function isUnchanged(headers: Headers, current: Validators): boolean {
  const ifMatch = headers.get("If-Match");
  // RFC 9110 §13.1.4: If-Unmodified-Since is ignored beside If-Match.
  if (ifMatch === null) {
    const since = parseHttpDate(headers.get("If-Unmodified-Since") ?? "");
    return since === null || wholeSeconds(current.lastModified) <= since;
  }
  const tags = parseEntityTags(ifMatch);
  if (tags === null || tags === "any") {
    return true;
  }
  // RFC 9110 §13.1.1: the strong comparison of §8.8.3.2.
  return tags.some((tag) => !tag.isWeak && tag.opaque === current.etag);
}

function isNews(headers: Headers, current: Validators, isRead: boolean): boolean {
  const ifNoneMatch = headers.get("If-None-Match");
  // RFC 9110 §13.1.3: If-Modified-Since is ignored beside If-None-Match, and on other methods.
  if (ifNoneMatch === null) {
    const since = isRead ? parseHttpDate(headers.get("If-Modified-Since") ?? "") : null;
    return since === null || wholeSeconds(current.lastModified) > since;
  }
  const tags = parseEntityTags(ifNoneMatch);
  if (tags === null || tags === "any") {
    return tags === null;
  }
  // RFC 9110 §13.1.2: the weak comparison of §8.8.3.2.
  return !tags.some((tag) => tag.opaque === current.etag);
}

/** Reads `*` or a list of entity tags (RFC 9110 §8.8.3); null when the text is neither. */
function parseEntityTags(text: string): EntityTag[] | "any" | null {
  if (text === "*") {
    return "any";
  }
  // One list element, empty ones included (§5.6.1.2), up to its comma. A tag may hold commas.
  const element = /[ \t]*(?:(W\/)?("[^"]*")[ \t]*)?(?:,|$)/y;
  const tags: EntityTag[] = [];
  while (element.lastIndex < text.length) {
    const match = element.exec(text);
    if (match === null) {
      return null;
    }
    const [, weak, opaque] = match;
    if (opaque !== undefined) {
      tags.push({ isWeak: weak !== undefined, opaque });
    }
  }
  return tags.length === 0 ? null : tags;
}

function wholeSeconds(time: number): number {
  return Math.floor(time / 1000) * 1000;
}
