/** Uploads under keys that begin so are hashed. */
export const HASHED = "hashed/";

/** The header that tells a body's length to the object. */
export const LENGTH = "X-Body-Length";
