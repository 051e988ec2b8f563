// A file's text as HTML lines. Written here and not by JSX, which would make millions of objects of 2 MiB; all that
// comes from the file goes through escapeText.

import { raw } from "hono/html";

import { highlight } from "./highlight.ts";
import type { Run } from "./highlight.ts";
import type { Language } from "./languages.ts";

/** The text's lines with a number to link to, `most` of them, and how many there are. */
export function renderLines(
  language: Language | null,
  text: string,
  most: number,
): { html: ReturnType<typeof raw>; shown: number; isWhole: boolean } {
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
  }
  if (line !== "" && count < most) {
    end();
  } else if (line !== "") {
    isWhole = false;
  }
  return { html: raw(html.join("")), shown: count, isWhole };
}

/** Runs cut at line breaks, which are pieces of their own. */
function* piecesOf(runs: Iterable<Run>): Generator<Run> {
  for (const { hue, text } of runs) {
    for (const [piece] of text.matchAll(/\n|[^\n]+/gu)) {
      yield { hue, text: piece };
    }
  }
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
