// A file's text as HTML lines. Written here and not by JSX, which would make millions of objects of 2 MiB; all that
// comes from the file goes through escapeText.

import { raw } from "hono/html";

import type { Pace } from "../protocol/pace.ts";
import { endOfLine, highlight } from "./highlight.ts";
import type { Run } from "./highlight.ts";
import type { Language } from "./languages.ts";

/** Lines of a text as HTML. */
export interface RenderedLines {
  html: ReturnType<typeof raw>;
  shown: number;
  isWhole: boolean;
}

/** Units of work for a run, and for a character of it. */
const COST = { run: 50, character: 10 };

const LONGEST_PIECE = 32 * 1024;

/** The text's lines with a number to link to, `most` of them, and how many there are. */
export async function renderLines(
  language: Language | null,
  text: string,
  most: number,
  pace: Pace,
): Promise<RenderedLines> {
  const html: string[] = [];
  let [line, count, isWhole] = ["", 0, true];
  const end = () => {
    count += 1;
    html.push(
      `<div id="L${count}"><a href="#L${count}" aria-label="Line ${count}">${count}</a><code>${line}</code></div>`,
    );
    line = "";
  };
  for (const { hue, text: cut } of piecesOf(highlight(language, text))) {
    if (cut !== "\n") {
      line += hue === null ? escapeText(cut) : `<span class="${hue}">${escapeText(cut)}</span>`;
    } else if (count < most) {
      end();
    } else {
      isWhole = false;
      break;
    }
    pace.spend(COST.run + cut.length * COST.character);
    if (pace.isDue) {
      await pace.rest();
    }
  }
  if (line !== "" && count < most) {
    end();
  } else if (line !== "") {
    isWhole = false;
  }
  return { html: raw(html.join("")), shown: count, isWhole };
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
