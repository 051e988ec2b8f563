// What clients note of a thing: keys with JSON values.

/** Read with JSON.parse and written by JSON.stringify alone: a key may be `__proto__`. */
export type Metadata = Record<string, unknown>;
