// What a client can put into a header costs no more than reading it, and never an exception.

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { preferredForm } from "../../../src/http/accepts.ts";
import { parseBearer } from "../../../src/http/bearer.ts";
import { contentDisposition } from "../../../src/http/disposition.ts";
import { parseHttpDate } from "../../../src/http/http-date.ts";
import { servedAs } from "../../../src/http/media-types.ts";
import { decidePreconditions, mayUseRange } from "../../../src/http/preconditions.ts";
import { parseRange } from "../../../src/http/range.ts";

// Headers of a Worker end at 128 KiB. A quadratic reader needs seconds for this many.
const LENGTH = 128 * 1024;
const BUDGET_MS = 200;

const current = { etag: '"a"', lastModified: 0 };

const readers: Record<string, (text: string) => unknown> = {
  "parseRange()": (text) => parseRange(text, 1000),
  "decidePreconditions()": (text) =>
    decidePreconditions(
      { get: (name: string) => (name.endsWith("Match") ? text : null) } as Headers,
      "GET",
      current,
    ),
  "mayUseRange()": (text) => mayUseRange(text, current),
  "parseHttpDate()": parseHttpDate,
  "preferredForm()": (text) => preferredForm(text, "json"),
  "parseBearer()": parseBearer,
  "contentDisposition()": (text) => contentDisposition("inline", text),
  "servedAs()": servedAs,
};

const prefixes = [
  "",
  "bytes=",
  "bytes=0-",
  "bytes=-",
  'W/"',
  '"',
  "Bearer ",
  "text/html;q=0.",
  "Sun, ",
  "a.",
];
const repeated = [
  " ",
  "\t",
  ",",
  " ,",
  ", ",
  "0",
  "9",
  "-",
  "0-0,",
  "1-,",
  "9-8,",
  "=",
  "a",
  "a=",
  ";",
  ";q=",
  "q=1,",
  '"',
  '"a"',
  '"a",',
  '"a" ',
  "W/",
  'W/"a",',
  "*",
  "*/*,",
  "bytes=0-1,",
  "é",
  "\ud800",
  "%",
  "\\",
  "'",
  ".",
  "Sun, 06 Nov 1994 08:49:37 GMT,",
];
const suffixes = ["", "x", '"', " x", ",x"];

describe.each(Object.entries(readers))("%s on hostile text", (_name, read) => {
  it.each(prefixes)("reads 128 KiB of repetitions after %j without delay", async (prefix) => {
    const started = performance.now();
    for (const unit of repeated) {
      const text = prefix + unit.repeat(LENGTH / unit.length);
      for (const suffix of suffixes) {
        expect(() => read(text + suffix)).not.toThrow();
      }
    }
    await scheduler.wait(0); // the clock of a Worker moves with I/O
    const each = (performance.now() - started) / (repeated.length * suffixes.length);
    expect(each).toBeLessThan(BUDGET_MS);
  });

  it("throws on no text at all", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void read(text)));
  });
});
