// Which paths files may have. Whatever takes declarations, or unpacks archives, asks here.

const MAX_BYTES = 1_000;
const encoder = new TextEncoder();

/** What is wrong with a path, or null. */
export function findPathFault(path: string): string | null {
  if (path === "") {
    return "is empty";
  }
  if (!path.isWellFormed()) {
    return "is not Unicode text";
  }
  // A character takes at most three bytes a unit; most paths need no counting.
  if (path.length * 3 > MAX_BYTES && encoder.encode(path).length > MAX_BYTES) {
    return `is over ${MAX_BYTES} bytes of UTF-8`;
  }
  if (path.startsWith("/") || path.endsWith("/")) {
    return "begins or ends with a slash";
  }
  if (/[\\\p{Cc}]/u.test(path)) {
    return "holds a backslash or a control character";
  }
  return /(?:^|\/)\.{0,2}(?:\/|$)/u.test(path) ? "holds an empty, '.' or '..' segment" : null;
}
