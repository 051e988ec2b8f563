// Which charset a text is in, as its first bytes tell: what PowerShell writes is UTF-16, what is old is Latin-1.

/** Charsets of texts, by the names of the IANA registry. */
export type Charset = "utf-8" | "utf-16le" | "utf-16be" | "iso-8859-1";

/**
 * Tells the charset of a text. A byte order mark decides; what is not UTF-8 otherwise and has no NUL is Latin-1.
 * `start` is all of the text, or its beginning, which may end in the middle of a character.
 */
export function charsetOf(start: Uint8Array): Charset {
  const [first, second] = start;
  if (first === 0xff && second === 0xfe) {
    return "utf-16le";
  }
  if (first === 0xfe && second === 0xff) {
    return "utf-16be";
  }
  return start.includes(0) || isUtf8(start) ? "utf-8" : "iso-8859-1";
}

function isUtf8(start: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(start, { stream: true });
    return true;
  } catch {
    return false;
  }
}
