import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

import file from "../../../public/languages.json?raw";
import { countLines, renderLines } from "../../../src/pages/code-lines.ts";
import { revealHiddenInLines } from "../../../src/pages/format.ts";
import { highlight } from "../../../src/pages/highlight.ts";
import { languageOf, parseLanguages } from "../../../src/pages/languages.ts";
import type { LanguagesFile } from "../../../src/pages/languages.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { Pace } from "../../../src/protocol/pace.ts";
import { parsePage, structureOf } from "./parse-page.ts";

const NAMES = "a.c a.js a.py a.sh a.sql a.json a.yaml a.toml a.xml a.diff a.lua Dockerfile a.txt";
const PIECES =
  `a 1 . : = ( ) { " ' \\ \` # // /* */ """ ''' -- --[[ ]] < > </ <!-- --> <script> & ; - + @ é 😀`
    .split(" ")
    .concat(" ", "\n", "\t", "\ud800", "if", "x: y\n");

const LANGUAGES = parseLanguages(JSON.parse(file) as LanguagesFile);
const languageFor = (name: string) => languageOf(LANGUAGES, name);

function hues(name: string, text: string): string[] {
  return [...highlight(languageFor(name), text)].flatMap(({ hue, text: run }) =>
    hue === null ? [] : [`${hue} ${run}`],
  );
}

describe("highlight()", () => {
  it.each([
    ["run.sh", "if true # why\n", ["keyword if", "keyword true", "comment # why"]],
    [
      "a.c",
      'int x = 0x1F; /* "a\n*/ "b\\"c"',
      ["keyword int", "number 0x1F", 'comment /* "a\n*/', 'string "b\\"c"'],
    ],
    ["a.js", "const s = 'open\nlet n", ["keyword const", "string 'open", "keyword let"]],
    ["A.PY", '"""doc\nmore"""\ndef f', ['string """doc\nmore"""', "keyword def"]],
    ["a.yaml", "a:\n  - b: true", ["name a", "name   - b", "keyword true"]],
    ["a.json", '{\n  "k": "v", "w": 1}', ['name   "k"', 'string "v"', 'string "w"', "number 1"]],
    ["a.xml", '<a b="c>"/><!-- d', ["keyword a", "name b", 'string "c>', "comment <!-- d"]],
    ["a.patch", "-a\n+b\n c", ["removed -a\n", "added +b\n"]],
    ["Dockerfile", "FROM debian", ["keyword FROM"]],
    ["a.txt", "if true", []],
  ])("finds in %s of %j %j", (name, text, expected) => {
    expect(hues(name, text)).toEqual(expected);
  });

  it("gives back every character, whatever the text and the language", () => {
    const text = fc.array(fc.constantFrom(...PIECES)).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.constantFrom(...NAMES.split(" ")), text, (name, given) => {
        const runs = [...highlight(languageFor(name), given)];
        expect(runs.map((run) => run.text).join("")).toBe(given);
      }),
    );
  });

  it("takes time in proportion to the text, also of one that is nothing but openings", () => {
    for (const seed of ["(", '"', "<a ", "'\n", "a: ", "/*", "[]("]) {
      const text = seed.repeat(131_072);
      for (const name of ["a.c", "a.toml", "a.xml"]) {
        let length = 0;
        for (const run of highlight(languageFor(name), text)) {
          length += run.text.length;
        }
        expect(length).toBe(text.length);
      }
    }
  });
});

async function* oneByOne<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Pieces of so many characters; none ends inside one. */
function* cut(text: string, size: number): Generator<string> {
  for (let at = 0; at < text.length;) {
    const isInside = /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(at + size - 1));
    const end = at + size + (isInside ? 1 : 0);
    yield text.slice(at, end);
    at = end;
  }
}

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) {
    text += piece;
  }
  return text;
}

function render(name: string, text: string, most: number, pace = new Pace()): Promise<string> {
  return joined(renderLines(oneByOne([highlight(languageFor(name), text)]), most, pace));
}

describe("renderLines()", () => {
  it("gives every line a number to link to, and spans that end with their line", async () => {
    const elements = await parsePage(await render("a.py", '"""a\nb"""\n', 10));
    const spans = elements.filter(({ tag }) => tag === "span").map(({ text }) => text);
    expect(spans).toEqual(['"""a', 'b"""']);
    const anchors = elements.filter(({ tag }) => tag === "a");
    expect(anchors.map(({ attributes }) => attributes["href"])).toEqual(["#L1", "#L2"]);
  });

  it.each([
    ["", 0, true],
    ["a", 1, true],
    ["a\n", 1, true],
    ["a\n\n", 2, true],
    ["a\nb", 2, true],
    ["a\nb\n", 2, true],
    ["a\nb\nc", 2, false],
    ["\n\n\n", 2, false],
  ])("shows of %j at most 2 lines: %i", async (text, lines, whole) => {
    expect(await countLines(oneByOne([text]), 2)).toEqual({ shown: lines, isWhole: whole });
    expect(await countLines(oneByOne(text), 2)).toEqual({ shown: lines, isWhole: whole });
    expect((await render("a.txt", text, 2)).split("</div>")).toHaveLength(lines + 1);
  });

  it("gives the same HTML however the text comes", async () => {
    const text = fc.array(fc.constantFrom(...PIECES)).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const batches = [...cut(given, 1)].map((character) => highlight(null, character));
        const html = await joined(renderLines(oneByOne(batches), 5, new Pace()));
        expect(html).toBe(await render("a.txt", given, 5));
      }),
    );
  });

  it("makes no element of what the text says", async () => {
    const piece = fc.constantFrom(...PIECES.filter((one) => one !== "\n" && !one.includes("\n")));
    const text = fc.array(piece).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...NAMES.split(" ")), text, async (name, given) => {
        const tags = new Set(await structureOf(await render(name, `x${given}`, 1)));
        for (const known of ["div id", "a href aria-label", "code", "span class"]) {
          tags.delete(known);
        }
        expect([...tags]).toEqual([]);
      }),
    );
  });
});

describe("the page of a file", () => {
  it.each(["😀", "\u202e", "<", "a\n", "<a b=c>", "\u001b[31m", "\r\n", "'"])(
    "is made in steps of 2 MiB of %j, and says all of it",
    async (unit) => {
      vi.spyOn(Date, "now").mockReturnValue(1);
      const text = unit.repeat((2 * 1024 * 1024) / unit.length);
      for (const name of ["a.txt", "a.html", "a.diff"]) {
        const pace = new Pace();
        const revealed = await joined(revealHiddenInLines(cut(text, 32 * 1024), pace));
        expect(
          ["\u001b", "\r", "\u202e", "[U+D"].filter((mark) => revealed.includes(mark)),
        ).toEqual([]);
        const html = await render(name, revealed, 50_000, pace);
        expect(html.length).toBeGreaterThanOrEqual(revealed.length > 0 ? 1_000 : 0);
        expect(pace.longest).toBeLessThan(LIMITS.workSlice * 2 + 64 * 1024 * 20);
      }
      vi.restoreAllMocks();
    },
  );
});

describe("revealHiddenInLines()", () => {
  it("keeps line breaks and tabs, drops a terminal's colours and writes out the rest", async () => {
    const text = "\u001b[1;31mred\u001b[0m\tx\r\ny\rz\u202e\u0007";
    for (const size of [1, 7, text.length]) {
      const revealed = await joined(revealHiddenInLines(cut(text, size), new Pace()));
      expect(revealed).toBe("red\tx\ny\nz[U+202E][U+0007]");
    }
  });

  it("does the same however the text comes", async () => {
    const units = [
      "\u001b[1;31m",
      "\u001b[",
      "\r\n",
      "\r",
      "\n",
      "😀",
      "\u202e",
      "a".repeat(30),
      "1m",
    ];
    const text = fc.array(fc.constantFrom(...units), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 99 }), async (pieces, size) => {
        const given = pieces.join("");
        const at = (length: number) => joined(revealHiddenInLines(cut(given, length), new Pace()));
        expect(await at(size)).toBe(await at(given.length + 1));
      }),
      {
        examples: [
          [["a".repeat(30), "a".repeat(30), "\r", "\u001b[1;31m", "\n", "a".repeat(25)], 1],
        ],
      },
    );
  });
});
