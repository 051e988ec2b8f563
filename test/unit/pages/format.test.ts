import { describe, expect, it } from "vitest";

import { formatBytes, formatCount, formatTime, revealHidden } from "../../../src/pages/format.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

describe("formatBytes()", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [KiB - 1, "1,023 bytes"],
    [KiB, "1 KiB"],
    [1.5 * KiB, "1.5 KiB"],
    [99.9 * KiB, "99.9 KiB"],
    [99.96 * KiB, "100 KiB"],
    [1023 * KiB, "1,023 KiB"],
    [MiB - 1, "1 MiB"],
    [640 * MiB, "640 MiB"],
    [GiB - 1, "1 GiB"],
    [5 * 1024 * GiB, "5 TiB"],
    [Number.MAX_SAFE_INTEGER, "8 PiB"],
  ])("writes %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("formatCount()", () => {
  it.each([
    [0, "0 files"],
    [1, "1 file"],
    [1234567, "1,234,567 files"],
  ])("writes %d as %s", (count, text) => {
    expect(formatCount(count, "file")).toBe(text);
  });
});

describe("formatTime()", () => {
  it("writes minutes in UTC, whatever the zone", () => {
    expect(formatTime(Date.UTC(2026, 10, 3, 4, 5, 59, 999))).toBe("2026-11-03 04:05 UTC");
  });
});

describe("revealHidden()", () => {
  it.each([
    ["invoice\u202efdp.exe", "invoice[U+202E]fdp.exe"],
    ["a\u2066b\u2069\u200f\u061c", "a[U+2066]b[U+2069][U+200F][U+061C]"],
    ["\u0000\t\n\u007f\u0085", "[U+0000][U+0009][U+000A][U+007F][U+0085]"],
    ["\u2028\u2029", "[U+2028][U+2029]"],
    ["\u200b\u2060\ufeff\u00ad", "[U+200B][U+2060][U+FEFF][U+00AD]"],
    [" both ends ", "[U+0020]both ends[U+0020]"],
    [" ", "[U+0020]"],
    ["\ud800", "[U+D800]"],
  ])("writes the hidden characters of %j out", (text, shown) => {
    expect(revealHidden(text)).toBe(shown);
  });

  it.each([
    "plain.txt",
    "a b",
    "naïve",
    "שלום",
    "日本語",
    "\u{1f469}\u200d\u{1f467}",
    "می\u200cخواهم",
  ])("leaves %j as it is", (text) => {
    expect(revealHidden(text)).toBe(text);
  });
});
