// The Authorization header of a bearer token (RFC 6750 §2.1).

/** What an Authorization header holds. `malformed` is any credentials but one bearer token. */
export type Bearer = { kind: "none" } | { kind: "malformed" } | { kind: "bearer"; token: string };

/** Reads the token of an Authorization header. Who holds it is for the caller to find out. */
export function parseBearer(header: string | null): Bearer {
  if (header === null || header === "") {
    return { kind: "none" };
  }
  // RFC 9110 §11.1: the scheme is case-insensitive; RFC 6750 §2.1: the token is a b64token.
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header) ?? [];
  return token === undefined ? { kind: "malformed" } : { kind: "bearer", token };
}
