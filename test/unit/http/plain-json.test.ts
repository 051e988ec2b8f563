import { describe, expect, it } from "vitest";

import { plainJson } from "../../../src/http/plain-json.ts";

describe("plainJson() (T29)", () => {
  it("is the same value, with what hides or turns text around written out", () => {
    const value = {
      name: "a\u202egnp.exe",
      "\u2066k": ["\u2028", "\u200b", "\u0000", "\u{e0041}\ufff9\u3164", "é🙂"],
    };
    const text = plainJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toContain(String.raw`a\u202egnp.exe`);
    expect(text).toMatch(/^[ -~é🙂]*$/u);
  });
});
