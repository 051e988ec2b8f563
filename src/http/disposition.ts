// Content-Disposition (RFC 6266). Old clients read `filename`, the others `filename*` (RFC 8187).

/** How a browser treats the body: shows it, or saves it. */
export type Disposition = "inline" | "attachment";

// RFC 6266 §4.3 and appendix D: quotes and backslashes are read in many ways, `%41` is decoded by
// some, and control characters or non-ASCII are not allowed at all.
const UNSAFE = /[^ -~]|["%\\]/gu;

/** Writes a Content-Disposition. `fileName` is one name, without directories. */
export function contentDisposition(kind: Disposition, fileName: string): string {
  const fallback = fileName.replace(UNSAFE, "_");
  const header = `${kind}; filename="${fallback}"`;
  return fallback === fileName ? header : `${header}; filename*=UTF-8''${encodeExtValue(fileName)}`;
}

/** RFC 8187 §3.2.1: all but attr-char is percent-encoded. A lone surrogate becomes U+FFFD. */
function encodeExtValue(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
