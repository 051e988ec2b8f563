/** A canonical lower-case UUID. Shaken Fist takes any 32 hex digits for one; we take this form only, so that an
 * artifact named by an md5 is found by its name (docs/conformance.md, Shaken Fist). */
export type Uuid = string & { readonly __brand: "uuid" };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u;

/** Reads a UUID in either case, or null. */
export function parseUuid(text: string): Uuid | null {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? (lower as Uuid) : null;
}

/** Draws a new random UUID. */
export function newUuid(): Uuid {
  return crypto.randomUUID() as Uuid;
}

/** Reads a whole number of at least 0 written in digits only, or null; null too past 2^53 - 1. */
export function parseCount(text: string): number | null {
  if (!/^\d{1,16}$/u.test(text)) {
    return null;
  }
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
