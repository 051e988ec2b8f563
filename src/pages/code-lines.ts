// A file's text as HTML lines, by the piece. Written here and not by JSX, which would make millions of objects of 2 MiB; all that
// comes from the file goes through escapeText.

import type { Pace } from "../protocol/pace.ts";
import { endOfLine } from "./highlight.ts";
import type { Run } from "./highlight.ts";

/** How much of a text is shown. */
export interface ShownLines {
  shown: number;
  isWhole: boolean;
}

/** Units of work for a run, and for a character of it. */
const COST = { run: 50, character: 10 };

const LONGEST_PIECE = 32 * 1024;

/** @yields The first `most` lines of a text, with a number to link to, as HTML in pieces. */
export async function* renderLines(
  batches: AsyncIterable<Iterable<Run>>,
  most: number,
  pace: Pace,
): AsyncGenerator<string> {
  let [html, count, isOpen] = ["", 0, false];
  for await (const batch of batches) {
    for (const { hue, text } of piecesOf(batch)) {
      if (!isOpen && count === most) {
        yield html;
        return;
      }
      if (!isOpen) {
        count += 1;
        html += startOfLine(count);
      }
      isOpen = text !== "\n";
      html += isOpen ? renderRun(hue, text) : END_OF_LINE;
      if (html.length >= LONGEST_PIECE) {
        yield html;
        html = "";
      }
      pace.spend(COST.run + text.length * COST.character);
      if (pace.isDue) {
        await pace.rest();
      }
    }
  }
  yield html + (isOpen ? END_OF_LINE : "");
}

const END_OF_LINE = "</code></div>";

function startOfLine(number: number): string {
  return `<div id="L${number}"><a href="#L${number}" aria-label="Line ${number}">${number}</a><code>`;
}

function renderRun(hue: Run["hue"], text: string): string {
  return hue === null ? escapeText(text) : `<span class="${hue}">${escapeText(text)}</span>`;
}

/** How many lines of a text `renderLines()` shows. */
export async function countLines(texts: AsyncIterable<string>, most: number): Promise<ShownLines> {
  let [count, isOpen] = [0, false];
  for await (const text of texts) {
    for (let at = 0; at < text.length && count <= most;) {
      count += isOpen ? 0 : 1;
      const end = endOfLine(text, at);
      isOpen = end === text.length;
      at = end + 1;
    }
  }
  return { shown: Math.min(count, most), isWhole: count <= most };
}

/** Runs cut at line breaks, which are pieces of their own, and where they are long. Not by a regular expression: a line of a
 * megabyte of emoji is too deep for one. */
function* piecesOf(runs: Iterable<Run>): Generator<Run> {
  for (const { hue, text } of runs) {
    for (let at = 0; at < text.length;) {
      const end = text[at] === "\n" ? at + 1 : endOfPiece(text, at);
      yield { hue, text: text.slice(at, end) };
      at = end;
    }
  }
}

function endOfPiece(text: string, at: number): number {
  // Between two surrogates would be no place to cut.
  const isPair = /^[\udc00-\udfff]/.test(text.charAt(at + LONGEST_PIECE));
  const piece = text.slice(at, at + LONGEST_PIECE + (isPair ? 1 : 0));
  return at + endOfLine(piece, 0);
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/gu, (character) => ENTITIES[character] ?? character);
}
