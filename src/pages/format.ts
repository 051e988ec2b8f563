import { HIDDEN } from "../protocol/hidden.ts";
import type { Pace } from "../protocol/pace.ts";

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];
const HIDDEN_IN_NAMES = new RegExp(`${HIDDEN}|^ | $`, "gu");
const HIDDEN_IN_LINES = new RegExp(String.raw`(?![\t\n])${HIDDEN}`, "gu");
const LINE_BREAK = /\r\n?/gu;
// oxlint-disable-next-line no-control-regex
const TERMINAL_COLOUR = /\u001b\[[\d;]{0,20}m/gu;

/** Characters that TERMINAL_COLOUR takes at most. */
const LONGEST_COLOUR = 23;
/** Units of work for a character. */
const CHARACTER_WORK = 15;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A size for people, in three or four figures: `1 byte`, `1.5 KiB`, `640 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) {
    return formatCount(bytes, "byte");
  }
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.5) {
    value /= 1024;
    unit += 1;
  }
  return `${(value < 99.95 ? oneDecimal : whole).format(value)} ${UNITS[unit]}`;
}

/** An exact number and its noun: `1 file`, `1,234 files`. */
export function formatCount(count: number, noun: string): string {
  return `${group(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** An integer with commas; Intl takes ten times as long, twice a row of a listing. */
function group(count: number): string {
  let [digits, groups] = [String(count), ""];
  while (digits.length > 3) {
    groups = `,${digits.slice(-3)}${groups}`;
    digits = digits.slice(0, -3);
  }
  return digits + groups;
}

/** Milliseconds since 1970 as `2026-11-03 14:05 UTC`. */
export function formatTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/**
 * Text with the characters that would hide in it, or turn it around, written out as `[U+202E]`:
 * controls, bidi marks, what does not show, and a space at either end.
 */
export function revealHidden(text: string): string {
  return text.replace(HIDDEN_IN_NAMES, spellOut);
}

/** @yields The text of a file as lines of a page may show it: line breaks and tabs stay, colours of a terminal go, and
 * whatever else would hide is written out. */
export async function* revealHiddenInLines(
  texts: Iterable<string>,
  pace: Pace,
): AsyncGenerator<string> {
  let rest = "";
  for (const text of texts) {
    rest += text;
    // What is cut off may belong to what follows.
    if (rest.length > 2 * LONGEST_COLOUR) {
      const end = placeToCut(rest, rest.length - LONGEST_COLOUR);
      yield revealInPiece(rest.slice(0, end));
      await pace.spendAndRest(end * CHARACTER_WORK);
      rest = rest.slice(end);
    }
  }
  yield revealInPiece(rest);
}

function revealInPiece(text: string): string {
  return text
    .replaceAll(LINE_BREAK, "\n") // before what parts two of them goes: a piece may end there
    .replaceAll(TERMINAL_COLOUR, "")
    .replaceAll(HIDDEN_IN_LINES, spellOut);
}

/** A place near `at` that is not inside a colour of a terminal, a line break of two characters or a pair of surrogates. */
function placeToCut(text: string, at: number): number {
  const escape = text.lastIndexOf("\u001b", at);
  const place = escape > at - LONGEST_COLOUR && escape > 0 ? escape : at;
  const isInside = /^(?:\r\n|[\ud800-\udbff][\udc00-\udfff])/.test(
    text.slice(place - 1, place + 1),
  );
  return isInside ? place + 1 : place;
}

function spellOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}
