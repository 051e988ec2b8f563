import { describe, expect, it } from "vitest";

import { charsetOf } from "../../../src/http/charset.ts";

describe("charsetOf()", () => {
  it.each([
    ["nothing", [], "utf-8"],
    ["ASCII", [0x61, 0x0a], "utf-8"],
    ["UTF-8", [0xc3, 0xa9], "utf-8"],
    ["UTF-8 with a mark", [0xef, 0xbb, 0xbf, 0x61], "utf-8"],
    ["UTF-8 that is cut off inside a character", [0x61, 0xe2, 0x82], "utf-8"],
    ["what PowerShell writes", [0xff, 0xfe, 0x68, 0x00], "utf-16le"],
    ["UTF-16 the other way round", [0xfe, 0xff, 0x00, 0x68], "utf-16be"],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9, 0x0a], "iso-8859-1"],
    ["bytes that are no text", [0x7f, 0x45, 0x00, 0xff], "utf-8"],
  ])("tells of %s", (_what, bytes, charset) => {
    expect(charsetOf(Uint8Array.from(bytes))).toBe(charset);
  });
});
