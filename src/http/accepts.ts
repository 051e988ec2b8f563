// Content negotiation (RFC 9110 §12.5.1) between the three forms in which this service answers.

/** A form of an answer. */
export type Form = "html" | "json" | "text";

/** How much a client wants a form, and how closely it named it: an index into MEDIA_RANGES. */
interface Wish {
  quality: number;
  precision: number;
}

const FORMS: readonly Form[] = ["html", "json", "text"];
const UNWANTED: Wish = { quality: 0, precision: -1 };

/** The media ranges that cover a form, the most precise one last. */
const MEDIA_RANGES: Record<Form, readonly string[]> = {
  html: ["*/*", "text/*", "text/html"],
  json: ["*/*", "application/*", "application/json"],
  text: ["*/*", "text/*", "text/plain"],
};

/**
 * Chooses the form that an Accept header wants most. Among equal qualities the form that is named
 * more precisely wins, then `fallback`, which also answers a client that wants none of the three.
 */
export function preferredForm(accept: string | null, fallback: Form): Form {
  const qualities = parseAccept(accept ?? "");
  let best = fallback;
  for (const form of FORMS) {
    if (isStronger(wishFor(form, qualities), wishFor(best, qualities))) {
      best = form;
    }
  }
  return best;
}

function isStronger(a: Wish, b: Wish): boolean {
  return a.quality > b.quality || (a.quality === b.quality && a.precision > b.precision);
}

function wishFor(form: Form, qualities: ReadonlyMap<string, number>): Wish {
  // RFC 9110 §12.5.1: the most specific range decides, even when it wants the form less.
  const precision = MEDIA_RANGES[form].findLastIndex((range) => qualities.has(range));
  const quality = qualities.get(MEDIA_RANGES[form][precision] ?? "") ?? 0;
  return quality === 0 ? UNWANTED : { quality, precision };
}

/** Reads media ranges and their qualities. A range whose quality is not well formed is left out. */
function parseAccept(accept: string): Map<string, number> {
  const qualities = new Map<string, number>();
  for (const element of accept.toLowerCase().split(",")) {
    const [range = "", ...parameters] = element.split(";").map((part) => part.trim());
    const quality = parseQuality(parameters.find((parameter) => parameter.startsWith("q=")));
    if (quality !== null) {
      qualities.set(range, quality);
    }
  }
  return qualities;
}

/** Reads `q=` and a number from 0 to 1 (RFC 9110 §12.4.2); without one the quality is 1. */
function parseQuality(parameter = "q=1"): number | null {
  return /^q=(?:0(?:\.\d*)?|1(?:\.0*)?)$/.test(parameter) ? Number(parameter.slice(2)) : null;
}
