// Content-Range on a request (RFC 9110 §14.4, §14.5): which bytes of a whole its body is, or the question how
// many of them are there already, as in `bytes */100`.

/** `size` is that of the whole, null for `*`; `end` is exclusive. */
export type ContentRange =
  | { kind: "none" }
  | { kind: "malformed" }
  | { kind: "question"; size: number | null }
  | { kind: "piece"; start: number; end: number; size: number | null };

const FORM = /^bytes (?:\*|(\d{1,15})-(\d{1,15}))\/(\*|\d{1,15})$/u;

/** Reads the header. */
export function parseContentRange(header: string | null): ContentRange {
  if (header === null) {
    return { kind: "none" };
  }
  const match = FORM.exec(header.trim());
  if (match === null) {
    return { kind: "malformed" };
  }
  const [, first, last, total] = match;
  const size = total === "*" ? null : Number(total);
  if (first === undefined) {
    return { kind: "question", size };
  }
  const [start, end] = [Number(first), Number(last) + 1];
  if (end <= start || (size !== null && end > size)) {
    return { kind: "malformed" };
  }
  return { kind: "piece", start, end, size };
}
