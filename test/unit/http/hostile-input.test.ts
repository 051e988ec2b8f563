// What a client can put into a header costs no more than reading it, and never an exception.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { preferredForm } from "../../../src/http/accepts.ts";
import { parseBearer } from "../../../src/http/bearer.ts";
import { contentDisposition } from "../../../src/http/disposition.ts";
import { parseHttpDate } from "../../../src/http/http-date.ts";
import { servedAs } from "../../../src/http/media-types.ts";
import { decidePreconditions, mayUseRange } from "../../../src/http/preconditions.ts";
import { parseRange } from "../../../src/http/range.ts";

// The headers of a request end at 128 KiB. A quadratic reader takes 10 s for as much, ours some ms.
const LENGTH = 128 * 1024;
const BUDGET_MS = 1000;

const current = { etag: '"a"', lastModified: 0 };

/** The readers, each with beginnings that lead into it. */
const readers: [string, (text: string) => unknown, string[]][] = [
  [
    "parseRange()",
    (text) => parseRange(text, 1000),
    ["bytes=", "bytes=0-", "bytes=-", "bytes=0-1"],
  ],
  ["decidePreconditions()", decideAll, ["", '"', 'W/"', '"a"', "Sun, 06 Nov 1994 "]],
  ["mayUseRange()", (text) => mayUseRange(text, current), ["", '"a"', "Sun, "]],
  ["parseHttpDate()", parseHttpDate, ["", "Sun, ", "Sunday, 06-Nov-94 ", "Sun Nov "]],
  ["preferredForm()", (text) => preferredForm(text, "json"), ["", "text/html;", "text/html;q=0."]],
  ["parseBearer()", parseBearer, ["", "Bearer", "Bearer a"]],
  ["contentDisposition()", (text) => contentDisposition("inline", text), [""]],
  ["servedAs()", servedAs, ["", "a."]],
];

// prettier-ignore
const repeated = [
  " ", "\t", ",", " ,", ", ", "0", "9", "-", "0-0,", "1-,", "9-8,", "=", "a", "a=", "Aa", ";", ";q=", "q=1,",
  '"', '"a"', '"a",', '"a" ', "W/", 'W/"a",', "*", "*/*,", "bytes=0-1,", "é", "\ud800", "%", "\\", "'", ".",
];

function decideAll(text: string) {
  const value = text.replace(/[^\t -~]/g, "?"); // what Headers takes in silence
  const tags = new Headers({ "If-Match": value, "If-None-Match": value });
  const dates = new Headers({ "If-Unmodified-Since": value, "If-Modified-Since": value });
  return [tags, dates].map((headers) => decidePreconditions(headers, "GET", current));
}

describe.each(readers)("%s on hostile text", (_name, read, beginnings) => {
  it.each(beginnings)("reads %j and 128 KiB of repetitions without delay", (beginning) => {
    for (const unit of repeated) {
      const text = beginning + unit.repeat(LENGTH / unit.length);
      for (const end of ["", "x"]) {
        const started = performance.now();
        read(text + end);
        const took = performance.now() - started;
        expect(took, `time for ${JSON.stringify(unit)} and ${JSON.stringify(end)}`).toBeLessThan(
          BUDGET_MS,
        );
      }
    }
  });

  it("throws on no text at all", () => {
    const texts = fc.property(fc.string({ unit: "binary" }), (text) => void read(text));
    expect(() => fc.assert(texts)).not.toThrow();
  });
});
