import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { contentDisposition } from "../../../src/http/disposition.ts";

describe("contentDisposition() (T4)", () => {
  it.each([
    ["report.txt", 'attachment; filename="report.txt"'],
    ["a b;c=d,e'f(g)*.txt", `attachment; filename="a b;c=d,e'f(g)*.txt"`],
    ["naïve.txt", `attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt`],
    ["日本.txt", `attachment; filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt`],
    ["😀.txt", `attachment; filename="_.txt"; filename*=UTF-8''%F0%9F%98%80.txt`],
    ['a"b.txt', `attachment; filename="a_b.txt"; filename*=UTF-8''a%22b.txt`],
    ["a\\b.txt", `attachment; filename="a_b.txt"; filename*=UTF-8''a%5Cb.txt`],
    ["a%41.txt", `attachment; filename="a_41.txt"; filename*=UTF-8''a%2541.txt`],
    ["a\r\nX: y", `attachment; filename="a__X: y"; filename*=UTF-8''a%0D%0AX%3A%20y`],
    ["a\u007f\u0000b", `attachment; filename="a__b"; filename*=UTF-8''a%7F%00b`],
    ["é'()*!~", `attachment; filename="_'()*!~"; filename*=UTF-8''%C3%A9%27%28%29%2A!~`],
    ["\ud800.txt", `attachment; filename="_.txt"; filename*=UTF-8''%EF%BF%BD.txt`],
  ])("names %j", (fileName, expected) => {
    expect(contentDisposition("attachment", fileName)).toBe(expected);
  });

  it("keeps the kind", () => {
    expect(contentDisposition("inline", "a.png")).toBe('inline; filename="a.png"');
  });

  it("writes printable ASCII without a stray quote for any name, and keeps the name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (fileName) => {
        const header = contentDisposition("inline", fileName);
        const match =
          /^inline; filename="([^"\\%]*)"(?:; filename\*=UTF-8''([\w!#$&+.^`|~%-]*))?$/.exec(
            header,
          );
        expect(header).toMatch(/^[ -~]*$/);
        expect(decodeURIComponent(match?.[2] ?? match?.[1] ?? "none")).toBe(
          fileName.toWellFormed(),
        );
      }),
    );
  });
});
