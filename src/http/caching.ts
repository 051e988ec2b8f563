// How long answers may be kept (docs/conformance.md, Bytes). What may change, expire or be taken down is asked about
// again: nothing here is for ever.

/** Whose an answer is and how long it stays what it is. */
export interface Freshness {
  /** May anybody read it? */
  isPublic: boolean;
  /** Does its address mean these bytes for as long as it means any? */
  isFixed: boolean;
  /** When it ends, in milliseconds; null: not by itself. */
  expiresAt: number | null;
}

/** Of bytes, which nothing on the way may change; those that are fixed are kept for `maxAge` seconds at most. */
export function bytesCaching(freshness: Freshness, maxAge: number, now: number): string {
  const { isPublic, isFixed, expiresAt } = freshness;
  if (!isPublic) {
    return "private, no-cache, no-transform";
  }
  const left = expiresAt === null ? maxAge : Math.floor((expiresAt - now) / 1000);
  const age = Math.min(maxAge, left);
  return isFixed && age > 0 ? `public, max-age=${age}, no-transform` : "no-cache, no-transform";
}

/** Of a page or a list about something: asked about again each time, and a private one kept nowhere. */
export function pageCaching(isPublic: boolean): string {
  return isPublic ? "no-cache" : "no-store";
}
