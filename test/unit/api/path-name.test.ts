// T3, T4: what may be a name of an artifact, a label, a key.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isName } from "../../../src/api/path-name.ts";

describe("isName()", () => {
  it("refuses every control character, slash and backslash, wherever it stands", () => {
    const codes = [...Array.from({ length: 0xa0 }, (_, code) => code), 0xd800, 0xdfff];
    const refused = codes.filter((code) => !isName(`a${String.fromCharCode(code)}b`));
    const range = (from: number, to: number) => codes.filter((code) => code >= from && code <= to);
    const expected = [range(0, 0x1f), 0x2f, 0x5c, range(0x7f, 0x9f), 0xd800, 0xdfff].flat();
    expect(refused).toEqual(expected);
  });

  it.each(["", ".", "..", "a".repeat(1_001), "é".repeat(501)])("refuses '%s'", (name) => {
    expect(isName(name)).toBe(false);
  });

  it("takes only what comes back as it is from a URL's segment, and climbs nowhere", () => {
    const property = fc.property(fc.string({ unit: "binary", maxLength: 20 }), (name) => {
      fc.pre(isName(name));
      const url = new URL(`https://s.example/artifacts/${encodeURIComponent(name)}`);
      expect(url.pathname.split("/")).toHaveLength(3);
      expect(decodeURIComponent(url.pathname.split("/")[2] ?? "")).toBe(name);
    });
    expect(() => fc.assert(property)).not.toThrow();
  });
});
