// The Range header of a GET (RFC 9110 §14.2). A header that cannot be obeyed is ignored, never an
// error: the whole is always a correct answer. R2 never sees the header.

/** The bytes [start, end) of something: `end` is the first byte that does not belong to it. */
export interface Slice {
  start: number;
  end: number;
}

/** What a Range header asks for. `slices` has at least one, in the order asked. */
export type RangeChoice =
  | { kind: "whole" }
  | { kind: "slices"; slices: readonly Slice[] }
  | { kind: "unsatisfiable" };

const UNIT = "bytes=";
const MAX_RANGES = 5;
const WHOLE: RangeChoice = { kind: "whole" };

/** Decides which bytes of `size` a Range header selects; null and nonsense select the whole. */
export function parseRange(header: string | null, size: number): RangeChoice {
  // RFC 9110 §14.1: range units are case-insensitive; §14.2: an unknown one is ignored.
  if (header === null || header.slice(0, UNIT.length).toLowerCase() !== UNIT) {
    return WHOLE;
  }
  const specs = header.slice(UNIT.length).split(",").filter(isNotEmpty);
  if (specs.length === 0 || specs.length > MAX_RANGES) {
    return WHOLE;
  }
  const ranges = specs.map((spec) => resolveRange(spec, size));
  if (ranges.includes("malformed")) {
    return WHOLE; // RFC 9110 §14.2: an invalid ranges-specifier may be ignored
  }
  return chooseSlices(
    ranges.filter((range) => typeof range === "object"),
    size,
  );
}

/** RFC 9110 §5.6.1.2: a recipient ignores empty list elements. */
function isNotEmpty(element: string): boolean {
  return /[^ \t]/.test(element);
}

/** Resolves `first-last`, `first-` or `-length` against a size (RFC 9110 §14.1.2). */
function resolveRange(spec: string, size: number): Slice | "unsatisfiable" | "malformed" {
  const [, first = "", last = ""] = /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(spec) ?? [];
  if (first === "") {
    return last === "" ? "malformed" : clamp(size - Number(last), size, size);
  }
  // RFC 9110 §14.1.1: a last-pos below the first-pos is invalid. The two may differ only in digits
  // that a number cannot hold.
  if (last !== "" && BigInt(last) < BigInt(first)) {
    return "malformed";
  }
  return clamp(Number(first), last === "" ? size : Number(last) + 1, size);
}

/** Cuts a range off at the ends of the representation (RFC 9110 §14.1.2); Infinity is in order. */
function clamp(start: number, end: number, size: number): Slice | "unsatisfiable" {
  const slice = { start: Math.max(start, 0), end: Math.min(end, size) };
  return slice.start < slice.end ? slice : "unsatisfiable";
}

function chooseSlices(slices: readonly Slice[], size: number): RangeChoice {
  if (slices.length === 0) {
    return { kind: "unsatisfiable" }; // RFC 9110 §15.5.17
  }
  // RFC 9110 §14.2 and §17.15: overlapping ranges, or more bytes than the whole, may be ignored.
  return slices.length > 1 && isWasteful(slices, size) ? WHOLE : { kind: "slices", slices };
}

function isWasteful(slices: readonly Slice[], size: number): boolean {
  const total = slices.reduce((sum, slice) => sum + slice.end - slice.start, 0);
  return total >= size || slices.some((slice, index) => overlaps(slice, slices.slice(0, index)));
}

function overlaps(slice: Slice, others: readonly Slice[]): boolean {
  return others.some((other) => slice.start < other.end && other.start < slice.end);
}
