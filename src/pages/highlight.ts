// Text -> runs with a colour. What is highlighted is anybody's, so the time must not depend on what it says: one
// pass from left to right, in which every pattern is a single class of characters or ends where its line does.
// Highlighters made of regular expressions do not give that (docs/dependencies.md).

import { LIMITS } from "../protocol/limits.ts";
import type { Code, Hue, Language, Span } from "./languages.ts";

export interface Run {
  hue: Hue | null;
  text: string;
}

/** Cuts a text into runs; together they are the text. `language` null is plain text, as is what is too long. */
export function highlight(language: Language | null, text: string): Iterable<Run> {
  if (language === null || text.length > LIMITS.highlightedLength) {
    return [{ hue: null, text }];
  }
  switch (language.kind) {
    case "diff":
      return diffRuns(text);
    case "markup":
      return markupRuns(text);
    case "code":
      return codeRuns(text, language);
  }
}

function* diffRuns(text: string): Generator<Run> {
  for (let at = 0; at < text.length;) {
    const end = endOfLine(text, at) + 1;
    yield { hue: HUES_OF_CHANGES.get(text.charAt(at)) ?? null, text: text.slice(at, end) };
    at = end;
  }
}

/** The place of the line break at or behind `at`, or the end of the text. */
export function endOfLine(text: string, at: number): number {
  return endless(text.indexOf("\n", at), text);
}

const HUES_OF_CHANGES = new Map<string, Hue>([
  ["+", "added"],
  ["-", "removed"],
  ["@", "keyword"],
]);

const COMMENT_IN_MARKUP = { open: "<!--", close: "-->" };
const TAG = { open: "<", close: ">" };
const PART_OF_TAG = /"[^"]*"?|'[^']*'?|[\w:.-]+|[^"'\w:.-]+/gy;

function* markupRuns(text: string): Generator<Run> {
  let at = 0;
  while (at < text.length) {
    const tag = endless(text.indexOf("<", at), text);
    yield { hue: null, text: text.slice(at, tag) };
    const isComment = text.startsWith(COMMENT_IN_MARKUP.open, tag);
    at = isComment ? endOf(text, tag, COMMENT_IN_MARKUP) : endOf(text, tag, TAG);
    const inside = text.slice(tag, at);
    yield* isComment ? [{ hue: "comment" as const, text: inside }] : tagRuns(inside);
  }
}

function* tagRuns(tag: string): Generator<Run> {
  let isFirst = true;
  for (const [part] of tag.matchAll(PART_OF_TAG)) {
    if (/^["']/u.test(part)) {
      yield { hue: "string", text: part };
    } else if (/^[\w:.-]/u.test(part)) {
      yield { hue: isFirst ? "keyword" : "name", text: part };
      isFirst = false;
    } else {
      yield { hue: null, text: part };
    }
  }
}

const WORD = /[\p{L}_$@][\p{L}\p{N}_$]*/uy;
const NUMBER = /[0-9][0-9A-Za-z_.]*/y;
/** What begins neither a word nor a number nor a span. */
const OTHER = /[^\p{L}\p{N}_$@"'`#;/\s-]+|\n+|[^\S\n]+/uy;
/** A name at the start of a line, or behind a list's dash, that a `:` or `=` follows. */
const KEY = /[ \t]*(?:- +)?[\w."'/-][\w."'/ -]{0,100}(?=\s?[:=])/y;

function* codeRuns(text: string, language: Code): Generator<Run> {
  let at = 0;
  while (at < text.length) {
    const run = runAt(text, at, language);
    at += run.text.length;
    yield run;
  }
}

function runAt(text: string, at: number, language: Code): Run {
  const startsLine = at === 0 || text[at - 1] === "\n";
  const key = language.keys && startsLine ? match(KEY, text, at) : "";
  if (key !== "") {
    return { hue: "name", text: key };
  }
  const span = spanAt(text, at, language);
  return span === undefined
    ? wordAt(text, at, language)
    : { hue: span.hue, text: text.slice(at, endOf(text, at, span)) };
}

function spanAt(text: string, at: number, language: Code): Span | undefined {
  return language.spans.find(
    ({ open, alone = false }) =>
      text.startsWith(open, at) && !(alone && at > 0 && /\S/u.test(text[at - 1] ?? "")),
  );
}

function wordAt(text: string, at: number, language: Code): Run {
  const word = match(WORD, text, at);
  if (word !== "") {
    const known = language.keywords.has(language.ignoresCase ? word.toLowerCase() : word);
    return { hue: known ? "keyword" : null, text: word };
  }
  const number = match(NUMBER, text, at);
  return number === ""
    ? { hue: null, text: match(OTHER, text, at) || (text[at] ?? "") }
    : { hue: "number", text: number };
}

function match(sticky: RegExp, text: string, at: number): string {
  sticky.lastIndex = at;
  return sticky.exec(text)?.[0] ?? "";
}

/** Where a span that begins at `at` ends. One that is not closed ends with its line or with the text, so that no
 * character is looked at again. */
function endOf(text: string, at: number, span: Omit<Span, "hue">): number {
  const { open, close, escape } = span;
  const from = at + open.length;
  if (escape !== undefined) {
    return endOfEscaped(text, from, close, escape);
  }
  const found = text.indexOf(close, from);
  if (found === -1) {
    return text.length;
  }
  return close === "\n" ? found : found + close.length;
}

/** A quote of one character ends with its line, but for the backtick. */
function endOfEscaped(text: string, from: number, close: string, escape: string): number {
  const breaks = close.length > 1 || close === "`" ? "" : "\n";
  for (let index = from; index < text.length; index += 1) {
    const character = text[index];
    if (character === escape) {
      index += 1;
    } else if (character === breaks) {
      return index;
    } else if (character === close[0] && text.startsWith(close, index)) {
      return index + close.length;
    }
  }
  return text.length;
}

function endless(index: number, text: string): number {
  return index === -1 ? text.length : index;
}
