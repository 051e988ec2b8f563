import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

import file from "../../../public/languages.json?raw";
import { renderLines } from "../../../src/pages/code-lines.ts";
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

describe("renderLines()", () => {
  it("gives every line a number to link to, and spans that end with their line", async () => {
    const { html, shown, isWhole } = await renderLines(
      languageFor("a.py"),
      '"""a\nb"""\n',
      10,
      new Pace(),
    );
    expect([shown, isWhole]).toEqual([2, true]);
    const elements = await parsePage(String(html));
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
    const { shown, isWhole } = await renderLines(null, text, 2, new Pace());
    expect([shown, isWhole]).toEqual([lines, whole]);
  });

  it("makes no element of what the text says", async () => {
    const piece = fc.constantFrom(...PIECES.filter((one) => one !== "\n" && !one.includes("\n")));
    const text = fc.array(piece).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...NAMES.split(" ")), text, async (name, given) => {
        const line = await renderLines(languageFor(name), `x${given}`, 1, new Pace());
        const tags = new Set(await structureOf(String(line.html)));
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
        const revealed = await revealHiddenInLines(text, pace);
        expect(
          ["\u001b", "\r", "\u202e", "[U+D"].filter((mark) => revealed.includes(mark)),
        ).toEqual([]);
        const lines = await renderLines(languageFor(name), revealed, 50_000, pace);
        expect(lines.shown).toBeGreaterThan(revealed === "" ? -1 : 0);
        expect(pace.longest).toBeLessThan(LIMITS.workSlice * 2 + 64 * 1024 * 20);
      }
      vi.restoreAllMocks();
    },
  );
});

describe("revealHiddenInLines()", () => {
  it("keeps line breaks and tabs, drops a terminal's colours and writes out the rest", async () => {
    const text = "\u001b[1;31mred\u001b[0m\tx\r\ny\rz\u202e\u0007";
    expect(await revealHiddenInLines(text, new Pace())).toBe("red\tx\ny\nz[U+202E][U+0007]");
  });
});
